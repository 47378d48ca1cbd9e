"""MIG against answers known exactly, and against the field's best-known mistake."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ifp.analysis.metrics import mig

TENS = (10,) * 10
Draw = Callable[..., np.ndarray]


def test_identity_on_dsprites_is_not_1(grid: Draw) -> None:
    """20 bins merge neighbours of the 40 orientations and of the 32 positions."""
    factors_NF = grid((3, 6, 40, 32, 32))
    score = mig(factors_NF, factors_NF)
    assert score.value == pytest.approx(0.90242, abs=5e-6)
    assert score.gap_F == pytest.approx([1, 1, 0.8121, 0.8500, 0.8500], abs=5e-5)
    assert score.entropy_nats_F == pytest.approx(np.log([3, 6, 40, 32, 32]))
    assert score.latent_F.tolist() == [0, 1, 2, 3, 4]


def test_identity_on_shapes3d_is_1(grid: Draw) -> None:
    factors_NF = grid((10, 10, 10, 8, 4, 15))
    assert float(mig(factors_NF, factors_NF)) == pytest.approx(1, abs=1e-9)


def test_identity_from_a_sample(draw: Draw) -> None:
    factors_NF = draw(TENS, 3000)
    assert 0.9 < float(mig(factors_NF, factors_NF)) < 1


@pytest.mark.parametrize("num_images", [2000, 8000])
def test_the_finite_sample_lowers_it_as_documented(draw: Draw, num_images: int) -> None:
    """With two factors the second largest is the one wrong latent: its expected information is all bias."""
    gaps = [1 - float(mig(f, f)) for f in (draw((10, 10), num_images, seed) for seed in range(20))]
    assert np.mean(gaps) == pytest.approx(9 * 9 / (2 * num_images) / np.log(10), rel=0.15)


def test_order_and_scale_of_latents_do_not_matter(draw: Draw) -> None:
    factors_NF = draw(TENS, 2000)
    codes_ND = factors_NF + np.random.default_rng(0).normal(size=factors_NF.shape)
    order = np.random.default_rng(1).permutation(10)
    assert float(mig(4 * codes_ND[:, order], factors_NF)) == pytest.approx(float(mig(codes_ND, factors_NF)), abs=1e-12)


def test_duplicated_codes_have_no_gap(draw: Draw) -> None:
    factors_NF = draw(TENS, 3000)
    assert float(mig(np.hstack([factors_NF, factors_NF]), factors_NF)) == pytest.approx(0, abs=1e-12)


def test_codes_that_know_nothing(draw: Draw, rng: np.random.Generator) -> None:
    factors_NF = draw(TENS, 10_000)
    assert abs(float(mig(np.zeros((10_000, 10)), factors_NF))) < 1e-12
    assert abs(float(mig(np.full((10_000, 3), 0.1), factors_NF))) < 1e-12
    assert 0 <= float(mig(rng.normal(size=(10_000, 10)), factors_NF)) < 0.005


def test_axes_reshaped_instead_of_transposed_are_not_forgiven(draw: Draw) -> None:
    """The mistake of a well-known code base: a view of [D, N] memory as [N, D] scores next to nothing."""
    factors_NF = draw(TENS, 3000)
    mistaken_ND = np.ascontiguousarray(factors_NF.T).reshape(3000, 10)
    assert float(mig(mistaken_ND, factors_NF)) < 0.02


def test_a_rotated_pair_loses_its_gap(draw: Draw) -> None:
    factors_NF = draw((10, 10), 5000)
    rotated_ND = factors_NF @ np.array([[1.0, 1.0], [-1.0, 1.0]]).T
    assert float(mig(rotated_ND, factors_NF)) < 0.02 < 0.98 < float(mig(factors_NF, factors_NF))


def test_a_single_latent_is_ahead_of_nothing(draw: Draw) -> None:
    factors_NF = draw((10, 10), 5000)
    score = mig(factors_NF[:, :1], factors_NF)
    assert score.gap_F[0] == pytest.approx(1)
    assert score.gap_F[1] < 0.01
