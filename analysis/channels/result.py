"""ChannelsResult: what `ifp.channels` returns, and what its folder holds.

Information is in bits, as the names of columns and arrays say; KL and thresholds of freezing are in nats.

Shapes: K values of a traversal, C H W of an image.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ifp.analysis.channels.fragments import FragmentMap
from ifp.analysis.channels.hotspot import Hotspots
from ifp.analysis.channels.stored import hotspot_content, map_content
from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import BETA, figure_width
from ifp.analysis.tables import json_rows
from ifp.errors import IfpError, unknown_name
from ifp.fingerprints.models import Similarity
from ifp.system.out_folder import CHANNELS, writing_result
from ifp.system.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMAT = "ifp channels 1"
TABLES = ("models", "channels", "hotspots", "freezing", "hotspot_freezing", "fragments", "links", "spaces")
"""The tables by name. `freezing` has one row per channel with a trace, `fragments` and `links` are the map over beta,
`spaces` has one row per pair of models (Monte Carlo)."""


@dataclass(frozen=True, eq=False, repr=False)
class ChannelsResult(Result):
    """Which pieces of information the models of an ensemble hold again and again, and when they freeze.

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

    def headline(self) -> str:
        """How many models and channels there are, and which hotspots."""
        models, data = len(self.tables["models"]), self.about.get("dataset", {}).get("name", "")
        text = f"{models} models on {data}, {len(self.similarity.latents())} live channels"
        if self.hotspots is None:
            return text
        named = [
            f"{hotspot.name} {hotspot.factor}".rstrip() + f" in {len(hotspot.models)}"
            for hotspot in self.hotspots.hotspots
        ]
        count = len(named)
        return text + f", {count} hotspot{'s' * (count != 1)}" + (f": {', '.join(named)}" if named else "")

    def table(self, name: str = "") -> pd.DataFrame:
        """One of `TABLES`; by default the hotspots, one row each, or the channels where there are no hotspots.

        Raises
        ------
        IfpError : an unknown name, or a table that was not made or has no rows.
        """
        chosen = name or ("channels" if self.find_table("hotspots") is None else "hotspots")
        table = self.find_table(chosen)
        if table is None:
            raise IfpError(f"There is no table of {chosen} here, because none of them was asked for or found.")
        return table.copy()

    def find_table(self, name: str) -> pd.DataFrame | None:
        """One of `TABLES`, None where it was not made or has no rows."""
        if name not in TABLES:
            raise unknown_name("table", name, TABLES)
        table = getattr(self.map, name, None) if name in ("fragments", "links") else self.tables.get(name)
        return None if table is None or table.empty else table

    @property
    def pressures(self) -> tuple[str, ...]:
        """What the models' betas are, in words: "beta" of VAEs, "1 / weight of information" of GANs, each once."""
        models = self.tables["models"]
        return tuple(dict.fromkeys(models["beta_is"])) if "beta_is" in models else ("beta",)

    @property
    def pressure_label(self) -> str:
        """What an axis of the models' betas is called."""
        return " or ".join(BETA if word == "beta" else word for word in self.pressures)

    def content(self) -> dict[str, Any]:
        """What channels.json holds: numbers that are not finite as None."""
        clustered, tables = self.hotspots, {name: self.find_table(name) for name in TABLES}
        return {
            "format": FORMAT,
            "about": dict(self.about),
            "points": self.similarity.points,
            "cap_bits": self.similarity.cap_bits,
            "clustering": None
            if clustered is None
            else {
                "distance": clustered.distance,
                "min_samples": clustered.min_samples,
                "runs": clustered.num_models,
            },
            "hotspots": None if clustered is None else [hotspot_content(hotspot) for hotspot in clustered.hotspots],
            "map": None if self.map is None else map_content(self.map),
            "tables": {name: json_rows(table) for name, table in tables.items() if table is not None},
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The matrix of all channels in the order of their clustering, with their hotspots named.

        Channels of which no hotspots were looked for stand in the order of the models.
        """
        from ifp.analysis.channels.plot_matrix import plot_matrix
        from ifp.analysis.figures.plot_page import paper_style

        with paper_style() if ax is None else nullcontext():
            return plot_matrix(self.similarity, self.hotspots, ax=ax)

    def structure(self, *, width: str | float = "tmlr") -> Figure:
        """The figure of the whole clustering: profile, matrix, factors, traversals and freezing points.

        Raises
        ------
        IfpError : no hotspots were looked for, or an unknown width.
        """
        from ifp.analysis.channels.plot_structure import plot_structure

        if self.hotspots is None:
            raise IfpError("There are no hotspots in this comparison; leave hotspots=True to have them looked for.")
        return plot_structure(
            self.hotspots, traversals=self.traversals, freezing=self.find_table("freezing"),
            medians=self.find_table("hotspot_freezing"), pressure=self.pressure_label, width=width,
        )  # fmt: skip

    def fragments(self, *, ax: Axes | None = None) -> Axes:
        """The map of fragments over beta; raises IfpError where there are too few models at two betas for one."""
        from ifp.analysis.channels.plot_fragments import plot_fragment_map
        from ifp.analysis.figures.plot_page import paper_style

        if self.map is None:
            raise IfpError("There is no map over beta: it needs at least 5 models at each of 2 betas.")
        with paper_style() if ax is None else nullcontext():
            return plot_fragment_map(self.map, pressure=self.pressure_label, ax=ax)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write tables, similarities and figures into a folder that `ifp plot` can read, and return the folder.

        Raises IfpError where the folder holds something else than a comparison of channels.
        """
        self.write(folder)
        return Path(folder)

    def write(
        self,
        folder: str | os.PathLike[str],
        *,
        width: str | float = "icml",
        formats: Sequence[str] = ("pdf", "png"),
        progress: Progress = silent,
    ) -> list[Path]:
        """As `save`, with figures of this width in these formats (empty for none); returns the paths of all files."""
        from ifp.analysis.channels.files import write_results
        from ifp.analysis.channels.plot_results import draw_results

        figure_width(width)
        with writing_result(folder, CHANNELS) as out:
            paths = write_results(self, out)
            if formats:
                progress("figures", 0, 1)
                paths += draw_results(out, width=width, formats=formats)
        return paths
