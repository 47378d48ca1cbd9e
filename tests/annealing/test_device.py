"""What members do on a device and not on a CPU: noise by counter, recorded blocks, and leaving the batch in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from ifp.annealing import counter_noise, train, trained_curves
from ifp.annealing.config import AnnealConfig, preset_config
from ifp.annealing.counter_noise import CounterNoise
from ifp.annealing.finished import Curves
from ifp.annealing.members import Member, chunk_members, data_of
from ifp.annealing.plan import Cell, plan_keys
from ifp.annealing.resources import Resources
from ifp.annealing.run import run
from ifp.annealing.train import anneal_chunk
from ifp.system import devices as system_devices
from ifp.system import workers
from ifp.system.devices import DevicePool
from ifp.trace import AnnealTrace

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 8), dtype=np.uint8)


def members(count: int) -> list[Member]:
    return [Member("place", (-1,), seed, ("cool", "heat")[seed % 2], IMAGES, 3.0, 4.0) for seed in range(count)]


def config(**settings: object) -> AnnealConfig:
    return preset_config("quick", dataset="made", **{"steps": 60, "hold_steps": 6, "records": 15, **settings})


def test_counter_noise_is_a_members_own_and_as_drawn_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter_noise, "DRAWN_AHEAD", 2000)
    settings = config(batch=4, latents=2)
    together = CounterNoise(members(5), settings, len(IMAGES), "cpu")
    monkeypatch.setattr(counter_noise, "DRAWN_AHEAD", 1)
    alone = CounterNoise(members(5)[3:4], settings, len(IMAGES), "cpu")
    for number, steps in enumerate((3, 1, 4)):
        row = 3 if number < 2 else 1
        assert torch.equal(together.block(steps)[:, row], alone.block(steps)[:, 0])
        index = together.choose(steps)
        assert torch.equal(index[:, row], alone.choose(steps)[:, 0])
        # without replacement
        assert all(len(set(chosen)) == 4 for chosen in index.flatten(0, 1).tolist())
        assert torch.equal(together.evaluation()[row], alone.evaluation()[0])
        if number == 1:
            together.keep([0, 3])


def test_counter_noise_has_the_shapes_of_the_generators_and_is_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counter_noise, "DRAWN_AHEAD", 2000)
    for batch, latents in ((4, 1), (64, 3)):
        settings = config(batch=batch, latents=latents)
        by_counter = CounterNoise(members(2), settings, len(IMAGES), "cpu")
        by_generator = train.MemberNoise(members(2), settings, len(IMAGES), "cpu")
        assert by_counter.block(7).shape == by_generator.block(7).shape
        assert by_counter.choose(7).shape == by_generator.choose(7).shape
        drawn = by_counter.evaluation()
        assert drawn.shape == by_generator.evaluation().shape
        assert stats.kstest(drawn.flatten().numpy(), "norm").pvalue > 1e-4


def test_every_image_is_chosen_equally_often() -> None:
    chosen = CounterNoise(members(1), config(batch=2), len(IMAGES), "cpu").choose(6000)
    counts = torch.bincount(chosen.flatten(), minlength=len(IMAGES)).numpy()
    assert stats.chisquare(counts).pvalue > 1e-4


def taped(work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """A recorder without a GPU: a replay runs the work on the tensors that the recording holds."""
    result: list[Tensor] = []

    def replay() -> None:
        result[:] = [work()]
        found.set_(result[0])

    found = torch.empty(0)
    return replay, found


def curves(trace: AnnealTrace) -> list[np.ndarray]:
    return [trace.beta_MT, trace.recon_nats_MT, trace.kl_nats_MTD]


@pytest.mark.parametrize("batch", [4, 32])
def test_recorded_blocks_and_late_leaving_change_no_number(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """The way of a device on a CPU, where every bit can be compared."""
    settings = config(batch=batch)
    plain = anneal_chunk(members(6), settings)
    monkeypatch.setattr(train, "recorder", lambda device: taped)
    monkeypatch.setattr(train, "_least_active", lambda device: 0.6)
    recorded = anneal_chunk(members(6), settings)
    lengths = np.isfinite(plain.beta_MT).sum(1)
    assert len(set(lengths)) > 1  # members do leave at different records
    for one, other in zip(curves(plain), curves(recorded), strict=True):
        np.testing.assert_array_equal(one, other)


def test_members_that_were_answered_train_on_without_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(batch=32)
    monkeypatch.setattr(train, "_least_active", lambda device: 0.01)
    late = anneal_chunk(members(6), settings)
    monkeypatch.undo()
    for one, other in zip(curves(late), curves(anneal_chunk(members(6), settings)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_even_chunks() -> None:
    data = data_of([*members(10), *other_members(5)], config())
    found = [len(chunk) for chunk in chunk_members(data, config(), 4)]
    assert found == [4, 4, 2, 3, 2]


def other_members(count: int) -> list[Member]:
    return [Member("size", (-1,), seed, "cool", IMAGES[:4], 3.0, 4.0) for seed in range(count)]


@pytest.mark.parametrize("devices", [1, 3])
def test_chunks_go_to_all_devices_and_give_the_same_curves(monkeypatch: pytest.MonkeyPatch, devices: int) -> None:
    settings = config(method="train", direction="cool", seeds=5, batch=32)
    cells = [Cell("place", (-1,), IMAGES), Cell("size", (-1,), IMAGES[:4])]
    expected = run(cells, settings, Curves(plan_keys(cells, settings)), Resources("cpu", 1, 4))
    lent: list[str] = []

    class Watched(DevicePool):
        @contextmanager
        def lent(self) -> Iterator[str]:
            with super().lent() as device:
                lent.append(device)
                yield "cpu"

    monkeypatch.setattr(system_devices, "devices_of", lambda device: [f"{device}:{n}" for n in range(devices)])
    monkeypatch.setattr(workers, "DevicePool", Watched)
    found = run(cells, settings, Curves(plan_keys(cells, settings)), Resources("many", 7, 3))
    assert set(lent) == {f"many:{n}" for n in range(devices)}
    assert found.labels() == expected.labels()
    for one, other in zip(curves(found), curves(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_out_of_memory_halves_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def small(members: Sequence[Member], *arguments: object, **named: object) -> AnnealTrace:
        sizes.append(len(members))
        if len(members) > 2:
            raise torch.OutOfMemoryError
        return anneal_chunk(members, *arguments, **named)  # type: ignore[arg-type]

    settings = config(method="train", direction="cool", seeds=6, batch=32)
    cells = [Cell("place", (-1,), IMAGES)]
    expected = run(cells, settings, Curves(plan_keys(cells, settings)), Resources("cpu", 1, 6))
    monkeypatch.setattr(trained_curves, "anneal_chunk", small)
    found = run(cells, settings, Curves(plan_keys(cells, settings)), Resources("cpu", 1, 6))
    assert sizes == [6, 3, 1, 2, 3, 1, 2]
    for one, other in zip(curves(found), curves(expected), strict=True):
        np.testing.assert_array_equal(one, other)
