"""Information, NMI and VI against exact values, closed forms and a plain loop over pairs; ensembles as channels.

Shapes: C channels, D latents, F factors, N points.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ifp.codes import Codes
from ifp.errors import IfpError
from ifp.fingerprints import blocks
from ifp.fingerprints.build import ChannelComparison, compare_channels, factor_channels, latent_channels
from ifp.fingerprints.fingerprints import GaussianFingerprints, JoinedFingerprints, LabelFingerprints
from ifp.fingerprints.information import information_bits, upper_bits
from ifp.fingerprints.models import FACTOR, Channel, Model, Similarity
from ifp.fingerprints.similarity import TILE, measure_similarity
from ifp.seeds import numpy_generator
from ifp.system.threads import single_threaded_kernels

DOUBLE, SINGLE = torch.float64, torch.float32
LN2 = np.log(2)


def numbered(count: int) -> list[Channel]:
    return [Channel(f"channel {i}", 0, (i,)) for i in range(count)]


def of_labels(*labels_N: np.ndarray) -> Similarity:
    return measure_similarity(LabelFingerprints(np.stack(labels_N, axis=1), dtype=DOUBLE), numbered(len(labels_N)))


def of_latents(mean_ND: np.ndarray, logvar_ND: np.ndarray, dtype: torch.dtype = DOUBLE) -> Similarity:
    """Each column as a channel."""
    mean_CN, logvar_CN = (list(array_ND.T[:, :, None]) for array_ND in (mean_ND, logvar_ND))
    return measure_similarity(GaussianFingerprints(mean_CN, logvar_CN, dtype=dtype), numbered(len(mean_CN)))


def some_codes(seed: int, *, points: int = 120, latents: int = 4) -> Codes:
    """Latents from all but nothing to some 4 bits."""
    rng = numpy_generator(seed, "tests", "similarity")
    factors_NF = rng.integers(4, size=(points, 2))
    sigma_D = np.geomspace(0.05, 2, latents)
    mean_ND = rng.normal(size=(points, latents)) + factors_NF[:, [0]]
    return Codes(
        mean_ND, 2 * np.log(sigma_D) + 0.3 * rng.normal(size=(points, latents)), factors_NF, ("a", "b"), (4, 4)
    )


def loop_over_pairs(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """NMI and VI in bits, [D, D], from the definitions alone: a loop over pairs, in float64."""

    def bits(distance_NN: np.ndarray) -> float:
        return float(-np.log2(np.exp(-distance_NN).mean(axis=1)).mean())

    distances = []
    for mean_N, logvar_N in zip(mean_ND.T, logvar_ND.T, strict=True):
        middle_NN = (np.exp(logvar_N)[:, None] + np.exp(logvar_N)) / 2
        apart_NN = (mean_N[:, None] - mean_N) ** 2 / (8 * middle_NN)
        distances.append(apart_NN + (np.log(middle_NN) - (logvar_N[:, None] + logvar_N) / 2) / 2)
    alone, twice = [bits(d) for d in distances], [bits(2 * d) for d in distances]
    nmi_DD, vi_DD = np.empty((2, len(distances), len(distances)))
    for i, a in enumerate(distances):
        for j, b in enumerate(distances):
            both = bits(a + b)
            entropies = (2 * alone[i] - twice[i]) * (2 * alone[j] - twice[j])
            nmi_DD[i, j] = (alone[i] + alone[j] - both) / np.sqrt(entropies)
            vi_DD[i, j] = 2 * both - twice[i] - twice[j]
    return nmi_DD, vi_DD


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-12), (SINGLE, 2e-6)])
def test_the_same_as_a_loop_over_pairs(dtype: torch.dtype, tolerance: float) -> None:
    """With more channels than a tile of the product holds, and so that the last tile is not full."""
    rng = numpy_generator(0, "tests", "similarity", "loop")
    shared_N1, own_ND = rng.normal(size=(50, 1)), rng.normal(size=(50, TILE + 5))
    logvar_ND = rng.normal(size=own_ND.shape) - 2
    found = of_latents(shared_N1 + own_ND, logvar_ND, dtype)
    nmi_CC, vi_CC = loop_over_pairs(shared_N1 + own_ND, logvar_ND)
    np.testing.assert_allclose(found.nmi_CC, nmi_CC, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.vi_bits_CC, vi_CC, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-12), (SINGLE, 3e-6)])
def test_a_channel_is_itself_however_it_is_turned_and_scaled(dtype: torch.dtype, tolerance: float) -> None:
    codes = some_codes(0, latents=1)
    scales = np.array([1.0, -1.0, 3.0, -0.01, 1e4])
    mean_ND = codes.mean_ND * scales + np.array([0.0, 0.0, 5.0, 1.0, -10.0])
    found = of_latents(mean_ND, codes.logvar_ND + 2 * np.log(np.abs(scales)), dtype)
    np.testing.assert_allclose(found.nmi_CC, 1, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.vi_bits_CC, 0, rtol=0, atol=tolerance)


def test_the_order_of_a_spaces_latents_changes_nothing() -> None:
    codes = some_codes(1)
    order, signs = [2, 0, 3, 1], np.array([1, -1, -1, 1])
    other = Codes((codes.mean_ND * signs)[:, order], codes.logvar_ND[:, order], codes.factors_NF, ("a", "b"), (4, 4))
    models = [Model("one", codes), Model("turned", other)]
    found = compare_channels(models, by="space", with_factors=False, dtype=DOUBLE).similarity
    np.testing.assert_allclose(found.nmi_CC, 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.vi_bits_CC, 0, rtol=0, atol=1e-12)


def test_hard_clusters() -> None:
    """64 points: halves, quarters and parity hold 1, 2 and 1 bits, as labels and as posteriors far apart."""
    x_N = np.arange(64)
    halves, quarters, parity = x_N // 32, x_N // 16, x_N % 2
    far_ND = 100.0 * np.stack([halves, quarters, parity], axis=1)
    for found in (of_labels(halves, quarters, parity), of_latents(far_ND, np.zeros_like(far_ND))):
        exact = {"rtol": 0, "atol": 1e-12}
        np.testing.assert_allclose(found.information_bits_C, [1, 2, 1], **exact)
        np.testing.assert_allclose(found.upper_bits_C, [1, 2, 1], **exact)
        np.testing.assert_allclose(found.two_looks_bits_C, [1, 2, 1], **exact)
        np.testing.assert_allclose(found.joint_bits_CC, [[1, 2, 2], [2, 2, 3], [2, 3, 1]], **exact)
        np.testing.assert_allclose(found.nmi_CC, [[1, 0.5**0.5, 0], [0.5**0.5, 1, 0], [0, 0, 1]], **exact)
        np.testing.assert_allclose(found.vi_bits_CC, [[0, 1, 2], [1, 0, 3], [2, 3, 0]], **exact)
        assert found.cap_bits == 6


@pytest.mark.parametrize(("sigma", "expected"), [(0.05, 4.6459), (0.1, 3.6403), (0.2, 2.6160)])
def test_ring(sigma: float, expected: float) -> None:
    angle_N = 2 * np.pi * np.arange(200) / 200
    mean_ND = np.stack([np.cos(angle_N), np.sin(angle_N)], axis=1)
    ring = GaussianFingerprints([mean_ND], [np.full((200, 2), 2 * np.log(sigma))], dtype=DOUBLE)
    assert information_bits(ring)[0] == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("distance", [0.1, 1.0, 5.0])
def test_two_gaussians(distance: float) -> None:
    mean_ND = np.repeat([0.0, distance], 32)[:, None]
    found = GaussianFingerprints([mean_ND], [np.zeros((64, 1))], dtype=DOUBLE)
    for looks in (1, 2, 5):
        expected = -np.log2((1 + np.exp(-looks * distance**2 / 8)) / 2)
        assert information_bits(found, looks=looks)[0] == pytest.approx(expected, abs=1e-12)
    assert upper_bits(found)[0] == pytest.approx(-np.log2((1 + np.exp(-(distance**2) / 2)) / 2), abs=1e-12)


@pytest.mark.parametrize("variance", [0.1, 0.5])
def test_gaussian_channel_is_bracketed(variance: float) -> None:
    """Means from N(0, 1 - v), constant variance v: both bounds have a closed form, and the truth lies between."""
    s2 = 1 - variance

    def bound(factor: float) -> float:
        return float(np.log2(1 + s2 / (factor * variance)) / 2 + s2 / (2 * LN2 * (factor * variance + s2)))

    def measured(points: int) -> np.ndarray:
        mean_ND = np.sqrt(s2) * norm.ppf((np.arange(points) + 0.5) / points)[:, None]
        fingerprints = GaussianFingerprints([mean_ND], [np.full((points, 1), np.log(variance))], dtype=DOUBLE)
        twice = information_bits(fingerprints, looks=2)
        return np.concatenate([information_bits(fingerprints), upper_bits(fingerprints), twice])

    few, many = measured(1000), measured(2000)
    expected = [bound(4), bound(1), bound(2)]  # two looks are one with half the variance
    np.testing.assert_allclose(many, expected, rtol=0, atol=6e-4)
    # what is left is that quantiles cut the tails off, which falls a little more slowly than 1 / N
    np.testing.assert_allclose((few - expected) / (many - expected), 2, rtol=0, atol=0.15)
    assert many[0] < np.log2(1 + s2 / variance) / 2 < many[1]


def test_channels_of_independent_factors_add_up() -> None:
    """All pairs of 8 and 12 values, latents of one of them each: nothing is shared, and information exactly adds up."""
    first_N, second_N = (part.ravel() for part in np.meshgrid(np.arange(8), np.arange(12), indexing="ij"))
    rng = numpy_generator(0, "tests", "product data")
    means, logvars = (rng.normal(size=(2, 12)) * 2 for _ in range(2))
    mean_ND = np.stack([means[0, first_N], means[1, second_N]], axis=1)
    logvar_ND = np.stack([logvars[0, first_N], logvars[1, second_N]], axis=1)
    both = GaussianFingerprints(
        [mean_ND[:, [0]], mean_ND[:, [1]], mean_ND],
        [logvar_ND[:, [0]], logvar_ND[:, [1]], logvar_ND],
        dtype=DOUBLE,
    )
    factors = LabelFingerprints(np.stack([first_N, second_N], axis=1), dtype=DOUBLE)
    found = measure_similarity(JoinedFingerprints([both, factors]), numbered(5))
    exact = {"rtol": 0, "atol": 1e-12}
    assert found.information_bits_C.min() > 0.5
    assert found.nmi_CC[0, 1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found.nmi_CC[[0, 1, 3], [4, 3, 4]], 0, **exact)
    for of_each in (found.information_bits_C, found.upper_bits_C, found.two_looks_bits_C):
        np.testing.assert_allclose(of_each[2], of_each[0] + of_each[1], **exact)
    np.testing.assert_allclose(found.joint_bits_CC[0, 1], found.information_bits_C[2], **exact)
    np.testing.assert_allclose(found.information_bits_C[3:], np.log2([8, 12]), **exact)
    np.testing.assert_allclose(found.vi_bits_CC[3, 4], np.log2(96), **exact)


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
def test_little_memory_and_one_thread_change_no_bit(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    codes = some_codes(2)
    means, logvars = list(codes.mean_ND.T[:, :, None]), list(codes.logvar_ND.T[:, :, None])
    fingerprints = JoinedFingerprints(
        [GaussianFingerprints(means, logvars, dtype=dtype), LabelFingerprints(codes.factors_NF, dtype=dtype)]
    )

    def measured(memory_bytes: int) -> list[np.ndarray]:
        found = measure_similarity(fingerprints, numbered(6), memory_bytes=memory_bytes)
        return [found.information_bits_C, found.upper_bits_C, found.joint_bits_CC]

    usual = measured(10**9)
    with single_threaded_kernels():
        for found, expected in zip(measured(10**9), usual, strict=True):
            np.testing.assert_array_equal(found, expected)
    # blocks of another size add up in another order
    tolerance = 1e-13 if dtype == DOUBLE else 1e-6
    monkeypatch.setattr(blocks, "SHARDS", 1)
    for memory_bytes in (1, 300_000):
        for found, expected in zip(measured(memory_bytes), usual, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_progress_counts_points() -> None:
    codes, calls = some_codes(0, points=100), []
    compare_channels([Model("a", codes)], progress=lambda *call: calls.append(call))
    assert {(text, total) for text, _, total in calls} == {("comparing channels", 100)}
    assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)
    assert calls[-1] == ("comparing channels", 100, 100)


def test_each_fingerprint_needs_a_channel() -> None:
    with pytest.raises(IfpError, match="1 fingerprints cannot be of 2 channels"):
        measure_similarity(LabelFingerprints(np.zeros((3, 1), dtype=int)), numbered(2))


@pytest.mark.parametrize(
    ("by", "group_size", "expected"),
    [
        ("latent", None, [("a latent 0", 0, (0,)), ("a latent 1", 0, (1,)), ("b", 1, (0,))]),
        ("group", 1, [("a latent 0", 0, (0,)), ("a latent 1", 0, (1,)), ("b", 1, (0,))]),
        ("space", None, [("a", 0, (0, 1)), ("b", 1, (0,))]),
    ],
)
def test_models_of_different_sizes(by: str, group_size: int | None, expected: list[tuple[str, int, tuple]]) -> None:
    models = [Model("a", some_codes(0, latents=2)), Model("b", some_codes(0, latents=1))]
    models[1] = Model("b", Codes(models[1].codes.mean_ND, models[1].codes.logvar_ND,
                                   models[0].codes.factors_NF, ("a", "b"), (4, 4)))  # fmt: skip
    fingerprints, channels = latent_channels(models, by=by, group_size=group_size)
    assert [(channel.name, channel.model, channel.latents) for channel in channels] == expected
    assert fingerprints.channels == len(expected)


def test_groups_are_the_spaces_of_their_latents() -> None:
    codes = some_codes(3)
    fingerprints, channels = latent_channels([Model("m", codes)], by="group", group_size=2, dtype=DOUBLE)
    assert [(channel.name, channel.latents) for channel in channels] == [
        ("m latents 0-1", (0, 1)),
        ("m latents 2-3", (2, 3)),
    ]
    for channel, bits in zip(channels, information_bits(fingerprints), strict=True):
        at = list(channel.latents)
        part = Codes(codes.mean_ND[:, at], codes.logvar_ND[:, at], codes.factors_NF, ("a", "b"), (4, 4))
        alone, _ = latent_channels([Model("part", part)], by="space", dtype=DOUBLE)
        assert information_bits(alone)[0] == pytest.approx(bits, abs=1e-13)


def with_dead(codes: Codes, *latents: int) -> Codes:
    """The same with these latents at N(0, 1) whatever the image."""
    mean_ND, logvar_ND = codes.mean_ND.copy(), codes.logvar_ND.copy()
    mean_ND[:, latents] = logvar_ND[:, latents] = 0
    return Codes(mean_ND, logvar_ND, codes.factors_NF, codes.factor_names, codes.factor_sizes)


def test_dead_channels_and_constant_factors_are_dropped_and_listed() -> None:
    codes = some_codes(4)
    factors_NF = np.column_stack([codes.factors_NF, np.zeros(len(codes), dtype=int)])
    codes = Codes(codes.mean_ND, codes.logvar_ND, factors_NF, ("a", "b", "still"), (4, 4, 2))
    models = [Model("one", with_dead(codes, 1)), Model("two", with_dead(codes, 0, 3))]
    comparison: ChannelComparison = compare_channels(models, dtype=DOUBLE)
    assert [(channel.model, channel.latents) for channel in comparison.dropped] == [
        (0, (1,)), (1, (0,)), (1, (3,)), (FACTOR, ()),
    ]  # fmt: skip
    assert comparison.dropped[-1].name == "still"
    np.testing.assert_allclose(comparison.dropped_bits, 0, atol=1e-6)
    found = comparison.similarity
    assert [(channel.model, channel.latents) for channel in found.channels] == [
        (0, (0,)), (0, (2,)), (0, (3,)), (1, (1,)), (1, (2,)), (FACTOR, ()), (FACTOR, ()),
    ]  # fmt: skip
    assert [found.channels[i].name for i in found.factors()] == ["a", "b"]
    assert np.isfinite(found.nmi_CC).all()
    _, factors = factor_channels(codes)
    assert [factor.name for factor in factors] == ["a", "b", "still"]
    without = compare_channels(models, with_factors=False, dtype=DOUBLE)
    assert len(without.similarity) == 5
    assert len(without.dropped) == 3
    np.testing.assert_allclose(without.similarity.joint_bits_CC, found.joint_bits_CC[:5, :5], rtol=0, atol=1e-12)


def test_the_least_information_is_asked_for() -> None:
    codes = some_codes(5)
    bits_C = information_bits(latent_channels([Model("m", codes)])[0])
    between = float(np.sort(bits_C)[1:3].mean())
    comparison = compare_channels([Model("m", codes)], least_bits=between)
    live = [channel.latents[0] for channel in comparison.similarity.channels if not channel.is_factor]
    assert live == list(np.flatnonzero(bits_C > between))
    np.testing.assert_allclose(np.sort(comparison.dropped_bits), np.sort(bits_C)[:2], atol=1e-6)


def of_other_factors(codes: Codes) -> Codes:
    return Codes(codes.mean_ND, codes.logvar_ND, codes.factors_NF[::-1], codes.factor_names, codes.factor_sizes)


CODES = some_codes(6)


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([], {}, "There is no model to compare"),
        ([CODES, some_codes(6, points=50)], {}, "m0 and m1 are models of different data: 120 and 50 images"),
        ([CODES, of_other_factors(CODES)], {}, "m0 and m1 are models of different data: their images' factors differ"),
        ([with_dead(CODES, 0, 1, 2, 3)], {}, "No channel holds more than 0.01 bits"),
        ([CODES], {"by": "layer"}, "Unknown kind of channel 'layer': allowed are latent, group, space"),
        ([CODES], {"by": "group"}, "A group size goes with channels by group"),
        ([CODES], {"group_size": 2}, "A group size goes with channels by group"),
        ([CODES], {"by": "group", "group_size": 3}, "group size must be a number that divides the 4 latents of m0"),
        ([CODES], {"by": "group", "group_size": 0}, "group size must be a number that divides"),
    ],
)
def test_bad_input(models: list[Codes], options: dict, message: str) -> None:
    with pytest.raises(IfpError, match=message):
        compare_channels([Model(f"m{i}", codes) for i, codes in enumerate(models)], **options)
