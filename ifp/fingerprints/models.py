"""The nouns of an ensemble: Model, Channel (some of its latents), Similarity (of all pairs of channels).

Shapes: N points (images), D latents, C channels, T records of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ifp.codes import Codes
from ifp.errors import IfpError

FACTOR = -1
"""Value of `Channel.model` for a channel that is a factor of the data."""
WAYS = ("latent", "group", "space")
"""What a channel can be: one latent, a group of them, or the whole latent space of a model."""
FEWEST_MODELS = 5
"""With fewer models recurrence cannot be told from chance."""


@dataclass(frozen=True, eq=False)
class KlTrace:
    """Per-latent KL while beta moved in training: `beta_T` in order of time, `kl_nats_TD` in nats."""

    beta_T: np.ndarray
    kl_nats_TD: np.ndarray


@dataclass(frozen=True, eq=False)
class Model:
    """One model of an ensemble on the N points that all its models share.

    Attributes
    ----------
    codes : its posteriors of the N points.
    level : the models of one level were trained alike; "" where nothing tells levels apart.
    beta : at which it was trained, or at which this checkpoint of it was written; None where nothing says.
    trace : of its training, where beta moved and was recorded.
    """

    name: str
    codes: Codes
    level: str = ""
    beta: float | None = None
    trace: KlTrace | None = None


@dataclass(frozen=True)
class Channel:
    """Some latents of one model, or (`model` is FACTOR, no latents) a factor of the data.

    Attributes
    ----------
    model : its place in the list of models.
    latents : of that model, from 0.
    """

    name: str
    model: int
    latents: tuple[int, ...] = ()

    @property
    def is_factor(self) -> bool:
        """Whether it is a factor of the data and no latents."""
        return self.model == FACTOR


@dataclass(frozen=True, eq=False)
class Similarity:
    """Information of C channels about which of N points it is, alone and in pairs; bits.

    Attributes
    ----------
    channels : what each row and column is.
    information_bits_C, upper_bits_C : lower and upper bound of I(X; U).
    two_looks_bits_C : I(X; U, U'), of two independent draws through the same channel.
    joint_bits_CC : I(X; U, V), of one draw through each of two; its diagonal is `two_looks_bits_C`.
    points : N; no estimate passes log2 N.
    """

    channels: tuple[Channel, ...]
    information_bits_C: np.ndarray
    upper_bits_C: np.ndarray
    two_looks_bits_C: np.ndarray
    joint_bits_CC: np.ndarray
    points: int

    def __post_init__(self) -> None:
        shapes = {(len(a),) for a in (self.information_bits_C, self.upper_bits_C, self.two_looks_bits_C)}
        count = len(self.channels)
        if shapes != {(count,)} or self.joint_bits_CC.shape != (count, count):
            raise IfpError(f"Each of {count} channels needs its information, alone and with each other one.")

    def __len__(self) -> int:
        return len(self.channels)

    @property
    def cap_bits(self) -> float:
        """log2 N: N points cannot tell apart more."""
        return float(np.log2(self.points))

    @cached_property
    def entropy_bits_C(self) -> np.ndarray:
        """I(U; U') = 2 I(X; U) - I(X; U, U'): what two looks agree on, the place of an entropy."""
        return 2 * self.information_bits_C - self.two_looks_bits_C

    @cached_property
    def shared_bits_CC(self) -> np.ndarray:
        """I(U; V) = I(X; U) + I(X; V) - I(X; U, V)."""
        return self.information_bits_C[:, None] + self.information_bits_C - self.joint_bits_CC

    @cached_property
    def nmi_CC(self) -> np.ndarray:
        """I(U; V) / sqrt(I(U; U') I(V; V')); NaN for a channel without information (paper, equation of NMI)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.shared_bits_CC / np.sqrt(self.entropy_bits_C[:, None] * self.entropy_bits_C)

    @cached_property
    def vi_bits_CC(self) -> np.ndarray:
        """Variation of information, 2 I(X; U, V) - I(X; U, U') - I(X; V, V')."""
        return 2 * self.joint_bits_CC - self.two_looks_bits_C[:, None] - self.two_looks_bits_C

    def among(self, index: Sequence[int] | np.ndarray) -> Similarity:
        """The similarity of the channels at `index` alone, in that order."""
        places = np.asarray(index, dtype=int)
        return Similarity(
            tuple(self.channels[i] for i in places),
            self.information_bits_C[places],
            self.upper_bits_C[places],
            self.two_looks_bits_C[places],
            self.joint_bits_CC[np.ix_(places, places)],
            self.points,
        )

    def latents(self) -> np.ndarray:
        """The places of the channels that are no factors."""
        return np.array([i for i, channel in enumerate(self.channels) if not channel.is_factor], dtype=int)

    def factors(self) -> np.ndarray:
        """The places of the channels that are factors."""
        return np.array([i for i, channel in enumerate(self.channels) if channel.is_factor], dtype=int)
