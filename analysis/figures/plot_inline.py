"""A figure as text inside a page: an <img> that needs no file and no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import matplotlib.pyplot as plt
from matplotlib.axes import Axes


def inline_svg(draw: Callable[[], Axes]) -> str:
    """What `draw` draws, as an <img> with the SVG inside; the figure is closed.

    An <img> runs no script, whatever names of factors or files stand in the figure.
    """
    figure = draw().figure.canvas.figure  # the whole page, also of axes in a part of it
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return f'<img alt="figure" src="data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
