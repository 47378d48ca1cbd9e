"""InfoGan and IcGan: what a generator with informative codes is trained on, by the names of `--objective`.

The generator sees noise n ~ N(0, I), the atomic codes Z_A = c ~ U(-1, 1)^D and, if asked for, complex codes Z_C = h(c).
It is trained to deceive a discriminator, to let a head Q recover the codes (InfoGAN), and to keep the codes that Q
recovers independent of each other (Wang and Yao). Losses are in nats per image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from ifp.errors import bad_value, unknown_name
from ifp.objectives.build import build
from ifp.schedule import geometric

ESTIMATORS = ("mws", "ratio")
"""How total correlation is estimated: minibatch weighted sampling, or the ratio of densities that a network learns."""
TRUNKS = ("both", "discriminator")
"""What the trunk learns from: the discriminator's loss and Q's, as in InfoGAN, or the discriminator's alone."""
LAWS = ("", "up", "down", "up-down")
"""How the weight of information moves over a training."""
SETTINGS: dict[str, Any] = {"learning_rate": 1e-3, "latents": 5}
"""The settings of a training that differ from those of VAEs unless the user names others."""
NAMED_AFTER = "after Wang and Yao, detached"
"""What results of the independence-constrained GAN are to be called: the definition departs from the public code."""


@dataclass(frozen=True)
class InfoGan:
    """Adversarial loss + info_weight NLL(codes) + tc_weight TC(codes as Q recovers them).

    Parameters
    ----------
    info_weight : of the negative log likelihood of the codes, the lambda of InfoGAN. The public code multiplies its own
        by 0.1, so its 0.1 is 0.01 here.
    tc_weight : of the total correlation of the atomic codes. tc : its estimator, one of ESTIMATORS.
    noise : values of noise that the generator sees beside the codes.
    complex_codes : codes of the second level, functions of the atomic ones; 0 for none, as in the public code.
    trunk : one of TRUNKS. Q's own layers learn from the information in either case.
    law, weight_start, weight_end : "up" moves the weight of information geometrically from start to end over the
        training, "down" back from end to start, "up-down" both, half the steps each; "" keeps it at info_weight.
    hold_steps : steps at the law's first weight before it moves, in which the generator learns to deceive.
    discriminator_rate : Adam's learning rate of trunk and D; that of generator and Q is the training's own.
    beta1 : decay of Adam's first moment, for all networks.
    smoothing : targets of "real" are drawn between this and 1.
    ratio_rate, ratio_hidden, ratio_layers : learning rate, units and hidden layers of the network of tc = "ratio".

    References
    ----------
    Chen et al., InfoGAN, NeurIPS 2016, equations 3 to 6. Wang and Yao, Independence constrained disentangled
    representation learning from epistemological perspective, arXiv 2409.02672, with its public code
    wangruoyu1126/TC-GAN; where the definition departs from that code is said in docs/gan.md.
    """

    name: ClassVar[str] = "infogan"
    info_weight: float = 0.01
    tc_weight: float = 0.0
    tc: str = "mws"
    noise: int = 5
    complex_codes: int = 0
    trunk: str = "both"
    law: str = ""
    weight_start: float = 1e-4
    weight_end: float = 1.0
    hold_steps: int = 0
    discriminator_rate: float = 2e-3
    beta1: float = 0.5
    smoothing: float = 0.7
    ratio_rate: float = 1e-3
    ratio_hidden: int = 1000
    ratio_layers: int = 5

    def __post_init__(self) -> None:
        for option, allowed in (("tc", ESTIMATORS), ("trunk", TRUNKS), ("law", LAWS)):
            if getattr(self, option) not in allowed:
                raise unknown_name(f"{option} of {self.name}", getattr(self, option), [a for a in allowed if a])
        for option in ("info_weight", "tc_weight", "noise", "complex_codes", "hold_steps"):
            value = getattr(self, option)
            if not (math.isfinite(value) and value >= 0):
                kind = "a number" if "weight" in option else "a whole number"
                raise bad_value(f"{self.name}: {option}", value, f"{kind} of at least 0")
        positive = ("weight_start", "weight_end", "discriminator_rate", "ratio_rate", "ratio_hidden", "ratio_layers")
        for option in positive:
            value = getattr(self, option)
            if not (math.isfinite(value) and value > 0):
                whole = option in ("ratio_hidden", "ratio_layers")
                kind = "a whole number of at least 1" if whole else "a positive number"
                raise bad_value(f"{self.name}: {option}", value, kind)
        if self.law and not self.weight_start < self.weight_end:
            raise bad_value(f"{self.name}: weight_start", self.weight_start, f"below weight_end, {self.weight_end:g}")
        for option, value, most in (("beta1", self.beta1, 1.0), ("smoothing", self.smoothing, 1.0)):
            if not 0 <= value <= most or (option == "beta1" and value == 1):
                raise bad_value(f"{self.name}: {option}", value, "between 0 and 1")

    @property
    def learns_ratio(self) -> bool:
        """Whether a network learns the ratio of densities; one whose estimate has no weight is left out."""
        return self.tc == "ratio" and self.tc_weight > 0

    def weight_at(self, step: int, total_steps: int) -> float:
        """The weight of information in the update after `step` updates.

        >>> sweep = InfoGan(law="up-down", weight_start=0.01, weight_end=1)
        >>> [round(sweep.weight_at(step, 8), 3) for step in range(9)]
        [0.01, 0.032, 0.1, 0.316, 1.0, 0.316, 0.1, 0.032, 0.01]
        """
        if not self.law:
            return self.info_weight
        u = min(max(step - self.hold_steps, 0) / max(total_steps - self.hold_steps, 1), 1.0)
        u = {"up": u, "down": 1 - u, "up-down": 1 - abs(2 * u - 1)}[self.law]
        return float(geometric(u, self.weight_start, self.weight_end))


@dataclass(frozen=True)
class IcGan(InfoGan):
    """The independence-constrained GAN, "after Wang and Yao, detached": `InfoGan` with a weight on TC by default."""

    name: ClassVar[str] = "ic-gan"
    tc_weight: float = 0.01


GANS: dict[str, type[InfoGan]] = {gan.name: gan for gan in (InfoGan, IcGan)}
"""The adversarial objectives by name; they have a trainer of their own, for they have no reconstruction."""


def make_gan(name: str, **options: Any) -> InfoGan:
    """The objective called `name` with these hyper-parameters.

    Raises
    ------
    IfpError : an option that it does not have, a value of the wrong type or out of range.

    >>> make_gan("ic-gan").tc_weight, make_gan("infogan", tc_weight=0.1, tc="ratio").learns_ratio
    (0.01, True)
    """
    return build(GANS[name], options)
