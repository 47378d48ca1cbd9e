"""What a user asked of the figures of a run, and the refusal of what means nothing to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifp.analysis.figures.page_choices import PageChoices
from ifp.errors import IfpError

ALL = "all"
"""The word that stands for all kinds of figures that a folder has."""
TRAVERSALS_ONLY = ("kinds", "method", "scale")
NAMING = ("order", "labels", "factors")
"""The arguments that figures of traversals alone take, and those that need factors."""


@dataclass(frozen=True)
class Asked:
    """What the user asked for; `page` holds the arguments that all figures take."""

    run: Path
    kinds: tuple[str, ...]
    method: str | None
    scale: str
    order: Sequence[str]
    labels: Mapping[str, str] | Sequence[str] | None
    factors: tuple[str, ...]
    choices: PageChoices
    page: dict[str, Any]

    def refuse(self, what: str, *names: str) -> None:
        """Raise IfpError for the first of these arguments that was given, where the folder holds `what`."""
        for name in names:
            if getattr(self, name) not in ((), [], {}, "", None) and (name, self.scale) != ("scale", "log"):
                raise IfpError(f"{self.run} is {what}, with which `{name}` does not go; leave it out.")

    def refuse_legend(self, what: str) -> None:
        """Raise IfpError where the legend was to be left out of a figure that has none."""
        if not self.choices.legend:
            raise IfpError(f"{self.run} is {what}, whose figures have no legend that could be left out.")

    def refuse_height(self, what: str) -> None:
        """Raise IfpError where a height was given for a page whose height follows from its rows."""
        if self.choices.height_in is not None:
            raise IfpError(f"{self.run} is {what}, whose figures are as high as their rows; leave `height` out.")

    @property
    def named(self) -> bool:
        """Whether order, labels or factors were given."""
        return bool(self.order or self.labels or self.factors)

    def naming(self, known: Sequence[str]) -> dict[str, Any]:
        """Order, labels and factors, checked against the factors that there are."""
        from ifp.analysis.freezing.naming import factor_naming, read_factors

        if not self.named:
            return {}
        if not known:
            raise IfpError(
                f"{self.run} has no factors, so that order, labels and factors mean nothing; leave them out."
            )
        order, labels = factor_naming(self.order, self.labels, known)
        return {"order": order, "labels": labels, "factors": read_factors(self.factors, known)}
