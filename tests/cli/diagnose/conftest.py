"""A model whose optimum is known, a series of it, and its images."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ...checkpoints import exact_vaes as exact


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> str:
    return exact.write_grid(tmp_path_factory.mktemp("data") / "grid.npz")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exact.write_components(tmp_path_factory.mktemp("model") / "model.pt")


@pytest.fixture(scope="session")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three factors at step 0; at step 1 the third is below the noise; the names tell another order."""
    folder = tmp_path_factory.mktemp("series")
    exact.write_components(folder / "model-2.pt", step=0)
    exact.write_components(folder / "model-1.pt", step=1, sigma2=0.04)
    return folder


ENCODERS = """
import torch

def exact(images):
    state = torch.load({model!r})["state_dict"]
    x = images.flatten(1) - state["mean_P"]
    weight = state["encoder.0.weight"][:, :4]
    return x @ weight, state["encoder.logvar.bias"].expand(len(x), -1)

def raising(images):
    raise RuntimeError("no such layer")

def leaving(images):
    raise SystemExit(0)

def one(images):
    return images.flatten(1)

def short(images):
    return images.flatten(1)[:1], images.flatten(1)[:1]

calls = []

def changing(images):
    calls.append(images)
    wide = 2 + (len(calls) > 1)
    return images.flatten(1)[:, :wide], images.flatten(1)[:, :wide]

def diverged(images):
    return images.flatten(1) * float("nan"), images.flatten(1)

number = 3
"""


@pytest.fixture
def own_encoder(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "encoders_of_test_diagnose"
    (tmp_path / f"{name}.py").write_text(ENCODERS.format(model=str(model)))
    (tmp_path / "leaving_at_once.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name
