"""The likelihoods against their derivatives, and the one place where a name and a sigma become one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ifp.errors import IfpError
from ifp.likelihood import Bernoulli, Gaussian, Likelihood, as_likelihood

BOTH = pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.3)])
MEAN = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
X = torch.tensor([0.1, 0.6, 1.0], dtype=torch.float64)


def test_a_name_and_a_sigma_become_one_object() -> None:
    assert as_likelihood("bernoulli") == Bernoulli()
    assert as_likelihood("gaussian", 0.3) == Gaussian(0.3)
    assert as_likelihood(Gaussian(0.2), 0.3) == Gaussian(0.2)
    for name, sigma, says in [("poisson", 1.0, "poisson"), ("bernoulli", -1.0, "sigma"), ("gaussian", 1e-40, "1e-30")]:
        with pytest.raises(IfpError, match=says):
            as_likelihood(name, sigma)


@BOTH
def test_the_residual_is_the_derivative_of_the_cost(likelihood: Likelihood) -> None:
    out = torch.tensor([-1.0, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(likelihood.cost(out, X).sum(), out)
    torch.testing.assert_close(likelihood.inverse_variance * likelihood.residual(out.detach(), X), slope)
    torch.testing.assert_close(likelihood.summed_cost(out, X), likelihood.cost(out, X).sum())


@BOTH
def test_the_variance_is_one_over_the_curvature_in_the_decoded_mean(likelihood: Likelihood) -> None:
    def cost(mean: torch.Tensor) -> torch.Tensor:
        return likelihood.cost(likelihood.output_for(mean), MEAN).sum()

    curvature = torch.autograd.functional.hessian(cost, MEAN).diagonal()
    np.testing.assert_allclose(likelihood.variance(MEAN.numpy()), 1 / curvature.numpy())


@BOTH
def test_pixels_that_never_change_cost_what_the_best_decoder_pays(likelihood: Likelihood) -> None:
    best = likelihood.cost(likelihood.output_for(MEAN), MEAN).sum()
    assert likelihood.constant_nats(MEAN.numpy()) == pytest.approx(float(best))


def test_images_outside_of_0_to_1_suit_the_gaussian_alone() -> None:
    images = np.array([[0.0, 2.0], [1.0, 0.5]])
    np.testing.assert_array_equal(Gaussian().as_pixels(images), images)
    with pytest.raises(IfpError, match="0 to 2"):
        Bernoulli().as_pixels(images)
