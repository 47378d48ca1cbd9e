"""The files of a comparison of channels: channels.json, its tables as csv, and similarity.npz; read back, the same.

Figures and tables on screen are made from `Results`, so that they can be made again from the folder alone. Information
is in bits, as the names of columns and arrays say; KL and thresholds of freezing are in nats.

Shapes: C channels, L of them no factors, F factors, H hotspots, K values of a traversal.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.channels.fragments import FRAGMENT_COLUMNS, LINK_COLUMNS, FragmentMap, Level
from ifp.analysis.channels.hotspots import Hotspot, Hotspots, Spread
from ifp.analysis.tables import json_rows, write_csv
from ifp.datasets.npz_file import read_arrays
from ifp.errors import IfpError, unknown_name
from ifp.fingerprints.models import Channel, Similarity
from ifp.system.files import whole_file

FILE_NAME, FORMAT = "channels.json", "ifp channels 1"
TABLES = ("models", "channels", "hotspots", "freezing", "hotspot_freezing", "fragments", "links", "spaces")
"""Each a csv where it has rows. freezing: of each channel with a trace; fragments, links: those of the map over beta;
spaces: Monte Carlo, of each pair of models."""
_ARRAYS = ("information_bits", "upper_bits", "two_looks_bits", "joint_bits")
_CLUSTERING = ("latents", "ordering", "reachability", "labels")


@dataclass(frozen=True, eq=False)
class Results:
    """What a comparison found.

    Attributes
    ----------
    similarity : of the live channels, then the factors.
    hotspots, map : None where none were looked for; their places are those of `similarity` and of the models.
    tables : by name, of `TABLES` without the map's; those that were not made are missing.
    traversals : by the number of a hotspot what its representative draws, [K, C, H, W] in [0, 1].
    about : what the numbers rest on, only what JSON can hold.
    """

    similarity: Similarity
    hotspots: Hotspots | None
    tables: Mapping[str, pd.DataFrame]
    map: FragmentMap | None = None
    traversals: Mapping[int, np.ndarray] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame | None:
        """One of `TABLES`, None where it was not made or has no rows."""
        if name not in TABLES:
            raise unknown_name("table", name, TABLES)
        table = getattr(self.map, name, None) if name in ("fragments", "links") else self.tables.get(name)
        return None if table is None or table.empty else table

    def content(self) -> dict[str, Any]:
        """What channels.json holds: numbers that are not finite as None."""
        found, tables = self.hotspots, {name: self.table(name) for name in TABLES}
        return {
            "format": FORMAT,
            "about": dict(self.about),
            "points": self.similarity.points,
            "cap_bits": self.similarity.cap_bits,
            "clustering": None
            if found is None
            else {"distance": found.distance, "min_samples": found.min_samples, "runs": found.num_models},
            "hotspots": None if found is None else [_hotspot_content(hotspot) for hotspot in found.hotspots],
            "map": None if self.map is None else _map_content(self.map),
            "tables": {name: json_rows(table) for name, table in tables.items() if table is not None},
        }


def channel_table(
    similarity: Similarity,
    models: Sequence[str],
    *,
    betas: Sequence[float | None] = (),
    dropped: Sequence[Channel] = (),
    dropped_bits: np.ndarray | Sequence[float] = (),
    hotspots: Hotspots | None = None,
    freezing: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row a channel, the live ones in their order, then the dead.

    Parameters
    ----------
    models, betas : of each model. freezing : what `channel_freezing` returned.

    Returns
    -------
    DataFrame with `channel` (the place in `similarity`, empty for dead ones), `name`, `model`, `latents`, `kind`
    ("latents", "factor" or "dead"), `beta`, the bounds of I(X; U), I(U; U') as `entropy_bits`, the `hotspot`, and the
    NMI with each factor; with freezing points where traces tell of them.
    """
    at_C: list[int | None] = [*range(len(similarity)), *[None] * len(dropped)]
    channels = [*similarity.channels, *dropped]
    hotspot_of = {} if hotspots is None else {at: one.name for one in hotspots.hotspots for at in one.channels}
    known_betas = [*betas, *[None] * (len(models) - len(betas))]
    table = pd.DataFrame(
        {
            "channel": pd.array(at_C, dtype="Int64"),
            "name": [channel.name for channel in channels],
            "model": ["" if channel.is_factor else models[channel.model] for channel in channels],
            "latents": ["+".join(map(str, channel.latents)) for channel in channels],
            "kind": [_kind(at, channel) for at, channel in zip(at_C, channels, strict=True)],
            "beta": [np.nan if c.is_factor else _number(known_betas[c.model]) for c in channels],
            "information_bits": [*similarity.information_bits_C, *dropped_bits],
            "upper_bits": [*similarity.upper_bits_C, *[np.nan] * len(dropped)],
            "entropy_bits": [*similarity.entropy_bits_C, *[np.nan] * len(dropped)],
            "hotspot": ["" if at is None else hotspot_of.get(at, "") for at in at_C],
        }
    )
    for factor in similarity.factors():
        nmi_C = similarity.nmi_CC[:, factor]
        table[f"nmi_{similarity.channels[factor].name}"] = [*nmi_C, *[np.nan] * len(dropped)]
    if freezing is not None and len(freezing):
        told = freezing.set_index("channel")
        for column in ("beta_ifp", "status", "bracket_low", "bracket_high"):
            found = told[column].to_dict()
            empty = "" if column == "status" else np.nan
            table[column] = [empty if at is None else found.get(at, empty) for at in at_C]
    return table


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write channels.json (strict: no NaN), a csv of each table, similarity.npz and traversals.npz; returns the paths.

    What these results lack and an earlier run left in the folder is removed, so that it never mixes two.
    """
    written = []
    for name in TABLES:
        table, path = results.table(name), folder / f"{name}.csv"
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
    # last, since it tells a folder of results from one that was cut short
    with whole_file(folder / FILE_NAME) as partial:
        partial.write_text(json.dumps(plain(results.content()), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return [folder / FILE_NAME, *written]


def load_results(folder: Path) -> Results:
    """Read a folder that `write_results` wrote; needs neither the models nor the data.

    Raises
    ------
    IfpError : a file is missing, damaged or of another kind.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise IfpError(f"There is no {path}; give the --out folder of an `ifp channels` run.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise IfpError(f"{path} is not a comparison of this version of ifp; run `ifp channels` again.")
        arrays = read_arrays(folder / "similarity.npz", ("names", "members", "held", *_ARRAYS, *_CLUSTERING))
        similarity = _read_similarity(arrays, int(content["points"]))
        hotspots = None if content["clustering"] is None else _read_hotspots(content, arrays, similarity)
        rows = content["tables"]
        tables = {name: _frame(rows[name]) for name in TABLES if name in rows and name not in ("fragments", "links")}
        drawn_map = None if content["map"] is None else _read_map(content["map"], rows)
        numbers = [] if hotspots is None else [one.number for one in hotspots.hotspots]
        drawn = folder / "traversals.npz"
        stored = read_arrays(drawn, map(str, numbers)) if drawn.is_file() else {}
        traversals = {int(number): images for number, images in stored.items()}
        return Results(similarity, hotspots, tables, drawn_map, traversals, content["about"])
    except IfpError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise IfpError(f"{folder} cannot be read ({error!r}); run the same `ifp channels` command again.") from error


def plain(value: Any) -> Any:
    """What strict JSON can hold: arrays and tuples as lists, numbers that are not finite as None, paths as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(value) if isinstance(value, Path) else value


def _kind(at: int | None, channel: Channel) -> str:
    return "dead" if at is None else "factor" if channel.is_factor else "latents"


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _write_similarity(results: Results, path: Path) -> Path:
    similarity, found = results.similarity, results.hotspots
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
    if found is not None:
        values = (found.latents, found.ordering_L, found.reachability_L, found.labels_L)
        arrays |= dict(zip(_CLUSTERING, values, strict=True))
    with whole_file(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)
    return path


def _read_similarity(arrays: Mapping[str, np.ndarray], points: int) -> Similarity:
    channels = tuple(
        Channel(str(name), int(model), tuple(int(latent) for latent in str(held).split("+") if latent))
        for name, model, held in zip(arrays["names"], arrays["members"], arrays["held"], strict=True)
    )
    single_C, upper_C, two_looks_C, joint_CC = (arrays[name] for name in _ARRAYS)
    return Similarity(channels, single_C, upper_C, two_looks_C, joint_CC, points)


def _hotspot_content(hotspot: Hotspot) -> dict[str, Any]:
    """As channels.json holds it, where the models that have a hotspot are called its runs."""
    content = dataclasses.asdict(hotspot)
    content["runs"] = content.pop("models")
    return content


def _read_hotspots(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray], similarity: Similarity) -> Hotspots:
    latents, ordering_L, reachability_L, labels_L = (arrays[name] for name in _CLUSTERING)
    factors = tuple(similarity.channels[at].name for at in similarity.factors())
    hotspots = tuple(_read_hotspot(stored) for stored in content["hotspots"])
    clustering = content["clustering"]
    return Hotspots(
        similarity, latents, factors, ordering_L, reachability_L, labels_L, clustering["distance"],
        clustering["min_samples"], clustering["runs"], hotspots,
    )  # fmt: skip


def _read_hotspot(stored: Mapping[str, Any]) -> Hotspot:
    values = dict(stored)
    values["models"] = values.pop("runs")
    for name in ("channels", "span", "models"):
        values[name] = tuple(values[name])
    for name in ("information_bits", "upper_bits"):
        values[name] = Spread(*values[name])
    values["nmi_with_factors_F"] = np.array(values["nmi_with_factors_F"], dtype=np.float64)
    values["factor_nmi"] = _number(values["factor_nmi"])
    return Hotspot(**values)


def _map_content(found: FragmentMap) -> dict[str, Any]:
    return {
        "levels": [
            {"beta": level.beta, "members": level.models, "min_samples": level.min_samples} for level in found.levels
        ],
        "hotspots": [_hotspot_content(hotspot) for hotspot in found.hotspots],
        "factors": found.factors,
        "link": found.link,
    }


def _read_map(stored: Mapping[str, Any], rows: Mapping[str, Any]) -> FragmentMap:
    return FragmentMap(
        levels=tuple(Level(level["beta"], tuple(level["members"]), level["min_samples"]) for level in stored["levels"]),
        hotspots=tuple(_read_hotspot(hotspot) for hotspot in stored["hotspots"]),
        factors=tuple(stored["factors"]),
        fragments=_frame(rows.get("fragments", []), FRAGMENT_COLUMNS),
        links=_frame(rows.get("links", []), LINK_COLUMNS),
        link=stored["link"],
    )


def _frame(rows: list[dict[str, Any]], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows as a table; a column of which nothing is known holds NaN, whole numbers stay whole beside gaps."""
    table = pd.DataFrame(rows, columns=None if columns is None else list(columns))
    for column in table.columns if rows else ():
        known = [row[column] for row in rows if row[column] is not None]
        if not known:
            table[column] = np.nan
        elif len(known) < len(rows) and all(type(value) is int for value in known):
            table[column] = pd.array([row[column] for row in rows], dtype="Int64")
    return table
