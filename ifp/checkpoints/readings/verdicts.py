"""Choice: the reading that was taken of a file, whether it can be trusted, and what the user is told of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ifp.checkpoints.readings.reading import Reading
from ifp.checkpoints.readings.rivals import changes, described, said
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError

HINT_MARGIN = 0.05
"""A hint keeps the code base's kind of variance within this: a median moment of 300 images is not known better."""
_OPTIONS = {"head": "--head", "variance": "--variance", "activation": "--activation", "input": "--pixel-scaling"}


@dataclass(frozen=True, eq=False)
class Choice:
    """The reading that was taken, and what speaks for and against it.

    Attributes
    ----------
    tried : every reading that was tried in full.
    base : the code base's own reading, from which it was reached.
    better : one that fits clearly better though what the user or the file says excludes it; None where there is none.
    alike : one with another kind of variance that nothing tells apart from it; None where something does.
    factor : on all log variances, with which the reading fits clearly better; 1 where it fits best as it is.
    note : "" or a sentence on how it was chosen. warning : "" or one on why it is not to be trusted.
    """

    reading: Reading
    tried: tuple[Reading, ...]
    base: Reading
    better: Reading | None = None
    alike: Reading | None = None
    factor: float = 1.0
    note: str = ""
    warning: str = ""

    @property
    def vae(self) -> Vae:
        """The model."""
        return self.reading.vae

    @property
    def how(self) -> str:
        """The reading in words, from which of the code base's candidates it was reached and what differs from that."""
        return f"{self.base.name}; {described(self.vae, changes(self.base.vae, self.vae))}"

    @property
    def told(self) -> str:
        """Note and warning."""
        return " ".join(text for text in (self.note, self.warning) if text)

    @property
    def trusted(self) -> bool:
        """Whether the self-test speaks for it: its moments or its decoder do, and no other is as good or better."""
        unrivalled = self.better is None and self.alike is None and self.factor == 1
        return (self.reading.passed or self.reading.confirmed) and unrivalled


def told(choice: Choice, undecided: Sequence[str]) -> Choice:
    """The choice with what the user is told; `undecided` names candidates between which nothing decided."""
    reading, note = choice.reading, ""
    if changes(choice.base.vae, choice.vae):
        note = _taken(choice)
    elif undecided:
        note = (
            f"Neither the weights nor the self-test say which of these was used: {'; '.join(undecided)}; the first is "
            "taken."
        )
    elif choice.trusted and not reading.test.passed:
        note = _off_but_confirmed(reading)
    warning = ""
    if choice.better is not None:
        warning = _outdone(choice, choice.better)
    elif choice.alike is not None:
        warning = _open(choice, choice.alike)
    elif choice.factor != 1:
        warning = _rescaled(choice)
    elif not choice.trusted:
        warning = _misread(choice)
    return dataclasses.replace(choice, note=note, warning=warning)


def share_in_words(drawn: float) -> str:
    """What draws save, as a share of what a perfect decoder would.

    >>> share_in_words(0.934)
    'draws save 93% of what a perfect decoder would save over the mean image'
    >>> share_in_words(-2.5)
    'draws cost more than the mean image (by 2.5 times what a perfect decoder would save over it)'
    """
    if drawn < 0:
        return f"draws cost more than the mean image (by {-drawn:.2g} times what a perfect decoder would save over it)"
    return f"draws save {drawn:.0%} of what a perfect decoder would save over the mean image"


def laplace_latents(path: str, base: Reading, reading: Reading) -> IfpError:
    """What is said of a model whose latents show to be Laplace distributed."""
    return IfpError(
        f"{path} has Laplace latents by the self-test: read so, E|z| of an active latent is off 1 by "
        f"{reading.test.deviation:.2f}, and read as Gaussian its second moment is off by {base.test.deviation:.2f} "
        "(medians); only Gaussian latents are read here; give its codes with --codes file.npz, or say --variance "
        "log-variance if they are Gaussian."
    )


def _taken(choice: Choice) -> str:
    base, reading = choice.base, choice.reading
    how = described(choice.vae, changes(base.vae, choice.vae))
    options = [_OPTIONS[what] for what in changes(base.vae, choice.vae) if what in _OPTIONS]
    why = _compared(base, reading)
    if choice.vae.capacity_nats and changes(base.vae, choice.vae) == ["variance"]:
        (_, kl), (_, other) = _cost_and_kl(reading), _cost_and_kl(base)
        why = (
            f"The settings say that the KL was held at {choice.vae.capacity_nats:g} nats, and it is {kl:.2f} so, "
            f"{other:.2f} as '{base.name}'"
        )
    return f"Read otherwise than {choice.vae.family} does it: {how}. {why}; {', '.join(options)} would overrule it."


def _compared(worse: Reading, reading: Reading) -> str:
    """Why one is taken before the other, in numbers."""
    (cost, kl), (other_cost, other_kl) = _cost_and_kl(reading), _cost_and_kl(worse)
    return (
        f"A draw costs {cost:.4g} nats beside a KL of {kl:.4g} so, {other_cost:.4g} beside {other_kl:.4g} as "
        f"'{worse.name}'; the moments are off by {reading.test.deviation:.2f} and {worse.test.deviation:.2f}"
    )


def _cost_and_kl(reading: Reading) -> tuple[float, float]:
    assert reading.reconstruction is not None
    return float(reading.reconstruction.cost_M.mean()), float(reading.reconstruction.kl_M.mean())


def _outdone(choice: Choice, better: Reading) -> str:
    whats = changes(choice.vae, better.vae)
    whose = sorted({said(choice.vae, what).source for what in whats} & {"an option", "the file"})
    return (
        f"What {' and '.join(whose) or 'the code base'} says does not fit: read as '{described(better.vae, whats)}' "
        f"the decoder finds far more of the images again. {_compared(choice.reading, better)}."
    )


def _open(choice: Choice, alike: Reading) -> str:
    (_, kl), (_, other) = _cost_and_kl(choice.reading), _cost_and_kl(alike)
    return (
        f"Whether the model gives {choice.vae.variance} or {alike.vae.variance} cannot be told: nothing says its beta, "
        f"and by neither are its moments right (off by {choice.reading.test.deviation:.2f} and "
        f"{alike.test.deviation:.2f}); the KL is {kl:.2f} nats by the one and {other:.2f} by the other. Say which with "
        "--variance, or put the settings of training beside the file."
    )


def _rescaled(choice: Choice) -> str:
    (_, kl), capacity = _cost_and_kl(choice.reading), choice.vae.capacity_nats
    found = (
        f"With every log variance multiplied by {choice.factor:g} the cost of a draw + beta KL is clearly smaller, at "
        f"the stated beta of {choice.vae.beta or 0:.3g} and around it"
    )
    if capacity:
        found = (
            f"The settings say that the KL was held at {capacity:g} nats, and it is {kl:.2f}; every log variance "
            f"multiplied by {choice.factor:g} would come nearest"
        )
    return (
        f"{found}: the model may give logarithms to another base (the factor is 0.69 for base 2 and 2.3 for base 10), "
        "or those settings are not its own. Its KL is then off by much of itself; give its codes with --codes "
        "file.npz, or --encoder package.module:function, which returns the natural logarithm of the variance."
    )


def _misread(choice: Choice) -> str:
    reading = choice.reading
    found = f"Var(mean) + E[variance] of an active latent should be near 1 and is off by {reading.test.deviation:.2f}"
    if reading.drawn is not None:
        found += f" (median), and {share_in_words(reading.drawn)}"
    hint = "no other reading that was tried fits"
    others = [one for one in choice.tried if one is not reading and one.passed and one.reconstruction is None]
    if others:
        smallest = min(one.test.deviation for one in others)
        fits = next(one for one in _habit_first(choice, others) if one.test.deviation <= smallest + HINT_MARGIN)
        hint = f"read as '{fits.name}' it would fit: the file may come from a fork (see --head, --variance)"
    return f"{found}: the model was misread, does not see its own data, or was never trained to a minimum; {hint}."


def _habit_first(choice: Choice, readings: Sequence[Reading]) -> list[Reading]:
    return sorted(readings, key=lambda one: one.vae.variance != choice.vae.variance)


def _off_but_confirmed(best: Reading) -> str:
    return (
        f"Var(mean) + E[variance] of an active latent is off 1 by {best.test.deviation:.2f} (median), but the decoder "
        f"finds the images again in draws of these codes ({best.drawn:.0%} of what a perfect one would save over the "
        "mean image), so the model was read rightly: its KL was not at a minimum (a capacity, a small beta, or "
        "training stopped early)."
    )
