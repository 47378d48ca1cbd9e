"""Readers of files of ours that only some commands read, each file alone; what is then computed has smaller counts."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import fuzz_mutations as mutations
import fuzz_seeds
import numpy as np

import ifp
from ifp.analysis.channels.files import load_results as load_channels
from ifp.analysis.diffusion.plot_diagnosis import _load_traversals
from ifp.analysis.directions import plot_directions
from ifp.analysis.freezing.saved_run import check_table, read_run
from ifp.analysis.joint import response_measure
from ifp.analysis.joint.prepared import COLUMNS, read_whole_table
from ifp.analysis.joint.results import read_edges, read_whole
from ifp.analysis.joint.settings import stored_settings as whole_settings
from ifp.analysis.report.of_models import DIRECTIONS, SHIFTS
from ifp.analysis.shift import probes
from ifp.analysis.shift.plot_shift import melting_of
from ifp.analysis.tables import read_csv
from ifp.analysis.training.plot_training import training_records
from ifp.annealing.chunk_files import ChunkFiles, read_curves
from ifp.annealing.config import AnnealConfig
from ifp.annealing.folder import RunFolder
from ifp.checkpoints import codes_cache
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.open_model import open_model
from ifp.checkpoints.source import ReadingOptions
from ifp.datasets import cache
from ifp.datasets.cache import open_grid
from ifp.datasets.own_arrays import read_own_arrays
from ifp.datasets.transfer import _record
from ifp.datasets.unpacked import _remembered
from ifp.system.json_text import parse_json
from ifp.trace import AnnealTrace
from ifp.training import codes_folder, multi_rate_folder
from ifp.training.config import TrainConfig
from ifp.training.folder import TrainFolder

Row = tuple[str, str, str, Callable[[Path], object], mutations.Mutate]
RESPONSE = (*response_measure.TABLES, "joint_edges", "spectrum")
REPORTED = (
    ("anneal", "run.json"), ("train", "records.csv"), ("recording", "run.json"), ("diagnosis", "diagnosis.json"),
    ("whole", "whole.json"), ("directions", "directions.csv"),
)  # fmt: skip
GRID = 3, (1, 4, 4)
"""Images of a grid in the cache, and the shape of one."""
AGAIN = "run the same command again"


def prepare(out: Path) -> None:
    """Make the folders multi, edges, chunks, kept and diagnosed in `out`."""
    data = fuzz_seeds.small_data()
    small = {"steps": 20, "records": 4, "batch": 8, "device": "cpu", "threads": 1}
    network = {"architecture": "mlp", "hidden": 8, "latents": 2}
    with warnings.catch_warnings(action="ignore"):
        ifp.anneal_whole(data, method="multi-rate", out=out / "multi", seeds=1, **network, **{**small, "records": 12})
        ifp.anneal_whole(data, method="closed-form", out=out / "edges")
    _write_chunks(out)
    kept = out / "kept"
    kept.mkdir()
    images, zeros = np.linspace(0, 1, 48).reshape(2, 2, 1, 3, 4), np.zeros((2, 12, 2))
    np.savez(kept / "traversals.npz", images=images, values=np.array([-1.0, 1.0]))
    np.savez(kept / "probe.npz", beta=np.array([1.0, 2.0]), mean=zeros, logvar=zeros, recon=np.zeros(2), key="k")
    read_as = json.dumps(["ours", "torch zip", "torch"])
    codes = {"mean": zeros[0], "logvar": zeros[0]}
    np.savez(kept / "cache.npz", **codes, step=5, reconstruction=np.ones(2), key="k", read_as=read_as)
    np.savez(kept / "codes.npz", **codes, beta=4.0)
    np.savez(out / "channels" / "traversals.npz", **dict.fromkeys(("1", "2"), images[0]))
    np.savez(kept / "curve.npz", beta=np.arange(1.0, 4.0), kl_nats=np.ones((3, 2)))
    grid = np.zeros((GRID[0], int(np.prod(GRID[1])) // 8), np.uint8)
    digests = cache._digest(b"id"), cache._digest(grid.data)
    header = cache._HEADER.pack(cache._MAGIC, *grid.shape, *digests).ljust(cache._HEADER_BYTES, b"\0")
    (kept / "grid.bin").write_bytes(header + grid.tobytes())
    (kept / "copy.npy").write_bytes(b"x" * 9)
    written = (kept / "copy.npy").stat().st_mtime_ns
    (kept / "copy.json").write_text(json.dumps({"bytes": 9, "written_ns": written, "sha256": "0" * 64}))
    (kept / "part.json").write_text('{"url": "https://example.org/x", "version": "\\"abc\\""}')
    (kept / "runs.csv").write_text("run,kl_nats,mig\na,1.5,0.5\nb,2.5,\n")
    (kept / "shifts.csv").write_text(f"{','.join(SHIFTS)}\nplace,3,12,14,2,1,3,1.2,1.1,1.3,0\nlevel,0,,,,,,,,,3\n")


def _write_chunks(out: Path) -> None:
    folder = out / "chunks"
    folder.mkdir()
    (folder / "run.json").write_bytes((out / "anneal" / "run.json").read_bytes())
    trace = AnnealTrace.load(out / "anneal" / "trace.npz")
    half = len(trace) // 2
    chunks = ChunkFiles(folder)
    for rows in (np.arange(half), np.arange(half, len(trace))):
        chunks.add(trace.select(rows), rows)


def _table(name: str, columns: Any) -> Callable[[Path], object]:
    """A reader of a csv in a folder."""
    return lambda folder: read_csv(folder / name, AGAIN, columns)


def _arrays(name: str, declared: Any) -> Callable[[Path], object]:
    """A reader of an npz in a folder."""
    return lambda folder: read_own_arrays(folder / name, declared, AGAIN)


def _cached(folder: Path) -> object:
    arrays = read_own_arrays(folder / "cache.npz", codes_cache._ARRAYS, AGAIN)
    try:  # as `CodesCache.find` does
        return list(map(str, parse_json(str(arrays["read_as"])))), arrays["reconstruction"].tolist()
    except (ValueError, TypeError):
        return None


def _settings(folder: Path, config: type[AnnealConfig] | type[TrainConfig]) -> object:
    from ifp.analysis.training.settings import rerun_config
    from ifp.cli.earlier_run import stored_settings

    path = folder / "run.json"
    stored = stored_settings(path, {}, config)
    return AnnealConfig.from_json(stored) if config is AnnealConfig else rerun_config({}, stored, stored, path)


def _taken_up(out: Path) -> Callable[[Path], object]:
    """Takes up a training that was stopped: its run.json is compared with the run's own."""
    about = json.loads((out / "train" / "run.json").read_text())
    config, data = TrainConfig.from_json(about["config"]), fuzz_seeds.small_data()
    return lambda folder: TrainFolder(folder, config, data, objective_options=about["objective"]["options"])


def _gan(folder: Path) -> object:
    file = locate(folder / "seed-0").files[-1]
    return open_model(read_contents(file.path), file.config, ReadingOptions())


def _report(folder: Path) -> object:
    return ifp.report(folder, out=folder / "report.html", trust=True)


def _response(folder: Path) -> object:
    return response_measure.read_response_tables(folder)


def rows(out: Path) -> list[Row]:
    """Name, folder, file, reader and changes of each target."""
    in_json, in_csv, in_npz = mutations.mutate_json, mutations.mutate_csv, mutations.mutate_npz
    by_suffix = {".json": in_json, ".csv": in_csv, ".npz": in_npz, ".bin": mutations.mutate_bytes}
    directions, drawn = "directions", plot_directions._TRAVERSALS
    chunk = sorted(path.name for path in (out / "chunks" / ".chunks").glob("*.npz"))[0]
    kept: list[tuple[str, str, Callable[[Path], object]]] = [
        ("whole, codes", "codes.npz", _arrays("codes.npz", codes_folder._CODES)),
        ("multi-rate, curve", "curve.npz", _arrays("curve.npz", multi_rate_folder._CURVE)),
        ("diagnosis, traversals.npz", "traversals.npz", lambda at: _load_traversals(at / "traversals.npz")),
        ("diagnosis, runs.csv", "runs.csv", _table("runs.csv", {"run": "text"})),
        ("shift, shifts.csv", "shifts.csv", _table("shifts.csv", SHIFTS)),
        ("shift, probe", "probe.npz", lambda at: probes._read(at / "probe.npz", "k")),
        ("cache, codes of checkpoints", "cache.npz", _cached),
        ("cache, grid", "grid.bin", lambda at: open_grid(at / "grid.bin", "id", *GRID)),
        ("cache, record of a copy", "copy.json", lambda at: _remembered(at / "copy.json", at / "copy.npy")),
        ("cache, record of a transfer", "part.json", lambda at: _record(at / "part.json")),
    ]
    gan = next((out / "sweep" / "seed-0").glob("*.pt")).name
    anneal = json.loads((out / "anneal" / "run.json").read_text())
    found: list[Row] = [
        ("checkpoint, GAN", "sweep", f"seed-0/{gan}", _gan, mutations.mutate_zip),
        ("train, run.json of a stopped run", "train", "run.json", _taken_up(out), in_json),
        ("anneal, run.json of a stopped run", "anneal", "run.json", lambda at: RunFolder(at, anneal), in_json),
        ("anneal --whole --config, run.json", "whole", "run.json", lambda at: whole_settings(at / "run.json"), in_json),
        *((name, "kept", file, read, by_suffix[Path(file).suffix]) for name, file, read in kept),
        ("anneal, chunk", "chunks", f".chunks/{chunk}", read_curves, in_npz),
        ("anneal --config, run.json", "anneal", "run.json", lambda at: _settings(at, AnnealConfig), in_json),
        ("train --config, run.json", "train", "run.json", lambda at: _settings(at, TrainConfig), in_json),
        ("train, records.csv", "train", "records.csv", training_records, in_csv),
        ("edges, run.json", "edges", "run.json", read_edges, in_json),
        ("multi-rate, multi_rate.json", "multi", "multi_rate.json", _response, in_json),
        ("channels, traversals.npz", "channels", "traversals.npz", load_channels, in_npz),
        ("shift, melting.csv", "shift", "melting.csv", melting_of, in_csv),
        ("directions, directions.csv", directions, "directions.csv", _table("directions.csv", DIRECTIONS), in_csv),
        ("directions, traversals.npz", directions, "traversals.npz", _arrays("traversals.npz", drawn), in_npz),
        ("table, freezing_points.csv", "anneal", "freezing_points.csv", lambda at: check_table(read_run(at)), in_csv),
        ("table, whole's whole.json", "whole", "whole.json", lambda at: read_whole(at).report(), in_json),
        ("table, suggestion of run.json", "anneal", "run.json", ifp.suggest, in_json),
        ("table, suggestion of joint_summary.csv", "whole", "joint_summary.csv", ifp.suggest, in_csv),
        ("table, paper's of run.json", "anneal", "run.json", ifp.table, in_json),
    ]
    for name in COLUMNS:
        found.append((f"whole, {name}.csv", "whole", f"{name}.csv", partial(read_whole_table, name=name), in_csv))
    found += [(f"multi-rate, {name}.csv", "multi", f"{name}.csv", _response, in_csv) for name in RESPONSE]
    found += [
        (f"plot, report of {folder}'s {file}", folder, file, _report, by_suffix[Path(file).suffix])
        for folder, file in REPORTED
    ]
    return [row for row in found if (out / row[1] / row[2]).is_file()]
