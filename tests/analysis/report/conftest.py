"""Pages that all tests of the report look at: small runs of an earlier format, which the repository holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import ifp

RUNS = Path(__file__).parents[2] / "data" / "format-0"
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}", "</style></title>-->"]


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One page on three runs: an annealing test, a training and a diagnosis."""
    folder = tmp_path_factory.mktemp("report")
    # its table, of an earlier version of the estimates, would be warned of
    shutil.copytree(RUNS / "anneal", folder / "anneal", ignore=shutil.ignore_patterns("freezing_points.csv"))
    return ifp.report([folder / "anneal", RUNS / "train", RUNS / "diagnosis"], out=folder / "three.html")


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on a run in memory whose factors are called what would break out of a page."""
    factors = np.stack(np.meshgrid(*[range(2)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    images = np.zeros((16, 4, 4), dtype=np.uint8)
    images[:, np.arange(4), np.arange(4)] = 255 * factors
    result = ifp.anneal(ifp.dataset(images, factors, HOSTILE), method="closed-form", contexts=2)
    return ifp.report(result, out=tmp_path_factory.mktemp("hostile") / "page.html", title="<b>bold</b> & more")
