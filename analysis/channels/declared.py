"""What the files of a comparison of channels must hold to be drawn: types and ranges, and numbers that fit together.

Shapes: C channels, L of them no factors, F factors, K values of a traversal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct, field

from ifp.analysis.channels.factor_lists import split_factors
from ifp.datasets.own_arrays import FLOAT, INT, TEXT, Declared
from ifp.errors import IfpError
from ifp.fingerprints.models import FACTOR, Similarity
from ifp.system.own_files import Beta, Cell, Count, Name, Number, Share, Text

Known = Number | None
"""A number, or None where it is not known."""
Three = Annotated[list[Known], Meta(min_length=3, max_length=3)]

ARRAYS = {
    "names": Declared(TEXT, "C"),
    "members": Declared(INT, "C", low=FACTOR),
    "held": Declared(TEXT, "C"),
    "information_bits": Declared(FLOAT, "C", finite=True),
    "upper_bits": Declared(FLOAT, "C", finite=True),
    "two_looks_bits": Declared(FLOAT, "C", finite=True),
    "joint_bits": Declared(FLOAT, "CC", finite=True),
    "latents": Declared(INT, "L", low=0, optional=True),
    "ordering": Declared(INT, "L", low=0, optional=True),
    "reachability": Declared(FLOAT, "L", low=0, optional=True),
    "labels": Declared(INT, "L", low=-1, optional=True),
}
"""The arrays of similarity.npz that are read; the last four are those of the clustering."""
CLUSTERING = ("latents", "ordering", "reachability", "labels")
TRAVERSAL = Declared(FLOAT, "KCHW", finite=True)
"""An array of traversals.npz."""


class HotspotEntry(Struct):
    """A hotspot in channels.json."""

    number: Annotated[int, Meta(ge=1, le=2**31)]
    name: Name
    channels: Annotated[list[Count], Meta(min_length=1)]
    span: Annotated[list[Count], Meta(min_length=2, max_length=2)]
    runs: Annotated[list[Count], Meta(min_length=1)]
    information_bits: Three
    upper_bits: Three
    factor: Text
    factor_nmi: Known
    nmi_with_factors: list[Known] = field(name="nmi_with_factors_F")
    representative: Count
    tightness: Known


class LevelEntry(Struct):
    """The models of one beta."""

    beta: Beta
    members: list[Count]
    min_samples: Count


class MapEntry(Struct):
    """The map over beta, without its tables."""

    levels: list[LevelEntry]
    hotspots: list[HotspotEntry]
    factors: list[Name]
    link: Number


class ClusteringEntry(Struct):
    """How hotspots were looked for."""

    distance: Name
    min_samples: Count
    runs: Count


class FragmentRow(Struct):
    """A row of the table of fragments, as far as it is drawn."""

    fragment: Count
    beta: Beta
    runs: Annotated[int, Meta(ge=1, le=2**31)]
    of_runs: Annotated[int, Meta(ge=1, le=2**31)]
    factor: Text
    factors: Text
    origin: Text


class LinkRow(Struct):
    """A row of the table of links, as far as it is drawn."""

    higher: Count
    lower: Count
    nmi: Share
    levels_between: Count


class FreezingRow(Struct):
    """A row of the table of freezing points of channels, as far as it is drawn."""

    channel: Count
    member: Count
    run: Count
    latents: Text
    beta_ifp: Beta | None
    status: Text
    bracket_low: Beta | None
    bracket_high: Beta | None
    threshold_nats: Number


class HotspotFreezingRow(Struct):
    """A row of the table of freezing points of hotspots, as far as it is drawn."""

    hotspot: Count
    runs: Count
    median: Beta | None
    bound: Annotated[str, Meta(pattern="^[<>]?$")]
    low: Beta | None
    high: Beta | None


Rows = list[dict[str, Cell]]


class TablesEntry(Struct):
    """The tables by name; those that nothing is drawn of are rows of plain values."""

    models: Rows
    channels: Rows = []
    hotspots: Rows = []
    freezing: list[FreezingRow] = []
    hotspot_freezing: list[HotspotFreezingRow] = []
    fragments: list[FragmentRow] = []
    links: list[LinkRow] = []
    spaces: Rows = []


class ChannelsFile(Struct):
    """channels.json."""

    about: dict[str, Any]
    points: Annotated[int, Meta(ge=1, le=2**53)]
    clustering: ClusteringEntry | None
    hotspots: list[HotspotEntry] | None
    map: MapEntry | None
    tables: TablesEntry


def check_channels(
    content: Mapping[str, Any], arrays: Mapping[str, np.ndarray], similarity: Similarity, path: Path, advice: str
) -> None:
    """Raise IfpError where places, numbers or names in channels.json and similarity.npz do not fit together.

    Parameters
    ----------
    content : of a `ChannelsFile`. arrays : of `ARRAYS`. path : of channels.json.
    """
    wrong = _wrong_rows(content) or _wrong_clustering(content, arrays, similarity) or _wrong_map(content)
    if wrong:
        raise IfpError(f"{path}: {wrong}; {advice}.")


def _wrong_rows(content: Mapping[str, Any]) -> str:
    """The table whose rows have not all the same columns, in words; "" where there is none."""
    for name, rows in content["tables"].items():
        if any(row.keys() != rows[0].keys() for row in rows):
            return f"the rows of the field tables.{name} have different columns"
        values = [value for row in rows for value in row.values()]
        if any(isinstance(value, dict | list) or (type(value) is int and abs(value) > 2**53) for value in values):
            return f"the field tables.{name} holds a list or a whole number that is too large"
    return ""


def _wrong_clustering(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray], similarity: Similarity) -> str:
    """What does not fit of the hotspots and their clustering, in words; "" where all does."""
    hotspots, clustering = content["hotspots"], content["clustering"]
    if clustering is None:
        return ""
    if hotspots is None or any(name not in arrays for name in CLUSTERING):
        return "there is a clustering without hotspots, or without its arrays in similarity.npz"
    factors, latents_L = len(similarity.factors()), arrays["latents"]
    if not np.array_equal(latents_L, similarity.latents()):
        return "the clustered channels are not those of similarity.npz"
    if not np.array_equal(np.sort(arrays["ordering"]), np.arange(len(latents_L))) or not len(latents_L):
        return "the order of the clustered channels is none"
    if arrays["labels"].max() >= len(hotspots):
        return "a channel belongs to a hotspot that is not there"
    if clustering["distance"] not in ("vi", "nmi"):
        return "the field clustering.distance must be 'vi' or 'nmi'"
    return _wrong_hotspots(hotspots, len(similarity), factors, len(latents_L), "hotspots")


def _wrong_hotspots(hotspots: Sequence[Mapping[str, Any]], channels: int, factors: int, places: int, where: str) -> str:
    """What does not fit of hotspots among so many channels, factors and places in the order; "" where all does."""
    if [hotspot["number"] for hotspot in hotspots] != list(range(1, len(hotspots) + 1)):
        return f"the field {where} must be numbered from 1"
    for place, hotspot in enumerate(hotspots):
        named = f"the field {where}[{place}]"
        if max(*hotspot["channels"], hotspot["representative"]) >= channels:
            return f"{named} names a channel that is not there"
        if not hotspot["span"][0] < hotspot["span"][1] <= places:
            return f"{named}.span must rise within the {places} clustered channels"
        if len(hotspot["nmi_with_factors_F"]) != factors:
            return f"{named}.nmi_with_factors_F must have one number per factor"
    return ""


def _wrong_map(content: Mapping[str, Any]) -> str:
    """What does not fit of the map over beta, in words; "" where all does."""
    drawn, tables = content["map"], content["tables"]
    if drawn is None:
        return ""
    fragments, links, factors = tables.get("fragments", []), tables.get("links", []), drawn["factors"]
    betas = [level["beta"] for level in drawn["levels"]]
    if len(betas) < 2 or any(lower >= higher for higher, lower in pairwise(betas)):
        return "the betas of the field map.levels must fall, and be two at least"
    if len(drawn["hotspots"]) != len(fragments) or len(set(factors)) != len(factors):
        return "the field map.hotspots must have one entry per fragment, and map.factors each name once"
    for row in fragments:
        if row["beta"] not in betas or not {row["factor"], *split_factors(row["factors"])} <= {*factors, ""}:
            return f"the fragment {row['fragment']} has a beta or a factor that the map has not"
    if any(
        not 1 <= min(row["higher"], row["lower"]) <= max(row["higher"], row["lower"]) <= len(fragments) for row in links
    ):
        return "a link leads to a fragment that is not there"
    many = 2**31
    return _wrong_hotspots(
        [{**hotspot, "number": place} for place, hotspot in enumerate(drawn["hotspots"], 1)],
        many, len(factors), many, "map.hotspots",
    )  # fmt: skip
