"""Codes on disk: found for the same file, data and options alone; a damaged file is one that is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ifp.checkpoints.codes_cache import CodesCache
from ifp.checkpoints.custom import read_codes
from ifp.checkpoints.folders.locate import CheckpointFile
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.checkpoints.run_records import Record
from ifp.checkpoints.source import ReadingOptions
from ifp.datasets.npz import NpzDataset

from . import exact_vaes as exact


def silent(text: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    exact.write_grid(tmp_path / "grid.npz")
    return draw_sample(NpzDataset(tmp_path / "grid.npz"), 1000, 0, silent)


@pytest.fixture
def file(tmp_path: Path) -> CheckpointFile:
    (tmp_path / "model.pt").write_bytes(b"weights")
    return CheckpointFile(tmp_path / "model.pt", "model.pt")


@pytest.fixture
def record(sample: Sample, rng: np.random.Generator) -> Record:
    codes = sample.codes(rng.normal(size=(1000, 3)), rng.normal(size=(1000, 3)))
    return Record("model.pt", 7, codes, (12.5, 0.25), "yanndubs", "torch zip", "inert reader")


def cache(tmp_path: Path, sample: Sample, seed: int = 0, options: ReadingOptions | None = None) -> CodesCache:
    return CodesCache(tmp_path / "codes", sample, seed, options or ReadingOptions())


def test_what_is_kept_is_found_to_the_bit(tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record) -> None:
    assert cache(tmp_path, sample).find(file) is None
    cache(tmp_path, sample).keep(file, record)
    found = cache(tmp_path, sample).find(file)
    assert found is not None
    for name in ("label", "step", "reconstruction_nats", "family", "container", "reader", "choice"):
        assert getattr(found, name) == getattr(record, name), name
    for name in ("mean_ND", "logvar_ND", "factors_NF"):
        assert np.array_equal(getattr(found.codes, name), getattr(record.codes, name))
    assert found.codes.factor_names == record.codes.factor_names


def test_no_step_and_no_decoder_are_found_as_none(
    tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record
) -> None:
    cache(tmp_path, sample).keep(file, replace(record, step=None, reconstruction_nats=None))
    found = cache(tmp_path, sample).find(file)
    assert found is not None
    assert found.step is None
    assert found.reconstruction_nats is None


def test_codes_of_anything_else_are_not_taken(
    tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record
) -> None:
    cache(tmp_path, sample).keep(file, record)
    assert cache(tmp_path, sample, seed=1).find(file) is None
    for options in (ReadingOptions(head="halves"), ReadingOptions(activation="tanh"), ReadingOptions(pixel_mean=0.5)):
        assert cache(tmp_path, sample, options=options).find(file) is None
    assert cache(tmp_path, replace(sample, images_NCHW=sample.images_NCHW[:900])).find(file) is None
    assert cache(tmp_path, sample).find(replace(file, config={"rec_dist": "laplace"})) is None
    exact.write_grid(tmp_path / "other.npz", steps=(13, 10, 6))
    assert cache(tmp_path, draw_sample(NpzDataset(tmp_path / "other.npz"), 1000, 0, silent)).find(file) is None
    file.path.write_bytes(b"weightS")
    assert cache(tmp_path, sample).find(file) is None


def test_codes_of_another_version_are_not_taken(
    tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a later version may read the same file otherwise
    cache(tmp_path, sample).keep(file, record)
    monkeypatch.setattr("ifp.__version__", "999")
    assert cache(tmp_path, sample).find(file) is None


def test_files_of_one_name_in_two_folders_are_kept_apart(tmp_path: Path, sample: Sample, record: Record) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.pt").write_text(folder)
        files.append(CheckpointFile(tmp_path / folder / "model.pt", "model.pt"))
    store = cache(tmp_path, sample)
    for step, file in enumerate(files):
        store.keep(file, replace(record, step=step))
    assert [found.step for file in files if (found := store.find(file))] == [0, 1]


def test_a_kept_file_serves_as_codes(tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record) -> None:
    cache(tmp_path, sample).keep(file, record)
    (path,) = (tmp_path / "codes").iterdir()
    read = read_codes(path)
    assert read.step == 7
    assert np.array_equal(read.codes.mean_ND, record.codes.mean_ND)
    assert np.array_equal(read.codes.factors_NF, record.codes.factors_NF)
    assert (read.codes.factor_names, read.codes.factor_sizes) == (exact.NAMES, exact.SIZES)


def test_a_damaged_file_is_not_there_and_is_replaced(
    tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record
) -> None:
    store = cache(tmp_path, sample)
    store.keep(file, record)
    (path,) = (tmp_path / "codes").iterdir()
    whole = path.read_bytes()
    for share in range(0, 100, 5):
        path.write_bytes(whole[: len(whole) * share // 100])
        assert store.find(file) is None
    store.keep(file, record)
    assert store.find(file) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"read_as": np.array("{}")},
        {"read_as": np.array("3")},
        {"read_as": np.array("[")},
        {"reconstruction": np.ones(1)},
        {"reconstruction": np.float64(1)},
        {"step": np.ones(2, dtype=int)},
        {"step": np.array("a")},
        {"mean": np.ones((999, 3))},
        {"mean": np.full((1000, 3), np.nan)},
        {"mean": np.array("a")},
        {"logvar": np.ones((1000, 2))},
    ],
    ids=str,
)
def test_arrays_of_other_shapes_and_types_are_not_there(
    change: dict[str, np.ndarray], tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record
) -> None:
    store = cache(tmp_path, sample)
    store.keep(file, record)
    (path,) = (tmp_path / "codes").iterdir()
    with np.load(path) as held:
        arrays = dict(held)
    np.savez(path, **arrays | change)
    assert store.find(file) is None


def test_nothing_half_written_stays_when_writing_fails(
    tmp_path: Path, sample: Sample, file: CheckpointFile, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(stream: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="No space left"):
        cache(tmp_path, sample).keep(file, record)
    assert list((tmp_path / "codes").iterdir()) == []
