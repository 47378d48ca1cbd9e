"""Names on figures: what is too wide is cut, and names that differ still differ."""

from __future__ import annotations

import pytest

from ifp.analysis.figures.plot_names import shortened, text_width_in
from ifp.analysis.figures.plot_page import paper_style

LONG = "A long name of a run with {} steps that goes on and on"
NAMES = (
    [LONG.format("20,000"), LONG.format("25,000")],
    [LONG.format("20,000"), LONG.format("25,000"), LONG.format("20,000") + ", wide"],
    ["runs/of_a_campaign_that_has_a_name/seed-0/last", "runs/of_a_campaign_that_has_a_name/seed-1/last"],
    ["x" * 40 + "yz" + "x" * 40, "x" * 40 + "zy" + "x" * 40, "x" * 83],
    ["a" + "b" * 60 + "c" + "d" * 60 + "e", "a" + "b" * 60 + "c" * 2 + "d" * 59 + "e"],
)


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("width_in", [0.6, 1.3, 2.2])
def test_names_that_differ_are_cut_apart(names: list[str], width_in: float) -> None:
    with paper_style():
        shown = [shortened(name, width_in, among=names) for name in names]
        assert max(map(text_width_in, shown)) <= width_in + 0.01
    assert len(set(shown)) == len(names)


def test_the_words_that_differ_are_whole() -> None:
    with paper_style():
        shown = [shortened(name, 1.3, among=NAMES[0]) for name in NAMES[0]]
        alone = shortened(NAMES[0][0], 1.3)
        fits = shortened("short", 1.3, among=["short", "shout"])
    assert "20,000" in shown[0]
    assert "25,000" in shown[1]
    assert alone.startswith("A long")
    assert alone.endswith("on and on")
    assert fits == "short"
