"""A module exported by torch, which takes over a second, once for all tests of a process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


class Small(torch.nn.Module):
    """A module with nested parts, two number types, a buffer, and a buffer that is not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.part = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
        self.narrow = torch.nn.Linear(3, 2).half()
        self.register_buffer("places", torch.arange(3))
        self.register_buffer("unsaved", torch.zeros(2), persistent=False)

    def forward(self, x_NP: torch.Tensor) -> torch.Tensor:
        return self.narrow((self.part(x_NP) + self.places).half())


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, Path]:
    """A module, and its file as torch.export writes it."""
    module = Small().eval()
    path = tmp_path_factory.mktemp("exported") / "m.pt2"
    torch.export.save(torch.export.export(module, (torch.zeros(2, 4),)), path)
    return module, path
