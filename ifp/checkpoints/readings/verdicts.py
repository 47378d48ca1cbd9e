"""Choice: the reading of a file that was taken, whether it can be trusted, and the messages about it for the user."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ifp.checkpoints.readings.reading import OWN_READING, Reading
from ifp.checkpoints.readings.rivals import assumed, changes, described
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError

HINT_MARGIN = 0.05
"""A hint prefers a reading with the code base's variance if its deviation is within this of the smallest; from 300
images the median deviation is not known more precisely."""
_STATED_BY = {
    "head": "head=...", "variance": "variance=...", "activation": "activation=...",
    "input": "pixel_mean=..., pixel_std=...",
}  # fmt: skip
"""The arguments of `ReadingOptions` that state an assumption, by its subject."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The reading that was taken, and the evidence for and against it.

    Attributes
    ----------
    reading : the reading that was taken.
    tried : every reading that was tried in full.
    base : the code base's own reading from which it was reached.
    better : a reading that fits clearly better, but contradicts the user or the file; None if there is none.
    alike : a reading with another variance that nothing tells apart from the one taken; None if there is none.
    factor : the factor on all log variances with which the reading fits clearly better; 1 if it fits best as it is.
    note : a sentence on how the reading was chosen, or "".
    warning : a sentence on why it is not to be trusted, or "".
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
        """The model as it was read."""
        return self.reading.vae

    @property
    def how(self) -> str:
        """The reading in words: the code base's candidate from which it was reached, and what differs from that."""
        return f"{self.base.name}; {described(self.vae, changes(self.base.vae, self.vae))}"

    @property
    def told(self) -> str:
        """The note and the warning."""
        return " ".join(text for text in (self.note, self.warning) if text)

    @property
    def trusted(self) -> bool:
        """Whether the self-test supports the reading: moments or decoder do, and no other reading is as good."""
        unrivalled = self.better is None and self.alike is None and self.factor == 1
        return (self.reading.passed or self.reading.confirmed) and unrivalled


def with_messages(choice: Choice, undecided: Sequence[str]) -> Choice:
    """The choice with its note and warning; `undecided` are the names of candidates that are tied."""
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
    """The cost that draws save over the mean image, as a share of what a perfect decoder would save, in words.

    >>> share_in_words(0.934)
    'draws save 93% of what a perfect decoder would save over the mean image'
    >>> share_in_words(-2.5)
    'draws cost more than the mean image (by 2.5 times what a perfect decoder would save over it)'
    """
    if drawn < 0:
        return f"draws cost more than the mean image (by {-drawn:.2g} times what a perfect decoder would save over it)"
    return f"draws save {drawn:.0%} of what a perfect decoder would save over the mean image"


def laplace_latents(path: str, base: Reading, reading: Reading) -> IfpError:
    """The error for a model whose latents have a Laplace distribution by the self-test."""
    return IfpError(
        f"{path} has Laplace latents by the self-test: read so, E|z| differs from 1 by {reading.test.deviation:.2f}, "
        f"and read as Gaussian, the second moment differs from 1 by {base.test.deviation:.2f} (medians over active "
        "latents); only Gaussian latents are read here; give its codes as ifp.Codes(mean, logvar), or say "
        "`reading=ifp.ReadingOptions(variance='log variance')` if they are Gaussian."
    )


def _taken(choice: Choice) -> str:
    base, reading = choice.base, choice.reading
    how = described(choice.vae, changes(base.vae, choice.vae))
    stated_by = [_STATED_BY[what] for what in changes(base.vae, choice.vae) if what in _STATED_BY]
    why = _compared(base, reading)
    if choice.vae.capacity_nats and changes(base.vae, choice.vae) == ["variance"]:
        (_, kl), (_, base_kl) = _cost_and_kl(reading), _cost_and_kl(base)
        why = (
            f"The settings state that the KL was held at {choice.vae.capacity_nats:g} nats, and it is {kl:.2f} nats "
            f"when read like this and {base_kl:.2f} when {_read_as(base)}"
        )
    return (
        f"Read differently from {choice.vae.family}: {how}. {why}. To state it yourself, use "
        f"`reading=ifp.ReadingOptions({', '.join(stated_by)})`."
    )


def _compared(worse: Reading, reading: Reading) -> str:
    """The numbers by which `reading` is better than `worse`, as a clause."""
    (cost, kl), (worse_cost, worse_kl) = _cost_and_kl(reading), _cost_and_kl(worse)
    return (
        f"A draw then costs {cost:.4g} nats at a KL of {kl:.4g} nats, and {worse_cost:.4g} at {worse_kl:.4g} when "
        f"{_read_as(worse)}; the moments differ from 1 by {reading.test.deviation:.2f} and {worse.test.deviation:.2f}"
    )


def _read_as(reading: Reading) -> str:
    return f"read {reading.name}" if reading.name == OWN_READING else f"read as '{reading.name}'"


def _cost_and_kl(reading: Reading) -> tuple[float, float]:
    assert reading.reconstruction is not None
    return float(reading.reconstruction.cost_M.mean()), float(reading.reconstruction.kl_M.mean())


def _outdone(choice: Choice, better: Reading) -> str:
    whats = changes(choice.vae, better.vae)
    sources = sorted({assumed(choice.vae, what).source for what in whats} & {"an option", "the file"})
    return (
        f"What {' and '.join(sources) or 'the code base'} states does not fit: read as "
        f"'{described(better.vae, whats)}', the decoder reconstructs far more of the images. "
        f"{_compared(choice.reading, better)}."
    )


def _open(choice: Choice, alike: Reading) -> str:
    (_, kl), (_, other_kl) = _cost_and_kl(choice.reading), _cost_and_kl(alike)
    return (
        f"Whether the model gives {choice.vae.variance} or {alike.vae.variance} cannot be told: its beta is not "
        "stated, and its moments are right in neither case (they differ from 1 by "
        f"{choice.reading.test.deviation:.2f} and {alike.test.deviation:.2f}); the KL is {kl:.2f} nats in the first "
        f"case and {other_kl:.2f} in the second. Say which with `reading=ifp.ReadingOptions(variance=...)`, "
        "or put the settings of training beside the file."
    )


def _rescaled(choice: Choice) -> str:
    (_, kl), capacity = _cost_and_kl(choice.reading), choice.vae.capacity_nats
    finding = (
        f"With every log variance multiplied by {choice.factor:g}, the cost of a draw + beta KL is clearly smaller at "
        f"the stated beta of {choice.vae.beta or 0:.3g} and around it"
    )
    if capacity:
        finding = (
            f"The settings state that the KL was held at {capacity:g} nats, and it is {kl:.2f}; with every log "
            f"variance multiplied by {choice.factor:g} it would come nearest"
        )
    return (
        f"{finding}: the model may give logarithms to another base (the factor is 0.69 for base 2 and 2.3 for base "
        "10), or those settings are not its own. Its KL would then be far off; give its codes as ifp.Codes(mean, "
        "logvar), or `model='package.module:function'`, which returns the natural logarithm of the variance."
    )


def _misread(choice: Choice) -> str:
    reading = choice.reading
    finding = (
        f"Var(mean) + E[variance] should be near 1 and differs from it by {reading.test.deviation:.2f} (median over "
        "active latents)"
    )
    if reading.drawn is not None:
        finding += f", and {share_in_words(reading.drawn)}"
    hint = "no other reading that was tried fits"
    others = [other for other in choice.tried if other is not reading and other.passed and other.reconstruction is None]
    if others:
        smallest = min(other.test.deviation for other in others)
        fitting = next(
            other for other in _same_variance_first(choice, others) if other.test.deviation <= smallest + HINT_MARGIN
        )
        hint = (
            f"read as '{fitting.name}' it would fit: the file may come from a fork (see "
            "`reading=ifp.ReadingOptions(head=..., variance=...)`)"
        )
    return f"{finding}: the model was misread, does not see its own data, or was never trained to a minimum; {hint}."


def _same_variance_first(choice: Choice, readings: Sequence[Reading]) -> list[Reading]:
    return sorted(readings, key=lambda reading: reading.vae.variance != choice.vae.variance)


def _off_but_confirmed(best: Reading) -> str:
    return (
        f"Var(mean) + E[variance] differs from 1 by {best.test.deviation:.2f} (median over active latents), but the "
        f"decoder reconstructs the images from draws of these codes ({best.drawn:.0%} of what a perfect decoder would "
        "save over the mean image), so the model was read correctly: its KL was not at a minimum (a capacity, a small "
        "beta, or training stopped early)."
    )
