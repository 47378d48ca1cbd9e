"""The gallery shows every kind of figure there is, and its pictures are those that its script draws."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from ifp.analysis.figures.captions import CAPTIONS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "images" / "gallery"
ELSEWHERE = {"ifp_distribution": "sprites-standard", "multi_rate": "known", "fragments": "fragments"}
"""Figures whose picture is of a long run, by the name of its file."""
MOST_BYTES = 1_500_000


def shown() -> set[str]:
    """The names of the pictures on the page."""
    return {Path(target).stem for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", PAGE.read_text(encoding="utf-8"))}


def test_every_kind_of_figure_is_in_the_gallery() -> None:
    assert {ELSEWHERE.get(name, name) for name in CAPTIONS} - shown() == set()


def test_every_picture_of_the_gallery_is_shown_and_all_are_small() -> None:
    there = {path.stem for path in PICTURES.glob("*.png")}
    assert there - shown() - set(ELSEWHERE) == set()
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < MOST_BYTES


@pytest.mark.slow
def test_the_script_draws_the_pictures_of_the_gallery(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs" / "tools"))
    try:
        from gallery import draw_gallery
    finally:
        sys.path.pop(0)
    drawn = {path.name for path in draw_gallery(tmp_path)}
    assert drawn == {path.name for path in PICTURES.glob("*.png")}
    for name in drawn:
        with Image.open(tmp_path / name) as new, Image.open(PICTURES / name) as kept:
            assert new.width == kept.width, name
