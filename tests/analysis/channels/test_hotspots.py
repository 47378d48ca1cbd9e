"""Hotspots of ensembles whose recurring fragments are built in; NMI and VI of the exact ones are known.

Shapes: N points, C channels, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from sklearn.cluster import OPTICS

from ifp.analysis.channels.clusters import SMALLEST_DISTANCE, profile_of
from ifp.analysis.channels.hotspot import Hotspots
from ifp.analysis.channels.hotspots import distances, find_hotspots
from ifp.analysis.channels.stability import stability
from ifp.errors import IfpError
from ifp.fingerprints.fingerprints import GaussianFingerprints, JoinedFingerprints, LabelFingerprints
from ifp.fingerprints.models import FACTOR, Channel, Similarity
from ifp.fingerprints.similarity import measure_similarity
from ifp.seeds import numpy_generator

FACTORS_NF = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
FACTOR_NAMES = ("a", "b", "c")


def factor_channels(count: int) -> list[Channel]:
    return [Channel(name, FACTOR) for name in FACTOR_NAMES[:count]]


def exact(held: Sequence[Sequence[str]], factors_NF: np.ndarray = FACTORS_NF) -> Similarity:
    """A model for each of `held`; its channels hold the factors named, values renumbered, or chance labels for "?"."""
    labels_CN, channels = [], []
    for model, of_model in enumerate(held):
        generator = numpy_generator(0, "exact", model)
        for holds in of_model:
            if holds == "?":
                labels_CN.append(generator.integers(4, size=len(FACTORS_NF)))
            else:
                value_N = sum(4**i * FACTORS_NF[:, FACTOR_NAMES.index(name)] for i, name in enumerate(holds))
                labels_CN.append(generator.permutation(4 ** len(holds))[value_N])
            channels.append(Channel(f"m{model} {holds} {len(channels)}", model, (len(channels),)))
    fingerprints = LabelFingerprints(np.concatenate([np.stack(labels_CN, axis=1), factors_NF], axis=1))
    return measure_similarity(fingerprints, channels + factor_channels(factors_NF.shape[1]))


def noisy(runs: int, seed: int, *, wobble: float = 0.05, present: float = 0.7) -> tuple[Similarity, np.ndarray]:
    """Models that hold factors a, b (`present` of them) and c, each mirrored, bent, of its own sharpness and mixed with
    `wobble` of the others, among three channels each of chance content; and which factor [C] each channel holds, or -1.
    """
    rng = np.random.default_rng(seed)
    labels_NF = rng.integers(8, size=(200, 3))
    value_NF = (labels_NF - 3.5) / 2.3
    means, logvars, channels, holds = [], [], [], []
    for model in range(runs):
        for factor, (sharp, share) in enumerate(zip((0.05, 0.1, 0.2), (1, present, 1), strict=True)):
            if rng.random() > share:
                continue
            mixture_F = wobble * rng.normal(size=3)
            mixture_F[factor] = 1
            mean_N = value_NF @ mixture_F + 0.15 * rng.normal() * np.sin(1.5 * value_NF[:, factor])
            means.append(rng.choice([-1, 1]) * mean_N)
            logvars.append(np.log(sharp) + 0.3 * rng.normal() + 0.1 * rng.normal(size=200))
            holds.append(factor)
        for _ in range(3):
            means.append(rng.normal(size=200))
            logvars.append(np.full(200, np.log(rng.uniform(0.05, 2))))
            holds.append(-1)
        channels += [Channel(f"m{model} z{i}", model, (i,)) for i in range(len(means) - len(channels))]
    fingerprints = JoinedFingerprints(
        [GaussianFingerprints([m[:, None] for m in means], [v[:, None] for v in logvars]), LabelFingerprints(labels_NF)]
    )
    return measure_similarity(fingerprints, channels + factor_channels(3)), np.array(holds)


def as_built(holds_C: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(holds_C == factor).tolist()) for factor in range(3)}


def as_found(found: Hotspots) -> set[frozenset[int]]:
    return {frozenset(hotspot.channels) for hotspot in found.hotspots}


MERGING = [("a", "b", "?")] * 7 + [("ab", "?")] * 5


@pytest.mark.parametrize("distance", ["vi", "nmi"])
def test_a_latent_that_merges_two_factors_is_a_hotspot_of_its_own(distance: str) -> None:
    found = find_hotspots(exact(MERGING), distance=distance)
    assert (found.num_models, found.min_samples, found.factors) == (12, 5, FACTOR_NAMES)
    holding = {found.similarity.channels[hotspot.representative].name.split()[1]: hotspot for hotspot in found.hotspots}
    assert set(holding) == {"a", "b", "ab"}
    for name, hotspot in holding.items():
        assert {found.similarity.channels[place].name.split()[1] for place in hotspot.channels} == {name}
        assert hotspot.models == (tuple(range(7, 12)) if name == "ab" else tuple(range(7)))
        np.testing.assert_allclose(hotspot.information_bits, [2 * len(name)] * 3, atol=1e-5)
        assert hotspot.tightness == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(holding["a"].nmi_with_factors_F, [1, 0, 0], atol=1e-5)
    np.testing.assert_allclose(holding["ab"].nmi_with_factors_F, [0.5**0.5, 0.5**0.5, 0], atol=1e-5)
    assert [holding["a"].factor, holding["b"].factor] == ["a", "b"]
    assert holding["ab"].factor_nmi == pytest.approx(0.5**0.5, abs=1e-5)


def test_the_ordering_holds_each_hotspot_where_its_span_says() -> None:
    found = find_hotspots(exact(MERGING))
    assert [hotspot.name for hotspot in found.hotspots] == ["i", "ii", "iii"]
    assert sorted(found.ordering_L) == list(range(len(found.latents)))
    assert np.isinf(found.reachability_L[0])
    for place, hotspot in enumerate(found.hotspots):
        assert hotspot.number == place + 1
        in_order = found.latents[found.ordering_L][slice(*hotspot.span)]
        assert tuple(in_order.tolist()) == hotspot.channels
        assert set(found.latents[found.labels_L == place].tolist()) == set(hotspot.channels)
    assert (found.labels_L == -1).sum() == 12  # the chance labels


@pytest.mark.parametrize("distance", ["vi", "nmi"])
@pytest.mark.parametrize(("runs", "seed"), [(5, 0), (7, 1), (20, 1)])
def test_fragments_are_found_again_in_noisy_copies(distance: str, runs: int, seed: int) -> None:
    similarity, holds_C = noisy(runs, seed)
    found = find_hotspots(similarity, distance=distance)
    assert as_found(found) == as_built(holds_C)
    for hotspot in found.hotspots:
        assert hotspot.factor == FACTOR_NAMES[holds_C[hotspot.channels[0]]]


@pytest.mark.parametrize("distance", ["vi", "nmi"])
def test_the_order_of_the_models_does_not_matter(distance: str) -> None:
    similarity, holds_C = noisy(7, 1)
    shuffled = np.random.default_rng(3).permutation(len(similarity))
    found = find_hotspots(similarity.among(shuffled), distance=distance)
    assert {frozenset(shuffled[list(channels)].tolist()) for channels in as_found(found)} == as_built(holds_C)


def test_no_hotspot_falls_apart_nor_is_one_of_channels_that_share_nothing() -> None:
    # what the labels of OPTICS do here, where each of three fragments is in its models once
    similarity, holds_C = noisy(5, 0)
    latents = similarity.latents()
    distance_LL = np.maximum(distances(similarity, "vi")[np.ix_(latents, latents)], SMALLEST_DISTANCE)
    labels_L = OPTICS(min_samples=2, metric="precomputed").fit(distance_LL).labels_
    contents = [set(holds_C[labels_L == label].tolist()) for label in range(labels_L.max() + 1)]
    assert {-1} in contents
    assert any(contents.count({factor}) > 1 for factor in range(3))
    assert as_found(find_hotspots(similarity)) == as_built(holds_C)


def test_what_few_models_hold_many_times_does_not_recur() -> None:
    few = [("a", "a", "a")] * 2 + [("b", "?")] * 6
    found = find_hotspots(exact(few))
    assert found.min_samples == 3
    assert [hotspot.factor for hotspot in found.hotspots] == ["b"]
    assert [hotspot.factor for hotspot in find_hotspots(exact(few), min_samples=2).hotspots].count("a") == 1


def test_models_that_are_all_alike_are_one_hotspot() -> None:
    found = find_hotspots(exact([("a",)] * 5))
    assert [hotspot.channels for hotspot in found.hotspots] == [tuple(found.latents[found.ordering_L].tolist())]
    assert len(found.hotspots[0].models) == 5


@pytest.mark.parametrize("min_samples", [2, 3, 8, 40])
def test_the_ordering_is_that_of_scikit_learn(min_samples: int) -> None:
    points_LD = np.random.default_rng(min_samples).normal(size=(40, 3)) ** 3
    distance_LL = np.linalg.norm(points_LD[:, None] - points_LD, axis=-1)
    profile = profile_of(distance_LL, np.exp(-distance_LL), np.arange(40), min_samples=min_samples)
    theirs = OPTICS(min_samples=min_samples, metric="precomputed").fit(distance_LL)
    assert profile.ordering_L.tolist() == theirs.ordering_.tolist()
    np.testing.assert_allclose(profile.reachability_L, theirs.reachability_[theirs.ordering_], rtol=1e-12)


def by_hand(information_bits: Sequence[float], nmi_CC: np.ndarray) -> Similarity:
    """One channel a model, or a factor where the name says so; entropies are the informations."""
    information_C = np.array(information_bits)
    shared_CC = nmi_CC * np.sqrt(information_C[:, None] * information_C)
    joint_CC = information_C[:, None] + information_C - shared_CC
    channels = tuple(Channel(f"m{i}", i, (0,)) for i in range(len(information_C)))
    return Similarity(channels, information_C, 2 * information_C, joint_CC.diagonal().copy(), joint_CC, 64)


def test_information_representative_and_tightness_are_those_of_the_channels() -> None:
    nmi_CC = np.array(
        [
            [1.0, 0.9, 0.9, 0.9, 0.9],
            [0.9, 1.0, 0.8, 0.8, 0.8],
            [0.9, 0.8, 1.0, 0.8, 0.8],
            [0.9, 0.8, 0.8, 1.0, 0.8],
            [0.9, 0.8, 0.8, 0.8, 1.0],
        ]
    )
    (hotspot,) = find_hotspots(by_hand([2, 2.5, 1.5, 2.25, 1.75], nmi_CC), distance="nmi").hotspots
    assert hotspot.representative == 0
    assert hotspot.tightness == pytest.approx((4 * 0.9 + 6 * 0.8) / 10)
    np.testing.assert_allclose(hotspot.information_bits, [2, 1.5, 2.5])
    np.testing.assert_allclose(hotspot.upper_bits, [4, 3, 5])
    assert (hotspot.factor, len(hotspot.nmi_with_factors_F)) == ("", 0)
    assert np.isnan(hotspot.factor_nmi)


@pytest.mark.parametrize(("nmi", "name"), [(0.19, ""), (0.21, "a")])
def test_a_factor_names_a_hotspot_from_an_nmi_of_a_fifth(nmi: float, name: str) -> None:
    """Mean NMI over the channels; the hotspot says the number whether it earns the name or not."""
    nmi_CC = np.full((7, 7), 0.9)
    np.fill_diagonal(nmi_CC, 1)
    nmi_CC[5, :5] = nmi_CC[:5, 5] = nmi + 0.05 * np.array([-2, -1, 0, 1, 2])
    nmi_CC[6, :6] = nmi_CC[:6, 6] = 0.1
    similarity = by_hand([2] * 7, nmi_CC)
    named = replace(similarity, channels=(*similarity.channels[:5], *factor_channels(2)))
    (hotspot,) = find_hotspots(named, distance="nmi").hotspots
    assert hotspot.factor == name
    assert hotspot.factor_nmi == pytest.approx(nmi)


@pytest.mark.parametrize(("across", "hotspots"), [(0.7, 1), (0.6, 2)])
def test_neighbours_are_one_where_they_share_as_the_looser_does(across: float, hotspots: int) -> None:
    nmi_CC = np.full((8, 8), across)
    nmi_CC[:4, :4], nmi_CC[4:, 4:] = 0.98, 0.8
    np.fill_diagonal(nmi_CC, 1)
    found = find_hotspots(by_hand([2] * 8, nmi_CC), distance="nmi")
    assert len(found.hotspots) == hotspots
    assert (found.labels_L >= 0).all()


def test_a_model_with_two_channels_counts_once() -> None:
    similarity = by_hand([1, 3, 2.5, 2.5, 2.5, 2.5], 0.1 * np.eye(6) + 0.9)
    channels = (Channel("twice", 1, (1,)), *similarity.channels[1:])
    (hotspot,) = find_hotspots(replace(similarity, channels=channels), distance="nmi").hotspots
    assert (len(hotspot.channels), hotspot.models) == (6, (1, 2, 3, 4, 5))
    np.testing.assert_allclose(hotspot.information_bits, [(2 + 4 * 2.5) / 5, 2, 2.5])


def test_a_factor_with_one_value_is_no_ones_name() -> None:
    constant_NF = FACTORS_NF * [0, 1, 1]
    found = find_hotspots(exact([("b",)] * 5, constant_NF))
    (hotspot,) = found.hotspots
    assert hotspot.factor == "b"
    assert np.isnan(hotspot.nmi_with_factors_F[0])


def test_the_table_has_a_row_a_hotspot_and_its_columns_without_any() -> None:
    table = find_hotspots(exact(MERGING)).table()
    assert table["hotspot"].tolist() == ["i", "ii", "iii"]
    assert sorted(table["runs"]) == [5, 7, 7]
    assert set(table["of_runs"]) == {12}
    assert {"nmi_a", "nmi_b", "nmi_c"} <= set(table.columns)
    empty = find_hotspots(exact([("?",)] * 5)).table()
    assert len(empty) == 0
    assert list(empty.columns) == list(table.columns)


def test_models_without_a_live_channel_count_too() -> None:
    similarity = exact([("a",)] * 5)
    assert len(find_hotspots(similarity, num_models=12).hotspots) == 1  # 5 of 12 are 0.4 of them
    assert find_hotspots(similarity, num_models=15).hotspots == ()
    assert find_hotspots(similarity.among(similarity.factors()), num_models=5).hotspots == ()


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (4, {}, "at least 5 models, got 4"),
        (5, {"distance": "cka"}, "Unknown distance 'cka': allowed are vi, nmi"),
        (5, {"min_samples": 1}, "min_samples must be from 2 to the number of models, 5, got 1"),
        (5, {"min_samples": 6}, "min_samples must be from 2 to the number of models, 5, got 6"),
        (6, {"num_models": 5}, "num_models must be at least the 6 models that have channels, got 5"),
    ],
)
def test_what_cannot_be_is_said(models: int, options: dict[str, object], message: str) -> None:
    with pytest.raises(IfpError, match=message):
        find_hotspots(exact([("a",)] * models), **options)  # type: ignore[arg-type]


def test_similarities_that_are_not_finite_are_refused() -> None:
    similarity = by_hand([2.0] * 5, np.full((5, 5), np.nan))
    with pytest.raises(IfpError, match="not finite"):
        find_hotspots(similarity)


@pytest.mark.parametrize("seed", range(4))
def test_what_every_model_holds_is_stable_and_chance_is_not(seed: int) -> None:
    # 12 models: the first channels hold one thing; the second ones differ, by chance some less than others
    chance_CC = np.random.default_rng(seed).uniform(0, 0.7, size=(24, 24)) ** 1.5
    nmi_CC = np.maximum(chance_CC, chance_CC.T)
    nmi_CC[:12, :12], nmi_CC[:12, 12:], nmi_CC[12:, :12] = 0.9, 0.05, 0.05
    np.fill_diagonal(nmi_CC, 1)
    channels = tuple(Channel(f"z{place}", place % 12, (place // 12,)) for place in range(24))
    similarity = replace(by_hand([2] * 24, nmi_CC), channels=channels)
    found = find_hotspots(similarity, distance="nmi", min_samples=3)
    real = np.array([set(hotspot.channels) == set(range(12)) for hotspot in found.hotspots])
    assert (real.sum(), (~real).sum()) == (1, 1)
    steady_H2 = stability(found, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(steady_H2[real], [[1, 1]])
    assert steady_H2[~real, 0].max() < 0.75
    assert steady_H2[~real, 1].max() < 0.5


def test_stability_of_what_two_of_five_models_hold() -> None:
    # 4 of 5 models are drawn: both that hold b are among them in 6 of 10 ways, and one alone is no hotspot
    found = find_hotspots(exact([("a", "b"), ("a", "b"), ("a",), ("a",), ("a",)]))
    steady_H2 = stability(found, resamples=400, generator=np.random.default_rng(0))
    by_factor = {hotspot.factor: row for hotspot, row in zip(found.hotspots, steady_H2, strict=True)}
    np.testing.assert_array_equal(by_factor["a"], [1, 1])
    assert by_factor["b"][0] == pytest.approx(0.6, abs=4 * (0.6 * 0.4 / 400) ** 0.5)
    assert by_factor["b"][1] == 0


def test_resamples_without_the_hotspot_do_not_count() -> None:
    found = find_hotspots(exact([("a", "b")] * 2 + [("a",)] * 8), min_samples=2)
    generator = np.random.default_rng(next(s for s in range(99) if not {0, 1} & _drawn(s)))
    steady_H2 = stability(found, resamples=1, share=0.2, generator=generator)
    row = {hotspot.factor: row for hotspot, row in zip(found.hotspots, steady_H2, strict=True)}
    assert np.isnan(row["b"]).all()
    np.testing.assert_array_equal(row["a"], [1, 1])


def _drawn(seed: int) -> set[int]:
    return set(np.random.default_rng(seed).choice(np.arange(10), size=2, replace=False).tolist())


def test_stability_has_a_row_a_hotspot_the_same_for_the_same_generator() -> None:
    found = find_hotspots(noisy(5, 0)[0])
    one, other = (stability(found, resamples=10, generator=np.random.default_rng(7)) for _ in range(2))
    assert one.shape == (len(found.hotspots), 2)
    np.testing.assert_array_equal(one, other)
    nothing = find_hotspots(exact([("?",)] * 5))
    assert stability(nothing, generator=np.random.default_rng(0)).shape == (0, 2)


@pytest.mark.parametrize(("options", "named"), [({"resamples": 0}, "resamples"), ({"share": 1.0}, "share")])
def test_stability_refuses_what_cannot_be(options: dict[str, float], named: str) -> None:
    found = find_hotspots(exact([("a",)] * 5))
    with pytest.raises(IfpError, match=named):
        stability(found, generator=np.random.default_rng(0), **options)  # type: ignore[arg-type]
