"""Public checkpoints wrapped in the ways of the wild give the same posteriors as they do bare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.folders.locate import CheckpointFile, locate
from ifp.checkpoints.posteriors import draw_sample, encode_images
from ifp.checkpoints.readings.candidates import load_candidates
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.datasets.sprites import Sprites
from ifp.system.progress import silent

MODELS = ("betaH", "btcvae")


@pytest.fixture(scope="module")
def cases(fixtures_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = fixtures_dir.parent / "cases" / "misread-checkpoints.py"
    if not script.is_file():
        pytest.skip(f"there is no {script}")
    folder = tmp_path_factory.mktemp("cases")
    subprocess.run([sys.executable, script, fixtures_dir, folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return draw_sample(Sprites(), 50, 0, silent).images_NCHW


def read(file: CheckpointFile, **options: str) -> Vae:
    return load_candidates(file, ReadingOptions(**options)).vaes[0]  # type: ignore[arg-type]


def posteriors(vae: Vae, images: np.ndarray) -> np.ndarray:
    cpu = torch.device("cpu")
    return np.stack(encode_images(vae.to(cpu).encode, images, cpu, silent))


@pytest.fixture(scope="module")
def bare(fixtures_dir: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    folders = {name: fixtures_dir / "public-checkpoints" / f"{name}_dsprites" for name in MODELS}
    return {name: posteriors(read(locate(folder).files[0]), images) for name, folder in folders.items()}


def test_all_wrapped_files_are_read_as_the_bare_model(
    cases: Path, bare: dict[str, np.ndarray], images: np.ndarray
) -> None:
    files = sorted(cases.glob("wrapped_*.pt"))
    assert len(files) >= 18
    for path in files:
        vae = read(locate(path).files[0])
        assert vae.decoder is not None, path.name
        assert vae.unused == (), path.name
        np.testing.assert_array_equal(posteriors(vae, images), bare[path.stem.rpartition("_")[2]], path.name)
        said = {about.what: about.value for about in vae.assumptions}
        assert {"weights", "names"} & set(said), path.name


def test_two_sets_are_said_and_either_can_be_chosen(
    cases: Path, bare: dict[str, np.ndarray], images: np.ndarray
) -> None:
    (file,) = locate(cases / "two_sets.pt").files
    (said,) = [about for about in read(file).assumptions if about.what == "weights"]
    assert said.value == "those under 'model'; the file also holds 'ema' (`reading=ifp.ReadingOptions(weights='ema')`)"
    np.testing.assert_array_equal(posteriors(read(file), images), bare["betaH"])
    np.testing.assert_array_equal(posteriors(read(file, weights="ema"), images), bare["btcvae"])
