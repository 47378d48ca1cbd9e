"""Settings beside a checkpoint are read as data, never run, and what cannot be read is a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.folders.settings_files import MAX_BYTES, gin_bindings
from ifp.errors import IfpError


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("specs.json", "{'loss': 'VAE'}", r"specs\.json is not valid JSON"),
        ("specs.json", "[" * 100_000, r"specs\.json is not valid JSON"),
        ("specs.json", "[1, 2]", r"specs\.json should hold a JSON object"),
        ("specs.json", " " * (MAX_BYTES + 1), r"specs\.json has over 1 MiB"),
        ("model_config.json", b"\xff\xfe", r"model_config\.json is not valid JSON"),
        ("train.gin", "a" * (MAX_BYTES + 1), r"train\.gin has over 1 MiB"),
    ],
)
def test_settings_that_cannot_be_read(name: str, content: str | bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "model.pt")
    for path in (tmp_path, tmp_path / "model.pt"):
        with pytest.raises(IfpError, match=words):
            locate(path)


def test_gin_lines_are_read_and_never_run(tmp_path: Path) -> None:
    text = f"""
# comment
import os
vae.beta = 4.0  # nats
deft/train.betas = [70, 30, 12, 1]
data.name = 'dsprites'
model.encoder = @conv_encoder
reconstruction_loss.loss_fn = @losses.l2_loss  # for colour
train.model = @deft/vae()
model.none = @
model.two = @a @b
model.size = %SIZE
model.run = __import__('pathlib').Path({str(tmp_path / "run")!r}).touch()
model.many = {"(" * 200}
model.deep = {"-" * 9000}1
    indented.value = 3
scalar = 2
escape.text = '\\d'
"""
    assert gin_bindings(text) == {
        "vae.beta": 4.0, "deft/train.betas": [70, 30, 12, 1], "data.name": "dsprites", "scalar": 2,
        "escape.text": "\\d", "model.encoder": "@conv_encoder", "reconstruction_loss.loss_fn": "@losses.l2_loss",
        "train.model": "@deft/vae()",
    }  # fmt: skip
    assert not (tmp_path / "run").exists()
