"""Traversals: every pixel of the file is a pixel of an image, rows by KL, collapsed latents without colour."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ifp.analysis.diffusion.plot_traversals import MOST_ROWS, faded, traversals_figure
from ifp.analysis.figures.plot_page import paper_style, save_figure
from ifp.errors import IfpError


def latents_table(kl_nats: list[float], holds: str = "posX; scale") -> pd.DataFrame:
    status = ["active" if kl >= 0.1 else "weak" if kl >= 0.01 else "collapsed" for kl in kl_nats]
    return pd.DataFrame({"latent": range(len(kl_nats)), "kl_nats": kl_nats, "status": status, "holds": holds})


def draw(images: np.ndarray, kl_nats: list[float], width_in: float = 3.25) -> tuple[Figure, pd.DataFrame]:
    with paper_style():
        return traversals_figure(images, np.linspace(-2, 2, images.shape[1]), latents_table(kl_nats), width_in=width_in)


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Images of random 8-bit pixels: any resampling would show."""
    return np.asarray(rng.integers(256, size=shape) / 255)


@pytest.mark.parametrize("width_in", [3.25, 5.5, 4.37])
@pytest.mark.parametrize(("values", "height", "width"), [(7, 64, 64), (11, 28, 28), (3, 20, 33), (1, 64, 64)])
def test_pixels_are_copied_not_resampled(
    rng: np.random.Generator, tmp_path: Path, width_in: float, values: int, height: int, width: int
) -> None:
    images = noise(rng, 2, values, 1, height, width)
    figure, _ = draw(images, [2.0, 1.0], width_in)
    png = save_figure(figure, tmp_path / "traversals", pd.DataFrame({"x": [0]}), formats=["png"])[0]
    page = np.round(255 * matplotlib.image.imread(png)[..., :3]).astype(int)

    mosaic = np.asarray(figure.axes[0].get_images()[0].get_array(), dtype=int)
    times = mosaic.shape[0] / (2 * height + max(1, round(0.05 * width)))
    assert times == int(times)
    assert figure.dpi >= 300
    assert page.shape[1] / figure.dpi == pytest.approx(width_in, abs=0.01)
    box = figure.axes[0].get_window_extent()
    left, top = round(box.x0), page.shape[0] - round(box.y1)
    np.testing.assert_array_equal(page[top : top + mosaic.shape[0], left : left + mosaic.shape[1]], mosaic)
    first = mosaic[: height * int(times), : width * int(times), 0][:: int(times), :: int(times)]
    np.testing.assert_array_equal(first, np.round(255 * images[0, 0, 0]))


def test_rows_are_ordered_by_kl_and_collapsed_ones_faded(rng: np.random.Generator) -> None:
    images = noise(rng, 3, 4, 3, 16, 16)
    figure, data = draw(images, [0.001, 3.0, 0.05])
    assert data["latent"].tolist() == [1, 2, 0]
    mosaic = np.asarray(figure.axes[0].get_images()[0].get_array(), dtype=float) / 255
    times = mosaic.shape[0] // (3 * 16 + 2)
    small = mosaic[::times, ::times]
    np.testing.assert_allclose(np.moveaxis(small[:16, :16], -1, 0), images[1, 0], atol=0.003)
    collapsed = small[34:, :16]
    assert np.ptp(collapsed, axis=-1).max() == 0  # no colour
    assert np.ptp(collapsed) < 0.4
    assert collapsed.min() > 0.5
    texts = {text.get_text(): text.get_color() for text in figure.texts}
    assert {"3.000", "0.050", "0.001", "posX,\nscale", "weak", "collapsed"} <= set(texts)
    assert texts["collapsed"] == texts["0.001"] == "#6E6E6E"
    assert texts["posX,\nscale"] == texts["weak"] == "#222222"


def test_fading_keeps_the_order_of_greys() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 9).reshape(1, 1, 1, 9), (1, 3, 1, 9))
    assert (np.diff(faded(ramp)[0, 0, 0]) > 0).all()


def test_only_the_largest_kl_are_drawn_and_the_rest_is_counted(rng: np.random.Generator) -> None:
    figure, data = draw(noise(rng, 15, 2, 1, 8, 8), np.geomspace(5, 0.02, 15).tolist())
    assert data["latent"].tolist() == list(range(MOST_ROWS))
    assert any(text.get_text().startswith("not drawn: 3 latents with KL up to 0.0") for text in figure.texts)


def test_many_values_are_thinned_and_said_so(rng: np.random.Generator) -> None:
    images = noise(rng, 2, 25, 1, 64, 64)
    figure, _ = draw(images, [2.0, 1.0])
    mosaic = np.asarray(figure.axes[0].get_images()[0].get_array())
    times = mosaic.shape[0] // (2 * 64 + 3)
    shown = [mosaic[: 64 * times : times, start * times : (start + 64) * times : times, 0] for start in (0, 67)]
    np.testing.assert_array_equal(shown, np.round(255 * images[0, [0, 2], 0]))
    assert [text.get_text() for text in figure.texts if "value" in text.get_text()] == ["every 2nd value of 25"]


def test_the_csv_says_how_much_each_latent_changes_the_image() -> None:
    images = np.zeros((2, 3, 1, 4, 4))
    images[1, 1:] = 0.5
    _, data = draw(images, [1.0, 2.0])
    assert data.set_index("latent")["change"].to_dict() == {1: 0.25, 0: 0.0}


def test_nothing_touches_or_leaves_the_page(rng: np.random.Generator) -> None:
    for width_in in (3.25, 5.5):
        figure, _ = draw(noise(rng, 6, 11, 1, 64, 64), [12.3, 3.0, 1.0, 0.5, 0.05, 0.001], width_in)
        with paper_style():
            figure.draw_without_rendering()
            texts = [*figure.texts, figure.axes[0].xaxis.label, *figure.axes[0].get_xticklabels()]
            boxes = [text.get_window_extent().shrunk(1, 0.8) for text in texts if text.get_text()]
        assert len(boxes) > 20
        for number, box in enumerate(boxes):
            assert figure.bbox.padded(1).contains(box.x0, box.y0)
            assert figure.bbox.padded(1).contains(box.x1, box.y1)
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])


@pytest.mark.parametrize("shape", [(2, 3, 4, 8, 8), (3, 3, 1, 8, 8), (2, 4, 1, 8, 8), (2, 3, 8, 8), (2, 3, 1, 0, 8)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with paper_style(), pytest.raises(IfpError, match="the shape of the traversals must be"):
        traversals_figure(np.zeros(shape), np.arange(3.0), latents_table([1.0, 2.0]), width_in=3.25)


def test_images_that_are_not_finite_are_refused() -> None:
    with pytest.raises(IfpError, match="the traversals must be finite"):
        draw(np.full((1, 2, 1, 4, 4), np.nan), [1.0])
