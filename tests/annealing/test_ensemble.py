"""Members train together as they would alone, on reduced pixels as on all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ifp.annealing.config import AnnealConfig, preset_config
from ifp.annealing.ensemble import Ensemble
from ifp.annealing.members import (
    Member,
    MemberData,
    chunk_members,
    data_of,
    fresh_parameters,
    make_network,
    member_data,
    network_width,
    padded_width,
    stack_data,
)
from ifp.annealing.mlp_ensemble import MlpEnsemble
from ifp.annealing.train import anneal_chunk, start_chunk, train_block
from ifp.likelihood import Bernoulli
from ifp.networks.adam import StackedAdam
from ifp.networks.fully_connected import Parameters
from ifp.networks.losses import gaussian_kl_nats
from ifp.system.threads import single_threaded_kernels

SMALL = {"steps": 60, "hold_steps": 20, "records": 6, "batch": 16, "hidden": 16}


def binary_traversal(seed: int, images: int = 8, pixels: int = 30) -> np.ndarray:
    """A block that moves over a dark image: many constant and many equal pixels."""
    rng = np.random.default_rng(seed)
    x = np.zeros((images, 1, 6, pixels), dtype=np.uint8)
    wide = int(rng.integers(3, 8))
    for n in range(images):
        x[n, :, :4, n + 2 : n + 2 + wide] = 255
    return x


def members(seeds: int = 3) -> list[Member]:
    return [
        Member("posX", (-1, s), 0, direction, binary_traversal(s), 20.0 + s, 22.0 + s)
        for s in range(seeds)
        for direction in ("cool", "heat")
    ]


def config(**changes: object) -> AnnealConfig:
    return preset_config("standard", dataset="made", **{**SMALL, **changes})


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("batch", [16, 5])  # every image twice, and a sample of the images
def test_member_among_others_equals_member_alone_to_the_last_bit(batch: int) -> None:
    settings = config(batch=batch, latents=2)
    all_of_them = members()
    with single_threaded_kernels():
        together = anneal_chunk(all_of_them, settings)
        for row in (0, 3, 5):
            alone = anneal_chunk([all_of_them[row]], settings)
            records = alone.beta_MT.shape[1]
            assert same(together.kl_nats_MTD[row, :records], alone.kl_nats_MTD[0])
            assert same(together.recon_nats_MT[row, :records], alone.recon_nats_MT[0])


def test_permuting_members_permutes_results() -> None:
    order = [4, 1, 5, 0, 3, 2]
    some = members()
    with single_threaded_kernels():
        straight = anneal_chunk(some, config())
        mixed = anneal_chunk([some[i] for i in order], config())
    assert same(mixed.kl_nats_MTD, straight.kl_nats_MTD[order])


@pytest.mark.slow
def test_conv_member_among_others_equals_member_alone() -> None:
    # in float64, because Adam turns the rounding of a vanishing gradient into a whole step; on a CPU the run itself
    # trains convolutional members one at a time
    images = np.zeros((4, 1, 64, 64), dtype=np.uint8)
    for n in range(4):
        images[n, 0, 20:30, 10 * n : 10 * n + 12] = 255
    pair = [Member("posX", (-1,), seed, "cool", images, 50.0, 50.0) for seed in range(2)]
    settings = config(architecture="conv", batch=4)
    kl = []
    for chosen in (pair, pair[1:]):
        chunk = start_chunk(chosen, data_of(chosen, settings), settings, "cpu")
        in_double(chunk.ensemble)
        noise = chunk.noise.block(50).double()
        x = chunk.ensemble.images().double()
        for k in range(50):
            chunk.ensemble.step(x, noise[k], torch.full((len(chosen),), 0.05).double())
        with torch.no_grad():
            mean, logvar = chunk.ensemble.vaes.encode(x)
        kl.append(gaussian_kl_nats(mean, logvar).mean(1)[-1])
    assert kl[0].item() > 0.1
    torch.testing.assert_close(kl[0], kl[1], rtol=1e-4, atol=1e-6)


def in_double(ensemble: Ensemble) -> None:
    vaes = ensemble.vaes
    vaes.parameters = {n: p.detach().double().requires_grad_() for n, p in vaes.parameters.items()}
    vaes.adam = StackedAdam(vaes.parameters, learning_rate=1e-3)
    ensemble.weight_RP = ensemble.weight_RP.double()


def expand(reduced: Parameters, pattern_of_pixel: np.ndarray, full: Parameters) -> Parameters:
    """The full network with the reduced one's weights: each pixel that of its pattern, none where it was dropped."""
    kept = torch.from_numpy(pattern_of_pixel >= 0)
    pattern = torch.from_numpy(np.where(pattern_of_pixel >= 0, pattern_of_pixel, 0))
    expanded = {name: value.clone() for name, value in reduced.items()}
    for name in ("mean_P", "input_scale_P", "encoder.0.weight", "decoder.out.weight", "decoder.out.bias"):
        axis = 0 if name == "encoder.0.weight" else 1
        expanded[name] = reduced[name].index_select(axis, pattern)
        if name not in ("decoder.out.bias", "mean_P"):
            expanded[name] = expanded[name] * (kept[:, None] if axis == 0 else kept)
    expanded["input_scale_P"] = torch.ones_like(expanded["input_scale_P"])
    # a pixel that never changes starts, and stays, at its own value
    for name in ("mean_P", "decoder.out.bias"):
        expanded[name] = torch.where(kept, expanded[name], full[name])
    return expanded


def test_reduced_training_equals_training_on_all_pixels() -> None:
    one = members(1)[0]
    settings = config(steps=50, records=1)
    flat = one.images.reshape(len(one.images), -1)
    reduced = member_data(one.images, settings)
    pattern_of_pixel = patterns(one.images)
    assert reduced.values_NP.shape[1] < 0.2 * flat.shape[1]

    small = start_chunk([one], [reduced], settings, "cpu")
    large = start_chunk([one], [MemberData(flat, np.ones(flat.shape[1]), 0.0)], settings, "cpu")
    start = {name: value.detach()[0].cpu() for name, value in small.ensemble.parameters.items()}
    width = large.ensemble.images_RNP.shape[2]
    # weights of the padding columns do not matter; a constant pixel's logit is as good as infinite
    full_bias = torch.from_numpy(np.where(flat[0] > 0, 40.0, -40.0)).float()[None]
    full_mean = torch.from_numpy(flat.mean(0) / 255).float()[None]
    full = {"decoder.out.bias": full_bias, "mean_P": full_mean}
    for name, value in expand(start, pattern_of_pixel, full).items():
        target = large.ensemble.parameters[name]
        pad = torch.zeros_like(target[0])
        pad[tuple(slice(0, n) for n in value.shape)] = value
        with torch.no_grad():
            target[0] = pad
    assert width >= flat.shape[1]

    beta = np.full((50, 1), 2.0)
    train_block(small, beta)
    train_block(large, beta)
    recon_small, kl_small = small.ensemble.evaluate(small.noise.evaluation())
    recon_large, kl_large = large.ensemble.evaluate(large.noise.evaluation())
    assert kl_small.item() > 0.1  # something has been learned, so that the agreement means something
    torch.testing.assert_close(kl_small, kl_large, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(recon_small, recon_large, rtol=1e-4, atol=1e-4)


def patterns(images: np.ndarray) -> np.ndarray:
    from ifp.theory.reduction import reduce_traversal

    return reduce_traversal(images, Bernoulli()).pattern_of_pixel


def test_rotated_gaussian_objective_equals_that_on_all_pixels() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(6, 40))
    settings = config(likelihood="gaussian", sigma=0.7)
    reduced = member_data(images, settings)
    assert reduced.values_NP.shape[1] == 5
    # the same reconstruction error for decoder outputs that lie in the span of the images
    mixture = rng.dirichlet(np.ones(6), size=6)
    full = ((images - mixture @ images) ** 2).sum(1)
    rotated = ((reduced.values_NP - mixture @ reduced.values_NP) ** 2 * reduced.weight_P).sum(1)
    np.testing.assert_allclose(rotated, full, rtol=1e-5)


def test_diverged_member_is_told_and_does_not_spoil_the_others() -> None:
    good, bad = members(2)[0], members(2)[2]
    settings = config()
    data = data_of([good, bad], settings)
    poisoned = replace(data[1], values_NP=np.full(data[1].values_NP.shape, np.nan, dtype=np.float32))
    clean = replace(data[0], values_NP=data[0].values_NP.astype(np.float32) / 255)
    with single_threaded_kernels():
        both = anneal_chunk([good, bad], settings, data=[clean, poisoned])
        alone = anneal_chunk([good], settings, data=[clean])
    assert list(both.status_M) == ["ok", "diverged"]
    assert np.isnan(both.kl_nats_MTD[1]).all()
    assert same(both.kl_nats_MTD[0, : alone.beta_MT.shape[1]], alone.kl_nats_MTD[0])


def test_chunks_hold_members_of_one_shape_and_no_more_than_asked() -> None:
    settings = config()
    some = members(5)
    data = data_of(some, settings)
    chunks = chunk_members(data, settings, 3)
    assert sorted(i for chunk in chunks for i in chunk) == list(range(10))
    for chunk in chunks:
        assert len(chunk) <= 3
        assert len({(data[i].values_NP.shape[0], padded_width(data[i].values_NP.shape[1])) for i in chunk}) == 1


def test_padded_widths_are_a_fixed_ladder() -> None:
    pixels = [1, 32, 33, 65, 97, 129, 161, 193, 225, 257, 512, 1537, 4096]
    assert [padded_width(p) for p in pixels] == [32, 32, 64, 96, 128, 160, 192, 224, 256, 320, 512, 1792, 4096]


def test_kl_is_not_negative_sums_to_the_total_and_betas_follow_the_direction() -> None:
    trace = anneal_chunk(members(2), config(latents=3))
    finite = np.isfinite(trace.kl_nats_MTD)
    assert (trace.kl_nats_MTD[finite] >= 0).all()
    np.testing.assert_allclose(trace.total_kl_nats_MT, trace.kl_nats_MTD.sum(2))
    for m, direction in enumerate(trace.direction_M):
        beta = trace.beta_MT[m][np.isfinite(trace.beta_MT[m])]
        assert (np.diff(beta) < 0).all() if direction == "cool" else (np.diff(beta) > 0).all()


def test_few_pixels_are_half_a_vector_of_the_network_by_hand_and_of_no_other() -> None:
    assert [network_width(p, config()) for p in (1, 16, 17, 33)] == [16, 16, 32, 64]
    for other in (config(architecture="linear"), config(precision="bfloat16")):
        assert network_width(5, other) == 32


def test_fewer_columns_of_padding_change_rounding_alone() -> None:
    settings = config(hidden=16, latents=2)
    images = np.tri(3, 7, dtype=np.uint8)[:, None, None] * 255
    pair = [Member("scale", (-1,), seed, "cool", images, 1.0, 1.0) for seed in range(2)]
    data = data_of(pair, settings)
    width = network_width(data[0].values_NP.shape[1], settings)
    assert width == 16

    def trained(width: int) -> list[torch.Tensor]:
        fresh = [
            fresh_parameters(m, d, make_network(settings, (1, 1, 7)), settings, width)
            for m, d in zip(pair, data, strict=True)
        ]
        x, weight = (t.double() for t in stack_data(data, width, "cpu"))
        ensemble = MlpEnsemble(
            make_network(settings, (1, 1, 7)), [{n: v.double() for n, v in one.items()} for one in fresh],
            x / 255, weight, likelihood=Bernoulli(), learning_rate=1e-2,
        )  # fmt: skip
        noise = torch.randn(40, 2, 5, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        ensemble.train(noise, torch.full((40, 2), 0.05, dtype=torch.float64))
        return [*ensemble.evaluate(noise[0]), *(v[..., :6] for n, v in ensemble.parameters.items() if ".out." in n)]

    narrow, wide = trained(width), trained(32)
    assert narrow[1].sum(1).min() > 0.1  # something has been learned
    for few, many in zip(narrow, wide, strict=True):
        torch.testing.assert_close(few, many, rtol=1e-12, atol=1e-12)
