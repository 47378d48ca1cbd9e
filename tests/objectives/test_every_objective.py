"""What holds for every objective: members are independent, states survive, nothing waits for the device."""

from __future__ import annotations

import io

import torch
from torch import Tensor

from ifp.objectives.base import AdversarialObjective, fresh_state
from ifp.objectives.registry import make_objective

from .batches import SMALL, everything, make_batch, new_state, random_batch


def run(name: str, members: list[int], steps: int = 6) -> dict[str, Tensor]:
    """Penalties, their gradients, and the states of these members, with data and players of their own."""
    objective, latents = make_objective(name, **SMALL[name]), 8
    generators = [torch.Generator().manual_seed(m) for m in members]
    state = fresh_state(objective, latents, generators, "cpu")
    found: dict[str, list[Tensor]] = {"penalty": [], "gradient": [], "pressure": [], "loss": []}
    for step in range(steps):
        rows = [random_batch(one, members=1, images=32, latents=latents, step=step) for one in generators]
        mean, logvar, z = (torch.cat([getattr(row, f"{f}_MBD") for row in rows]) for f in ("mean", "logvar", "z"))
        mean.requires_grad_()
        z = z + 0 * mean + mean - mean.detach()
        batch = make_batch(mean, logvar, z, step)
        penalty_M = objective.penalty(batch, state)
        assert penalty_M.shape == (len(members),)
        found["penalty"].append(penalty_M.detach())
        found["gradient"].append(torch.autograd.grad(penalty_M.sum(), mean)[0])
        pressure = objective.pressure_M(step, 100, state)
        found["pressure"].append(torch.as_tensor(pressure).expand(len(members)).clone())
        if isinstance(objective, AdversarialObjective):
            found["loss"].append(objective.adversary_loss_M(z, z, state).detach())
        with torch.no_grad():
            objective.update(batch, state)
    stacked = {what: torch.stack(values, 1) for what, values in found.items() if values}
    return stacked | {f"state.{key}": value.detach() for key, value in state.items()}


@everything
def test_a_member_does_not_notice_the_others(name: str) -> None:
    """To the bit with a twin, the trainer's way with one member; to rounding without."""
    together = run(name, [0, 1, 2])
    for member in range(3):
        alone, twin = run(name, [member]), run(name, [member, member])
        for what, value in together.items():
            torch.testing.assert_close(alone[what][0], value[member], rtol=1e-5, atol=1e-6, equal_nan=True)
            assert torch.equal(twin[what][0].nan_to_num(-1), value[member].nan_to_num(-1)), what


@everything
def test_permuted_members_give_permuted_results_to_the_bit(name: str) -> None:
    together, permuted = run(name, [0, 1, 2]), run(name, [2, 0, 1])
    for what, value in together.items():
        assert torch.equal(permuted[what].nan_to_num(-1), value[[2, 0, 1]].nan_to_num(-1)), what


@everything
def test_the_state_survives_a_checkpoint(name: str, generator: torch.Generator) -> None:
    objective = make_objective(name, **SMALL[name])
    state = new_state(objective)
    batches = [random_batch(generator, step=step) for step in range(10)]
    with torch.no_grad():
        for batch in batches[:5]:
            objective.update(batch, state)
        file = io.BytesIO()
        torch.save({key: value.detach() for key, value in state.items()}, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=True)
        for one in (state, loaded):
            for batch in batches[5:]:
                objective.update(batch, one)
    assert state.keys() == loaded.keys()
    for key in state:
        assert len(state[key]) == 3
        assert torch.equal(state[key], loaded[key])
    last = random_batch(generator, step=10)
    assert torch.equal(objective.penalty(last, state), objective.penalty(last, loaded))


@everything
def test_nothing_waits_for_the_device(name: str) -> None:
    """Meta tensors have no values: whatever asks for one raises."""
    objective = make_objective(name, **SMALL[name])
    state = {key: value.to("meta") for key, value in new_state(objective).items()}
    for step in range(3):
        x = torch.empty(3, 16, 4, device="meta")
        batch = make_batch(x, x, x, step)
        assert objective.penalty(batch, state).shape == (3,)
        objective.pressure_M(step, 100, state)
        with torch.no_grad():
            objective.update(batch, state)
        if isinstance(objective, AdversarialObjective):
            assert objective.adversary_loss_M(x, x, state).shape == (3,)


@everything
def test_twenty_steps_of_a_toy_vae_under_anomaly_detection(name: str, generator: torch.Generator) -> None:
    """A linear encoder for each of two members; the state changes in place between the steps, as in training."""
    objective = make_objective(name, **SMALL[name])
    state = new_state(objective, members=2)
    x_MBP = torch.randn(2, 16, 8, generator=generator)
    weight = torch.randn(2, 8, 8, generator=generator).mul_(0.3).requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=1e-2)
    players: list[Tensor] = []
    if isinstance(objective, AdversarialObjective):
        players = objective.adversary_parameters(state)
        adversary = torch.optim.Adam(players, lr=objective.adversary_rate, betas=objective.adversary_betas)
    before = [weight.detach().clone(), *[p.detach().clone() for p in players]]
    with torch.autograd.set_detect_anomaly(True):
        for step in range(20):
            mean, logvar = (x_MBP @ weight).chunk(2, -1)
            z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=generator)
            batch = make_batch(mean, logvar, z, step, total=20)
            recon_M = ((z - x_MBP[..., :4]) ** 2).sum(-1).mean(1)
            optimizer.zero_grad()
            (recon_M + objective.penalty(batch, state)).sum().backward()
            optimizer.step()
            if isinstance(objective, AdversarialObjective):
                adversary.zero_grad()
                objective.adversary_loss_M(z, z.flip(1), state).sum().backward()
                adversary.step()
            with torch.no_grad():
                objective.update(batch, state)
    for old, new in zip(before, [weight, *players], strict=True):
        assert new.isfinite().all()
        assert not torch.equal(old, new)
