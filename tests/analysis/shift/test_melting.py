"""Melting points and shifts on equilibrium codes of linear VAEs, whose information is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from ifp.analysis.diffusion.diagnosis import diagnose
from ifp.analysis.diffusion.verdict import checkpoint_verdict
from ifp.analysis.information.per_latent import measure_information
from ifp.analysis.shift.melting import MELTED, NEVER_MELTED, NOT_HELD, _row, last_crossing, melting_points, shifts
from ifp.codes import Codes
from ifp.errors import IfpError

VALUES = 20
S = ndtri((np.arange(VALUES) + 0.5) / VALUES)
S = S / S.std()


def equilibrium(beta: float, beta_c: tuple[float, ...], angle: float = 0.0) -> Codes:
    """Codes of the optimal linear VAE (probabilistic PCA) with one latent a factor, all combinations of two factors."""
    factors = np.stack(np.meshgrid(np.arange(VALUES), np.arange(VALUES), indexing="ij"), -1).reshape(-1, 2)
    factors = np.tile(factors, (5, 1))
    share = np.minimum(beta / np.array(beta_c), 1)
    mean = np.sqrt(1 - share) * S[factors]
    logvar = np.log(np.broadcast_to(share, mean.shape))
    if angle:
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        mean = mean @ turn.T
    return Codes(mean, logvar, factors, ("one", "two"), (VALUES, VALUES))


def probed(beta_c: tuple[float, ...], low: float = 2.0, high: float = 200.0, records: int = 25):  # type: ignore[no-untyped-def]
    betas = np.geomspace(low, high, records)
    codes = [equilibrium(beta, beta_c) for beta in betas]
    information = [measure_information(c, "posterior", permutations=20, bootstraps=20) for c in codes]
    return betas, np.stack([c.kl_nats_D() for c in codes]), information


def test_factors_melt_halfway_and_latents_at_the_threshold() -> None:
    betas, kl, information = probed((100.0, 30.0))
    table = melting_points(betas, kl, information, ("one", "two"))
    factors = table[table["kind"] == "factor"]
    for found, beta_c in zip(factors["beta_ifp"], (100.0, 30.0), strict=True):
        assert found == pytest.approx(np.sqrt(2.0 * beta_c), rel=0.1)  # NMI = ln(beta_c / beta) / 2H
    latents = table[table["kind"] == "latent"]
    np.testing.assert_allclose(latents["beta_ifp"], np.array([100.0, 30.0]) * np.exp(-0.2), rtol=0.03)
    assert (factors["low"] <= factors["beta_ifp"]).all()
    assert (factors["beta_ifp"] <= factors["high"]).all()
    assert set(table["status"]) == {MELTED}
    backward = melting_points(betas[::-1], kl[::-1], information[::-1], ("one", "two"))
    np.testing.assert_allclose(backward["beta_ifp"], table["beta_ifp"])


def test_entangled_latents_show_the_diffusion_they_were_built_with() -> None:
    """Equal eigenvalues: any rotation of the latents is an optimum; at 45 degrees each holds half of each factor."""
    clean, turned = (diagnose(equilibrium(2.0, (100.0, 100.0), turn), decompose=False) for turn in (0.0, np.pi / 4))
    rows = {name: found.factor_rows("posterior") for name, found in (("clean", clean), ("turned", turned))}
    np.testing.assert_allclose(rows["clean"]["carriers"], 1, atol=0.02)
    np.testing.assert_allclose(rows["turned"]["carriers"], 2, atol=0.02)
    assert (rows["turned"]["excess_nmi2"] > 0.8 * rows["turned"]["excess_nmi1"]).all()
    assert checkpoint_verdict(clean)[0].startswith("No information diffusion")
    assert checkpoint_verdict(turned)[0].startswith("Information diffusion in one and two")
    np.testing.assert_allclose(clean.kl_nats_D.sum(), turned.kl_nats_D.sum(), rtol=1e-6)


def test_what_is_not_held_or_never_melts_is_censored() -> None:
    betas, kl, information = probed((1000.0, 1.0), records=6)
    table = melting_points(betas, kl, information, ("one", "two"))
    status = dict(zip(table["kind"] + table["name"], table["status"], strict=True))
    assert status == {"factorone": MELTED, "factortwo": NOT_HELD, "latent0": NEVER_MELTED, "latent1": NOT_HELD}
    assert table.loc[table["status"] != MELTED, "beta_ifp"].isna().all()


def test_the_last_crossing_counts() -> None:
    beta = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    assert last_crossing(beta, np.array([3.0, 0.0, 3.0, 1.0, 0.0]), 2.0) == pytest.approx(4 * np.sqrt(2))
    assert np.isnan(last_crossing(beta, np.full(5, 3.0), 2.0))
    assert np.isnan(last_crossing(beta, np.zeros(5), 2.0))


def table_of(one: float, two: float):  # type: ignore[no-untyped-def]
    import pandas as pd

    rows = [("factor", "one", one), ("factor", "two", two)]
    return pd.DataFrame(rows, columns=["kind", "name", "beta_ifp"]).assign(beta_start=2.0)


def test_the_interval_of_a_shift_covers(rng: np.random.Generator) -> None:
    """500 factors of 6 pairs that shift by 5 on average, two per table: the standard error of .95 is .01."""
    hits = 0
    for _ in range(250):
        seeds_SF, moved_SF = rng.normal(100, 20, size=(6, 2)), rng.normal(5, 3, size=(6, 2))
        table = shifts([table_of(*row) for row in seeds_SF], [table_of(*row) for row in seeds_SF + moved_SF])
        hits += ((table["shift_low"] <= 5) & (table["shift_high"] >= 5)).sum()
    assert 0.92 <= hits / 500 <= 0.98


@pytest.mark.parametrize("pairs", [5, 6])
def test_fewer_than_six_pairs_have_no_interval(rng: np.random.Generator, pairs: int) -> None:
    tables = [[table_of(*rng.normal(100, 5, size=2)) for _ in range(pairs)] for _ in range(2)]
    table = shifts(*tables)
    assert table[["shift_low", "ratio_high"]].isna().all(axis=None) == (pairs == 5)
    assert all((noise is None) == (pairs == 5) for noise in table["within_noise"])


def test_shifts_are_paired_by_seed(rng: np.random.Generator) -> None:
    seeds = rng.normal(100, 20, size=8)
    baseline = [table_of(seed, seed) for seed in seeds]
    mitigated = [table_of(seed + 10 + (-1) ** number, seed + (-1) ** number) for number, seed in enumerate(seeds)]
    table = shifts(baseline, mitigated).set_index("name")
    assert table.loc["one", "shift"] == pytest.approx(10)
    # far narrower than the seeds' 20: differences of +-1, so a deviation of sqrt(8 / 7), and t(7) = 2.3646
    reach = 2.3646 * np.sqrt(8 / 7) / np.sqrt(8)
    assert table.loc["one", ["shift_low", "shift_high"]].to_numpy(float) == pytest.approx(
        [10 - reach, 10 + reach], rel=1e-4
    )
    assert not table.loc["one", "within_noise"]
    assert table.loc["two", "within_noise"]
    assert table.loc["one", "ratio"] > 1


def test_pairs_with_a_censored_side_are_counted_and_one_pair_has_no_interval() -> None:
    table = shifts([table_of(10, np.nan)], [table_of(12, 3)]).set_index("name")
    assert (table.loc["one", "shift"], table.loc["one", "pairs"]) == (2, 1)
    assert np.isnan(table.loc["one", "shift_low"])
    assert table.loc["one", "within_noise"] is None
    assert (table.loc["two", "pairs"], table.loc["two", "censored"]) == (0, 1)


def test_probes_that_do_not_compare_are_refused() -> None:
    with pytest.raises(IfpError, match="do not pair"):
        shifts([table_of(1, 1)], [])
    with pytest.raises(IfpError, match="began at different betas"):
        shifts([table_of(1, 1)], [table_of(1, 1).assign(beta_start=3.0)])
    with pytest.raises(IfpError, match="at least 2 records"):
        melting_points(np.array([1.0]), np.zeros((1, 2)))


def test_an_interval_of_a_melting_point_holds_it_where_most_resamples_never_melt() -> None:
    few = [5.0, 5.5, *[float("nan")] * 40]
    row = _row("factor", "a", 8.0, True, 1.0, {}, few)
    assert row["low"] == pytest.approx(5.0, abs=0.1)
    assert row["high"] == 8.0
