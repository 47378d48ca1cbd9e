"""Layout of the structure figure in inches, built up from what has to be legible.

It is no GridSpec, because the page follows from what it shows: its resolution is such that a pixel of an image is a
whole number of the page's pixels, its height is whatever the rows need, the matrix stays square, and whether the images
stand beside it or below depends on how many of them fit. matplotlib's layouts divide a page of a given size, and move
axes by fractions of pixels.

Shapes: K values of a traversal, C channels of an image (1 or 3), H x W image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ifp.analysis.channels.structure import Structure, middle
from ifp.analysis.figures.plot_layout import EDGE_IN, LINE_IN
from ifp.analysis.figures.plot_names import shortened, text_width_in
from ifp.analysis.figures.style import plain

PROFILE_IN, ROW_IN = 0.55, 0.17
"""Heights: of the reachability profile, of a lane of freezing points."""
MOST_ROWS = 16
"""Hotspots with a traversal or a lane in one figure; the page says how many more there are."""
LEAST_IMAGE_IN, _GOOD_IMAGE_IN, MOST_IMAGE_IN = 0.17, 0.22, 0.36
_LEAST_MATRIX_IN, _MOST_MATRIX_IN = 2.2, 3.2
_LEAST_DPI, _HAIR = 300, 1e-6
_FOOT_IN, _AXIS_IN = 0.3, 0.36
GAP_IN, CONNECTOR_IN = 0.1, 0.16
_PROFILE_AXIS_IN, _FACTORS_IN, _KEY_IN, _NAME_IN = 0.44, (0.5, 1.1), 0.24, 0.8


@dataclass(frozen=True)
class ImageRows:
    """Rows of images, one per hotspot; an image's pixel is `times` x `times` of the page's.

    Attributes
    ----------
    beside : right of the matrix; else below it, in `columns` columns. first, every : which values are drawn.
    kept : how many. gap : pixels between images. names_in : width of the names before them.
    """

    beside: bool
    columns: int
    first: int
    every: int
    kept: int
    times: int
    gap: int
    dpi: float
    pixels: tuple[int, int]
    names_in: float

    @property
    def row_in(self) -> float:
        """Height of a row with the white below it."""
        return self.times * self.pixels[0] / self.dpi + 0.03

    @property
    def wide_in(self) -> float:
        """Width of a row's images."""
        return self.times * (self.kept * self.pixels[1] + (self.kept - 1) * self.gap) / self.dpi


@dataclass(frozen=True)
class Page:
    """The page: distances in inches, from its left edge and from its top.

    Attributes
    ----------
    left_in, matrix_in : of the matrix. factors_in : width of the panel left of it, 0 without factors.
    levels : of each block's name above the profile, 0 lowest. legend : for each factor its line and where it begins.
    images : None without traversals. names : of the hotspots, each with its factor, as they fit.
    """

    width_in: float
    left_in: float
    matrix_in: float
    factors_in: float
    levels: tuple[int, ...]
    legend: tuple[tuple[int, float], ...]
    images: ImageRows | None
    image_rows: int
    lanes: int
    notes: int
    names: tuple[str, ...]

    @property
    def profile_top_in(self) -> float:
        """Below the names of the hotspots."""
        return EDGE_IN + LINE_IN * (max(self.levels, default=-1) + 1)

    @property
    def matrix_top_in(self) -> float:
        """Right below the profile."""
        return self.profile_top_in + PROFILE_IN + 0.03

    @property
    def legend_top_in(self) -> float:
        """Below the axes of matrix and factors."""
        return self.matrix_top_in + self.matrix_in + _FOOT_IN

    @property
    def images_top_in(self) -> float:
        """Of images below the matrix."""
        lines = max((line for line, _ in self.legend), default=-1) + 1
        return self.legend_top_in + LINE_IN * lines + (0.06 if lines else 0.0)

    @property
    def lanes_top_in(self) -> float:
        """Of the freezing points, below a line that names them."""
        top = self.images_top_in
        if self.images and not self.images.beside:
            top += math.ceil(self.image_rows / self.images.columns) * self.images.row_in + 0.05
        return top + (LINE_IN + 0.04 if self.lanes else 0.0)

    @property
    def dpi(self) -> float:
        """Of the page: with images, such that theirs stand on whole pixels."""
        return self.images.dpi if self.images else _LEAST_DPI

    @property
    def size_in(self) -> tuple[float, float]:
        """Width and height of the page, whole numbers of pixels."""
        lanes = self.lanes * ROW_IN + _AXIS_IN if self.lanes else 0.0
        height_in = self.lanes_top_in + lanes + self.notes * LINE_IN + EDGE_IN
        # the hair keeps their number from being rounded down
        return self.width_in, (math.ceil(height_in * self.dpi) + _HAIR) / self.dpi


def plan_page(
    structure: Structure, *, width_in: float, images: tuple[int, int, int] | None, rows: int, lanes: int, notes: int
) -> Page:
    """The page of a structure figure; call within `paper_style`.

    Parameters
    ----------
    images : K, H, W of the traversals; None without. rows, lanes, notes : hotspots with a traversal, hotspots with
        freezing points, lines at the foot.
    """
    low, high = _FACTORS_IN
    factors_in = min(max(low, 0.14 * width_in), high) if structure.hotspots.factors else 0.0
    left_in = EDGE_IN + max(factors_in + 0.05, _PROFILE_AXIS_IN)
    names = tuple(
        plain(shortened(f"{hotspot.name} {hotspot.factor}".rstrip(), min(_NAME_IN, 0.3 * width_in)))
        for hotspot in structure.hotspots.hotspots
    )
    names_in = max(map(text_width_in, names), default=0.0) + 0.05
    free_in = width_in - left_in - 2 * EDGE_IN
    image_rows = None
    if images and rows:
        matrix_in = min(max(_LEAST_MATRIX_IN, 0.48 * width_in), _MOST_MATRIX_IN)
        all_in = names_in + 1.05 * images[0] * _GOOD_IMAGE_IN * max(1.0, images[2] / images[1])
        matrix_in = max(_LEAST_MATRIX_IN, min(matrix_in, free_in - CONNECTOR_IN - all_in))
        room_in = free_in - matrix_in - CONNECTOR_IN
        image_rows = _image_rows(images, width_in, names_in, room_in, matrix_in / rows - 0.03, beside=True, columns=1)
        if image_rows is None:
            columns = 1 if rows <= 4 else 3 if rows > 8 and width_in >= 5 else 2
            room_in = (width_in - 2 * EDGE_IN - (columns - 1) * GAP_IN) / columns
            image_rows = _image_rows(images, width_in, names_in, room_in, MOST_IMAGE_IN, beside=False, columns=columns)
    if not (image_rows and image_rows.beside):
        matrix_in = min(free_in, _MOST_MATRIX_IN)
        # a narrow content stands in the middle of a wide page
        left_in += (free_in - matrix_in) / 2
    in_places = matrix_in / len(structure)
    levels = _levels([(middle(hotspot) + 0.5) * in_places for hotspot in structure.hotspots.hotspots],
                     [text_width_in(hotspot.name) for hotspot in structure.hotspots.hotspots])  # fmt: skip
    legend = _flow([plain(name) for name in structure.hotspots.factors], width_in - 2 * EDGE_IN)
    return Page(width_in, left_in, matrix_in, factors_in, levels, legend, image_rows, rows, lanes,
                notes + bool(image_rows and image_rows.every > 1), names)  # fmt: skip


def _image_rows(
    shape: tuple[int, int, int],
    width_in: float,
    names_in: float,
    room_in: float,
    most_height_in: float,
    *,
    beside: bool,
    columns: int,
) -> ImageRows | None:
    """The largest images that fit, of values too many every second, third, ...; None where fewer than 4 would."""
    values, height, width = shape
    broad = max(1.0, width / height)
    fitting = int((room_in - names_in) / (LEAST_IMAGE_IN * broad * 1.05))
    if beside and (fitting < min(4, values) or most_height_in < LEAST_IMAGE_IN):
        return None
    every = math.ceil(values / max(1, fitting))
    first = (values - 1) % every // 2
    kept = len(range(first, values, every))
    gap = max(1, round(0.05 * width))
    pixels = kept * width + (kept - 1) * gap
    image_in = min((room_in - names_in) * width / pixels, most_height_in * width / height, MOST_IMAGE_IN * broad)
    times = math.ceil(_LEAST_DPI * image_in / width)
    dpi = (math.ceil(width_in * times * width / image_in) + _HAIR) / width_in  # a whole number of pixels
    return ImageRows(beside, columns, first, every, kept, times, gap, dpi, (height, width), names_in)


def _levels(centres_in: Sequence[float], widths_in: Sequence[float]) -> tuple[int, ...]:
    """For texts beside each other, each on the lowest line where it touches none before it."""
    ends: list[float] = []
    levels = []
    for centre, width in zip(centres_in, widths_in, strict=True):
        start = centre - width / 2
        level = next((line for line, end in enumerate(ends) if end <= start), len(ends))
        ends[level : level + 1] = [start + width + 0.03]
        levels.append(level)
    return tuple(levels)


def _flow(names: Sequence[str], room_in: float) -> tuple[tuple[int, float], ...]:
    """For entries of a legend, one after the other: the line of each, and where it begins."""
    places: list[tuple[int, float]] = []
    line, at = 0, 0.0
    for name in names:
        needed = _KEY_IN + 0.05 + text_width_in(name)
        if at and at + needed > room_in:
            line, at = line + 1, 0.0
        places.append((line, at))
        at += needed + 0.14
    return tuple(places)
