"""The annealing test as one call: a result that carries its settings, and is saved as the command saves it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import ifp
from ifp.analysis import Annealing, freezing_points, read_run, summarize
from ifp.analysis.freezing.consistency import (
    consistency,
    consistency_sentence,
    undertrained,
    undertrained_sentence,
)
from ifp.cli import main
from ifp.datasets.arrays import ArrayDataset
from ifp.trace import AnnealTrace


def bars() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Pictures of a bar in 2 places and 3 widths, their factor values and names."""
    factors = np.array([(place, width) for place in range(2) for width in range(3)])
    images = np.zeros((len(factors), 8, 8), dtype=np.uint8)
    for image, (place, width) in zip(images, factors, strict=True):
        image[2 * place : 2 * place + 2, : 3 + 2 * width] = 255
    return images, factors, ["place", "width"]


@pytest.fixture(scope="module")
def dataset() -> ArrayDataset:
    return ifp.dataset(*bars())


@pytest.fixture(scope="module")
def exact(dataset: ArrayDataset) -> Annealing:
    return ifp.anneal(dataset, method="exact", contexts=1, order=["width"], labels={"width": "length"})


def test_a_result_needs_no_setting_told_again(exact: Annealing) -> None:
    assert repr(exact).startswith("<Annealing: arrays, bernoulli likelihood, 2 factors, exact freezing at beta ")
    assert len(repr(exact.trace).splitlines()) == 1
    points = freezing_points(exact)
    pd.testing.assert_frame_equal(points, exact.freezing_points())
    assert set(points["dataset"]) == {"arrays"}
    again = freezing_points(exact.trace, dataset="arrays", factor_names=["place", "width"])
    pd.testing.assert_frame_equal(points, again)
    pd.testing.assert_frame_equal(summarize(points, order=["width"]), exact.table())
    assert exact.table()["factor"].iloc[0] == "width"
    # the arrays of the curves, as of a trace
    assert exact.beta_MT is exact.trace.beta_MT
    assert len(exact.select(exact.factor_M == "place")) == 4


def test_what_is_printed_belongs_to_the_result(exact: Annealing) -> None:
    assert list(exact.texts())[:3] == ["factor", "contexts", "lower edge"]
    agreement = consistency_sentence(exact.consistency())
    assert agreement in exact.sentences()
    assert agreement.startswith("The run agrees with the theory: all 2 comparisons")
    assert exact.nothing_froze() == ""
    assert "<img" in exact._repr_html_()


def test_saved_it_is_what_the_command_writes(exact: Annealing, tmp_path: Path) -> None:
    images, factors, names = bars()
    np.savez(tmp_path / "arrays.npz", images=images, factors=factors, factor_names=np.array(names))
    command = ["anneal", "--dataset", f"npz:{tmp_path / 'arrays.npz'}", "--method", "exact", "--contexts", "1",
               "--order", "width", "--out", str(tmp_path / "command"), "--quiet"]  # fmt: skip
    assert CliRunner().invoke(main, command).exit_code == 0
    folder = exact.save(tmp_path / "saved")
    files = {path.relative_to(folder) for path in folder.rglob("*")}
    assert files == {path.relative_to(tmp_path / "command") for path in (tmp_path / "command").rglob("*")}
    # from a file or in memory the same contexts are drawn
    assert (folder / "trace.npz").read_bytes() == (tmp_path / "command" / "trace.npz").read_bytes()
    again = read_run(folder)
    pd.testing.assert_frame_equal(again.freezing_points(), exact.freezing_points())
    assert exact.save(folder) == folder  # the same run takes its own place
    with pytest.raises(ifp.IfpError, match="holds something else than this run"):
        exact.save(tmp_path)


def test_a_run_in_a_folder_goes_on_and_is_drawn(dataset: ArrayDataset, tmp_path: Path) -> None:
    said: list[str] = []
    options = {"method": "closed-form", "contexts": 2, "out": tmp_path / "run"}
    first = ifp.anneal(dataset, **options)
    assert {path.name for path in first.figures} == {
        f"ifp_distribution.{kind}" for kind in ("pdf", "png", "csv", "txt")
    }
    again = ifp.anneal(dataset, **options, say=said.append)
    assert any("Already there: " in sentence for sentence in said)
    assert again.path == tmp_path / "run"
    drawn = ifp.plot(again, kinds="strip", out=tmp_path / "drawn", formats=["png"])
    assert [path.name for path in drawn] == ["ifp_strip.png", "ifp_strip.csv", "ifp_strip.txt"]


@pytest.mark.parametrize("kind", ["kde", "strip", "ridge", "hist", "trace"])
def test_every_kind_is_drawn_new_and_into_axes(exact: Annealing, kind: str) -> None:
    assert exact.plot(kind=kind).figure.get_size_inches()[0] == pytest.approx(5.5)
    ax = plt.figure().add_subplot()
    assert exact.plot(kind=kind, ax=ax) is ax
    plt.close("all")
    with pytest.raises(ifp.IfpError, match="ax must be one matplotlib Axes"):
        exact.plot(kind=kind, ax=np.array([ax]))  # type: ignore[arg-type]
    with pytest.raises(ifp.IfpError, match=f"Unknown kind '{kind}s'"):
        exact.plot(kind=f"{kind}s")


def test_figures_call_factors_by_their_labels(exact: Annealing) -> None:
    names = [tick.get_text().split("\n")[0] for tick in exact.plot(kind="strip").get_yticklabels()]
    assert names == ["length", "place"]
    plt.close("all")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"stepz": 3}, r"Unknown setting 'stepz'.*did you mean 'steps'"),
        ({"preset": "fast"}, "Unknown preset 'fast'"),
        ({"factors": ["size"]}, "Unknown factor 'size'"),
        ({"order": ["size"]}, "Unknown factor 'size'"),
        ({"labels": {"size": "x"}}, "Unknown factor 'size'"),
        ({"threads": 0}, "threads must be"),
        ({"width": "wide"}, "width must be"),
        ({"dataset": "toys"}, "multiple values|first argument"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    dataset: ArrayDataset, settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises((ifp.IfpError, TypeError), match=sentence):
        ifp.anneal(dataset, **settings)  # type: ignore[arg-type]


REFUSED: dict[str, Callable[[], Any]] = {
    "got 1 factor for 2 traversals": lambda: ifp.exact_annealing([np.eye(3)] * 2, factors=["a"]),
    "got 1 context for 2 traversals": lambda: ifp.exact_annealing([np.eye(3)] * 2, contexts=[(0,)]),
    "got 3 factors for 2 traversals": lambda: ifp.freezing_bounds([np.eye(3)] * 2, factors=["a", "b", "c"]),
    "sigma must be a positive number, got 'a'": lambda: ifp.freezing_bounds(np.eye(3), "gaussian", sigma="a"),  # type: ignore[arg-type]
    "threshold_nats must be a positive number, got 'a'": lambda: ifp.exact_annealing(np.eye(3), threshold_nats="a"),  # type: ignore[arg-type]
    "The images must be numbers": lambda: ifp.freezing_bounds(np.array([["a"], ["b"]])),
    "got ndarray; pass settings as keywords": lambda: ifp.anneal(np.eye(3), np.arange(3)),  # type: ignore[arg-type]
    "must be an ifp.AnnealConfig, got dict": lambda: ifp.anneal(np.eye(3), {"steps": 3}),  # type: ignore[arg-type]
    "the path of a run.json, got int": lambda: ifp.anneal_whole(np.eye(3), config=5),  # type: ignore[arg-type]
    "positive number, got 'a'": lambda: ifp.anneal_whole(np.eye(3), threshold_nats="a"),  # type: ignore[arg-type]
    "out must be the path of a folder, got 5": lambda: ifp.anneal(np.eye(3), out=5),  # type: ignore[arg-type]
    "ax must be one matplotlib Axes": lambda: ifp.freezing_bounds(np.eye(3)).plot(ax=5),  # type: ignore[arg-type]
    "The images need at least 1 pixel, got images of shape (0,)": lambda: ifp.exact_annealing(np.zeros((3, 0))),
    "images holds no traversal": lambda: ifp.freezing_bounds([]),
    "images must be an array [images, ...], or a list": lambda: ifp.freezing_bounds({}),  # type: ignore[arg-type]
    "such arrays, got a NoneType": lambda: ifp.freezing_bounds(None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_is_no_value_is_refused_in_one_sentence(sentence: str) -> None:
    with pytest.raises(ifp.IfpError, match=re.escape(sentence)):
        REFUSED[sentence]()


def test_a_folder_of_others_is_refused_before_images_are_rendered(dataset: ArrayDataset, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    steps: list[str] = []
    for refused in (ifp.anneal, ifp.anneal_whole):
        with pytest.raises(ifp.IfpError, match=r"holds no run\.json"):
            refused(dataset, out=tmp_path, progress=lambda text, *_: steps.append(text))
    assert steps == []


def test_a_config_takes_settings_on_top(dataset: ArrayDataset) -> None:
    config = ifp.preset_config("standard", method="closed-form", contexts=1)
    result = ifp.anneal(dataset, config, factors=["width"])
    assert result.config["dataset"] == "arrays"
    assert result.trace.factor_M.tolist() == ["width"]


def test_traversals_alone_give_results_too(tmp_path: Path) -> None:
    curves = ifp.exact_annealing([np.eye(3), np.tri(4)], factors=["a", "b"])
    assert isinstance(curves.trace, AnnealTrace)
    assert curves.table().query("measure == 'exact'")["factor"].tolist() == ["b", "a"]
    pd.testing.assert_frame_equal(read_run(curves.save(tmp_path / "exact")).table(), curves.table())
    edges = ifp.freezing_bounds([np.eye(3), np.tri(4), np.ones((2, 3))], factors=["a", "b", "flat"])
    assert edges.table()["beta_lower"].tolist() == edges.beta_closed_form_M.tolist()
    ax = edges.plot()
    assert [line.get_label() for line in ax.get_lines()] == ["a", "b"]
    plt.close("all")
    assert len(pd.read_csv(edges.save(tmp_path / "edges") / "freezing_bounds.csv")) == 3
    with pytest.raises(ifp.IfpError, match="got 1 factor for 2 traversals"):
        ifp.freezing_bounds([np.eye(3), np.eye(4)], factors=["a"])


def test_a_run_that_breaks_a_bound_says_which() -> None:
    checks = pd.DataFrame(
        {"check": ["cooling below heating", "other"], "holds": [7, 0], "of": [8, 0], "not_made": [0, 0]}
    )
    assert consistency_sentence(checks) == (
        "Of 8 comparisons with the theory 7 hold; not held: cooling below heating, 1 of 8 members."
    )
    assert consistency_sentence(checks.iloc[1:]) == ""


def few_steps(status: str) -> pd.DataFrame:
    """Freezing points of an exact curve that froze at 5 and of two cooled and two heated networks."""
    rows = [("exact", "equilibrium", 0, 5.0, "frozen", 4.9), ("train", "cool", 0, 4.0, "frozen", 3.9)]
    rows += [("train", "cool", 1, 4.0, "frozen", 3.9)]
    rows += [("train", "heat", seed, np.nan if status != "frozen" else 6.0, status, 1.0) for seed in (0, 1)]
    points = pd.DataFrame(
        rows, columns=["method", "direction", "seed", "beta_ifp", "status", "beta_bracket_high"]
    ).assign(factor="scale", context="0", beta_closed_form=5.0, beta_upper=6.0, threshold_nats=0.1)
    return points


def test_networks_that_never_held_the_factor_are_no_agreement() -> None:
    points = few_steps("never_froze")
    assert undertrained_sentence(undertrained(points), 0.1).startswith(
        "Undertrained: 2 of 2 heating networks of scale never held 0.1 nat; raise `steps`"
    )
    assert consistency_sentence(consistency(points)) == (
        "The 5 comparisons with the theory's bounds that could be made hold; 6 more could not be made, because curves "
        "have no freezing point."
    )
    # a lowest beta above the freezing point is no lack of training, and networks that froze are none either
    assert undertrained(points.assign(beta_bracket_high=5.5)).empty
    assert undertrained(points[points["method"] == "train"])["never"].tolist() == [2]  # the lower edge alone
    assert undertrained(few_steps("frozen")).empty
    assert consistency_sentence(consistency(few_steps("frozen"))).endswith("all 11 comparisons with its bounds hold.")


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (lambda: ifp.freezing_bounds(np.eye(4)[:1]), "1 traversal, bernoulli likelihood, all images are equal"),
        (lambda: ifp.freezing_bounds([np.eye(4), np.ones((3, 4))]), "to 1.62; in 1 all images are equal"),
        (lambda: ifp.exact_annealing(np.zeros((3, 4))), "1 factor, all images are equal, so that nothing freezes"),
    ],
)
def test_equal_images_are_said_to_freeze_nothing(result: Callable[[], Any], says: str) -> None:
    assert says in repr(result())
