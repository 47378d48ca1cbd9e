"""TopDis: what it adds to its base, which latent it shifts, when, and what it does at the edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.errors import IfpError
from ifp.objectives.base import Batch, fresh_state
from ifp.objectives.registry import make_objective
from ifp.objectives.topdis import BASES, TopDis
from ifp.topology import barcodes
from ifp.topology.minmax import minmax
from ifp.topology.shift import shifted


class Linear:
    """A decoder whose images are z @ weight, one for each member."""

    def __init__(self, weight_MDP: Tensor) -> None:
        self.weight_MDP = weight_MDP

    def decode(self, z_MBD: Tensor) -> Tensor:
        return z_MBD @ self.weight_MDP

    def fitted(self, out_MBP: Tensor) -> Tensor:
        return out_MBP.tanh()

    def latent_norms(self) -> Tensor:
        return self.weight_MDP.detach().norm(dim=2)


def batch_of(decoder: Linear, z_MBD: Tensor, step: int = 50, seeds: Sequence[int] = (0, 1), total: int = 100) -> Batch:
    recon_MB = torch.zeros(z_MBD.shape[:2])
    return Batch(
        recon_MB, z_MBD, torch.full_like(z_MBD, -2.0), z_MBD, step, total, 1000,
        out_MBP=decoder.decode(z_MBD), decoder=decoder,
        generators=lambda: [torch.Generator().manual_seed(100 * step + seed) for seed in seeds],
    )  # fmt: skip


def decoder_and_draws(members: int = 2, images: int = 24, latents: int = 3) -> tuple[Linear, Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight_MDP = torch.randn(members, latents, 10, generator=generator).requires_grad_()
    return Linear(weight_MDP), torch.randn(members, images, latents, generator=generator).requires_grad_()


def lite(**options: Any) -> TopDis:
    return make_objective("topdis", topology="lite", **options)  # type: ignore[return-value]


@pytest.mark.parametrize("base", BASES)
def test_before_the_delay_it_is_its_base(base: str) -> None:
    options = {"hidden": 16, "layers": 1} if base == "factor" else {}
    objective, plain = lite(base=base, base_options=options, delay=0.6), make_objective(base, **options)
    decoder, z = decoder_and_draws()
    generators = [torch.Generator().manual_seed(k) for k in range(2)]
    state = fresh_state(objective, 3, generators, "cpu")
    of_plain = fresh_state(plain, 3, [torch.Generator().manual_seed(k) for k in range(2)], "cpu")
    assert state.keys() == of_plain.keys()
    before, after = batch_of(decoder, z, step=59), batch_of(decoder, z, step=60)
    assert torch.equal(objective.penalty(before, state), plain.penalty(before, of_plain))
    assert (objective.penalty(after, state) > plain.penalty(after, of_plain)).all()
    assert torch.equal(
        torch.as_tensor(objective.pressure_M(59, 100, state)), torch.as_tensor(plain.pressure_M(59, 100, of_plain))
    )
    assert (objective.second_player is None) == (base != "factor")
    assert [objective.may_empty_latents(step, 100) for step in (59, 60)] == [False, True]


def test_the_term_is_gamma_times_minmax_of_the_shifted_images() -> None:
    """Of the latent and the side that the member's own generator draws, on the rows that the shift keeps."""
    decoder, z = decoder_and_draws()
    seen = set()
    for step in range(50, 80):
        batch = batch_of(decoder, z, step)
        objective = lite(base_options={"beta": 0}, gamma=3)
        found_M = objective.penalty(batch, {}).detach()
        latents, shares = objective._draws(batch)
        for member, (latent, share) in enumerate(zip(latents, shares, strict=True)):
            seen.add((latent, share))
            column, kept = shifted(z[member, :, latent], share)
            moved = z[member].detach().clone()
            moved[:, latent] = column.detach()
            images, there = ((one @ decoder.weight_MDP[member]).tanh().detach() for one in (z[member], moved))
            expected = 3 * minmax(images[kept], there[kept], topology="lite").item()
            assert found_M[member].item() == pytest.approx(expected)
    assert seen == {(latent, share) for latent in range(3) for share in (0.125, -0.125)}


def test_latents_are_drawn_by_how_strongly_the_decoder_reads_them() -> None:
    decoder = Linear(torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).expand(2000, 3, 2))
    z = torch.zeros(2000, 4, 3)
    for choice, shares in (("weights", (0.75, 0.25, 0.0)), ("uniform", (1 / 3, 1 / 3, 1 / 3))):
        latents, sides = lite(choice=choice)._draws(batch_of(decoder, z, seeds=range(2000)))
        for latent, share in enumerate(shares):
            error = (share * (1 - share) / 2000) ** 0.5
            assert np.mean(np.array(latents) == latent) == pytest.approx(share, abs=4 * error)
        assert np.mean(np.array(sides) > 0) == pytest.approx(0.5, abs=4 * 0.5 / 2000**0.5)


def test_every_second_step_at_twice_the_weight() -> None:
    decoder, z = decoder_and_draws()
    once, twice = lite(base_options={"beta": 0}), lite(base_options={"beta": 0}, every=2)
    at = {step: batch_of(decoder, z, step) for step in range(10, 14)}
    assert [bool(twice.penalty(batch, {}).any()) for batch in at.values()] == [True, False, True, False]
    assert torch.equal(twice.penalty(at[10], {}), 2 * once.penalty(at[10], {}))
    assert [steps for steps, _ in twice.stretches(100)] == [55, 45]
    assert [steps for steps, _ in once.stretches(100)] == [10, 90]


def test_with_surgery_the_term_is_back_propagated_apart() -> None:
    decoder, z = decoder_and_draws()
    batch = batch_of(decoder, z)
    plain, cut = lite(), lite(surgery=True)
    split_M = cut.split_penalty(batch, {})
    assert split_M is not None
    assert plain.split_penalty(batch, {}) is None
    assert cut.split_penalty(batch_of(decoder, z, step=5), {}) is None  # before the delay
    assert torch.equal(cut.penalty(batch, {}) + split_M, plain.penalty(batch, {}))
    of_split = [torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0]])]
    of_recon = [torch.tensor([[-1.0, 1.0]]), None]
    found = cut.join_gradients(of_recon, [None, torch.tensor([[5.0]])], of_split)
    # <split, recon> = -1, <recon, recon> = 2: half of the reconstruction's is added to the term's
    assert [part.tolist() for part in found if part is not None] == [[[-0.5, 1.5]], [[6.0]]]


def test_a_collapsed_latent_and_a_collapsed_decoder_cost_nothing() -> None:
    decoder, z = decoder_and_draws()
    decoder.weight_MDP = torch.zeros_like(decoder.weight_MDP).requires_grad_()
    value_M = lite(base_options={"beta": 0}, choice="uniform").penalty(batch_of(decoder, z), {})
    assert value_M.tolist() == [0, 0]
    gradients = torch.autograd.grad(value_M.sum(), [z, decoder.weight_MDP])
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_batch_of_which_too_little_is_left_has_no_term() -> None:
    decoder, z = decoder_and_draws(images=3)
    options = {"base_options": {"beta": 0}, "shift": 0.9}
    assert not lite(**options).penalty(batch_of(decoder, z), {}).any()
    assert lite(**options, surgery=True).split_penalty(batch_of(decoder, z), {}) is None


def test_a_diverged_member_is_nan_and_the_others_are_not() -> None:
    decoder, z = decoder_and_draws()
    with torch.no_grad():
        z[1, 0, 0] = torch.nan
    batch = batch_of(decoder, z)
    value_M = lite(base_options={"beta": 0}).penalty(batch, {})
    assert value_M.isnan().tolist() == [False, True]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"base": "dava"}, r"Unknown base of topdis 'dava': allowed are beta, factor, beta-tc, control"),
        ({"topology": "fast"}, r"Unknown topology of topdis 'fast': allowed are full, lite"),
        ({"choice": "norm"}, r"Unknown choice of topdis 'norm': allowed are weights, uniform"),
        ({"base_options": {"betta": 4}}, r"Unknown option of beta 'betta'"),
        ({"base_options": {"beta": "4"}}, r"beta: beta must be a number"),
        ({"base_options": 4}, r"topdis: base_options must be a table of the base's options by name"),
        ({"delay": 1.5}, r"topdis: delay must be a share of the training, from 0 to 1, got 1\.5"),
        ({"shift": 0.0}, r"topdis: shift must be a share of a latent's distribution, above 0 and below 1"),
        ({"every": 0}, r"topdis: every must be a whole number of at least 1, got 0"),
        ({"gamma": -1}, r"topdis: gamma must be a number of at least 0, got -1"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        make_objective("topdis", **options)


def test_without_ripser_full_is_refused_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ripser", None)
    barcodes._ripser.cache_clear()
    with pytest.raises(IfpError, match=r"pip install 'ifp\[topology\]', or take topology lite"):
        make_objective("topdis").check(10, 100)
    lite().check(10, 100)
    barcodes._ripser.cache_clear()
