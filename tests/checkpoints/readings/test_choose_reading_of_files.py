"""Which reading of a file is taken, where files of ours, of erow and of the public models are changed on purpose."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ifp
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.readings.candidates import Candidates, load_candidates
from ifp.checkpoints.readings.choose_reading import Choice, choose
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Assumption
from ifp.datasets.npz import NpzDataset
from ifp.datasets.sprites import Sprites
from ifp.errors import IfpError

from .. import exact_vaes as exact
from ..families.code_bases import array_files
from ..families.code_bases.erow import erow

CPU = torch.device("cpu")
IMAGES = exact.grid_images()[np.random.default_rng(0).permutation(1000), None]


def source_of(choice: Choice, what: str) -> tuple[str, str]:
    (found,) = [(a.value, a.source) for a in choice.vae.assumptions if a.what == what]
    return found


def candidates_at(path: Path, **options: object) -> Candidates:
    (file,) = locate(path).files
    return load_candidates(file, ReadingOptions(**options))  # type: ignore[arg-type]


def test_a_wrong_head_is_told_with_the_reading_that_fits(tmp_path: Path) -> None:
    path = exact.write_components(tmp_path / "model.pt")
    assert choose(candidates_at(path), IMAGES, CPU).warning == ""
    found = candidates_at(path, head="interleaved")
    choice = choose(found, IMAGES, CPU)
    assert source_of(choice, "head") == ("interleaved", "an option")
    assert not choice.trusted
    assert "an option states does not fit: read as 'head halves'" in choice.warning


def test_a_fork_that_puts_variances_first_is_read(tmp_path: Path) -> None:
    path = exact.write_components(tmp_path / "model.pt", flipped=True)
    choice = choose(candidates_at(path), IMAGES, CPU)
    assert choice.trusted
    assert source_of(choice, "head") == ("halves-variance-first", "the self-test")
    np.testing.assert_allclose(choice.reading.test.moment_D, 1, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["btcvae"])
def test_halves_of_a_public_interleaved_model_are_told(model: str, fixtures_dir: Path) -> None:
    data = Sprites()
    positions, nuisance = data.sample_images(100, 0)
    images = data.render(positions, nuisance)
    path = fixtures_dir / "public-checkpoints" / f"{model}_dsprites"
    choice = choose(candidates_at(path, head="halves"), images, CPU)
    assert not choice.trusted
    assert "an option states does not fit: read as 'head interleaved'" in choice.warning


def test_the_activation_that_the_weights_leave_open_is_found(tmp_path: Path) -> None:
    """erow's first layout: a network whose codes are right with leaky ReLUs alone."""
    example = erow("old", nn.LeakyReLU)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (300, 1, 64, 64)).astype(np.uint8)
    x = torch.from_numpy(images).float() / 255
    example.weights["encode.net.9.bias"] -= (
        20  # in place, so in the network too: every unit is below 0, where a ReLU is silent
    )
    with torch.inference_mode():
        mean = example.encode(x)[:, : example.latents]
    # the last layer is set so that Var(mean) + variance = 1 for leaky ReLUs
    weight, bias = (example.weights[f"encode.net.11.{part}"].copy() for part in ("weight", "bias"))
    weight[: example.latents] *= (math.sqrt(0.9) / mean.std(dim=0, correction=0)).numpy()[:, None]
    weight[example.latents :], bias[example.latents :] = 0, math.log(0.1)
    example.weights.update({"encode.net.11.weight": weight, "encode.net.11.bias": bias})
    # without a decoder, for this one does not belong to it
    for name in [name for name in example.weights if name.startswith("decode.")]:
        del example.weights[name]
    choice = choose(candidates_at(array_files.write(tmp_path, example)), images, CPU)
    assert source_of(choice, "activation") == ("leaky_relu", "the self-test")
    np.testing.assert_allclose(choice.reading.test.moment_D, 1, atol=1e-3)
    (relu,) = [reading for reading in choice.tried if reading.name == "activation relu"]
    assert relu.test.deviation == pytest.approx(0.9, abs=1e-3)


def test_data_in_order_of_their_factors_are_sampled_in_none(tmp_path: Path) -> None:
    # of 4,000 images in order, the 2,000 that the test looks at must not be those of half a factor
    repeated = [np.repeat(array, 4, axis=0) for array in (exact.grid_images(), exact.factor_grid())]
    np.savez(tmp_path / "data.npz", images=repeated[0], factors=repeated[1])
    path = exact.write_components(tmp_path / "model.pt")
    record = ifp.read_checkpoints(path, NpzDataset(tmp_path / "data.npz"), images=4000).last
    assert record.choice is not None
    np.testing.assert_allclose(record.choice.reading.test.moment_D, 1, atol=0.1)
    assert np.array_equal(np.bincount(record.codes.factors_NF[:, 0]), [400] * 10)


def test_a_stage_of_a_model_without_any_is_refused(tmp_path: Path) -> None:
    path = exact.write_components(tmp_path / "model.pt")
    with pytest.raises(IfpError, match="have no stages; leave `stage` out"):
        candidates_at(path, stage=1)
    (tmp_path / "groups").mkdir()
    groups = array_files.write(tmp_path / "groups", array_files.EXAMPLES["groups added"]())
    assert all(Assumption("stage", "1", "an option") in vae.assumptions for vae in candidates_at(groups, stage=1).vaes)


def test_the_step_is_that_inside_the_file_before_that_in_its_name(tmp_path: Path) -> None:
    path = exact.write_components(tmp_path / "step=7.pt", step=300)
    assert candidates_at(path).step == 300
    stored = torch.load(path)
    del stored["global_step"]
    torch.save(stored, path)
    assert candidates_at(path).step == 7


def test_a_family_that_does_not_fit_is_a_sentence(tmp_path: Path) -> None:
    path = exact.write_components(tmp_path / "model.pt")
    for family in ("yanndubs", "google", "pythae", "erow"):
        with pytest.raises(IfpError):
            candidates_at(path, family=family)
