"""The catalog: names, lazy imports, errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets.catalog import DATASETS, OFFICIAL, as_dataset, check_available, load_dataset
from ifp.errors import IfpError

RENDERED = [
    "sprites",
    "sprites-noshape",
    "sprites-color",
    "sprites-noisy",
    "sprites-scream",
    "toys",
    "arrow",
    "xysquares",
]


@pytest.mark.parametrize("name", RENDERED)
def test_rendered_data_need_no_files(name: str) -> None:
    data = load_dataset(name)
    assert data.name == name
    (traversal,) = data.sample_traversals(data.space.names[-1], 1, seed=0)
    images = data.traversal_images(traversal)
    assert images.shape == (data.space.sizes[-1], *data.image_shape)
    assert images.dtype == np.uint8


def test_every_name_is_rendered_or_read_from_files() -> None:
    assert set(DATASETS) == {*RENDERED, *OFFICIAL, "npz:PATH", "images:FOLDER"}
    assert all("\n" not in line for line in DATASETS.values())


@pytest.mark.parametrize("name", [*OFFICIAL, "npz:images.npz"])
def test_files_that_are_not_there_are_one_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IfpError, match=r"missing|no file"):
        load_dataset(name, data_dir=tmp_path)
    with pytest.raises(IfpError, match=r"missing|no file"):
        check_available(name, data_dir=tmp_path)


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    data = load_dataset(f"npz:{tmp_path / 'a.npz'}")
    assert data.name == f"npz:{tmp_path / 'a.npz'}"
    assert data.image_shape == (1, 3, 4)


def test_unknown_names() -> None:
    with pytest.raises(IfpError, match=r"Unknown dataset 'sprite': .*did you mean 'sprites'"):
        load_dataset("sprite")
    with pytest.raises(IfpError, match="Unknown dataset 'npz'"):
        load_dataset("npz")


def test_only_scream_has_a_background() -> None:
    with pytest.raises(IfpError, match="Only sprites-scream has a background"):
        load_dataset("sprites", background=Path("picture.png"))
    with pytest.raises(IfpError, match=r"Cannot read the background nothing\.png"):
        load_dataset("sprites-scream", background=Path("nothing.png"))


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    heavy = ["ifp.datasets.sprites", "ifp.datasets.toys", "ifp.datasets.npz", "PIL", "pooch", "scipy", "torch"]
    code = (
        "import sys; from ifp.datasets.catalog import load_dataset\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
        "load_dataset('sprites')\n"
        "print('ifp.datasets.toys' in sys.modules or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False"]


def test_what_was_done_to_arrays_is_said_once_by_the_name_that_was_given(tmp_path: Path) -> None:
    np.savez(tmp_path / "on_off.npz", images=np.eye(16, dtype=bool).reshape(16, 4, 4))
    name = f"npz:{tmp_path / 'on_off.npz'}"
    said: list[str] = []
    dataset = as_dataset(name, say=said.append)
    (sentence,) = said
    assert sentence.startswith(f"{name}: ")
    assert all(done in sentence for done in dataset.done)
    as_dataset(dataset, say=said.append)  # it was said when the data set was made
    assert len(said) == 1
