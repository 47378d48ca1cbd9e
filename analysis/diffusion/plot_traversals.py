"""Latent traversals: what the decoder shows as one latent moves, latents in the order of their KL.

The page is laid out in pixels, each pixel of an image a whole number of them: nothing is resampled, nothing blurred.

Shapes: D latents, K values, C channels, H x W image; m times enlarged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ifp.analysis.diffusion.holders import SEPARATOR
from ifp.analysis.diffusion.plot_series import ordinal
from ifp.analysis.figures.plot_layout import EDGE_IN, LINE_IN, STATUSES, by_kl, kl_text, write_notes
from ifp.analysis.figures.plot_names import shortened, text_width_in
from ifp.analysis.figures.style import INK, NEUTRAL, SMALL_PT, plain
from ifp.errors import bad_value

MOST_ROWS = 12
"""A figure shows at most this many latents, and the page says how many more there are."""
MOST_IMAGE_IN = 0.5
"""Maximum width of an image in inches, so that a traversal of few values does not make giants of them."""
LEAST_IMAGE_IN = 0.17
"""Minimum width of an image in inches; of more values every second, third, ... is drawn, and the page says so."""
_LEAST_DPI = 300
_GAP = 0.05  # between images, in image widths
_LATENT_IN, _KL_IN, _HELD_IN = 0.27, 0.35, 0.62  # columns of the labels
_HEAD_IN, _FOOT_IN = 0.28, 0.29
_HELD_LINES, _HELD_LINE_IN = 2, 0.4  # of the factors held: lines that a row of images can bear, and their width


class PixelFigure(Figure):
    """A figure whose own dpi counts when it is saved, whatever the style says."""

    def savefig(self, fname: Any, *, transparent: bool | None = None, **kwargs: Any) -> None:
        """As `Figure.savefig`, at the figure's own dpi."""
        super().savefig(fname, transparent=transparent, **{**kwargs, "dpi": self.dpi})


@dataclass(frozen=True)
class PixelGrid:
    """Pixels of the page: an image's own enlarged `times` times, `gap` (before that) between images."""

    times: int
    gap: int
    dpi: float
    left: int
    width: int


def traversals_figure(
    images_DKCHW: np.ndarray, values_K: np.ndarray, latents: pd.DataFrame, *, width_in: float
) -> tuple[Figure, pd.DataFrame]:
    """A row per latent, the largest KL on top, collapsed latents faded and named; call within `paper_style`.

    To the left: number, KL and all factors that it holds, the main one first. At most 12 latents are drawn, and
    of values too many for the page every second, third, ...; the foot of the page says so.

    Parameters
    ----------
    images_DKCHW : decoded images in [0, 1]: latent d at value k, the others held; 1 or 3 channels.
    values_K : the values of the latent. latents : one row per latent: latent (its place in D), kl_nats, status, holds.
    width_in : of the page.

    Returns
    -------
    The figure, and a row per latent: latent, kl_nats, status, holds, and change, the mean absolute difference of
    neighbouring images (in [0, 1] per pixel and channel).

    Raises
    ------
    IfpError : images of another shape, not of these latents, or not finite.
    """
    images_DKCHW = _checked(images_DKCHW, values_K, latents)
    rows, left_out = by_kl(latents, most=MOST_ROWS)
    images_RKCHW = images_DKCHW[rows["latent"].to_numpy(dtype=int)]
    for row in np.flatnonzero((rows["status"] == STATUSES[-1]).to_numpy()):
        images_RKCHW[row] = faded(images_RKCHW[row])
    held = _held_texts(rows)
    left_in = EDGE_IN + _LATENT_IN + _KL_IN + 0.08 + max(map(_lines_width_in, held)) + 0.05
    free_in = width_in - left_in - EDGE_IN
    _, _, _, height, width = images_RKCHW.shape
    broad = max(1.0, width / height)  # the rows have to be as high as their labels
    every = math.ceil(len(values_K) / max(1, int(free_in / (LEAST_IMAGE_IN * broad))))
    drawn = slice((len(values_K) - 1) % every // 2, None, every)
    images_RKCHW, shown_K = images_RKCHW[:, drawn], values_K[drawn]
    notes = [f"every {ordinal(every)} value of {len(values_K)}"] * (every > 1) + [left_out] * bool(left_out)
    grid = _plan(images_RKCHW.shape, free_in, width_in)
    mosaic_HWC = _mosaic(images_RKCHW, grid)
    head, foot = round(_HEAD_IN * grid.dpi), round((_FOOT_IN + LINE_IN * len(notes)) * grid.dpi)
    high, wide = mosaic_HWC.shape[:2]
    page = head + high + foot
    figure = PixelFigure(figsize=(width_in, page / grid.dpi), dpi=grid.dpi)
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    ax = figure.add_axes((grid.left / grid.width, foot / page, wide / grid.width, high / page))
    ax.imshow(mosaic_HWC, interpolation="none", aspect="auto", extent=(0, wide, high, 0))
    centre_R = grid.times * ((height + grid.gap) * np.arange(len(rows)) + height / 2)
    centre_K = grid.times * ((width + grid.gap) * np.arange(len(shown_K)) + width / 2)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, pad=2)
    ax.set_yticks([])
    _label_columns(ax, shown_K, centre_K, room_in=grid.times * (width + grid.gap) / grid.dpi)
    _label_rows(figure, rows, held, left=grid.left / grid.dpi, centres=[(head + at) / page for at in centre_R])
    write_notes(figure, notes)
    data = rows[["latent", "kl_nats", "status", "holds"]].copy()
    steps_DKCHW = np.diff(images_DKCHW[data["latent"].to_numpy(dtype=int)], axis=1)
    data["change"] = np.abs(steps_DKCHW).mean(axis=(1, 2, 3, 4)) if len(values_K) > 1 else np.nan
    return figure, data


def faded(images_KCHW: np.ndarray) -> np.ndarray:
    """Images without colour and with a third of their contrast, light: there to see, not to compare."""
    luma_KHW = images_KCHW.mean(axis=1, keepdims=True)
    return np.broadcast_to(0.6 + 0.33 * luma_KHW, images_KCHW.shape)


def _plan(shape: tuple[int, ...], free_in: float, width_in: float) -> PixelGrid:
    _, num_values, _, height, width = shape
    gap = max(1, round(_GAP * width))
    pixels = num_values * width + (num_values - 1) * gap
    grid_in = min(free_in, num_values * MOST_IMAGE_IN * max(1.0, width / height))
    times = math.ceil(_LEAST_DPI * grid_in / pixels)
    # the page has a whole number of pixels, and so have its margins; the hair keeps their number from rounding down
    page = round(width_in * times * pixels / grid_in)
    dpi = (page + 1e-6) / width_in
    left = page - times * pixels - round((EDGE_IN + (free_in - grid_in) / 2) * dpi)
    return PixelGrid(times, gap, dpi, left, page)


def _mosaic(images_RKCHW: np.ndarray, grid: PixelGrid) -> np.ndarray:
    """All images on white, each pixel `times` x `times`: [H', W', 3]."""
    rows, columns, _, height, width = images_RKCHW.shape
    mosaic = np.ones((rows * (height + grid.gap) - grid.gap, columns * (width + grid.gap) - grid.gap, 3))
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + grid.gap), column * (width + grid.gap)
            mosaic[top : top + height, left : left + width] = np.moveaxis(images_RKCHW[row, column], 0, -1)
    enlarged = np.round(255 * mosaic).astype(np.uint8).repeat(grid.times, axis=0).repeat(grid.times, axis=1)
    return np.asarray(enlarged)


def _held_texts(rows: pd.DataFrame) -> list[str]:
    """What stands beside each row: the class of a latent that is not active, else all factors it holds."""
    return [
        status if status != STATUSES[0] else _all_held(str(holds).split(SEPARATOR))
        for status, holds in zip(rows["status"], rows["holds"].fillna(""), strict=True)
    ]


def _lines_width_in(text: str) -> float:
    return max(map(text_width_in, text.split("\n")))


def _all_held(factors: list[str]) -> str:
    """All factors, the first it holds most of, on at most `_HELD_LINES` lines."""
    lines = [""]
    for factor in (shortened(factor, _HELD_IN, among=factors) for factor in factors):
        joined = f"{lines[-1]}, {factor}" if lines[-1] else factor
        if not lines[-1] or text_width_in(joined) <= _HELD_LINE_IN or len(lines) == _HELD_LINES:
            lines[-1] = joined
        else:
            lines[-1] += ","
            lines.append(factor)
    return "\n".join(plain(shortened(line, _HELD_IN)) for line in lines)


def _label_columns(ax: Axes, shown_K: np.ndarray, centre_K: np.ndarray, *, room_in: float) -> None:
    """The values below their images, each second, third, ... where `room_in` is too little for all."""
    texts = [f"{value + 0.0:.2g}".replace("-", "\N{MINUS SIGN}") for value in shown_K]
    skip = math.ceil((max(map(text_width_in, texts)) + 0.03) / room_in)
    first = (len(texts) - 1) // 2 % skip  # the middle one stays
    ax.set_xticks(centre_K[first::skip], texts[first::skip])
    ax.set_xlabel("value of the latent", labelpad=1.5)


def _label_rows(figure: Figure, rows: pd.DataFrame, held: list[str], *, left: float, centres: list[float]) -> None:
    """Number, KL and main factor of each row; `left` in inches, `centres` as shares of the page from its top."""
    width_in, height_in = figure.get_size_inches()
    held_at = (left - 0.05) / width_in
    kl_at = held_at - (max(map(_lines_width_in, held)) + 0.08) / width_in
    number_at = kl_at - _KL_IN / width_in
    style: dict[str, Any] = {"fontsize": SMALL_PT, "ha": "right"}
    for (_, row), name, centre in zip(rows.iterrows(), held, centres, strict=True):
        color = NEUTRAL if row["status"] == STATUSES[-1] else INK
        for text, at in ((f"{row['latent']}", number_at), (kl_text(row["kl_nats"]), kl_at), (name, held_at)):
            figure.text(at, 1 - centre, text, color=color, linespacing=0.95,
                        va="center" if "\n" in text else "center_baseline", **style)  # fmt: skip
    holds = "holds" if rows["holds"].fillna("").any() else ""
    for text, at in (("latent", number_at), ("KL\n(nats)", kl_at), (holds, held_at)):
        figure.text(at, 1 - (_HEAD_IN - 0.04) / height_in, text, color=NEUTRAL, va="bottom", linespacing=1.0, **style)


def _checked(images_DKCHW: np.ndarray, values_K: np.ndarray, latents: pd.DataFrame) -> np.ndarray:
    """The images, in [0, 1], of these latents and values."""
    shape = np.shape(images_DKCHW)
    if len(shape) != 5 or shape[2] not in (1, 3) or 0 in shape:
        raise bad_value("the shape of the traversals", shape, "latents x values x channels (1 or 3) x height x width")
    if shape[:2] != (len(latents), len(values_K)):
        raise bad_value(
            "the shape of the traversals", shape, f"{len(latents)} latents x {len(values_K)} values x channels x ..."
        )
    images_DKCHW = np.array(images_DKCHW, dtype=np.float64)
    if not np.isfinite(images_DKCHW).all():
        raise bad_value("the traversals", "NaN or infinity", "finite numbers in [0, 1]")
    return np.clip(images_DKCHW, 0, 1)
