"""The matrix of all channels of an ensemble on axes of one's own: how near each two are, hotspots named."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ifp.analysis.channels.hotspot import Hotspots
from ifp.analysis.channels.structure import middle, structure_of
from ifp.analysis.figures.plot_page import axes_or_new
from ifp.analysis.figures.style import BAND, INK, plain
from ifp.fingerprints.models import Similarity

COLORS = "magma_r"
"""Colours of closeness: 0 pale, 1 black, in even steps of lightness."""


def plot_matrix(similarity: Similarity, hotspots: Hotspots | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw how near each two channels are, from 0 (nothing in common) to 1 (the same information).

    Parameters
    ----------
    hotspots : gives the order of the channels and their distance; without, channels stand in their own order, and
        closeness is NMI.
    ax : where to draw; a new figure if None.
    """
    ax = axes_or_new(ax, 3.6, 3.2)
    if hotspots is None:
        latents = similarity.latents()
        closeness_PP = np.clip(np.nan_to_num(similarity.nmi_CC[np.ix_(latents, latents)]), 0, 1)
        name = "NMI"
    else:
        structure = structure_of(hotspots)
        closeness_PP, name = structure.closeness_PP, structure.closeness_name
    image = ax.imshow(closeness_PP, cmap=COLORS, vmin=0, vmax=1, interpolation="none")
    ax.figure.colorbar(image, ax=ax, label=name, ticks=[0, 0.5, 1], shrink=0.7)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(BAND)
    ax.set_xlabel(f"{len(closeness_PP)} channels")
    if hotspots is not None and hotspots.hotspots:
        ax.set_yticks(
            [middle(hotspot) for hotspot in hotspots.hotspots],
            [plain(f"{hotspot.name} {hotspot.factor}".rstrip()) for hotspot in hotspots.hotspots],
        )
        ax.tick_params(axis="y", length=0)
        for hotspot in hotspots.hotspots:
            first, stop = hotspot.span[0] - 0.5, hotspot.span[1] - 0.5
            ax.plot([first, stop, stop, first, first], [first, first, stop, stop, first], color=INK, linewidth=0.7)
    return ax
