"""From our beta to that of the user's code base, for the data of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ifp.errors import IfpError, counted
from ifp.theory.beta_units import from_nats
from ifp.theory.conventions import CONVENTIONS, find_convention

NATS = "nats"
"""What our own units are called; they are meant where none are named, too."""
OURS = "nats per image: reconstruction summed over pixels, KL summed over latents"


@dataclass(frozen=True)
class Units:
    """A convention with what its conversion needs: `name` "" for our own; `each` is their beta for each 1 of ours."""

    name: str = ""
    each: float = 1.0
    model_latents: int | None = None

    @property
    def in_words(self) -> str:
        """What a beta is counted in."""
        if not self.name:
            return OURS
        latents = f", {counted(self.model_latents, 'latent')}" if self.model_latents is not None else ""
        return f"units of {self.name} ({CONVENTIONS[self.name].loss}{latents})"


def check_units(
    name: str | None,
    likelihood: str,
    *,
    model_latents: int | None = None,
    kld_weight: float | None = None,
) -> None:
    """Raise IfpError where freezing points of this likelihood have no place in these units; before anything is read."""
    if name is None or name == NATS:
        for word, value in (("model_latents", model_latents), ("kld_weight", kld_weight)):
            if value is not None:
                raise IfpError(f"`{word}` belongs to the units of a code base; name one by `units`, or leave it out.")
        return
    theirs = find_convention(name, "units", also=(NATS,))
    if theirs.likelihood != likelihood:
        fit = ", ".join(known for known, its in CONVENTIONS.items() if its.likelihood == likelihood)
        advice = (
            f"anneal with `likelihood={theirs.likelihood!r}`, or choose units of this one: {fit}"
            if theirs.likelihood != "laplace"
            else f"a sum of absolute errors is no likelihood here; choose one of {fit}"
        )
        raise IfpError(
            f"{name} weighs {theirs.cost} ({theirs.likelihood}), and the freezing points are of the {likelihood} "
            f"likelihood, which do not carry over; {advice}."
        )
    if theirs.mean_latents and model_latents is None:
        raise IfpError(
            f"{name} averages the KL over latents: give their number in your model, as in `model_latents=10`."
        )
    if model_latents is not None and not theirs.mean_latents:
        raise IfpError(
            f"{name} sums the KL over latents, so that their number does not count; leave `model_latents` out."
        )


def units_of(
    name: str | None,
    run: Mapping[str, Any],
    *,
    model_latents: int | None = None,
    kld_weight: float | None = None,
) -> Units:
    """The units for the images and the likelihood of a run, the content of its run.json.

    Raises
    ------
    IfpError : see `check_units`, and those of `ifp.theory.beta_units.from_nats`.
    """
    likelihood = str(run["likelihood"])
    check_units(name, likelihood, model_latents=model_latents, kld_weight=kld_weight)
    if name is None or name == NATS:
        return Units()
    shape = [int(side) for side in run["dataset"]["image_shape"]]
    channels, height, width = [1] * (3 - len(shape)) + shape
    sigma = None
    if likelihood == "gaussian":
        sigma = float(run.get("sigma") or run.get("config", {}).get("sigma", 1.0))
    each = from_nats(
        1.0, name, shape=(channels, height, width), latents=model_latents, kld_weight=kld_weight, sigma=sigma
    )
    return Units(name, each, model_latents)
