"""The structure figure: every number where its channel stands, pixels as decoded, all of it on the page and legible."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from ifp.analysis.channels.hotspot import Hotspot, Hotspots, Spread
from ifp.analysis.channels.hotspots import roman
from ifp.analysis.channels.plot_structure import draw_structure, plot_structure
from ifp.analysis.channels.structure import structure_table
from ifp.analysis.figures.plot_page import save_figure
from ifp.errors import IfpError
from ifp.fingerprints.models import FACTOR, Channel, Similarity

FACTORS = ("shape", "scale", "orientation", "posX", "posY", "a factor of a long name", "price in $", *"abcdef")


def similarity_of(nmi_CC: np.ndarray, entropy_bits_C: np.ndarray, channels: tuple[Channel, ...]) -> Similarity:
    """The information from which these NMI follow."""
    information_C = 1.2 * entropy_bits_C
    shared_CC = nmi_CC * np.sqrt(entropy_bits_C[:, None] * entropy_bits_C)
    joint_CC = information_C[:, None] + information_C - shared_CC
    return Similarity(channels, information_C, 1.3 * information_C, np.diag(joint_CC).copy(), joint_CC, 1000)


def constructed(
    rng: np.random.Generator, *, spots: int = 3, size: int = 4, junk: int = 3, factors: int = 3, distance: str = "nmi"
) -> Hotspots:
    """Hotspots of `size` channels, one per model, each with the next factor; channels that are in none between them."""
    count = spots * size + junk
    kind_C = np.concatenate([np.arange(spots).repeat(size), np.full(junk, -1), np.arange(factors)])
    same_CC = (kind_C[:, None] == kind_C) & (kind_C >= 0)
    nmi_CC = np.where(same_CC, 0.8, 0.1) + rng.uniform(-0.08, 0.08, same_CC.shape)
    nmi_CC = (nmi_CC + nmi_CC.T) / 2
    np.fill_diagonal(nmi_CC, 1.0)
    channels = [Channel(f"run {at % size}, latent {at // size}", at % size, (at // size,)) for at in range(count)]
    channels += [Channel(name, FACTOR) for name in FACTORS[:factors]]
    similarity = similarity_of(nmi_CC, rng.uniform(1, 3, len(kind_C)), tuple(channels))
    order = rng.permutation(count)
    order = np.concatenate([order[kind_C[order] == kind] for kind in (*range(spots), -1)]).astype(int)
    found = []
    for number in range(spots):
        at = order[number * size : (number + 1) * size]
        nmi_F = nmi_CC[np.ix_(at, range(count, len(kind_C)))].mean(axis=0)
        named = number < factors
        spread = Spread(2.0, 1.5, 2.5)
        found.append(
            Hotspot(
                number + 1, roman(number + 1), tuple(map(int, at)), (number * size, (number + 1) * size),
                tuple(range(size)), spread, spread, FACTORS[number] if named else "", 0.8 if named else 0.1, nmi_F,
                int(at[1]), 0.8,
            )
        )  # fmt: skip
    reach = np.concatenate([[np.inf], rng.uniform(0.2, 1.5, count - 1)])
    labels = np.where(kind_C[:count] < spots, kind_C[:count], -1)
    return Hotspots(similarity, np.arange(count), FACTORS[:factors], order, reach, labels, distance, size, size,
                    tuple(found))  # fmt: skip


def freezing_of(rng: np.random.Generator, hotspots: Hotspots) -> pd.DataFrame:
    """As of `channel_freezing`: a hotspot's channels freeze near 40 / number, the first of each never."""
    rows = []
    for one in hotspots.hotspots:
        for at in one.channels:
            channel, censored = hotspots.similarity.channels[at], at == one.channels[0]
            beta = 40 / one.number * float(np.exp(0.1 * rng.normal()))
            rows.append(
                {"channel": at, "member": channel.model, "run": channel.model, "latents": str(channel.latents[0]),
                 "beta_ifp": np.nan if censored else beta, "status": "never_froze" if censored else "frozen",
                 "bracket_low": np.nan, "bracket_high": 2.0, "threshold_nats": 0.1}
            )  # fmt: skip
    return pd.DataFrame(rows)


def medians_of(hotspots: Hotspots) -> pd.DataFrame:
    """Intervals open above; of the third hotspot too few runs for one."""
    rows = [
        {"hotspot": one.number, "runs": 5 if place == 2 else 8, "median": 38 / one.number, "bound": "",
         "low": np.nan if place == 2 else 30 / one.number, "high": np.nan}
        for place, one in enumerate(hotspots.hotspots)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def images_of(rng: np.random.Generator, hotspots: Hotspots, *shape: int) -> dict[int, np.ndarray]:
    """Random 8-bit pixels: any resampling would show."""
    return {one.number: np.asarray(rng.integers(256, size=shape) / 255) for one in hotspots.hotspots}


def panels(figure: Figure) -> dict[str, Axes]:
    """The axes by what they hold."""
    found: dict[str, Axes] = {"matrix": figure.axes[0]}
    for ax in figure.axes[1:]:
        if "reachability" in ax.get_ylabel():
            found["profile"] = ax
        elif ax.get_xlabel() == "NMI":
            found["factors"] = ax
        elif "nat" in ax.get_xlabel():
            found["lanes"] = ax
    return found


def rows_of_images(figure: Figure) -> list[Axes]:
    """The axes of traversals, in the order in which they were drawn."""
    return [ax for ax in figure.axes[1:] if ax.get_images() and np.ndim(ax.get_images()[0].get_array()) == 3]


def cells(ax: Axes, count: int) -> np.ndarray:
    """The matrix that an enlarged picture shows."""
    picture = np.asarray(ax.get_images()[0].get_array())
    times = len(picture) // count
    assert picture.shape == (times * count, times * count)
    return picture[::times, ::times]


@pytest.mark.parametrize("distance", ["nmi", "vi"])
def test_matrix_and_profile_stand_in_the_order_of_the_clustering(rng: np.random.Generator, distance: str) -> None:
    hotspots = constructed(rng, distance=distance)
    figure = plot_structure(hotspots)
    similarity, order, count = hotspots.similarity, hotspots.ordering_L, len(hotspots.latents)
    expected = np.array(
        [
            [similarity.nmi_CC[a, b] if distance == "nmi" else 2.0 ** -similarity.vi_bits_CC[a, b] for b in order]
            for a in order
        ]
    )
    np.testing.assert_allclose(cells(panels(figure)["matrix"], count), expected, atol=1e-12)
    profile = panels(figure)["profile"]
    (steps,) = [patch for patch in profile.patches if isinstance(patch, StepPatch)]
    np.testing.assert_array_equal(steps.get_data().values[1:], hotspots.reachability_L[1:])
    assert steps.get_data().values[0] > profile.get_ylim()[1]  # infinite: beyond the top
    assert profile.get_ylabel().splitlines()[1] == ("\N{MINUS SIGN}ln NMI" if distance == "nmi" else "VI (bits)")


def test_hotspots_are_spans_with_their_names(rng: np.random.Generator) -> None:
    hotspots = constructed(rng)
    profile = panels(plot_structure(hotspots))["profile"]
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in profile.patches if hasattr(patch, "get_x")]
    assert spans == [(-0.5, 3.5), (3.5, 7.5), (7.5, 11.5)]
    assert [(text.get_text(), text.get_position()[0]) for text in profile.texts] == [
        ("i", 1.5),
        ("ii", 5.5),
        ("iii", 9.5),
    ]


def test_each_factor_is_a_line_from_1_down_to_0_at_the_matrix(rng: np.random.Generator) -> None:
    hotspots = constructed(rng)
    ax, order = panels(plot_structure(hotspots))["factors"], hotspots.ordering_L
    assert ax.get_xlim() == (1.0, 0.0)
    assert [line.get_label() for line in ax.lines] == list(FACTORS[:3])
    for number, line in enumerate(ax.lines):
        nmi = np.asarray(line.get_xdata())
        np.testing.assert_array_equal(nmi[::2], nmi[1::2])
        np.testing.assert_array_equal(nmi[::2], hotspots.similarity.nmi_CC[order, len(order) + number])
    assert "factors" not in panels(plot_structure(constructed(rng, factors=0)))


@pytest.mark.parametrize(("width", "beside", "shape"), [("icml", False, (5, 1, 64, 64)), (5.13, True, (5, 3, 20, 33))])
def test_pixels_are_copied_not_resampled(
    rng: np.random.Generator, tmp_path: Path, width: str | float, beside: bool, shape: tuple[int, ...]
) -> None:
    hotspots = constructed(rng)
    images = images_of(rng, hotspots, *shape)
    figure = plot_structure(hotspots, traversals=images, width=width)
    png = save_figure(figure, tmp_path / "structure", pd.DataFrame({"x": [0]}), formats=["png"])[0]
    page = np.round(255 * matplotlib.image.imread(png)[..., :3]).astype(int)
    rows = rows_of_images(figure)
    right_of_matrix = rows[0].get_position().x0 > panels(figure)["matrix"].get_position().x1
    assert (len(rows), right_of_matrix) == (3, beside)
    for number, ax in enumerate(rows, 1):
        mosaic, box = np.asarray(ax.get_images()[0].get_array()), ax.get_window_extent()
        top, left = page.shape[0] - round(box.y1), round(box.x0)
        np.testing.assert_array_equal(page[top : top + mosaic.shape[0], left : left + mosaic.shape[1]], mosaic)
        times = mosaic.shape[0] // shape[2]
        first = mosaic[::times, : shape[3] * times : times]
        np.testing.assert_array_equal(first, np.round(255 * np.moveaxis(images[number][0], 0, -1)) * np.ones(3))
    assert page.shape[1] / figure.dpi == pytest.approx(figure.get_figwidth(), abs=1e-3)


def test_traversals_of_some_hotspots_keep_their_names(rng: np.random.Generator) -> None:
    hotspots = constructed(rng)
    images = images_of(rng, hotspots, 3, 1, 16, 16)
    del images[2]
    for width in ("icml", "tmlr"):
        rows = rows_of_images(plot_structure(hotspots, traversals=images, width=width))
        assert [ax.texts[0].get_text() for ax in rows] == ["i shape", "iii orientation"]
        assert rows[0].get_position().y0 > rows[1].get_position().y1


def test_large_images_are_drawn_by_block_means(rng: np.random.Generator) -> None:
    hotspots = constructed(rng, spots=1)
    image = rng.integers(256, size=(1, 1, 205, 205)) / 255
    mosaic = rows_of_images(plot_structure(hotspots, traversals={1: image}))[0].get_images()[0].get_array()
    pixels = np.asarray(mosaic)[:: len(mosaic) // 68, :: len(mosaic) // 68, 0]
    expected = [[image[0, 0, 3 * y : 3 * y + 3, 3 * x : 3 * x + 3].mean() for x in range(68)] for y in range(68)]
    np.testing.assert_allclose(pixels, 255 * np.array(expected), atol=0.501)


def test_many_values_are_thinned_and_said_so(rng: np.random.Generator) -> None:
    hotspots = constructed(rng, spots=6)
    images = images_of(rng, hotspots, 21, 1, 16, 16)
    figure = plot_structure(hotspots, traversals=images)
    note = figure.texts[-1].get_text()
    every = int(note.split()[1][0])
    assert note == f"every {every}th value of 21" or note == "every 3rd value of 21"
    mosaic = np.asarray(rows_of_images(figure)[0].get_images()[0].get_array())
    times = len(mosaic) // 16
    first = mosaic[::times, : 16 * times : times, 0]
    np.testing.assert_array_equal(first, np.round(255 * images[1][20 % every // 2, 0]))


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ({4: np.zeros((3, 1, 8, 8))}, "hotspot of a traversal"),
        ({1: np.zeros((3, 8, 8))}, "shape of a traversal"),
        ({1: np.zeros((3, 2, 8, 8))}, "shape of a traversal"),
        ({1: np.zeros((3, 1, 8, 8)), 2: np.zeros((3, 1, 9, 8))}, "one shape"),
        ({1: np.full((3, 1, 8, 8), np.nan)}, "NaN"),
    ],
)
def test_unfit_traversals_are_refused(rng: np.random.Generator, images: dict[int, np.ndarray], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        plot_structure(constructed(rng), traversals=images)


def lines_like(ax: Axes, marker: str) -> list[Line2D]:
    return [line for line in ax.lines if line.get_marker() == marker and len(np.atleast_1d(line.get_xdata()))]


def test_lanes_hold_every_freezing_point_and_censored_ones_at_their_bound(rng: np.random.Generator) -> None:
    hotspots = constructed(rng)
    freezing = freezing_of(rng, hotspots)
    ax = panels(plot_structure(hotspots, freezing=freezing, medians=medians_of(hotspots)))["lanes"]
    for lane, (one, marker) in enumerate(zip(hotspots.hotspots, "osD", strict=True)):
        of_it = freezing[freezing["channel"].isin(one.channels)]
        (points,) = lines_like(ax, marker)
        np.testing.assert_array_equal(points.get_xdata(), np.sort(of_it["beta_ifp"].dropna()))
        assert np.abs(np.asarray(points.get_ydata()) - lane).max() < 0.5
    assert [np.asarray(line.get_xdata()).tolist() for line in lines_like(ax, "<")] == [[2.0]] * 3
    ticks = [np.asarray(line.get_xdata())[0] for line in ax.lines if line.get_linewidth() == 1.3]
    np.testing.assert_allclose(ticks, [38, 19, 38 / 3])
    bars = [np.asarray(line.get_xdata()).tolist() for line in ax.lines if line.get_linewidth() == 2.4]
    # open above: to the end of the axis; none for the third
    np.testing.assert_allclose(bars, [[30, ax.get_xlim()[1]], [15, ax.get_xlim()[1]]])
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("3/4") == 3
    assert {"i shape", "ii scale", "iii orientation"} <= set(texts)


def test_a_latent_met_at_several_checkpoints_of_a_training_is_one_point(rng: np.random.Generator) -> None:
    hotspots = constructed(rng, spots=1)
    freezing = freezing_of(rng, hotspots).assign(run=0, latents="0")
    ax = panels(plot_structure(hotspots, freezing=freezing))["lanes"]
    last = freezing.sort_values("member").iloc[-1]
    shown = lines_like(ax, "<") if last["status"] == "never_froze" else lines_like(ax, "o")
    assert [np.asarray(line.get_xdata()).tolist() for line in shown] == [
        [2.0 if last["status"] == "never_froze" else last["beta_ifp"]]
    ]


def test_hotspots_without_a_trace_have_no_lane(rng: np.random.Generator) -> None:
    hotspots = constructed(rng)
    freezing = freezing_of(rng, hotspots)
    second = freezing[freezing["channel"].isin(hotspots.hotspots[1].channels)]
    ax = panels(plot_structure(hotspots, freezing=second))["lanes"]
    assert [text.get_text() for text in ax.texts][:2] == ["ii scale", "3/4"]
    assert "lanes" not in panels(plot_structure(hotspots, freezing=freezing.iloc[:0]))


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Texts that touch each other."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), Text.get_window_extent(text, renderer).padded(-0.01 * figure.dpi)) for text in texts]
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)]


@pytest.mark.parametrize(
    ("width_in", "spots", "size", "factors"),
    [(2.0, 3, 3, 13), (2.0, 12, 4, 5), (3.25, 0, 4, 2), (3.25, 1, 4, 1), (3.25, 12, 16, 7), (3.25, 30, 4, 13),
     (5.5, 3, 3, 0), (6.5, 12, 4, 7)],
)  # fmt: skip
def test_any_size_stays_on_the_page_and_nothing_overlaps(
    rng: np.random.Generator, width_in: float, spots: int, size: int, factors: int
) -> None:
    hotspots = constructed(rng, spots=spots, size=size, junk=8, factors=factors)
    figure = plot_structure(
        hotspots, traversals=images_of(rng, hotspots, 7, 1, 32, 32), freezing=freezing_of(rng, hotspots),
        medians=medians_of(hotspots), width=width_in,
    )  # fmt: skip
    figure.draw_without_rendering()
    page, content = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert (content.x0, content.y0) >= (page.x0 - 1, page.y0 - 1)
    assert content.x1 <= page.x1 + 1
    assert content.y1 <= page.y1 + 1
    assert figure.get_figwidth() == width_in
    assert overlaps(figure) == []
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 7
    assert len(rows_of_images(figure)) == min(spots, 16)
    alone = [text.get_text() for text in figure.texts if "names alone" in text.get_text()]
    assert alone == (["14 more hotspots are shown by their names alone"] if spots == 30 else [])


def test_files_and_the_table_beside_them(rng: np.random.Generator, tmp_path: Path) -> None:
    hotspots = constructed(rng)
    paths = draw_structure(hotspots, tmp_path, width=2.0, formats=["pdf"])
    assert [path.name for path in paths] == ["structure.pdf", "structure.csv", "structure.txt"]
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in draw_structure(hotspots, tmp_path, width=2.0, formats=["pdf"])] == first
    table, order = structure_table(hotspots), hotspots.ordering_L
    assert table["channel"].tolist() == [hotspots.similarity.channels[at].name for at in order]
    assert table["hotspot"].tolist() == ["i"] * 4 + ["ii"] * 4 + ["iii"] * 4 + [""] * 3
    assert order[np.flatnonzero(table["representative"])].tolist() == [one.representative for one in hotspots.hotspots]
    np.testing.assert_array_equal(table["nmi_scale"], hotspots.similarity.nmi_CC[order, len(order) + 1])
    assert len(pd.read_csv(paths[1])) == len(order)
