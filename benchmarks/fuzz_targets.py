"""What is fuzzed: every reader of a file that may come from a stranger, with the files that it begins from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import fuzz_mutations as mutations
import fuzz_own_files
import fuzz_seeds
import numpy as np
from fuzz_folders import CAR, OFFICIAL

import ifp
from ifp.analysis.channels.files import load_results as load_channels
from ifp.analysis.diffusion.results import MATRICES, load_results
from ifp.analysis.freezing.saved_run import read_run
from ifp.analysis.gan_freezing.study import read_sweep
from ifp.analysis.joint.results import read_whole
from ifp.analysis.recording.result import open_recording
from ifp.analysis.training.pressures_of_run import pressures_from
from ifp.analysis.watching import study as watching
from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.cells import CellOptions
from ifp.checkpoints.custom import read_codes
from ifp.checkpoints.families.registry import recognise
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.folders.pieces import INDEX, pieces_of, read_pieces
from ifp.checkpoints.folders.settings_files import settings_beside
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.datasets import dsprites, mpi3d, shapes3d
from ifp.datasets.factors import FactorSpace
from ifp.datasets.folder import FORMATS, FolderDataset
from ifp.datasets.mat_file import BrokenMat, read_bytes_array
from ifp.datasets.npz import NpzDataset
from ifp.datasets.smallnorb import NorbDesign, find_files, read_grid
from ifp.fingerprints.find_models import list_trainings
from ifp.recording.read_recording import read_recording
from ifp.system.checksums import check_unchanged
from ifp.training.records import TrainRecords
from ifp.training.state import MemberState, damaged, read_content

SWEEP = ("gan_sweep.json", "gan_freezing_points.csv", "gan_freezing_summary.csv", "records.csv")
SIX = FactorSpace(OFFICIAL.names[:6], OFFICIAL.sizes[:6])
AIMS = {"table": 10_000, "plot": 300}
"""Executions of targets that compute or draw from what was read, by how their names begin; of others a million."""
NORB = NorbDesign(categories=1, instances=2, elevations=1, azimuths=1, lightings=1)


@dataclass(frozen=True)
class Target:
    """A reader and one of the files that it reads.

    Attributes
    ----------
    folder : as prepared, copied into a place of its own. file : in it, the one that is changed.
    read : is given the folder. seeds : contents to begin from beside that of the file.
    """

    name: str
    folder: Path
    file: str
    read: Callable[[Path], object]
    mutate: mutations.Mutate
    seeds: Sequence[bytes] = ()

    @property
    def aim(self) -> int:
        """How many executions it is to have."""
        return AIMS.get(self.name.partition(",")[0], 1_000_000)

    def contents(self) -> list[bytes]:
        """What the changes begin from."""
        path = self.folder / self.file
        return [*([path.read_bytes()] if path.is_file() else []), *self.seeds]


def _model(folder: Path, file: str) -> None:
    contents = read_contents(folder / file)
    if not file.endswith(".pt"):  # arrays alone, whose names no code base has
        return
    source = unwrap(contents, {})
    recognise(source).build(source, ReadingOptions())


def _family(folder: Path) -> None:
    """Builds the networks of arrays that have the names, shapes and types of the file, and no memory of their own."""
    arrays = {}
    try:  # what no file of arrays can hold is not asked about
        held = json.loads((folder / "shapes.json").read_text())
        config = held["config"]
        for name, (shape, dtype) in held["arrays"].items():
            if np.dtype(dtype).kind not in "iufb" or np.prod([max(size, 1) for size in shape], dtype=float) > 2**24:
                return
            arrays[name] = np.zeros(shape, np.dtype(dtype))
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, RecursionError):
        return
    source = Source(folder / "model.pt", "torch zip", arrays, config if isinstance(config, dict) else {})
    recognise(source).build(source, ReadingOptions())


def _anneal(folder: Path) -> None:
    run = read_run(folder)
    run.freezing_points()
    run.table()
    run.headline()


def _sweep(folder: Path) -> None:
    sweep = read_sweep(folder)
    sweep.table()
    sweep.headline()


def _diagnosis(folder: Path) -> None:
    results = load_results(folder)
    results.sentences()
    for name in ("nmi", "factors", "latents", "joint", "series", "steps", "changes", "comparison", "topology"):
        results.table(name)
    for estimator in results.estimators:
        for matrix in MATRICES:
            results.matrix_DF(matrix, estimator)


def _state(folder: Path) -> None:
    path = folder / ".resume" / "seed-0.pt"
    content = read_content(path)
    try:
        TrainRecords(["place", "level"]).put(0, {name: value.numpy() for name, value in content["records"].items()})
        state = MemberState.from_content(content["state"])
        state.fits(state, 20)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError) as error:  # as TrainFolder does
        raise damaged(path) from error


def _plot(folder: Path) -> None:
    shutil.rmtree(folder / "drawn", ignore_errors=True)
    ifp.plot(folder, out=folder / "drawn", formats=["png"], trust=True)


def _norb(folder: Path) -> None:
    read_grid(find_files(folder), NORB)


def _car(folder: Path) -> None:
    with (folder / "car.mat").open("rb") as file:
        try:
            read_bytes_array(file, "im", CAR.shape)
        except BrokenMat as error:
            raise ifp.IfpError(str(error)) from error


def _recording(at: Path) -> object:
    return open_recording(at).factors(), read_recording(at).run()


def _watched(at: Path) -> object:
    watching.ATTEMPTS = 1  # no other process writes the file, for which it would wait
    return json.dumps(ifp.watch(at).content())


def _shards(at: Path) -> object:
    path = at / f"model.safetensors{INDEX}"
    return read_pieces(path, pieces_of(path))


def _sprites(at: Path) -> object:
    return list(dsprites.read_blocks(at / "dsprites.npz", OFFICIAL, 3))


def targets(out: Path) -> dict[str, Target]:
    """All targets by name, of the folders in `out`."""
    norb = "smallnorb-5x01235x9x18x6x2x96x96-testing"
    in_json, in_csv, raw = mutations.mutate_json, mutations.mutate_csv, mutations.mutate_bytes
    in_npz, in_zip = mutations.mutate_npz, mutations.mutate_zip
    rows: list[tuple[str, str, str, Callable[[Path], object], mutations.Mutate]] = [
        ("checkpoint, torch zip", "checkpoints", "zip.pt", partial(_model, file="zip.pt"), in_zip),
        ("checkpoint, torch legacy", "checkpoints", "legacy.pt", partial(_model, file="legacy.pt"), raw),
        ("checkpoint, safetensors", "checkpoints", "model.safetensors", partial(_model, file="model.safetensors"), raw),
        (
            "TensorFlow bundle, index",
            "checkpoints/bundle",
            "variables.index",
            partial(_model, file="variables.index"),
            raw,
        ),
        (
            "TensorFlow bundle, data",
            "checkpoints/bundle",
            "variables.data-00000-of-00001",
            partial(_model, file="variables.index"),
            raw,
        ),
        ("checkpoint, other containers", "checkpoints", "other.bin", partial(_model, file="other.bin"), raw),
        ("families of code bases", "families", "shapes.json", _family, in_json),
        ("settings, json", "settings", "specs.json", settings_beside, in_json),
        ("settings, gin", "settings", "train.gin", settings_beside, raw),
        ("SmallNORB, images", "norb", f"{norb}-dat.mat", _norb, raw),
        ("checkpoint, index of shards", "shards", f"model.safetensors{INDEX}", _shards, in_json),
        ("SmallNORB, categories", "norb", f"{norb}-cat.mat", _norb, raw),
        ("dSprites, npz", "official", "dsprites.npz", _sprites, in_npz),
        ("data, factors apart", "data", "alone.npz", lambda at: NpzDataset(at / "alone.npz").describe(), in_npz),
        ("data, folder's picture", "pictures", "0.png", lambda at: FolderDataset(at).describe(), raw),
        ("SmallNORB, info", "norb", f"{norb}-info.mat", _norb, raw),
        (
            "MPI3D, npz",
            "official",
            "mpi3d_toy.npz",
            lambda at: list(mpi3d.read_blocks("mpi3d-toy", at / "mpi3d_toy.npz", OFFICIAL)),
            in_npz,
        ),
        ("Cars3D, mat", "official", "car.mat", _car, raw),
        ("data, npz", "data", "data.npz", lambda at: NpzDataset(at / "data.npz").describe(), in_npz),
        ("data, folder's csv", "pictures", "factors.csv", lambda at: FolderDataset(at).describe(), in_csv),
        ("codes, npz", "data", "codes.npz", lambda at: read_codes(at / "codes.npz"), in_npz),
        ("anneal, run.json", "anneal", "run.json", read_run, in_json),
        ("anneal, trace.npz", "anneal", "trace.npz", read_run, in_npz),
        ("table, anneal's run.json", "anneal", "run.json", _anneal, in_json),
        ("table, anneal's trace.npz", "anneal", "trace.npz", _anneal, in_npz),
        ("anneal, pressures.csv", "anneal", "pressures.csv", pressures_from, in_csv),
        ("checksums.json", "anneal", "checksums.json", lambda at: check_unchanged(at / "summary.csv"), in_json),
        ("train, run.json", "train", "run.json", lambda at: list_trainings([at]), in_json),
        ("train, seed's run.json", "train/seed-0", "run.json", locate, in_json),
        ("train, records.npz", "train", "records.npz", lambda at: list_trainings([at]), in_npz),
        ("train, state", "train", ".resume/seed-0.pt", _state, in_zip),
        ("recording, run.json", "recording", "run.json", _recording, in_json),
        ("recording, records.npz", "recording", "records.npz", _recording, in_npz),
        ("recording, codes", "recording", "codes/step-000010.npz", _recording, in_npz),
        ("watch, train's run.json", "train", "run.json", _watched, in_json),
        ("watch, train's records.npz", "train", "records.npz", _watched, in_npz),
        ("watch, anneal's run.json", "anneal", "run.json", _watched, in_json),
        *(
            (f"sweep, {file}", "sweep", file, read_sweep, in_json if file.endswith("json") else in_csv)
            for file in SWEEP
        ),
        ("table, sweep's gan_sweep.json", "sweep", "gan_sweep.json", _sweep, in_json),
        ("table, sweep's gan_freezing_summary.csv", "sweep", "gan_freezing_summary.csv", _sweep, in_csv),
        ("whole, whole.json", "whole", "whole.json", read_whole, in_json),
        ("table, whole's mi.csv", "whole", "mi.csv", lambda at: read_whole(at).report(), in_csv),
        ("table, whole's joint_edges.csv", "whole", "joint_edges.csv", lambda at: read_whole(at).report(), in_csv),
        ("diagnosis.json", "diagnosis", "diagnosis.json", load_results, in_json),
        ("table, diagnosis.json", "diagnosis", "diagnosis.json", _diagnosis, in_json),
        ("channels.json", "channels", "channels.json", load_channels, in_json),
        ("channels, similarity.npz", "channels", "similarity.npz", load_channels, in_npz),
    ]
    if (out / "official" / "cells.h5ad").exists():
        factors = CellOptions(factors=("kind", "size"), bins={"size": 3})
        rows += [
            (
                "3D Shapes, h5",
                "official",
                "3dshapes.h5",
                lambda at: list(shapes3d.read_blocks(at / "3dshapes.h5", SIX)),
                raw,
            ),
            ("cells, h5ad", "official", "cells.h5ad", lambda at: read_codes(at / "cells.h5ad", factors), raw),
        ]
    rows += fuzz_own_files.rows(out)
    drawn = {
        "anneal": ("run.json", "trace.npz"), "train": ("run.json", "records.csv"), "diagnosis": ("diagnosis.json",),
        "whole": ("whole.json", "mi.csv", "derivative.csv", "peaks.csv", "steps.csv", "joint_information.csv",
                  "joint_freezing_points.csv", "joint_summary.csv", "joint_edges.csv", "spectrum.csv"),
        "channels": ("channels.json", "similarity.npz", "traversals.npz"), "shift": ("melting.csv", "shift.json"),
        "directions": ("directions.csv", "traversals.npz", "directions.json"), "sweep": SWEEP,
    }  # fmt: skip
    by_suffix = {".json": in_json, ".npz": in_npz, ".csv": in_csv}
    for folder, files in drawn.items():
        rows += [
            (f"plot, {folder}'s {file}", folder, file, _plot, by_suffix[Path(file).suffix])
            for file in files
            if (out / folder / file).is_file()
        ]
    made = {name: Target(name, out / folder, file, read, mutate) for name, folder, file, read, mutate in rows}
    seeds = {
        "families of code bases": fuzz_seeds.family_shapes(),
        "checkpoint, other containers": fuzz_seeds.OTHER_KINDS,
        "data, folder's picture": fuzz_seeds.pictures(FORMATS),
    }
    return made | {name: replace(made[name], seeds=contents) for name, contents in seeds.items()}
