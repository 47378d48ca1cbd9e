"""`ifp anneal --whole` as the tests call it: a small network, few steps."""

from __future__ import annotations

from dataclasses import dataclass

from click.testing import CliRunner, Result

from ifp.cli import main

FAST = [
    "--architecture", "mlp", "--hidden", "32", "--latents", "3", "--batch", "32", "--steps", "900", "--records", "20",
    "--seeds", "2", "--learning-rate", "5e-3", "--threads", "1",
]  # fmt: skip
COOL = ["--direction", "cool"]
NO_FIGURES = ["--format", "none"]
BETAS = ["--beta-max", "20", "--beta-min", "0.05"]


@dataclass(frozen=True)
class Ran:
    """What a command printed."""

    exit_code: int
    stdout: str
    output: str


def whole(*args: str) -> Result:
    return CliRunner().invoke(main, ["anneal", "--whole", *args])
