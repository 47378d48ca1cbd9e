"""Random numbers by counter: each is a hash of a key and of its own place, so all members' are drawn in one call.

Philox 4x32 with 10 rounds (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011), written in tensor
operations on 64-bit integers, so that it runs on any device and gives the same integers on all. A stream has a key of
64 bits and no state: what is drawn at a step depends on nothing that was drawn before, nor on who else is drawn.

Shapes: M streams, K steps, C numbers of a step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

OWN_GENERATORS = ("cpu", "mps")
"""Kinds of devices on which each member has a generator instead: as fast on a CPU, and runs keep their numbers."""
ROUNDS = 10
_LOW = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_SCALE = 2.0**-32


def philox(key_low: Tensor, key_high: Tensor, counter: tuple[Tensor, Tensor, Tensor, Tensor]) -> list[Tensor]:
    """Four words of 32 random bits each for every counter.

    Parameters
    ----------
    key_low, key_high, counter : words of 32 bits, as int64 tensors that broadcast against each other.

    >>> zero = torch.zeros((), dtype=torch.int64)
    >>> [f"{int(word):08x}" for word in philox(zero, zero, (zero,) * 4)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    a, b, c, d = counter
    for number in range(ROUNDS):
        # the product wraps around at 64 bits; its high and low halves are right all the same
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            ((second >> 32) & _LOW) ^ b ^ ((key_low + number * _WEYL[0]) & _LOW),
            second & _LOW,
            ((first >> 32) & _LOW) ^ d ^ ((key_high + number * _WEYL[1]) & _LOW),
            first & _LOW,
        )
    return [a, b, c, d]


class CounterStreams:
    """M streams of random numbers on a device, one key each.

    Parameters
    ----------
    seeds : 63-bit seeds, from `ifp.seeds.derive_seed`.
    """

    def __init__(self, seeds: list[int], device: str | torch.device) -> None:
        keys = torch.tensor([[seed & _LOW, (seed >> 32) & _LOW] for seed in seeds], dtype=torch.int64)
        self._keys_2M = keys.T.contiguous().to(device)

    def __len__(self) -> int:
        """M."""
        return self._keys_2M.shape[1]

    def keep(self, rows: list[int]) -> None:
        """Drop all streams but those at `rows`."""
        self._keys_2M = self._keys_2M[:, torch.tensor(rows).to(self._keys_2M.device)]

    def _words(self, purpose: int, first_step: int, steps: int, blocks: int) -> list[Tensor]:
        """Four words of 32 bits for each step, stream and block, [K, M, blocks] each."""
        device = self._keys_2M.device
        step_K11 = torch.arange(first_step, first_step + steps, device=device)[:, None, None]
        place_C = torch.arange(blocks, device=device)[None, None, :]
        zero = torch.zeros((), dtype=torch.int64, device=device)
        low, high = self._keys_2M[0][None, :, None], self._keys_2M[1][None, :, None]
        return philox(low, high, (place_C, step_K11 & _LOW, step_K11 >> 32, zero + purpose))

    def uniform(self, purpose: int, first_step: int, steps: int, count: int) -> Tensor:
        """Uniform numbers in (0, 1], float32 [K, M, C]; they depend on key, purpose, step and place alone."""
        words = self._words(purpose, first_step, steps, -(-count // 4))
        return torch.cat([_unit(word) for word in words], -1)[..., :count]

    def normal(self, purpose: int, first_step: int, steps: int, count: int) -> Tensor:
        """Standard normal numbers, float32 [K, M, C] (Box and Muller 1958)."""
        a, b, c, d = self._words(purpose, first_step, steps, -(-count // 4))
        found = []
        for one, two in ((a, b), (c, d)):
            radius = (-2 * _unit(one).log()).sqrt_()
            angle = _unit(two).mul_(2 * math.pi)
            found += [radius * angle.cos(), radius * angle.sin()]
        return torch.cat(found, -1)[..., :count]


def _unit(word: Tensor) -> Tensor:
    """32 bits as a float32 in (0, 1]."""
    return word.float().add_(0.5).mul_(_SCALE)
