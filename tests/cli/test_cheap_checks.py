"""What needs neither torch nor an image to be refused is refused before either is loaded or rendered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ifp.cli import main
from ifp.datasets.catalog import DATASETS, OFFICIAL, check_available
from ifp.errors import IfpError

NOT_NEEDED = ("torch", "matplotlib", "sklearn")

CASES = {
    "not a checkpoint": ("diagnose", "notes.txt", "--dataset", "sprites"),
    "a folder without one": ("diagnose", ".", "--dataset", "sprites"),
    "no such path": ("diagnose", "nowhere", "--dataset", "sprites"),
    "missing data": ("diagnose", "model.pt", "--dataset", "dsprites", "--data-dir", "."),
    "missing data in parts": ("diagnose", "model.pt", "--dataset", "smallnorb", "--data-dir", "."),
    "a missing file of data": ("diagnose", "model.pt", "--dataset", "npz:nowhere.npz"),
    "unknown data": ("diagnose", "model.pt", "--dataset", "sprite"),
    "too few models": ("channels", "model.pt", "--dataset", "sprites"),
    "too few codes": ("channels", "--codes", "a.npz"),
    "channels, missing data": ("channels", "model.pt", "--no-hotspots", "--dataset", "dsprites", "--data-dir", "."),
    "channels, not a checkpoint": ("channels", "notes.txt", "--no-hotspots", "--dataset", "sprites"),
    "anneal, missing data": ("anneal", "--dataset", "dsprites", "--data-dir", "."),
    "anneal --whole, missing data": ("anneal", "--whole", "--dataset", "dsprites", "--data-dir", "."),
    "train, missing data": ("train", "--dataset", "dsprites", "--data-dir", "."),
}
SCRIPT = """
import sys
from ifp.cli import main
for args in {cases!r}:
    try:
        main(args, standalone_mode=False)
    except Exception as error:
        print(type(error).__name__, getattr(error, "exit_code", ""), str(error).count(chr(10)))
    else:
        print("not refused", args)
print(sorted({unneeded!r} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty")
    (path / "model").mkdir()
    torch.save({"encoder.weight": torch.zeros(2)}, path / "model" / "model.pt")
    (path / "notes.txt").write_text("no checkpoint")
    return path


def test_no_torch_is_loaded_for_what_is_refused_at_once(folder: Path) -> None:
    cases = [[arg.replace("model.pt", "model/model.pt") for arg in args] for args in CASES.values()]
    cases[1][1] = str(folder / "model" / "none")
    (folder / "model" / "none").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(cases=cases, unneeded=set(NOT_NEEDED))],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    *lines, loaded = done.stdout.splitlines()
    assert lines == ["UserMistake 2 0"] * len(CASES), dict(zip(CASES, lines, strict=False))
    assert loaded == "[]"


def test_an_unreadable_model_is_told_before_an_image_is_rendered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ifp.checkpoints.encode_models.draw_sample", lambda *args: pytest.fail("rendered"))
    args = ["diagnose", str(folder / "model" / "model.pt"), "--dataset", "sprites", "--out", str(folder / "out")]
    with pytest.raises(SystemExit) as stopped:
        main(args)
    assert stopped.value.code == 2
    assert "of none of the families" in capsys.readouterr().err


def test_available_data_pass(bars_npz: Path) -> None:
    for name in DATASETS:
        if name not in OFFICIAL and ":" not in name:  # files that may be missing here
            check_available(name)
    check_available(f"npz:{bars_npz}")
    with pytest.raises(IfpError, match="Only sprites-scream has a background picture"):
        check_available("sprites", background=bars_npz)
