"""TrainConfig: everything that decides the numbers of a training run.

The device is not in it, nor is the number of threads: they may change how fast, and beyond rounding never what. What
the objective is told (its hyper-parameters) lies in `options`, by the names of the objective's fields.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from ifp.errors import IfpError, bad_value, unknown_name
from ifp.likelihood import Likelihood, as_likelihood
from ifp.system.precision import PRECISIONS
from ifp.system.settings import Kind, check_stored, floats_as_declared, is_number, settings_digest, whole_as_int

ARCHITECTURES = ("mlp", "conv")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run on a whole data set. Losses are nats per image: summed over pixels, channels and latents.

    Attributes
    ----------
    dataset : a built-in name, "npz:PATH" or "images:FOLDER".
    background : the picture behind `sprites-scream`; empty for the built-in texture.
    images : how many images are drawn from the data set to train on; 0 for all.
    objective : a name of `ifp.objectives.registry.OBJECTIVES`.
    options : the objective's hyper-parameters; what is not named keeps the default of its paper.
    architecture : "mlp" (any image size) or "conv" (the paper's, 64 x 64).
    latents, hidden : latents per network; hidden units per layer of the MLP.
    seeds : networks trained, alike but for weights, batches and noise. seed : what all three are derived from.
    steps, batch, learning_rate : optimizer steps, images per step, Adam's rate.
    likelihood, sigma : see `ifp.likelihood`; sigma is used by "gaussian" alone.
    records : evaluations along the training, evenly spaced.
    checkpoint_every : steps between two checkpoints; 0 keeps the last only.
    correlate : (factor, factor, sigma) of each correlated pair; see `ifp.datasets.correlated`.
    inverse : correlate high values of the first with low values of the second.
    evaluate_correlated : evaluate on correlated images too; on uniformly drawn ones otherwise.
    precision : of the products of the networks: "float32", and on a GPU "tf32" or "bfloat16".
    pressures_from : the `ifp anneal` run that DEFT's pressures came from; empty for none.
    preset : the preset the values came from.
    """

    dataset: str
    background: str = ""
    images: int = 0
    objective: str = "beta"
    options: dict[str, Any] = field(default_factory=dict)
    architecture: str = "conv"
    latents: int = 10
    hidden: int = 256
    seeds: int = 1
    seed: int = 0
    steps: int = 70_000
    batch: int = 64
    learning_rate: float = 5e-4
    likelihood: str = "bernoulli"
    sigma: float = 1.0
    records: int = 100
    checkpoint_every: int = 0
    correlate: tuple[tuple[str, str, float], ...] = ()
    inverse: bool = False
    evaluate_correlated: bool = False
    precision: str = "float32"
    pressures_from: str = ""
    preset: str = "standard"

    def __post_init__(self) -> None:
        floats_as_declared(self)
        object.__setattr__(self, "options", whole_as_int(self.options))
        object.__setattr__(self, "correlate", tuple((a, b, float(sigma)) for a, b, sigma in self.correlate))
        as_likelihood(self.likelihood, self.sigma)
        for name, got, allowed in [
            ("architecture", self.architecture, ARCHITECTURES),
            ("precision", self.precision, PRECISIONS),
        ]:
            if got not in allowed:
                raise unknown_name(name, got, allowed)
        for name in ("latents", "hidden", "seeds", "steps", "batch", "records"):
            if getattr(self, name) < 1:
                raise bad_value(name, getattr(self, name), "a whole number of at least 1")
        for name in ("images", "checkpoint_every", "seed"):
            if getattr(self, name) < 0:
                raise bad_value(name, getattr(self, name), "a whole number of at least 0")
        if not 0 < self.learning_rate < math.inf:
            raise bad_value("learning_rate", self.learning_rate, "a positive number")
        if self.records > self.steps:
            raise bad_value("records", self.records, f"at most the number of steps, {self.steps}")
        if self.checkpoint_every > self.steps:
            raise bad_value("checkpoint_every", self.checkpoint_every, f"at most the number of steps, {self.steps}")
        if (self.evaluate_correlated or self.inverse) and not self.correlate:
            raise IfpError("evaluate_correlated and inverse have no meaning without a pair of correlated factors.")

    @property
    def pixel_likelihood(self) -> Likelihood:
        """The likelihood that `likelihood` and `sigma` name."""
        return as_likelihood(self.likelihood, self.sigma)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back; an infinite sigma is written as "inf"."""
        pairs = [[a, b, sigma if math.isfinite(sigma) else "inf"] for a, b, sigma in self.correlate]
        return {**dataclasses.asdict(self), "correlate": pairs}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> TrainConfig:
        """The config written by `to_json`; raises IfpError naming a key that this version does not know."""
        check_stored(cls, stored, _SPECIAL)
        pairs = tuple(map(tuple, stored.get("correlate", ())))
        return cls(**{**stored, "correlate": pairs, "options": dict(stored.get("options", {}))})

    def digest(self) -> str:
        """Equal for equal settings; decides whether a folder holds this run."""
        return settings_digest(self.to_json())


def _is_pair(value: Any) -> bool:
    if not (isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(v, str) for v in value[:2])):
        return False
    return value[2] == "inf" or is_number(value[2])


_OPTIONS: Kind = (
    lambda value: isinstance(value, dict) and all(isinstance(key, str) for key in value),
    "a table of the objective's options by name",
)
_PAIRS: Kind = (
    lambda value: isinstance(value, list | tuple) and all(map(_is_pair, value)),
    "a list of [factor, factor, sigma]",
)
_SPECIAL = {"options": _OPTIONS, "correlate": _PAIRS}


OWN: dict[str, dict[str, Any]] = {
    # minutes on a laptop: which latents a factor takes, no fine scores
    "quick": {"architecture": "mlp", "images": 20_000, "steps": 5000, "records": 25},
    "standard": {},
}
"""The settings of the presets that are no study's, where they differ from the defaults."""


def preset_settings() -> dict[str, dict[str, Any]]:
    """All settings of our own presets, by name; the objective's hyper-parameters are not in them."""
    return {name: dataclasses.asdict(TrainConfig(dataset="", **settings)) for name, settings in OWN.items()}
