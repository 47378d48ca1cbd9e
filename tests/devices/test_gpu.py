"""What only a GPU can show: the same numbers as a CPU's, recorded steps, and no waiting within them.

`benchmarks/gpu.py` runs these first, by hand where pytest is missing: test functions here take no fixtures.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from ifp.annealing import train
from ifp.annealing.config import AnnealConfig, preset_config
from ifp.annealing.members import Member, data_of
from ifp.annealing.train import Chunk, anneal_chunk, start_chunk
from ifp.exact.annealing import exact_annealing
from ifp.likelihood import Bernoulli
from ifp.networks.adam import StackedAdam
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import PixelStatistics
from ifp.networks.member_products import ProductConvNetwork
from ifp.objectives.registry import OBJECTIVES, make_objective
from ifp.system.counter_random import CounterStreams
from ifp.system.graphs import Recordings, recorder
from ifp.system.precision import set_products
from ifp.training import trainer as training
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages
from ifp.training.trainer import Trainer, fresh_member, make_network

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
GPU = "cuda"
MEMBERS = 6
OPTIONS = {"factor": {"hidden": 8, "layers": 2}, "topdis": {"topology": "lite"}}


def config(**settings: object) -> AnnealConfig:
    return preset_config("quick", dataset="made", **{"steps": 60, "records": 12, "hold_steps": 5, **settings})


def members(side: int = 8) -> list[Member]:
    images = np.random.default_rng(0).integers(0, 256, (6, 1, side, side), dtype=np.uint8)
    return [Member("place", (-1,), seed, ("cool", "heat")[seed % 2], images, 3.0, 4.0) for seed in range(MEMBERS)]


def chunk(settings: AnnealConfig, side: int = 8) -> Chunk:
    return start_chunk(members(side), data_of(members(side), settings), settings, GPU)


def test_random_numbers_are_the_cpus() -> None:
    here, there = (CounterStreams([1, 2, 2**40], where) for where in ("cpu", GPU))
    # uniform numbers are one rounding from the integers; a normal one is a logarithm and a cosine away
    assert torch.equal(here.uniform(0, 3, 5, 101), there.uniform(0, 3, 5, 101).cpu())
    assert torch.allclose(here.normal(0, 3, 5, 101), there.normal(0, 3, 5, 101).cpu(), atol=1e-5)


def test_a_step_of_adam_is_the_cpus() -> None:
    generator = torch.Generator().manual_seed(0)
    start = {"a": torch.randn(4, 7, 5, generator=generator), "b": torch.randn(4, 64, generator=generator)}
    slopes = [{name: torch.randn(value.shape, generator=generator) for name, value in start.items()} for _ in range(5)]
    found = {}
    for where in ("cpu", GPU):
        leaves = {name: value.to(where, copy=True).requires_grad_() for name, value in start.items()}
        adam = StackedAdam(leaves, 1e-2)
        for number, slope in enumerate(slopes):
            adam.descend(list(leaves.values()), [slope[name].to(where) for name in leaves])
            if number == 2:
                kept = torch.tensor([0, 2, 3])
                leaves = {n: v.detach()[kept.to(where)].requires_grad_() for n, v in leaves.items()}
                slopes[3:] = [{n: v[kept] for n, v in s.items()} for s in slopes[3:]] if where == "cpu" else slopes[3:]
                adam.keep(leaves, kept.to(where))
        found[where] = {name: value.detach().cpu() for name, value in leaves.items()}
    for name, value in found["cpu"].items():
        assert torch.allclose(value, found[GPU][name], atol=1e-6), name


def test_recorded_blocks_give_what_plain_ones_give() -> None:
    for settings in (config(batch=32), config(batch=4), config(batch=32, precision="tf32")):
        assert recorder(GPU) is not None
        recorded = anneal_chunk(members(), settings, device=GPU, say=_refuse)
        plainly = train.recorder
        train.recorder = lambda device: None
        try:
            plain = anneal_chunk(members(), settings, device=GPU)
        finally:
            train.recorder = plainly
        for one, other in ((recorded.kl_nats_MTD, plain.kl_nats_MTD), (recorded.recon_nats_MT, plain.recon_nats_MT)):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def trained(objective: str, architecture: str = "mlp") -> dict[str, torch.Tensor]:
    """Parameters and the objective's state after some steps of two networks."""
    side = 64 if architecture == "conv" else 8
    config = TrainConfig(
        dataset="made", objective=objective, architecture=architecture, latents=4, hidden=32, seeds=2, steps=12,
        batch=32, records=1, options=OPTIONS.get(objective, {}),
    )  # fmt: skip
    made = make_objective(config.objective, **config.options)
    network = make_network(config, made, (1, side, side))
    pixels = np.random.default_rng(0).integers(0, 256, (50, side * side), dtype=np.uint8)
    images = TrainingImages(torch.from_numpy(pixels).to(GPU), (1, side, side), np.zeros((50, 1)))
    mean_P = torch.full((side * side,), 0.5)
    statistics = PixelStatistics(torch.ones(side * side), mean_P, Bernoulli().output_for(mean_P))
    states = [fresh_member(config, made, network, statistics, seed) for seed in range(2)]
    trainer = Trainer(config, made, network, images, range(2), states, say=_refuse)
    trainer.run(config.steps)
    return {name: value.detach().cpu() for name, value in {**trainer.vaes.parameters, **trainer.state}.items()}


def test_recorded_training_gives_what_plain_steps_give() -> None:
    for objective, architecture in [*((name, "mlp") for name in OBJECTIVES), ("beta", "conv")]:
        recorded = trained(objective, architecture)
        recording = training.recorder
        training.recorder = lambda device: None
        try:
            plain = trained(objective, architecture)
        finally:
            training.recorder = recording
        for name, value in plain.items():
            # Adam makes a whole step of a gradient that is nothing but rounding, of which there may be a few
            alike = torch.isclose(value.double(), recorded[name].double(), rtol=1e-3, atol=1e-4)
            assert alike.double().mean() > 0.99, (objective, name)


def test_exact_curves_are_the_cpus() -> None:
    images = np.zeros((6, 1, 8, 8))
    for place in range(6):
        images[place, 0, 2:6, place : place + 3] = 1.0
    found = []
    for where in ("cpu", GPU):
        trace = exact_annealing([images, 0.5 * images], directions=["cool"], device=where)
        for beta_T, kl_TD in zip(trace.beta_MT, trace.kl_nats_MTD, strict=True):
            kl_T, there = kl_TD[:, 0], np.isfinite(beta_T)
            after = int(np.flatnonzero(there & (kl_T > 0.1))[0])
            share = (0.1 - kl_T[after - 1]) / (kl_T[after] - kl_T[after - 1])
            found.append(beta_T[after - 1] + share * (beta_T[after] - beta_T[after - 1]))
    np.testing.assert_allclose(found[2:], found[:2], rtol=1e-5)


def _refuse(text: str) -> None:
    raise AssertionError(text)


def test_a_block_waits_for_nothing() -> None:
    for architecture, side in (("mlp", 8), ("linear", 8), ("conv", 64)):
        one = chunk(config(architecture=architecture, batch=4), side)
        inputs = one.inputs(np.ones((3, MEMBERS)))
        one.train(*inputs)  # libraries set themselves up at first use
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it is new
            torch.cuda.set_sync_debug_mode("error")
            try:
                one.train(*inputs)
            finally:
                torch.cuda.set_sync_debug_mode("default")


def test_members_leave_and_the_others_go_on() -> None:
    settings = config(batch=32)
    together, apart = chunk(settings), chunk(settings)
    beta_KM = np.ones((5, MEMBERS))
    for number in range(6):
        if number == 3:
            together.keep([1, 4])
        inputs = together.inputs(beta_KM[:, : len(together.ensemble)])
        found = together.block(together.noise.evaluation(), *inputs).cpu()
        expected = apart.block(apart.noise.evaluation(), *apart.inputs(beta_KM)).cpu()
        rows = list(range(MEMBERS)) if number < 3 else [1, 4]
        assert torch.allclose(found, expected[rows], rtol=1e-3, atol=1e-4), number


def test_products_are_the_convolutions() -> None:
    set_products("float32")
    nothing = PixelStatistics(torch.zeros(0), torch.zeros(0), torch.zeros(0))
    outputs = []
    for network in (ConvNetwork((1, 64, 64), 2), ProductConvNetwork((1, 64, 64), 2)):
        fresh = [network.initial(nothing, torch.Generator().manual_seed(seed)) for seed in range(3)]
        parameters = {name: torch.stack([one[name] for one in fresh]).to(GPU) for name in fresh[0]}
        x_MNP = torch.rand(3, 4, 4096, generator=torch.Generator().manual_seed(9)).to(GPU)
        outputs.append(network.decode(parameters, network.encode(parameters, x_MNP)[0]))
    assert (outputs[0] - outputs[1]).abs().max() <= 1e-4 * outputs[0].abs().max()


def test_products_are_rounded_as_asked() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(512, 512, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()
    errors = {}
    for precision in ("float32", "tf32"):
        set_products(precision)
        errors[precision] = float(((a.to(GPU) @ b.to(GPU)).cpu() - exact).abs().max() / exact.abs().max())
    set_products("float32")
    assert errors["float32"] < 1e-5 < errors["tf32"] < 1e-2


def test_work_that_waits_for_the_device_is_not_recorded_and_goes_on() -> None:
    """The last test, lest what fails here on purpose spoil another."""
    said: list[str] = []
    recordings = Recordings(recorder(GPU), said.append)
    x = torch.ones(3, device=GPU)
    for _ in range(3):
        assert recordings.run(lambda x: x * float(x.sum()), x).tolist() == [3.0, 3.0, 3.0]
    assert len(said) == 1
    assert (x + 1).tolist() == [2.0, 2.0, 2.0]
    # nothing is left of what failed: random numbers are drawn, and other work is recorded
    torch.rand(3, device=GPU)
    again = Recordings(recorder(GPU), _refuse)
    assert [again.run(lambda x: 2 * x + torch.rand(3, device=GPU), x)[0] > 2 for _ in range(3)] == [True] * 3
    torch.rand(3, device=GPU)
