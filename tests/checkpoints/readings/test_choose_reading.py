"""Which reading of a file is taken: the decoder decides, then the moments, then habit; and what the user is told."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ifp.checkpoints.folders.locate import CheckpointFile
from ifp.checkpoints.readings.candidates import Candidates
from ifp.checkpoints.readings.choose_reading import Choice, choose
from ifp.checkpoints.vae import Assumption, Vae

from .. import exact_vaes as exact

CPU = torch.device("cpu")
IMAGES = exact.grid_images()[np.random.default_rng(0).permutation(1000), None]


class Applied(nn.Module):
    """A function of the scaled images, or of the codes."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def exact_vae(
    reading: str = "relu",
    *,
    scale: float = 1.0,
    interleaved: bool = False,
    decoder: Callable[[Tensor], Tensor] | None = None,
    decodes: bool = True,
    what: str = "activation",
) -> Vae:
    """The optimum; means and standard deviations times `scale`, which the decoder undoes."""
    encoder_PD, logvar_D, decoder_DP, mean_P = (torch.from_numpy(part).float() for part in exact.components())

    def encode(x: Tensor) -> Tensor:
        mean = (x.flatten(1) - mean_P) @ encoder_PD * scale
        logvar = (logvar_D + 2 * math.log(scale)).expand_as(mean)
        return torch.stack([mean, logvar], 2).flatten(1) if interleaved else torch.cat([mean, logvar], 1)

    def decode(z: Tensor) -> Tensor:
        return (z / scale @ decoder_DP + mean_P).reshape(-1, *exact.IMAGE_SHAPE)

    return Vae(
        family="none",
        encoder=Applied(encode),
        decoder=Applied(decoder or decode) if decodes else None,
        num_latents=exact.LATENTS,
        image_shape=exact.IMAGE_SHAPE,
        head="halves",
        output="values",
        likelihood="gaussian",
        assumptions=(Assumption("head", "halves", "the code base"), Assumption(what, reading, "a guess")),
    )


def chosen(*vaes: Vae) -> Choice:
    return choose(Candidates(CheckpointFile(Path("x"), "x"), "none", "torch zip", "a reader", None, vaes), IMAGES, CPU)


def source_of(choice: Choice, what: str) -> tuple[str, str]:
    (found,) = [(a.value, a.source) for a in choice.vae.assumptions if a.what == what]
    return found


def grey(z: Tensor) -> Tensor:
    return torch.full((len(z), *exact.IMAGE_SHAPE), 0.5)


def test_the_only_reading_of_an_optimum_passes_without_a_word() -> None:
    choice = chosen(exact_vae())
    assert choice.warning == ""
    assert choice.reading.passed
    assert choice.reading.confirmed
    np.testing.assert_allclose(choice.reading.test.moment_D, 1, atol=1e-4)
    assert choice.reading.test.active_D.tolist() == [True, True, True, False]
    # the means leave sigma^4 / lambda of each component
    left = exact.SIGMA2**2 / exact.component_variances()
    assert choice.reading.explained == pytest.approx(1 - left.sum() / exact.component_variances().sum(), abs=2e-5)
    assert source_of(choice, "activation") == ("relu", "a guess")


def test_the_reading_with_right_moments_is_taken_and_said_to_be_tested() -> None:
    for order in (1, -1):
        choice = chosen(*[exact_vae("relu", scale=2.0), exact_vae("leaky_relu")][::order])
        assert source_of(choice, "activation") == ("leaky_relu", "the self-test")
        assert source_of(choice, "head") == ("halves", "the code base")
        assert choice.warning == ""
        assert sorted(reading.name for reading in choice.tried) == ["activation leaky_relu", "activation relu"]
        assert max(reading.test.deviation for reading in choice.tried) > 2


def test_what_nothing_decides_is_told_and_habit_goes_first() -> None:
    choice = chosen(exact_vae("relu"), exact_vae("leaky_relu"), exact_vae("tanh", scale=2.0))
    assert choice.vae.assumptions[1].value == "relu"
    assert choice.vae.assumptions[1].source == "a guess"
    assert "activation relu; activation leaky_relu; the first is taken" in choice.note
    assert "tanh" not in choice.note


def test_the_decoder_outweighs_the_moments() -> None:
    right = dataclasses.replace(exact_vae("leaky_relu", scale=1.5), beta=2 * exact.SIGMA2)
    choice = chosen(exact_vae("relu", decoder=grey), right)
    assert source_of(choice, "activation") == ("leaky_relu", "the self-test")
    assert not choice.reading.test.passed
    assert choice.reading.confirmed
    assert choice.trusted
    assert "read correctly" in choice.note


@pytest.mark.parametrize(("lost", "taken"), [(0.0007, "leaky_relu"), (0.0013, "relu")])
def test_shares_that_differ_by_less_than_a_thousandth_leave_it_to_the_moments(lost: float, taken: str) -> None:
    """A decoder that is off by a constant loses a known share of the mean image's cost; the other's moments are 1.1."""
    optimum = exact_vae()
    offset = math.sqrt(lost * exact.component_variances().sum() / math.prod(exact.IMAGE_SHAPE))
    right_moments = exact_vae("leaky_relu", decoder=lambda z: optimum.decoder(z) + offset)  # type: ignore[misc]
    choice = chosen(exact_vae("relu", scale=math.sqrt(1.1)), right_moments)
    shares = [reading.explained or 0.0 for reading in choice.tried]
    assert max(shares) - min(shares) == pytest.approx(lost, abs=1e-4)
    assert sorted(reading.test.deviation for reading in choice.tried) == pytest.approx([0, 0.1], abs=1e-3)
    assert source_of(choice, "activation") == (taken, "the self-test")


def test_a_series_is_read_alike() -> None:
    vaes = (exact_vae("relu", scale=1.5), exact_vae("leaky_relu"))
    candidates = Candidates(CheckpointFile(Path("x"), "x"), "none", "torch zip", "a reader", None, vaes)
    relu, taken = chosen(vaes[0], vaes[0]), choose(candidates, IMAGES, CPU)
    relu = dataclasses.replace(relu, base=dataclasses.replace(relu.base, name="activation relu"))
    assert source_of(choose(candidates, IMAGES, CPU, like=relu), "activation")[0] == "relu"
    assert source_of(choose(candidates, IMAGES, CPU, like=taken), "activation")[0] == "leaky_relu"


def test_a_series_is_read_as_the_fork_that_its_last_checkpoint_shows() -> None:
    last = chosen(exact_vae(interleaved=True))
    assert last.vae.head == "interleaved"
    alone = Candidates(CheckpointFile(Path("x"), "x"), "none", "torch zip", "a reader", None, (exact_vae(),))
    early = choose(alone, IMAGES, CPU, like=last)
    assert (early.vae.head, source_of(early, "head")[1]) == ("interleaved", "the self-test")
    assert len(early.tried) == 1


def test_without_a_decoder_the_moments_decide() -> None:
    choice = chosen(exact_vae("relu", scale=1.5, decodes=False), exact_vae("leaky_relu", decodes=False))
    assert source_of(choice, "activation") == ("leaky_relu", "the self-test")
    assert choice.reading.explained is None
    assert choice.reading.passed
    assert choice.warning == ""


def test_a_decoder_that_contradicts_right_moments_is_told() -> None:
    choice = chosen(exact_vae(decoder=lambda z: 1 - grey(z) * 2))
    assert choice.reading.test.passed
    assert not choice.reading.passed
    assert not choice.trusted
    assert "no other reading that was tried fits" in choice.warning
    assert "never trained" in choice.warning


def test_a_head_that_lies_otherwise_is_read_where_the_decoder_shows_it() -> None:
    choice = chosen(exact_vae(interleaved=True))
    assert choice.trusted
    assert source_of(choice, "head") == ("interleaved", "the self-test")
    assert "Read differently from none: head interleaved" in choice.note
    np.testing.assert_allclose(choice.reading.test.moment_D, 1, atol=1e-4)


def test_without_a_decoder_a_head_that_lies_otherwise_is_a_hint() -> None:
    choice = chosen(exact_vae(interleaved=True, decodes=False))
    assert not choice.trusted
    assert choice.vae.head == "halves"
    assert "'head interleaved, variance log variance' it would fit" in choice.warning
    assert "head=..." in choice.warning


def test_a_model_that_was_never_trained_is_told() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(18, 2 * exact.LATENTS, generator=generator)
    back = torch.randn(exact.LATENTS, 18, generator=generator)
    untrained = dataclasses.replace(
        exact_vae(),
        encoder=Applied(lambda x: x.flatten(1) @ weight),
        decoder=Applied(lambda z: (z @ back).reshape(-1, *exact.IMAGE_SHAPE)),
    )
    choice = chosen(untrained)
    assert not choice.trusted
    assert "was never trained to a minimum; no other reading" in choice.warning


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_the_worst_reading(value: float) -> None:
    broken = exact_vae("relu", decoder=lambda z: grey(z) * value)
    assert source_of(chosen(broken, exact_vae("leaky_relu")), "activation")[0] == "leaky_relu"
    alone = chosen(broken)
    assert alone.reading.explained == -math.inf
    assert "misread" in alone.warning
    nowhere = dataclasses.replace(exact_vae(), encoder=Applied(lambda x: x.flatten(1)[:, :8] * value))
    assert not chosen(nowhere).reading.passed
