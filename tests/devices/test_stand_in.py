"""Wrong devices and waiting for the device are found without one, by a stand-in that computes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ifp.objectives.registry import OBJECTIVES


@pytest.mark.slow
def test_training_stays_on_the_device_and_does_not_wait_for_it() -> None:
    program = Path(__file__).with_name("stand_in.py")
    run = subprocess.run([sys.executable, "-W", "ignore", program], capture_output=True, text=True)
    lines = run.stdout.splitlines()
    if lines and lines[0].startswith("MISSING"):
        pytest.skip(f"this version of torch has no stand-in devices any more ({lines[0]}): nothing is tested here")
    assert run.returncode == 0, run.stderr[-3000:]
    parts = ["anneal mlp 4", "anneal mlp 16", "anneal linear 16", "anneal conv 4"]
    assert lines[:-7] == [*parts, *[f"train {name}" for name in OBJECTIVES], "train conv"]
    # and it would have found them
    assert [line.partition(":")[0] for line in lines[-7:]] == [
        "refused mixed devices", "refused item", "refused float", "refused bool", "refused copy to the device",
        "refused copy from the device", "refused copy into a tensor of the device",
    ]  # fmt: skip
