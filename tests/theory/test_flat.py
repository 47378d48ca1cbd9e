"""Flat traversals (all images equal): they never freeze, and change nothing for the others."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import ifp
from ifp.analysis.freezing.points import NEVER_FROZE, freezing_points
from ifp.analysis.freezing.pressures import pressure_stages
from ifp.annealing.config import AnnealConfig
from ifp.cli import main
from ifp.datasets.npz import NpzDataset
from ifp.errors import IfpError
from ifp.exact.lowest import exact_minimum
from ifp.theory.flat import is_flat
from ifp.trace import AnnealTrace

GREY = np.full((5, 2, 3), 51, np.uint8)
BAR = np.eye(5, dtype=np.uint8)[:, None] * np.uint8(255)
PLAIN = np.random.default_rng(0).random((3, 6))
"""Three images that differ, whose exact curves take half a second."""
ENTROPY = -6 * (0.2 * np.log(0.2) + 0.8 * np.log(0.8))
"""h(51 / 255) of six pixels."""
KINDS = pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
FAST = [
    "--steps",
    "80",
    "--hold-steps",
    "0",
    "--records",
    "8",
    "--learning-rate",
    "0.03",
    "--batch",
    "3",
    "--quiet",
    "--format",
    "none",
]


def write(path: Path, seen_columns: int) -> str:
    """A dot on a line: row and column where `present`, of which only the first columns show; a fifth of cells flat."""
    factors = np.array(list(itertools.product(range(3), range(3), range(2))))
    images = np.zeros((len(factors), 6, 6), np.uint8)
    images[:, 5] = 255
    for image, (row, column, present) in zip(images, factors, strict=True):
        if present and seen_columns:
            image[row, min(column, seen_columns - 1)] = 255
    np.savez(path, images=images, factors=factors, factor_names=np.array(["row", "column", "present"]))
    return f"npz:{path}"


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["anneal", *args])


@KINDS
def test_both_edges_are_zero(likelihood: str) -> None:
    bounds = ifp.freezing_bounds([GREY, BAR, GREY[:1]], likelihood)
    alone = ifp.freezing_bounds(BAR, likelihood)
    np.testing.assert_array_equal(bounds.beta_closed_form_M, [0, alone.beta_closed_form_M[0], 0])
    np.testing.assert_array_equal(bounds.beta_upper_M, [0, alone.beta_upper_M[0], 0])
    assert np.isnan(ifp.freezing_bounds(GREY, likelihood, upper=False).beta_upper_M).all()


@KINDS
def test_exact_curves_are_zero_and_the_others_as_without(likelihood: str) -> None:
    trace = ifp.exact_annealing([GREY, PLAIN, GREY], likelihood, factors=["a", "b", "c"])
    alone = ifp.exact_annealing(PLAIN, likelihood)
    assert trace.factor_M.tolist() == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert trace.direction_M.tolist() == ["cool", "heat", "equilibrium"] * 3
    for rows in (slice(0, 3), slice(6, 9)):
        recorded = np.isfinite(trace.beta_MT[rows])
        assert (trace.total_kl_nats_MT[rows][recorded] == 0).all()
        np.testing.assert_allclose(
            trace.recon_nats_MT[rows][recorded], ENTROPY if likelihood == "bernoulli" else 0, rtol=1e-12
        )
        assert (np.diff(trace.beta_MT[rows], axis=1)[0][recorded[0, 1:]] < 0).all()
        assert (np.diff(trace.beta_MT[rows], axis=1)[1][recorded[1, 1:]] > 0).all()
    records = alone.beta_MT.shape[1]
    np.testing.assert_array_equal(trace.beta_MT[3:6, :records], alone.beta_MT)
    np.testing.assert_array_equal(trace.total_kl_nats_MT[3:6, :records], alone.total_kl_nats_MT)
    # the range of beta is that of the other one
    assert np.nanmin(trace.beta_MT[0]) <= np.nanmin(alone.beta_MT[1])
    assert np.nanmax(trace.beta_MT[0]) >= alone.beta_upper_M[0]


@pytest.mark.parametrize("latents", [1, 2])
def test_all_flat(latents: int) -> None:
    trace = ifp.exact_annealing([GREY, GREY], latents=latents, directions=["heat"])
    assert (trace.kl_nats_MTD == 0).all()
    assert trace.kl_nats_MTD.shape[::2] == (2, latents)
    np.testing.assert_allclose(exact_minimum(GREY, [0.1, 1, 50]), ENTROPY, rtol=1e-12)


def test_a_flat_traversal_of_unfit_numbers_is_refused() -> None:
    with pytest.raises(IfpError, match="in \\[0, 1\\]"):
        ifp.freezing_bounds(np.full((4, 3), 2.0))
    with pytest.raises(IfpError, match="NaN"):
        ifp.freezing_bounds(np.full((4, 3), np.nan))
    assert not is_flat(np.full((4, 3), np.nan))


@pytest.mark.parametrize(("architecture", "law"), [("mlp", "geometric"), ("linear", "author")])
def test_a_run_counts_them(tmp_path: Path, architecture: str, law: str) -> None:
    name = write(tmp_path / "dot.npz", seen_columns=1)
    dataset = NpzDataset(tmp_path / "dot.npz")
    config = AnnealConfig(
        dataset=name, contexts=6, steps=40, hold_steps=10, records=5, hidden=8, batch=6, architecture=architecture,
        law=law, factors=("row", "column"),
    )  # fmt: skip
    trace = ifp.anneal(dataset, config)
    points = freezing_points(trace)
    flat = points["beta_closed_form"] == 0
    assert points[flat].groupby("factor")["context"].nunique().to_dict() == {"column": 6, "row": 3}
    assert (points.loc[flat, "status"] == NEVER_FROZE).all()
    assert set(points.loc[flat, "method"]) == {"closed-form", "exact", "train"}
    rows = trace.select(flat.to_numpy())
    assert np.nanmax(rows.total_kl_nats_MT) == 0
    stages = pressure_stages(points)
    assert "column" not in ",".join(stages["factors"]).split(",")  # it freezes at no beta
    # each member is the same in a run of another order, and alone
    only = ifp.anneal(dataset, AnnealConfig(**{**config.__dict__, "factors": ("row",)}))
    kept = trace.select(trace.factor_M == "row")
    assert only.labels() == kept.labels()
    np.testing.assert_array_equal(only.beta_closed_form_M, kept.beta_closed_form_M)


@pytest.mark.parametrize("method", ["closed-form", "train", "both"])
def test_the_command_goes_through_and_resumes(tmp_path: Path, method: str) -> None:
    name, out = write(tmp_path / "dot.npz", seen_columns=3), tmp_path / "run"
    args = ("--dataset", name, "--method", method, "--contexts", "3", *FAST, "--out", str(out))
    found = run(*args)
    assert found.exit_code == 0, found.output
    assert "Never froze, all images being equal: 1 of row, 2 of column." in found.output
    finished = (out / "trace.npz").read_bytes()
    trace = AnnealTrace.load(out / "trace.npz")
    kept = (trace.beta_closed_form_M > 0) | (trace.method_M == "closed-form")
    trace.select(kept).save(out / "trace.npz")
    (out / "checksums.json").unlink()  # a run that was stopped has none
    again = run(*args)
    assert again.exit_code == 0, again.output
    assert (out / "trace.npz").read_bytes() == finished
    assert run(*args, "--dry-run").exit_code == 0


@pytest.mark.parametrize("method", ["closed-form", "both"])
def test_where_everything_is_flat_one_sentence_says_so(tmp_path: Path, method: str) -> None:
    name = write(tmp_path / "empty.npz", seen_columns=0)
    found = run("--dataset", name, "--method", method, "--contexts", "2", *FAST, "--out", str(tmp_path / "run"))
    assert found.exit_code == 1
    assert "Nothing can freeze: in each of the 6 traversals all images are equal" in found.output
    assert not (tmp_path / "run").exists()
