"""The shift of a coordinate by a share of its distribution: known values, the group law, rows that drop out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ifp.topology.shift import shifted, shifted_along


def standardised(values: list[float]) -> torch.Tensor:
    """The values beside pairs +-c, so that mean and deviation of all are 0 and 1."""
    z = np.array(values)
    n = len(values) + 200
    rest = np.sqrt((n - 1 - (z**2).sum() - z.sum() ** 2 / 200) / 200)
    others = np.tile([rest, -rest], 100) - z.sum() / 200
    return torch.from_numpy(np.concatenate([z, others]))


@pytest.mark.parametrize(
    ("value", "up", "down"), [(0.0, 0.3186, -0.3186), (1.0, 1.8296, 0.5720), (-1.0, -0.5720, -1.8296)]
)
def test_known_shifts(value: float, up: float, down: float) -> None:
    z_N = standardised([value])
    assert float(z_N.mean()) == pytest.approx(0, abs=1e-12)
    assert float(z_N.std()) == pytest.approx(1, abs=1e-12)
    assert float(shifted(z_N, 0.125)[0][0]) == pytest.approx(up, abs=5e-5)
    assert float(shifted(z_N, -0.125)[0][0]) == pytest.approx(down, abs=5e-5)


def test_rows_beyond_the_distribution_stay() -> None:
    z_N = standardised([1.1503, 1.1504, -1.1503, -1.1504])
    for share, kept in ((0.125, [True, False, True, True]), (-0.125, [True, True, True, False])):
        moved_N, within_N = shifted(z_N, share)
        assert within_N[:4].tolist() == kept
        assert torch.equal(moved_N[~within_N], z_N[~within_N])


def test_an_eighth_of_a_batch_drops_out() -> None:
    """Of the mid-quantiles of 64 rows, 56 are left; of random batches 56.0 +- 1.6."""
    quantiles_N = torch.from_numpy(norm.ppf((np.arange(64) + 0.5) / 64))
    assert int(shifted(quantiles_N, 0.125)[1].sum()) == 56
    random = np.random.default_rng(0)
    left = [int(shifted(torch.from_numpy(random.normal(size=64)), 0.125)[1].sum()) for _ in range(400)]
    assert np.mean(left) == pytest.approx(56.0, abs=4 * 1.6 / 20)


def test_shifts_compose() -> None:
    """With the mean and the deviation of the whole line, h_C then h_D is h_(C + D)."""
    p = torch.linspace(0.2, 0.6, 9, dtype=torch.float64)
    z_N = torch.special.ndtri(p)
    for first, second in ((0.125, 0.125), (0.125, -0.1)):
        moved = torch.special.ndtri(torch.special.ndtr(torch.special.ndtri(p + first)) + second)
        np.testing.assert_allclose(moved, torch.special.ndtri(torch.special.ndtr(z_N) + first + second), atol=1e-14)


def test_the_gradient_is_that_of_finite_differences() -> None:
    """Mean and deviation of the batch move with it."""
    z_N = torch.from_numpy(np.random.default_rng(3).normal(size=12)).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: shifted(z, 0.125)[0], [z_N])  # type: ignore[no-untyped-call]


def test_a_latent_that_does_not_vary_stays_and_has_no_nan() -> None:
    z_N = torch.full((8,), 0.5, requires_grad=True)
    moved_N, within_N = shifted(z_N, 0.125)
    assert torch.equal(moved_N, z_N)
    assert within_N.all()
    assert torch.autograd.grad(moved_N.sum(), z_N)[0].isfinite().all()


def test_probabilities_at_the_edge_of_float32_stay_finite() -> None:
    """A row within 1e-7 of the end of the distribution is dropped rather than moved to infinity."""
    place = float(norm.ppf(0.875 - 1e-8))
    z_N = standardised([place]).float().requires_grad_()
    moved_N, within_N = shifted(z_N, 0.125)
    assert not within_N[0]
    assert moved_N.isfinite().all()
    assert torch.autograd.grad(moved_N.sum(), z_N)[0].isfinite().all()


def test_along_an_axis_it_is_that_latents_shift() -> None:
    z_ND = torch.from_numpy(np.random.default_rng(1).normal(size=(16, 3)))
    moved_ND, within_N = shifted_along(z_ND, torch.tensor([0.0, 1, 0], dtype=torch.float64), 0.125)
    column_N, kept_N = shifted(z_ND[:, 1], 0.125)
    assert torch.equal(within_N, kept_N)
    np.testing.assert_allclose(moved_ND[:, 1], column_N, atol=1e-12)
    assert torch.equal(moved_ND[:, [0, 2]], z_ND[:, [0, 2]])
