"""The figures of a comparison of channels, from its folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ifp.analysis.channels.files import load_results
from ifp.analysis.channels.plot_fragments import draw_fragment_map
from ifp.analysis.channels.plot_structure import draw_structure
from ifp.analysis.figures.style import FORMATS

STEMS = ("structure", "fragments")


def draw_results(
    folder: Path, *, width: str | float = "icml", formats: Sequence[str] = FORMATS, out: Path | None = None
) -> list[Path]:
    """Draw what there is data for; returns the paths written, figures and csv.

    Parameters
    ----------
    folder : of an `ifp channels` run. width : a venue or inches; see `ifp.analysis.figures.style.figure_width`.
    out : where to write; `folder/figures` if None, and there figures of an earlier comparison do not stay.

    Raises
    ------
    IfpError : the folder cannot be read; an unknown width or format.
    """
    results = load_results(folder)
    out = folder / "figures" if out is None else out
    stale = {path for stem in STEMS for path in out.glob(f"{stem}.*")} if out == folder / "figures" else set()
    paths: list[Path] = []
    of = f"{len(results.tables['models'])} models on {results.about.get('dataset', {}).get('name', 'their data')}"
    if results.hotspots is not None:
        paths += draw_structure(
            results.hotspots,
            out,
            traversals=results.traversals,
            freezing=results.find_table("freezing"),
            medians=results.find_table("hotspot_freezing"),
            pressure=results.pressure_label,
            width=width,
            formats=formats,
            of=of,
        )
    if results.map is not None and results.map.hotspots:
        paths += draw_fragment_map(
            results.map, out, pressure=results.pressure_label, width=width, formats=formats, of=of
        )
    for path in stale.difference(paths):
        path.unlink(missing_ok=True)
    return paths
