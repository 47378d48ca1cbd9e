"""Networks of latent groups: names, sizes, and that a member's numbers are its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ifp.annealing.ensemble import Ensemble
from ifp.errors import IfpError
from ifp.likelihood import Bernoulli
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, Network, Parameters, PixelStatistics
from ifp.networks.grouped import GroupedConv, GroupedMlp
from ifp.networks.shared_trunk import SharedConv, SharedMlp

IMAGE = (1, 64, 64)


def fresh(network: Network, pixels: int, seed: int = 0) -> Parameters:
    statistics = PixelStatistics(torch.ones(pixels), torch.full((pixels,), 0.4), torch.zeros(pixels))
    return network.initial(statistics, torch.Generator().manual_seed(seed))


def stacked(parameters: Parameters) -> Parameters:
    return {name: value[None] for name, value in parameters.items()}


def encoder_size(parameters: Parameters) -> int:
    return sum(value.numel() for name, value in parameters.items() if name.startswith("encoder."))


@pytest.mark.parametrize(
    "network", [GroupedMlp(32, 6, 3), SharedMlp(MlpNetwork(32, 6), 3), GroupedConv(IMAGE, 6, 3)], ids=repr
)
def test_a_group_is_found_by_the_first_letters(network: Network) -> None:
    """Moving one group's parameters moves its latents, all of them, and no others."""
    generator = torch.Generator().manual_seed(1)
    parameters = stacked(fresh(network, 4096))
    x = torch.rand(1, 3, 4096, generator=generator)
    before = network.encode(parameters, x)
    assert before[0].shape == before[1].shape == (1, 3, 6)
    for name, value in parameters.items():
        if name.startswith("encoder.1."):
            parameters[name] = value + 0.1 * torch.randn(value.shape, generator=generator)
    for old, new in zip(before, network.encode(parameters, x), strict=True):
        assert torch.equal(old[..., :2], new[..., :2])
        assert bool((old[..., 2:4] != new[..., 2:4]).all())
        assert torch.equal(old[..., 4:], new[..., 4:])


@pytest.mark.parametrize(("latents", "groups"), [(10, 2), (9, 3), (8, 4), (10, 5)])
def test_all_encoders_together_are_about_as_large_as_one(latents: int, groups: int) -> None:
    for divided, whole in [
        (GroupedMlp(256, latents, groups), MlpNetwork(256, latents)),
        (GroupedConv(IMAGE, latents, groups), ConvNetwork(IMAGE, latents)),
    ]:
        share = encoder_size(fresh(divided, 4096)) / encoder_size(fresh(whole, 4096))
        assert 0.85 < share < 1.2
        decoders = [
            {k: v.shape for k, v in fresh(n, 4096).items() if k.startswith("decoder.")} for n in (divided, whole)
        ]
        assert decoders[0] == decoders[1]


@pytest.mark.parametrize(
    ("whole", "divide"),
    [(MlpNetwork(32, 6), SharedMlp), (ConvNetwork((3, 64, 64), 6), SharedConv)],
    ids=["mlp", "conv"],
)
def test_a_shared_trunk_is_the_undivided_network(
    whole: MlpNetwork | ConvNetwork, divide: Callable[..., SharedMlp | SharedConv]
) -> None:
    shared = divide(whole, 3)
    pixels = 3 * 64 * 64
    parts, expected = fresh(shared, pixels, seed=5), fresh(whole, pixels, seed=5)
    joined = shared.joined(parts)
    assert joined.keys() == expected.keys()
    assert all(torch.equal(joined[name], expected[name]) for name in expected)
    x = torch.rand(1, 3, pixels, generator=torch.Generator().manual_seed(1))
    for found, wanted in zip(shared.encode(stacked(parts), x), whole.encode(stacked(expected), x), strict=True):
        assert torch.equal(found, wanted)
    z = torch.ones(1, 2, 6)
    assert torch.equal(shared.decode(stacked(parts), z), whole.decode(stacked(expected), z))


def test_fresh_projections_change_nothing() -> None:
    plain, projected = GroupedMlp(32, 6, 3), GroupedMlp(32, 6, 3, projected=True)
    without, with_them = fresh(plain, 96), fresh(projected, 96)
    assert with_them.keys() - without.keys() == {
        f"projection.{g}.{what}" for g in range(3) for what in ("mean", "logvar")
    }
    x = torch.rand(1, 3, 96, generator=torch.Generator().manual_seed(1))
    for found, wanted in zip(projected.encode(stacked(with_them), x), plain.encode(stacked(without), x), strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize(
    "network", [GroupedMlp(32, 6, 3, projected=True), SharedMlp(MlpNetwork(32, 6), 3)], ids=["projected", "shared"]
)
def test_a_member_is_the_same_alone_and_among_others(network: Network, rng: np.random.Generator) -> None:
    """To the last bit, as in every ensemble; the third of three lies at another address."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        images = torch.from_numpy(rng.random((3, 7, 96))).float()
        noise = torch.from_numpy(rng.normal(size=(4, 3, 1, 7, 6))).float()
        members = [fresh(network, 96, seed) for seed in range(3)]

        def trained(rows: list[int]) -> Parameters:
            weight = torch.ones(len(rows), 96)
            some = Ensemble(
                network, [members[i] for i in rows], images[rows], weight,
                likelihood=Bernoulli(), learning_rate=1e-2,
            )  # fmt: skip
            for draw in noise:
                some.step(some.images(), draw[rows], torch.full((len(rows),), 0.5))
            return {name: value[rows.index(2)].detach() for name, value in some.parameters.items()}

        together, alone = trained([0, 1, 2]), trained([2])
    finally:
        torch.set_num_threads(threads)
    assert [name for name in together if not torch.equal(together[name], alone[name])] == []


def test_members_of_a_conv_batch_do_not_meet() -> None:
    network = GroupedConv(IMAGE, 4, 2, projected=True)
    members = [fresh(network, 4096, seed) for seed in range(2)]
    both = {name: torch.stack([member[name] for member in members]) for name in members[0]}
    x = torch.rand(2, 3, 4096, generator=torch.Generator().manual_seed(1))
    together = network.encode(both, x)
    for row, member in enumerate(members):
        for found, alone in zip(together, network.encode(stacked(member), x[row, None]), strict=True):
            torch.testing.assert_close(found[row], alone[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("groups", [0, 3, 5])
def test_latents_that_make_no_equal_groups(groups: int) -> None:
    for make in (
        lambda: GroupedMlp(32, 4, groups),
        lambda: GroupedConv(IMAGE, 4, groups),
        lambda: SharedMlp(MlpNetwork(32, 4), groups),
    ):
        with pytest.raises(IfpError, match=f"4 latents cannot be divided into {groups} equal groups"):
            make()
