"""DirectionsResult: what `ifp.directions` returns, its table and its files.

Shapes: D latents, K directions of a kind, R batches, S starts, T values of a traversal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import figure_width
from ifp.analysis.tables import json_rows, write_csv
from ifp.system.files import whole_file, write_json
from ifp.system.format_version import KEY, VERSION
from ifp.system.out_folder import DIRECTIONS, writing_result
from ifp.system.versions import versions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT = "ifp directions 1"
FILE_NAME = "directions.json"
KINDS = ("found", "latent", "leading", "random")
"""What is measured: directions found; the model's own latents, of a checkpoint those of 0.1 nat or more; the directions
along which images change most; random ones within the space of those found."""
NOTE = (
    "minmax: mean topological difference of images before and after a shift (0: a symmetry), on batches that were "
    "neither searched nor chosen on; cosine with the nearest latent, latents in units of their standard deviations"
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Traversals: images [K, T, C, H, W] in [0, 1] of each kind that was drawn, and the values [T]."""

    images: Mapping[str, np.ndarray]
    values_T: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class DirectionsResult(Result):
    """Directions of a decoder whose shifts are nearest to symmetries, beside its latents and random directions.

    Attributes
    ----------
    name : of the model.
    directions : unit vectors [K, D] of each kind (`KINDS`), in units of the codes' standard deviations.
    minmax : MinMax [K, R] of each kind on the held-out batches.
    latents : the numbers of the latents of the kind "latent".
    held_out_S : mean MinMax at the end of each start of the search: the leading directions, then random rotations; on
        the batches on which the best is chosen, which are others than those of `minmax`.
    kept_start : whether none of them was better than the leading directions themselves, which are then those found.
    start_held_out : mean MinMax of the leading directions themselves, on the batches of the choice.
    noise : latents of a GAN's generator that are its noise, the last ones.
    """

    name: str
    directions: Mapping[str, np.ndarray]
    minmax: Mapping[str, np.ndarray]
    latents: tuple[int, ...]
    held_out_S: np.ndarray
    settings: Mapping[str, Any]
    drawn: Drawn
    kept_start: bool = False
    start_held_out: float = float("nan")
    noise: int = 0

    def notes(self) -> list[str]:
        """What was not gained by the search, a sentence each; empty where it gained over all that is beside it."""
        found = self.mean("found")
        said = []
        if self.noise:
            codes = self.directions["found"].shape[1] - self.noise
            said.append(
                f"Latents are a generator's, of N(0, 1): its {codes} codes c = 2 Phi(z) - 1, and its "
                f"{self.noise} values of noise, from number {codes} on."
            )
        if self.kept_start:
            said.append(
                "No rotation was better on batches that were not searched than the leading directions "
                f"({self.start_held_out:.3g} against {self.held_out_S.min():.3g}), so these are kept."
            )
        better = [kind for kind in ("latent", "random") if self.mean(kind) <= found]
        if better:
            values = " and ".join(f"{kind} ones ({self.mean(kind):.3g})" for kind in better)
            said.append(f"The directions found ({found:.3g}) are no nearer to symmetries than {values}.")
        return said

    def mean(self, kind: str) -> float:
        """Mean MinMax of a kind of directions; NaN where there is none of it."""
        return float(self.minmax[kind].mean()) if len(self.minmax[kind]) else float("nan")

    def headline(self) -> str:
        """How near to symmetries the directions found are, beside the others."""
        others = ", ".join(f"{kind} {self.mean(kind):.3g}" for kind in KINDS if kind != "found")
        count = len(self.directions["found"])
        return f"{self.name}: {count} directions, mean MinMax {self.mean('found'):.3g} ({others})"

    def table(self) -> pd.DataFrame:
        """One row per direction of every kind: MinMax, its standard error over batches, the nearest latent, cosine."""
        rows = []
        for kind in KINDS:
            for number, (direction_D, of_R) in enumerate(zip(self.directions[kind], self.minmax[kind], strict=True)):
                nearest = int(np.abs(direction_D).argmax())
                rows.append(
                    {
                        "kind": kind,
                        "number": self.latents[number] if kind == "latent" else number,
                        "minmax": float(of_R.mean()),
                        "standard_error": float(of_R.std(ddof=1) / np.sqrt(len(of_R))),
                        "nearest_latent": nearest,
                        "cosine": float(abs(direction_D[nearest])),
                    }
                )
        return pd.DataFrame(rows)

    def short_table(self) -> pd.DataFrame:
        """The directions found."""
        table = self.table()
        return table[table["kind"] == "found"]

    def content(self) -> dict[str, Any]:
        """What directions.json holds."""
        return {
            "format": FORMAT,
            KEY: VERSION,
            "name": self.name,
            "settings": dict(self.settings),
            "mean_minmax": {kind: self.mean(kind) if len(self.minmax[kind]) else None for kind in KINDS},
            "held_out_of_starts": self.held_out_S.tolist(),
            "kept_start": self.kept_start,
            "notes": self.notes(),
            "directions": {kind: self.directions[kind].tolist() for kind in KINDS},
            "table": json_rows(self.table()),
            "versions": versions(),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """What the decoder draws along each direction found, the one nearest to a symmetry on top, and a random one."""
        from ifp.analysis.directions.plot_directions import plot_directions
        from ifp.analysis.figures.plot_page import paper_style

        with paper_style() if ax is None else nullcontext():
            return plot_directions(self.drawn, self.table(), ax=ax)

    def save(self, folder: str | os.PathLike[str], *, width: str | float = "icml") -> Path:
        """Write directions.csv, directions.json, the traversals and the figure; returns the folder.

        Raises
        ------
        IfpError : the folder holds something else than directions, or an unknown width.
        """
        self.write(folder, width=width)
        return Path(folder)

    def write(
        self, folder: str | os.PathLike[str], *, width: str | float = "icml", formats: Sequence[str] = ("pdf", "png")
    ) -> list[Path]:
        """As `save`; returns the paths of the table and of the figure's files."""
        from ifp.analysis.directions.plot_directions import draw_directions

        figure_width(width)
        with writing_result(folder, DIRECTIONS) as out:
            write_csv(self.table(), out / "directions.csv")
            with whole_file(out / "traversals.npz") as partial:
                images = {kind: drawn.astype(np.float32) for kind, drawn in self.drawn.images.items()}
                np.savez_compressed(partial, values=self.drawn.values_T, **images)  # type: ignore[arg-type]
            write_json(out / FILE_NAME, self.content())
            return [out / "directions.csv", *draw_directions(out, width=width, formats=formats)]
