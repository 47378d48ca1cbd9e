"""The file in which a network in training is put away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.errors import IfpError
from ifp.system.files import write_whole
from ifp.training.state import read_content


def test_every_flipped_bit_is_refused_or_harmless(tmp_path: Path, rng: np.random.Generator) -> None:
    """No bit of a state can change how the training goes on: the rest of the run would silently be another one."""
    path = tmp_path / "seed-0.pt"
    write_whole(path, {"step": 3, "parameters": {"bias": torch.arange(64.0)}})
    whole = path.read_bytes()
    refused = 0
    for place in rng.choice(len(whole), size=60, replace=False):
        data = bytearray(whole)
        data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            content = read_content(path)
        except IfpError:
            refused += 1
        else:  # the bytes that pad an entry, or a date
            assert content["step"] == 3
            torch.testing.assert_close(content["parameters"]["bias"], torch.arange(64.0), rtol=0, atol=0)
    assert refused > 10


def test_the_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.pt"
    write_whole(path, {"bias": torch.full((9,), 1.5)})
    data = bytearray(path.read_bytes())
    data[data.index(np.float32(1.5).tobytes()) + 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IfpError, match="is damaged: the bytes of its entry 'data/0' do not match their checksum; the"):
        read_content(path)
