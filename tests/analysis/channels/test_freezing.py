"""Freezing points of channels on traces of linear VAEs, whose KL is ln(beta_c / beta) / 2 below beta_c and 0 above."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.channels.freezing import channel_freezing, hotspot_freezing
from ifp.analysis.channels.hotspot import Hotspot, Hotspots, Spread
from ifp.analysis.freezing.points import FROZEN, FROZEN_AT_START, NEVER_FROZE, NEVER_MELTED
from ifp.codes import Codes
from ifp.errors import IfpError
from ifp.fingerprints.models import FACTOR, Channel, KlTrace, Model, Similarity

BETA_T = np.geomspace(200.0, 1.0, 401)
"""Falling; finer than 0.1 nat of KL, so that the interpolation is exact for these curves."""


def kl_of(beta_T: np.ndarray, *beta_c: float) -> np.ndarray:
    return np.stack([np.maximum(np.log(c / beta_T), 0) / 2 for c in beta_c], axis=1)


def model(name: str, beta_T: np.ndarray | None, kl_TD: np.ndarray | None = None, *, beta: float | None = None) -> Model:
    codes = Codes(np.zeros((4, 3)), np.zeros((4, 3)), np.zeros((4, 0), int))
    trace = None if beta_T is None or kl_TD is None else KlTrace(beta_T, kl_TD)
    return Model(name, codes, beta=beta, trace=trace)


def similarity(*channels: Channel) -> Similarity:
    """Freezing points ask nothing of it but what its channels are."""
    count = len(channels)
    return Similarity(channels, np.ones(count), np.ones(count), np.ones(count), np.ones((count, count)), 4)


def channels_of(place: int, *latents: int) -> tuple[Channel, ...]:
    return tuple(Channel(f"m{place}/{latent}", place, (latent,)) for latent in latents)


def hotspots_of(*channels_of_each: tuple[int, ...], of: Similarity) -> Hotspots:
    """Hotspots of which only the channels matter."""
    none, latents = Spread(0.0, 0.0, 0.0), of.latents()
    hotspots = tuple(
        Hotspot(number, "i" * number, channels, (0, 1), (), none, none, "", np.nan, np.zeros(0), channels[0], 1.0)
        for number, channels in enumerate(channels_of_each, 1)
    )
    return Hotspots(of, latents, (), latents, latents, latents, "vi", 2, 6, hotspots)


def test_each_latent_freezes_where_its_kl_passes_the_threshold() -> None:
    models = [model("a", BETA_T, kl_of(BETA_T, 100, 30, 5)), model("b", BETA_T[::-1], kl_of(BETA_T[::-1], 50, 10))]
    table = channel_freezing(similarity(*channels_of(0, 2, 0), *channels_of(1, 1), Channel("hue", FACTOR)), models)
    assert table["channel"].tolist() == [0, 1, 2]  # a factor has no row
    np.testing.assert_allclose(table["beta_ifp"], np.array([5, 100, 10]) * np.exp(-0.2), rtol=1e-9)
    assert set(table["status"]) == {FROZEN}
    assert (table["bracket_low"] < table["beta_ifp"]).all()
    assert (table["beta_ifp"] < table["bracket_high"]).all()
    np.testing.assert_allclose(table["bracket_high"] / table["bracket_low"], BETA_T[0] / BETA_T[1])
    np.testing.assert_allclose(table["kl_nats"], [np.log(5) / 2, np.log(100) / 2, 0], atol=1e-12)
    later = channel_freezing(similarity(*channels_of(0, 0)), models, threshold_nats=0.5)
    np.testing.assert_allclose(later["beta_ifp"], 100 * np.exp(-1), rtol=1e-9)


def test_a_channel_of_several_latents_is_judged_by_their_sum() -> None:
    """Both at beta_c: the sum passes 0.1 where each holds 0.05. A later latent changes nothing of the first's point."""
    models = [model("a", BETA_T, kl_of(BETA_T, 40, 40, 4))]
    table = channel_freezing(similarity(Channel("pair", 0, (0, 1)), Channel("all", 0, (0, 1, 2))), models)
    np.testing.assert_allclose(table["beta_ifp"], 40 * np.exp(-0.1), rtol=1e-9)
    assert table["latents"].tolist() == ["0+1", "0+1+2"]


@pytest.mark.parametrize(
    ("beta_T", "beta_c", "status", "low", "high"),
    [
        (BETA_T, 1000.0, FROZEN_AT_START, 200.0, np.nan),
        (BETA_T, 0.5, NEVER_FROZE, np.nan, 1.0),
        (BETA_T[::-1], 1000.0, NEVER_MELTED, 200.0, np.nan),
        (BETA_T[::-1], 0.5, NEVER_FROZE, np.nan, 1.0),
    ],
)
def test_what_lies_beyond_the_trace_is_a_bound(
    beta_T: np.ndarray, beta_c: float, status: str, low: float, high: float
) -> None:
    row = channel_freezing(similarity(*channels_of(0, 0)), [model("a", beta_T, kl_of(beta_T, beta_c))]).iloc[0]
    assert row["status"] == status
    assert np.isnan(row["beta_ifp"])
    np.testing.assert_allclose([row["bracket_low"], row["bracket_high"]], [low, high])


def test_a_young_network_under_rising_beta_did_not_freeze() -> None:
    """Beta warms up from 0: KL grows with beta, which says only that nothing has melted yet."""
    beta_T = np.array([0.0, 1.0, 2.0, 4.0, 4.0])
    table = channel_freezing(similarity(*channels_of(0, 0)), [model("a", beta_T, np.array([[0, 0, 1, 2, 3.0]]).T)])
    assert table[["status", "bracket_low", "beta_from"]].iloc[0].tolist() == [NEVER_MELTED, 4.0, 1.0]


def test_the_last_life_of_a_latent_counts() -> None:
    """Beta falls; the latent freezes between 32 and 16, dies at 8, and freezes for good between 4 and 2."""
    beta_T = np.array([64.0, 32, 16, 8, 4, 2, 1])
    kl_T1 = np.array([[0, 0, 3, 0, 0, 3, 3.0]]).T
    falling = channel_freezing(similarity(*channels_of(0, 0)), [model("a", beta_T, kl_T1)]).iloc[0]
    assert (falling["bracket_low"], falling["bracket_high"]) == (2.0, 4.0)
    assert falling["beta_ifp"] == pytest.approx(2 * 2 ** (2.9 / 3))
    rising = channel_freezing(similarity(*channels_of(0, 0)), [model("a", beta_T[::-1], kl_T1[::-1])]).iloc[0]
    assert (rising["bracket_low"], rising["bracket_high"]) == (16.0, 32.0)


def test_stages_of_constant_beta_give_the_bracket_between_them() -> None:
    beta_T = np.array([20.0, 20, 20, 5, 5, 5])
    kl_T1 = np.array([[0, 0.05, 0.0, 0.0, 0.5, 1.0]]).T
    row = channel_freezing(similarity(*channels_of(0, 0)), [model("a", beta_T, kl_T1)]).iloc[0]
    assert (row["bracket_low"], row["bracket_high"]) == (5.0, 20.0)
    assert row["beta_ifp"] == pytest.approx(5 * 4**0.9)  # KL of 1.0 at 5 and 0 at 20, whatever came earlier at each


def test_only_the_last_way_of_beta_counts_and_records_without_a_number_do_not() -> None:
    """Beta warms up, then falls; an objective without beta, and a record lost to NaN, stand among them."""
    beta_T = np.concatenate([[np.nan, 0.0], np.geomspace(1, 150, 50), BETA_T[BETA_T < 150]])
    kl_T1 = np.concatenate([[[9.0], [9.0]], np.full((50, 1), 9.0), kl_of(BETA_T[BETA_T < 150], 60)])
    kl_T1[-1] = np.nan
    row = channel_freezing(similarity(*channels_of(0, 0)), [model("a", beta_T, kl_T1)]).iloc[0]
    assert row["beta_ifp"] == pytest.approx(60 * np.exp(-0.2))
    assert row["beta_from"] == 150
    assert row["beta_to"] == pytest.approx(BETA_T[-2])


def test_a_checkpoint_on_the_way_knows_its_past_alone() -> None:
    """Latent 0 freezes at 81.9, dies below 20 and freezes again: the early checkpoint is of its first life."""
    kl_TD = kl_of(BETA_T, 100)
    kl_TD[(BETA_T < 20) & (BETA_T > 10)] = 0
    models = [model("early", BETA_T, kl_TD, beta=40.0), model("late", BETA_T, kl_TD, beta=1.0)]
    table = channel_freezing(similarity(*channels_of(0, 0), *channels_of(1, 0)), models)
    assert table["beta_ifp"][0] == pytest.approx(100 * np.exp(-0.2))
    assert table["beta_to"][0] == pytest.approx(40, rel=0.02)
    assert table["bracket_low"][1] <= 10 <= table["bracket_high"][1]
    assert table["run"].tolist() == [0, 0]


def test_without_a_moving_beta_there_is_no_row() -> None:
    constant = model("constant", np.full(5, 4.0), np.ones((5, 2)))
    nothing = model("nothing", np.zeros(0), np.zeros((0, 2)))
    table = channel_freezing(similarity(*channels_of(0, 0), *channels_of(1, 1), *channels_of(2, 0)),
                             [constant, model("none", None), nothing])  # fmt: skip
    assert len(table) == 0
    assert "beta_ifp" in table.columns


def test_bad_input_is_said_in_one_sentence() -> None:
    one = similarity(*channels_of(0, 2))
    with pytest.raises(IfpError, match="threshold_nats must be a positive number, got 0"):
        channel_freezing(one, [model("a", BETA_T, kl_of(BETA_T, 10))], 0)
    with pytest.raises(IfpError, match="m0/2 has latent 2, but the trace of a has 1 latent"):
        channel_freezing(one, [model("a", BETA_T, kl_of(BETA_T, 10))])
    with pytest.raises(IfpError, match="KL of each latent at each"):
        channel_freezing(one, [model("a", BETA_T, kl_of(BETA_T, 10)[:-1])])


BETA_C = (60.0, 20.0, 30.0, 50.0, 40.0, 45.0, 35.0)


def runs_with(*beta_c: float, copies: int = 1) -> tuple[list[Model], Similarity]:
    """A run for each value, `copies` latents frozen at it and one that never froze."""
    models = [model(f"m{n}", BETA_T, kl_of(BETA_T, *[c] * copies, 0.1)) for n, c in enumerate(beta_c)]
    channels = [channel for place in range(len(models)) for channel in channels_of(place, *range(copies + 1))]
    return models, similarity(*channels)


def test_the_freezing_points_of_a_hotspot_are_a_distribution_over_runs() -> None:
    models, ensemble = runs_with(*BETA_C)
    found = hotspots_of(tuple(range(0, 14, 2)), (1, 3), of=ensemble)
    table = hotspot_freezing(found, models)
    first, second = table.iloc[0], table.iloc[1]
    shift = np.exp(-0.2)
    counts = first[["hotspot", "channels", "runs", "frozen", "below", "above", "bound"]].tolist()
    assert counts == [1, 7, 7, 7, 0, 0, ""]
    values = [first[name] for name in ("median", "least", "most", "quartile_low", "quartile_high")]
    np.testing.assert_allclose(values, np.array([40, 20, 60, 30, 50]) * shift, rtol=1e-9)
    # of 7 runs, the lowest to the highest
    np.testing.assert_allclose(first[["low", "high"]].astype(float), [20 * shift, 60 * shift], rtol=1e-9)
    assert second[["channels", "frozen", "below", "bound", "median"]].tolist() == [2, 0, 2, "<", 1.0]
    assert second[["low", "high", "quartile_low", "least"]].isna().all()
    again = hotspot_freezing(found, models)
    assert again.equals(table)


def test_censored_channels_keep_their_place_in_the_order() -> None:
    models, ensemble = runs_with(1.05, 1000.0, 30.0, 1.1, 40.0)
    row = hotspot_freezing(hotspots_of((0, 2, 4, 6, 8), of=ensemble), models).iloc[0]
    assert row[["channels", "frozen", "below", "above"]].tolist() == [5, 2, 2, 1]
    assert row["median"] == pytest.approx(30 * np.exp(-0.2))
    assert np.isnan(row["low"])
    assert np.isnan(row["quartile_low"])
    assert row["quartile_high"] == pytest.approx(40 * np.exp(-0.2))
    models, ensemble = runs_with(1000.0, 300.0, 30.0)
    row = hotspot_freezing(hotspots_of((0, 2, 4), of=ensemble), models).iloc[0]
    assert (row["bound"], row["median"]) == (">", pytest.approx(200.0))
    models, ensemble = runs_with(1000.0, 0.5)
    row = hotspot_freezing(hotspots_of((0, 2), of=ensemble), models).iloc[0]
    assert row["bound"] == ""
    assert np.isnan(row["median"])


def test_the_interval_counts_runs_and_not_channels() -> None:
    """A run that holds the fragment three times over is one run: the interval does not narrow."""
    intervals = []
    for copies in (1, 3):
        models, ensemble = runs_with(*BETA_C, copies=copies)
        places = tuple(p for p, channel in enumerate(ensemble.channels) if channel.latents[0] < copies)
        table = hotspot_freezing(hotspots_of(places, of=ensemble), models)
        assert table["channels"].tolist() == [7 * copies]
        assert table["low"].notna().all()
        intervals.append(table[["median", "low", "high"]].to_numpy(float))
    np.testing.assert_allclose(intervals[0], intervals[1])


def test_checkpoints_of_one_run_count_once_and_what_has_no_trace_is_counted() -> None:
    kl_TD = kl_of(BETA_T, 60)
    models = [model(f"at {beta:g}", BETA_T, kl_TD, beta=beta) for beta in (40.0, 10.0, 1.0)]
    models += [model("other", BETA_T, kl_of(BETA_T, 30)), model("bare", None)]
    ensemble = similarity(*(channel for place in range(5) for channel in channels_of(place, 0)))
    table = hotspot_freezing(hotspots_of((0, 1, 2, 3, 4), (4,), of=ensemble), models)
    assert table["channels"].tolist() == [2, 0]
    assert table["runs"].tolist() == [2, 0]
    assert table["without_trace"].tolist() == [1, 1]
    assert table["median"][0] == pytest.approx(45 * np.exp(-0.2))
    assert table.loc[1, ["median", "low", "least"]].isna().all()
