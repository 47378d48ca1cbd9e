"""Traversals of the hotspots' representatives: beside their hotspots of the matrix, or in columns below it.

The images stand on whole pixels of the page, each of their own a whole number of those: nothing is resampled.

Shapes: K values, C channels of an image (1 or 3), H x W image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.channels.hotspot import Hotspot
from ifp.analysis.channels.plot_structure_page import CONNECTOR_IN, GAP_IN, ImageRows, Page
from ifp.analysis.channels.structure import middle
from ifp.analysis.figures.plot_layout import EDGE_IN, beside
from ifp.analysis.figures.style import INK, NEUTRAL, SMALL_PT
from ifp.errors import IfpError, bad_value

MOST_PIXELS = 100
"""Largest width of an image in pixels; larger ones are reduced to the means of 2 x 2, 3 x 3, ... pixels."""


def checked_traversals(traversals: Mapping[int, np.ndarray], numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """The traversals [K, C, H, W] of these hotspots, in [0, 1] and no wider than MOST_PIXELS, in their order.

    Raises
    ------
    IfpError : images of no hotspot, of several shapes, or not finite.
    """
    unknown = sorted(set(traversals) - set(numbers))
    if unknown:
        raise bad_value("the hotspot of a traversal", unknown[0], f"a number of a hotspot, of {len(numbers)}")
    shapes = {np.shape(images) for images in traversals.values()}
    if len(shapes) > 1:
        raise IfpError(f"The traversals of all hotspots need one shape, got {', '.join(map(str, sorted(shapes)))}.")
    checked = {}
    for number in numbers:
        if number not in traversals:
            continue
        images_KCHW = np.asarray(traversals[number], dtype=np.float64)
        if images_KCHW.ndim != 4 or images_KCHW.shape[1] not in (1, 3) or not images_KCHW.size:
            raise bad_value(
                "the shape of a traversal", images_KCHW.shape, "values x channels (1 or 3) x height x width"
            )
        if not np.isfinite(images_KCHW).all():
            raise bad_value("a traversal", "NaN or infinity", "finite numbers in [0, 1]")
        checked[number] = _reduced(np.clip(images_KCHW, 0, 1))
    return checked


def _reduced(images_KCHW: np.ndarray) -> np.ndarray:
    values, channels, height, width = images_KCHW.shape
    by = math.ceil(width / MOST_PIXELS)
    if by == 1:
        return images_KCHW
    height, width = height // by * by, width // by * by
    blocks = images_KCHW[:, :, :height, :width].reshape(values, channels, height // by, by, width // by, by)
    return np.asarray(blocks.mean(axis=(3, 5)))


def draw_beside(
    figure: Figure,
    page: Page,
    rows: ImageRows,
    drawn: Sequence[tuple[Hotspot, str, np.ndarray]],
    *,
    matrix: Axes,
) -> None:
    """A row of images right of the matrix for each hotspot, as near to its height as the others allow.

    `drawn` : hotspots in the order of their places, each with its name and its images.
    """
    count = matrix.get_ylim()[0] + 0.5
    wanted = [(middle(hotspot) + 0.5) / count * page.matrix_in for hotspot, _, _ in drawn]
    centres = _apart(wanted, rows.row_in, page.matrix_in)
    for (hotspot, name, images_KCHW), want, centre in zip(drawn, wanted, centres, strict=True):
        matrix.plot([1, 1], [hotspot.span[0] - 0.4, hotspot.span[1] - 0.6], color=INK, linewidth=1.2, clip_on=False,
                    transform=beside(matrix, 0.035, y="data"))  # fmt: skip
        ends = [1 + inches / page.matrix_in for inches in (0.045, CONNECTOR_IN - 0.025)]
        matrix.plot(ends, [1 - want / page.matrix_in, 1 - centre / page.matrix_in], color=NEUTRAL, linewidth=0.5,
                    transform=matrix.transAxes, clip_on=False)  # fmt: skip
        left_in = page.left_in + page.matrix_in + CONNECTOR_IN
        _draw_row(figure, rows, images_KCHW, name, left_in, page.matrix_top_in + centre)


def draw_below(figure: Figure, page: Page, rows: ImageRows, drawn: Sequence[tuple[Hotspot, str, np.ndarray]]) -> None:
    """Rows of images below the matrix, down the first column, then the next."""
    down = math.ceil(len(drawn) / rows.columns)
    for number, (_, name, images_KCHW) in enumerate(drawn):
        column, row = divmod(number, down)
        left_in = EDGE_IN + column * (page.width_in - 2 * EDGE_IN + GAP_IN) / rows.columns
        _draw_row(figure, rows, images_KCHW, name, left_in, page.images_top_in + (row + 0.5) * rows.row_in)


def _draw_row(
    figure: Figure, rows: ImageRows, images_KCHW: np.ndarray, name: str, left_in: float, centre_in: float
) -> None:
    """The name, and right of it the images, whose middle is `centre_in` from the top."""
    page_width, page_height = (round(length * rows.dpi) for length in figure.get_size_inches())
    mosaic_HWC = row_mosaic(images_KCHW[rows.first :: rows.every], rows)
    high, wide = mosaic_HWC.shape[:2]
    left = round((left_in + rows.names_in) * rows.dpi)
    bottom = page_height - round(centre_in * rows.dpi + high / 2)
    ax = figure.add_axes((left / page_width, bottom / page_height, wide / page_width, high / page_height))
    ax.imshow(mosaic_HWC, interpolation="none", aspect="auto", extent=(0, wide, high, 0))
    ax.set_axis_off()
    ax.text(0, 0.5, name, transform=beside(ax, -rows.names_in), fontsize=SMALL_PT, ha="left", va="center_baseline")


def row_mosaic(images_KCHW: np.ndarray, rows: ImageRows) -> np.ndarray:
    """The images side by side on white, enlarged, as bytes [H', W', 3]."""
    kept, _, height, width = images_KCHW.shape
    mosaic = np.ones((height, kept * (width + rows.gap) - rows.gap, 3))
    for place, image_CHW in enumerate(images_KCHW):
        left = place * (width + rows.gap)
        mosaic[:, left : left + width] = np.moveaxis(image_CHW, 0, -1)
    enlarged = np.round(255 * mosaic).astype(np.uint8).repeat(rows.times, axis=0).repeat(rows.times, axis=1)
    return np.asarray(enlarged)


def _apart(wanted: Sequence[float], pitch: float, room: float) -> list[float]:
    """Ascending places moved as little as keeps them `pitch` apart and half of that within [0, room].

    >>> _apart([0.0, 1.0, 1.1], 0.5, 3.0), _apart([2.8, 2.9], 0.5, 3.0)
    ([0.25, 1.0, 1.5], [2.25, 2.75])
    """
    places: list[float] = []
    for want in wanted:
        places.append(max(want, places[-1] + pitch if places else pitch / 2))
    if places:
        places[-1] = min(places[-1], room - pitch / 2)
    for later, earlier in itertools.pairwise(range(len(places) - 1, -1, -1)):
        places[earlier] = min(places[earlier], places[later] - pitch)
    return places
