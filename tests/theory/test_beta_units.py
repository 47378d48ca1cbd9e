"""Betas of other projects: every row of the table, and losses written out from their descriptions.

Two losses have the same minimisers when one is a multiple of the other, so each foreign loss's gradient must be
parallel to that of our own objective (`ifp.networks.losses`) at the converted beta, in every parameter at once.

Shapes: N images, C H W their size, D latents.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.errors import IfpError
from ifp.likelihood import as_likelihood
from ifp.networks.losses import gaussian_kl_nats, reconstruction_nats
from ifp.theory.beta_units import SIGMA_OF_SE, CanonicalBeta, from_nats, to_nats
from ifp.theory.conventions import CONVENTIONS

N, D = 6, 5
SHAPE = (2, 3, 4)
BETA = 1.7
KLD_WEIGHT = 0.013

TABLE = [  # value, convention, shape, latents, our beta, likelihood
    (4, "disentanglement-lib-bernoulli", None, None, 4, "bernoulli"),
    (4, "disentanglement-lib-l2", None, None, 4, "gaussian"),
    (70, "erow-bernoulli", None, None, 70, "bernoulli"),
    (70, "erow-l2", None, None, 70, "gaussian"),
    (4, "yanndubs-bernoulli", None, None, 4, "bernoulli"),
    (4, "yanndubs-gaussian", None, None, 4 / 255, "gaussian"),
    (4, "yanndubs-laplace", None, None, 4 / 3, "laplace"),
    (8, "dent-bernoulli", None, None, 8, "bernoulli"),
    (8, "dent-gaussian", None, None, 8 / 255, "gaussian"),
    (8, "dent-laplace", None, None, 8 / 3, "laplace"),
    (4, "1konny-bernoulli", None, None, 4, "bernoulli"),
    (10, "1konny-gaussian", None, None, 10, "gaussian"),
    (4, "amir-abdi", None, None, 4, "bernoulli"),
    (6, "rtqichen", None, None, 6, "bernoulli"),
    (5, "pythae-mse", None, None, 10, "gaussian"),
    (5, "pythae-mse-0.1.1", None, None, 5, "gaussian"),
    (5, "pythae-bce", None, None, 5, "bernoulli"),
    (10, "antixk", (3, 64, 64), None, 30.72, "gaussian"),
    (1, "antixk", (3, 64, 64), None, 3.072, "gaussian"),
    (0.003, "disent-mean", (3, 64, 64), 9, 4.096, "gaussian"),
    (0.0316, "disent-mean", (1, 64, 64), 25, 5.177344, "gaussian"),
    (0.003, "disent-mean-bce", (3, 64, 64), 9, 4.096, "bernoulli"),
    (4, "disent-mean-sum", None, None, 4, "gaussian"),
    (4, "disent-mean-sum-bce", None, None, 4, "bernoulli"),
    (0.01, "higgins-normalised", (1, 64, 64), 10, 4.096, "bernoulli"),
]


@pytest.mark.parametrize(("value", "name", "shape", "latents", "expected", "likelihood"), TABLE)
def test_the_table(
    value: float, name: str, shape: tuple[int, int, int] | None, latents: int | None, expected: float, likelihood: str
) -> None:
    found = to_nats(value, name, shape=shape, latents=latents)
    assert found.beta == pytest.approx(expected, rel=1e-14)
    assert found.likelihood == likelihood
    assert found.sigma == (math.sqrt(0.5) if likelihood == "gaussian" else None)
    assert from_nats(expected, name, shape=shape, latents=latents) == pytest.approx(value, rel=1e-14)


def test_the_table_leaves_no_convention_out() -> None:
    assert {row[1] for row in TABLE} == set(CONVENTIONS) == set(FOREIGN)


def kl_NxD(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)) in a project's usual spelling."""
    return -0.5 * (1 + logvar - mean.pow(2) - logvar.exp())


def chen_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """The same from log sigma, as beta-TCVAE's code has it, by torch's own distributions."""
    posterior = torch.distributions.Normal(mean, (0.5 * logvar).exp())
    return torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()


def l2_of_logits(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return ((x - out.sigmoid()) ** 2).sum((1, 2, 3)).mean() + BETA * kl_NxD(mean, logvar).sum(1).mean()


def bce_of_logits(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    bce = F.binary_cross_entropy_with_logits(out, x, reduction="none").sum((1, 2, 3)).mean()
    return bce + BETA * kl_NxD(mean, logvar).sum(1).mean()


def bytes_over_255(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    cost = F.mse_loss(255 * out, 255 * x, reduction="sum") / 255 / len(x)
    return cost + BETA * kl_NxD(mean, logvar).mean(0).sum()


def three_l1(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return 3 * F.l1_loss(out, x, reduction="sum") / len(x) + BETA * kl_NxD(mean, logvar).mean(0).sum()


def bce_of_probabilities(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return (
        F.binary_cross_entropy(out.sigmoid(), x, reduction="sum") / len(x) + BETA * kl_NxD(mean, logvar).sum(1).mean()
    )


def summed_squares(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return F.mse_loss(out, x, reduction="none").flatten(1).sum(1).mean() + BETA * kl_NxD(mean, logvar).sum(1).mean()


def half_squares(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    halves = 0.5 * F.mse_loss(out.flatten(1), x.flatten(1), reduction="none").sum(-1)
    return (halves + BETA * kl_NxD(mean, logvar).sum(-1)).mean()


def mean_squares_summed_kl(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return F.mse_loss(out, x) + BETA * KLD_WEIGHT * kl_NxD(mean, logvar).sum(1).mean(0)


def chen(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    log_p = torch.distributions.Bernoulli(logits=out, validate_args=False).log_prob(x).flatten(1).sum(1).mean()
    return -(log_p - BETA * chen_kl(mean, logvar))


def both_means(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return F.mse_loss(out, x, reduction="mean") + BETA * kl_NxD(mean, logvar).mean()


def both_means_bce(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(out, x, reduction="mean") + BETA * kl_NxD(mean, logvar).mean()


def higgins(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    beta = BETA * math.prod(SHAPE) / D  # beta_norm = beta M / N, with M latents and N pixels
    p = out.sigmoid()
    log_p = (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3)).mean()
    return -log_p + beta * kl_NxD(mean, logvar).sum(1).mean()


Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
FOREIGN: dict[str, tuple[Loss, bool]] = {  # the loss, and whether its Gaussian mean is the sigmoid of the output
    "disentanglement-lib-bernoulli": (bce_of_logits, False),
    "disentanglement-lib-l2": (l2_of_logits, True),
    "erow-bernoulli": (bce_of_logits, False),
    "erow-l2": (l2_of_logits, True),
    "yanndubs-bernoulli": (bce_of_probabilities, False),
    "yanndubs-gaussian": (bytes_over_255, False),
    "yanndubs-laplace": (three_l1, False),
    "dent-bernoulli": (bce_of_probabilities, False),
    "dent-gaussian": (bytes_over_255, False),
    "dent-laplace": (three_l1, False),
    "1konny-bernoulli": (bce_of_logits, False),
    "1konny-gaussian": (l2_of_logits, True),
    "amir-abdi": (bce_of_probabilities, False),
    "rtqichen": (chen, False),
    "pythae-mse": (half_squares, False),
    "pythae-mse-0.1.1": (summed_squares, False),
    "pythae-bce": (bce_of_probabilities, False),
    "antixk": (mean_squares_summed_kl, False),
    "disent-mean": (both_means, False),
    "disent-mean-bce": (both_means_bce, False),
    "disent-mean-sum": (summed_squares, False),
    "disent-mean-sum-bce": (bce_of_logits, False),
    "higgins-normalised": (higgins, False),
}


def parameters(seed: int = 0) -> tuple[Tensor, list[Tensor]]:
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(N, *SHAPE, generator=g, dtype=torch.float64)
    sizes = ((N, *SHAPE), (N, D), (N, D))
    return x, [torch.randn(size, generator=g, dtype=torch.float64, requires_grad=True) for size in sizes]


def ours(x: Tensor, out: Tensor, mean: Tensor, logvar: Tensor, found: CanonicalBeta, sigmoid: bool) -> Tensor:
    """Our objective: that of the engine, or summed L1 for the likelihood that it does not train."""
    kl = gaussian_kl_nats(mean, logvar).sum(1).mean()
    if found.likelihood == "laplace":
        return (out - x).abs().sum((1, 2, 3)).mean() + found.beta * kl
    shown = out.sigmoid() if sigmoid else out
    weight = torch.ones(1, math.prod(SHAPE), dtype=torch.float64)
    likelihood = as_likelihood(found.likelihood, found.sigma or 1.0)
    nats = reconstruction_nats(shown.flatten(1)[None, None], x.flatten(1)[None], weight, likelihood)
    return nats.mean() + found.beta * kl


def gradient(loss: Tensor, at: list[Tensor]) -> Tensor:
    return torch.cat([one.flatten() for one in torch.autograd.grad(loss, at)])


def sine(a: Tensor, b: Tensor) -> float:
    """Of the angle between two gradients: 0 when they are parallel, whatever their lengths."""
    a, b = a / a.norm(), b / b.norm()
    return float((a - b * (a @ b)).norm())


def found_for(name: str) -> CanonicalBeta:
    weight = KLD_WEIGHT if name == "antixk" else None
    return to_nats(BETA, name, shape=SHAPE, latents=D, kld_weight=weight)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_minimisers_agree(name: str) -> None:
    foreign, sigmoid = FOREIGN[name]
    x, at = parameters()
    theirs = gradient(foreign(x, *at), at)
    found = found_for(name)
    sigmas = [found] + [found.at_sigma(s) for s in (0.05, 1.0, 3.0) if found.sigma is not None]
    for one in sigmas:
        mine = gradient(ours(x, *at, one, sigmoid), at)
        assert sine(theirs, mine) < 1e-12
        assert theirs @ mine > 0
    # and no other beta does it
    off = CanonicalBeta(1.01 * found.beta, found.likelihood, found.sigma, "")
    assert sine(theirs, gradient(ours(x, *at, off, sigmoid), at)) > 1e-5


def test_the_note_on_standardised_images() -> None:
    assert "std^2 times as much" in CONVENTIONS["disent-mean"].note
    x, (out, mean, logvar) = parameters()
    shift, std = 0.4, 0.2
    theirs = gradient(both_means((x - shift) / std, (out - shift) / std, mean, logvar), [out, mean, logvar])
    found = found_for("disent-mean")
    scaled = CanonicalBeta(std**2 * found.beta, found.likelihood, found.sigma, "")
    assert sine(theirs, gradient(ours(x, out, mean, logvar, scaled, False), [out, mean, logvar])) < 1e-12


def test_at_sigma() -> None:
    found = to_nats(4, "disentanglement-lib-l2")
    assert found.at_sigma(1.0).beta == pytest.approx(2, rel=1e-15)
    assert found.at_sigma(SIGMA_OF_SE) == found
    assert found.at_sigma(0.1).at_sigma(SIGMA_OF_SE).beta == pytest.approx(4, rel=1e-14)
    # 0.5 SE + beta KL is our Gaussian at sigma 1 as it stands; 255 SE at sigma = sqrt(1 / 510)
    assert to_nats(5, "pythae-mse").at_sigma(1.0).beta == pytest.approx(5, rel=1e-14)
    assert to_nats(4, "yanndubs-gaussian").at_sigma(math.sqrt(1 / 510)).beta == pytest.approx(4, rel=1e-14)
    assert from_nats(5, "pythae-mse", sigma=1.0) == pytest.approx(5, rel=1e-14)


def test_words_say_what_is_assumed() -> None:
    found = to_nats(0.003, "disent-mean", shape=(3, 64, 64), latents=9)
    assert "Gaussian likelihood, sum of squared errors, i.e. sigma 0.7071" in found.in_words
    assert "sum of squared errors / 2, i.e. sigma 1;" in found.at_sigma(1.0).in_words
    assert "Bernoulli" in to_nats(4, "rtqichen").in_words
    assert "no Gaussian equivalent" in to_nats(4, "yanndubs-laplace").in_words
    assert CONVENTIONS["disent-mean"].loss == "SE / (C H W) + beta x KL / latents"
    assert CONVENTIONS["disent-mean"].formula == "beta x C H W / latents"
    assert CONVENTIONS["antixk"].formula == "beta x 0.00025 x C H W"
    assert CONVENTIONS["yanndubs-gaussian"].formula == "beta / 255"
    assert CONVENTIONS["pythae-mse"].formula == "beta x 2"
    assert {name: one.needs for name, one in CONVENTIONS.items() if one.needs} == {
        "antixk": ("shape",),
        "disent-mean": ("shape", "latents"),
        "disent-mean-bce": ("shape", "latents"),
        "higgins-normalised": ("shape", "latents"),
    }


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_words_of_a_formula_give_its_number(name: str) -> None:
    one = CONVENTIONS[name]
    worked_out = one.spelled(str(BETA), "24", "5", None).replace(" x ", " * ")
    assert eval(worked_out) == pytest.approx(to_nats(BETA, name, shape=SHAPE, latents=D).beta, rel=1e-14)


def test_zero_stays_zero() -> None:
    assert to_nats(0, "antixk", shape=SHAPE).beta == 0
    assert from_nats(0, "antixk", shape=SHAPE) == 0


@pytest.mark.parametrize(
    ("name", "keywords", "message"),
    [
        ("disent-meen", {}, "Unknown family 'disent-meen': .* did you mean 'disent-mean'"),
        ("yanndubs", {}, "several losses: choose yanndubs-bernoulli, yanndubs-gaussian or yanndubs-laplace"),
        ("disent-mean", {"latents": 9}, "disent-mean averages over pixels: give the images' shape"),
        ("disent-mean", {"shape": SHAPE}, "disent-mean averages the KL over latents: give their number"),
        ("antixk", {"shape": (3, 0, 64)}, "shape must be three whole numbers of at least 1"),
        ("antixk", {"shape": (64, 64)}, "shape must be three whole numbers of at least 1"),
        ("erow-l2", {"shape": (-1, 64, -64)}, "shape must be three whole numbers"),
        ("disent-mean", {"shape": SHAPE, "latents": 0}, "latents must be a whole number of at least 1, got 0"),
        ("erow-l2", {"kld_weight": 0.1}, "erow-l2 has no kld_weight"),
        ("antixk", {"shape": SHAPE, "kld_weight": 0.0}, "kld_weight must be a positive number, got 0.0"),
    ],
)
def test_mistakes(name: str, keywords: dict[str, object], message: str) -> None:
    for convert in (to_nats, from_nats):
        with pytest.raises(IfpError, match=message):
            convert(1.0, name, **keywords)  # type: ignore[operator]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_beta_is_finite_and_not_negative(value: float) -> None:
    for convert in (to_nats, from_nats):
        with pytest.raises(IfpError, match="beta must be a finite number of at least 0"):
            convert(value, "rtqichen")  # type: ignore[operator]
    with pytest.raises(IfpError, match="finite"):
        to_nats(1e308, "antixk", shape=(3, 4096, 4096))


def test_sigma_belongs_to_a_gaussian() -> None:
    for name in ("rtqichen", "dent-laplace"):
        with pytest.raises(IfpError, match="sigma belongs to a Gaussian likelihood"):
            to_nats(1, name).at_sigma(1.0)
        with pytest.raises(IfpError, match="sigma belongs to a Gaussian likelihood"):
            from_nats(1, name, sigma=1.0)
    for sigma in (0.0, -1.0, math.nan):
        with pytest.raises(IfpError, match="sigma must be a positive number"):
            to_nats(1, "erow-l2").at_sigma(sigma)


def test_needs_no_heavy_import() -> None:
    source = "import sys, ifp.theory.beta_units; print(*{'torch', 'numpy', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout == "\n"
