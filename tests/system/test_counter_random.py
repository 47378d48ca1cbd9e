"""Random numbers by counter: the published generator, its distributions, and streams that do not know of each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from ifp.system.counter_random import CounterStreams, philox

ONES = 0xFFFFFFFF
# known-answer vectors of philox4x32 with 10 rounds, from the authors' Random123 library (file kat_vectors)
KNOWN = [
    ((0, 0), (0, 0, 0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((ONES, ONES), (ONES, ONES, ONES, ONES), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0xA4093822, 0x299F31D0),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("key", "counter", "words"), KNOWN)
def test_known_answers(key: tuple[int, int], counter: tuple[int, int, int, int], words: str) -> None:
    low, high = (torch.tensor(word) for word in key)
    a, b, c, d = (torch.tensor(word) for word in counter)
    assert " ".join(f"{int(word):08x}" for word in philox(low, high, (a, b, c, d))) == words


SEEDS = [3, 4, 2**62 + 3, 2**33 + 3]
"""Neighbours, and some that differ in their high words alone."""


def test_distributions() -> None:
    streams = CounterStreams(SEEDS, "cpu")
    # 40,000 numbers a stream; a p-value below 1e-4 would be chance once in some thousand such tests
    normal_MB = streams.normal(0, 0, 200, 200).transpose(0, 1).flatten(1).numpy()
    uniform_MB = streams.uniform(1, 0, 200, 200).transpose(0, 1).flatten(1).numpy()
    for normal, uniform in zip(normal_MB, uniform_MB, strict=True):
        assert stats.kstest(normal, "norm").pvalue > 1e-4
        assert stats.kstest(uniform, "uniform").pvalue > 1e-4
    assert 0 < uniform_MB.min() <= uniform_MB.max() <= 1
    assert np.isfinite(normal_MB).all()


def test_members_steps_places_and_purposes_are_independent() -> None:
    streams = CounterStreams(SEEDS, "cpu")
    steps, count = 300, 101
    normal_KMC = streams.normal(0, 0, steps, count).numpy().astype(float)
    other_KMC = streams.normal(2, 0, steps, count).numpy().astype(float)
    pairs = {
        "members": (normal_KMC[:, 0], normal_KMC[:, 1]),
        "high words": (normal_KMC[:, 0], normal_KMC[:, 2]),
        "steps": (normal_KMC[1:, 0], normal_KMC[:-1, 0]),
        "places": (normal_KMC[:, 0, 1:], normal_KMC[:, 0, :-1]),
        "purposes": (normal_KMC[:, 0], other_KMC[:, 0]),
    }
    for name, (one, two) in pairs.items():
        for power in (1, 2):  # squares: a common radius would show
            found = np.corrcoef(one.ravel() ** power, two.ravel() ** power)[0, 1]
            assert abs(found) < 4.5 / np.sqrt(one.size), (name, power)
    # nothing is drawn twice: 24 bits a number leave some equal ones, not whole rows
    rows = normal_KMC.reshape(-1, count)
    assert len(np.unique(rows[:, :4], axis=0)) == len(rows)


def test_a_stream_is_its_own_whoever_is_drawn_beside_it_and_however_far_at_once() -> None:
    together = CounterStreams(SEEDS, "cpu").normal(0, 5, 4, 10)
    for row, seed in enumerate(SEEDS):
        alone = CounterStreams([seed], "cpu")
        assert torch.equal(alone.normal(0, 5, 4, 10)[:, 0], together[:, row])
        assert torch.equal(alone.normal(0, 7, 1, 10)[0, 0], together[2, row])
    streams = CounterStreams(SEEDS, "cpu")
    streams.keep([1, 3])
    assert len(streams) == 2
    assert torch.equal(streams.normal(0, 5, 4, 10), together[:, [1, 3]])


def test_steps_beyond_32_bits_go_on() -> None:
    streams = CounterStreams([1], "cpu")
    border = 2**32
    across = streams.uniform(0, border - 1, 2, 4)
    assert not torch.equal(across[1], streams.uniform(0, 0, 1, 4)[0])
    assert torch.equal(across[1:], streams.uniform(0, border, 1, 4))
