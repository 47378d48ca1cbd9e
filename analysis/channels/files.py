"""The files of a comparison of channels: channels.json, its tables as csv, and similarity.npz; read back, the same.

Figures are made from what is read back, so that they can be made again from the folder alone.

Shapes: C channels, L of them no factors, F factors, H hotspots, K values of a traversal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from ifp.analysis.channels.declared import ARRAYS, CLUSTERING, TRAVERSAL, ChannelsFile, check_channels
from ifp.analysis.channels.hotspot import Hotspots
from ifp.analysis.channels.result import FORMAT, TABLES, ChannelsResult
from ifp.analysis.channels.stored import plain, read_hotspot, read_map, read_rows
from ifp.analysis.tables import write_csv
from ifp.datasets.own_arrays import read_own_arrays
from ifp.errors import IfpError
from ifp.fingerprints.models import Channel, Similarity
from ifp.system.files import whole_file
from ifp.system.own_files import check_schema, read_own_json

FILE_NAME = "channels.json"
ADVICE = "run the same `ifp channels` command again"
_ARRAYS = ("information_bits", "upper_bits", "two_looks_bits", "joint_bits")


def write_results(results: ChannelsResult, folder: Path) -> list[Path]:
    """Write channels.json (strict: no NaN), a csv of each table, similarity.npz and traversals.npz; returns the paths.

    What these results lack and an earlier run left in the folder is removed, so that it never mixes two.
    """
    written = []
    for name in TABLES:
        table, path = results.find_table(name), folder / f"{name}.csv"
        if table is None:
            path.unlink(missing_ok=True)
        else:
            write_csv(table, path)
            written.append(path)
    written.append(_write_similarity(results, folder / "similarity.npz"))
    path = folder / "traversals.npz"
    if results.traversals:
        with whole_file(path) as partial:
            np.savez_compressed(partial, allow_pickle=False, **{str(n): v for n, v in results.traversals.items()})
        written.append(path)
    else:
        path.unlink(missing_ok=True)
    with whole_file(folder / FILE_NAME) as partial:
        partial.write_text(json.dumps(plain(results.content()), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return [folder / FILE_NAME, *written]


def load_results(folder: Path) -> ChannelsResult:
    """Read a folder that `write_results` wrote; needs neither the models nor the data.

    Raises
    ------
    IfpError : a file is missing, damaged or of another kind.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise IfpError(f"There is no {path}; give the folder of an `ifp channels` run.")
    content = read_own_json(path, Struct, ADVICE)
    if content.get("format") != FORMAT:
        raise IfpError(f"{path} is not a comparison of this version of ifp; run `ifp channels` again.")
    check_schema(content, ChannelsFile, path, ADVICE)
    arrays = read_own_arrays(folder / "similarity.npz", ARRAYS, ADVICE)
    similarity = _read_similarity(arrays, content["points"], folder)
    check_channels(content, arrays, similarity, path, ADVICE)
    hotspots = None if content["clustering"] is None else _read_hotspots(content, arrays, similarity)
    rows = content["tables"]
    tables = {name: read_rows(rows[name]) for name in TABLES if name in rows and name not in ("fragments", "links")}
    drawn_map = None if content["map"] is None else read_map(content["map"], rows)
    numbers = [] if hotspots is None else [hotspot.number for hotspot in hotspots.hotspots]
    drawn = folder / "traversals.npz"
    declared = {str(number): replace(TRAVERSAL, optional=True) for number in numbers}
    stored = read_own_arrays(drawn, declared, ADVICE) if drawn.is_file() else {}
    traversals = {int(number): images for number, images in stored.items()}
    return ChannelsResult(similarity, hotspots, tables, drawn_map, traversals, content["about"])


def _write_similarity(results: ChannelsResult, path: Path) -> Path:
    similarity, clustered = results.similarity, results.hotspots
    arrays: dict[str, np.ndarray] = {
        "names": np.array([channel.name for channel in similarity.channels], dtype=str),
        "members": np.array([channel.model for channel in similarity.channels], dtype=int),
        "held": np.array(["+".join(map(str, channel.latents)) for channel in similarity.channels], dtype=str),
        "information_bits": similarity.information_bits_C,
        "upper_bits": similarity.upper_bits_C,
        "two_looks_bits": similarity.two_looks_bits_C,
        "joint_bits": similarity.joint_bits_CC,
        "nmi": similarity.nmi_CC,
        "vi_bits": similarity.vi_bits_CC,
    }
    if clustered is not None:
        values = (clustered.latents, clustered.ordering_L, clustered.reachability_L, clustered.labels_L)
        arrays |= dict(zip(CLUSTERING, values, strict=True))
    with whole_file(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)
    return path


def _read_similarity(arrays: Mapping[str, np.ndarray], points: int, folder: Path) -> Similarity:
    held_C = [str(held).split("+") if str(held) else [] for held in arrays["held"]]
    if not all(latent.isdecimal() and len(latent) < 10 for held in held_C for latent in held):
        raise IfpError(f"The array 'held' of {folder / 'similarity.npz'} must hold numbers of latents; {ADVICE}.")
    channels = tuple(
        Channel(str(name), int(model), tuple(map(int, held)))
        for name, model, held in zip(arrays["names"], arrays["members"], held_C, strict=True)
    )
    single_C, upper_C, two_looks_C, joint_CC = (arrays[name] for name in _ARRAYS)
    return Similarity(channels, single_C, upper_C, two_looks_C, joint_CC, points)


def _read_hotspots(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray], similarity: Similarity) -> Hotspots:
    latents, ordering_L, reachability_L, labels_L = (arrays[name] for name in CLUSTERING)
    factors = tuple(similarity.channels[place].name for place in similarity.factors())
    hotspots = tuple(read_hotspot(stored) for stored in content["hotspots"])
    clustering = content["clustering"]
    return Hotspots(
        similarity, latents, factors, ordering_L, reachability_L, labels_L, clustering["distance"],
        clustering["min_samples"], clustering["runs"], hotspots,
    )  # fmt: skip
