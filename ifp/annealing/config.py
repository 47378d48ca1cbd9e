"""AnnealConfig: everything that decides the numbers of an annealing run, and the presets.

The device, the number of threads and the batching strategy are not in it: they may change how fast, never what.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ifp.datasets.base import NUISANCE_MODES
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.likelihood import Likelihood, as_likelihood
from ifp.schedule import get_law
from ifp.system.precision import PRECISIONS
from ifp.system.settings import (
    LATER_DEFAULTS,
    Kind,
    check_positive,
    check_stored,
    check_threshold,
    clip_to_steps,
    floats_as_declared,
    is_number,
    settings_digest,
)

ARCHITECTURES = ("mlp", "conv", "linear")
RUN_METHODS = ("closed-form", "exact", "train", "both")
RUN_DIRECTIONS = ("cool", "heat", "both")


@dataclass(frozen=True, kw_only=True)
class AnnealConfig:
    """An annealing run. Beta weights the KL (summed over latents) against the reconstruction (summed over pixels).

    Attributes
    ----------
    dataset : a built-in name, "npz:PATH" or "images:FOLDER"; `ifp.anneal` fills it in from the data set it is given.
    background : the picture behind `sprites-scream`; empty for the built-in texture.
    factors : the factors to test; empty means all.
    contexts, seeds : contexts per factor (all there are where those are fewer), and trained networks per context.
    seed : the seed from which contexts, initial weights and noise are derived.
    nuisance : "fixed" or "random" within a traversal (see `FactorDataset.sample_traversals`).
    method : "closed-form" (edges only), "exact", "train", or "both" (exact and train). The edges are always computed.
    direction : "cool", "heat" or "both".
    likelihood, sigma : see `ifp.likelihood`; sigma is used by "gaussian" alone.
    threshold_nats : the total KL that counts as frozen.
    architecture : "mlp", "conv" (the paper's) or "linear".
    latents, hidden : latents per network; hidden units per layer of the MLP.
    law : how beta moves; see `ifp.schedule`.
    beta_max, beta_min : the range of the laws, None for auto: from each traversal's own edges.
    exact_floor : the beta down to which exact curves go, None for auto; see `ifp.exact_annealing`.
    steps : optimizer steps of one annealing branch; hold_steps : steps at the starting beta before it
        (cooling: at most; it ends when a fresh network's KL has died away. heating: exactly).
    batch : images per step; a smaller traversal is repeated as often as fits, a larger one sampled.
    learning_rate : Adam's.
    records : evaluations along one branch.
    precision : of the products of the networks: "float32", and on a GPU "tf32" (products of float32 with 10 bits of
        mantissa) or "bfloat16" (7 bits).
    stop_recon_nats : stop a member whose batch reconstruction falls below this; 0 for never (the author's rule is 1).
    preset : the preset the values came from.
    """

    dataset: str = ""
    background: str = ""
    factors: tuple[str, ...] = ()
    contexts: int = 8
    seeds: int = 1
    seed: int = 0
    nuisance: str = "fixed"
    method: str = "both"
    direction: str = "both"
    likelihood: str = "bernoulli"
    sigma: float = 1.0
    threshold_nats: float = 0.1
    architecture: str = "mlp"
    latents: int = 1
    hidden: int = 64
    law: str = "geometric"
    beta_max: float | None = None
    beta_min: float | None = None
    exact_floor: float | None = None
    steps: int = 3000
    hold_steps: int = 500
    batch: int = 64
    learning_rate: float = 1e-3
    records: int = 150
    stop_recon_nats: float = 0.0
    precision: str = "float32"
    preset: str = "standard"

    def __post_init__(self) -> None:
        floats_as_declared(self)
        as_likelihood(self.likelihood, self.sigma)
        get_law(self.law)
        for name, got, allowed in [
            ("preset", self.preset, PRESETS),
            ("method", self.method, RUN_METHODS),
            ("direction", self.direction, RUN_DIRECTIONS),
            ("architecture", self.architecture, ARCHITECTURES),
            ("nuisance mode", self.nuisance, NUISANCE_MODES),
            ("precision", self.precision, PRECISIONS),
        ]:
            if got not in allowed:
                raise unknown_name(name, got, allowed)
        for name in ("contexts", "seeds", "latents", "hidden", "steps", "batch", "records"):
            if getattr(self, name) < 1:
                raise bad_value(
                    name, getattr(self, name), "a whole number of at least 1", "leave it out for the default"
                )
        if self.seed < 0:
            raise bad_value("seed", self.seed, "a whole number of at least 0")
        twice = next((name for name in self.factors if self.factors.count(name) > 1), None)
        if twice is not None:
            raise IfpError(f"The factor {twice!r} is named twice; name each factor to test once.")
        check_threshold("threshold_nats", self.threshold_nats)
        check_positive("learning_rate", self.learning_rate)
        for name in ("hold_steps", "stop_recon_nats"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise bad_value(name, getattr(self, name), "a number of at least 0")
        for name in ("beta_max", "beta_min", "exact_floor"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise bad_value(name, value, "a positive number or 'auto'")
        if self.beta_max is not None and self.beta_min is not None and self.beta_max <= self.beta_min:
            raise IfpError(
                f"The beta range is upside down: beta_max {self.beta_max:g} must be above beta_min {self.beta_min:g}; "
                "exchange them, or leave one out."
            )
        if self.records > self.steps:
            raise bad_value("records", self.records, f"at most the number of steps, {self.steps}")

    @property
    def pixel_likelihood(self) -> Likelihood:
        """The likelihood that `likelihood` and `sigma` name."""
        return as_likelihood(self.likelihood, self.sigma)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        return {**dataclasses.asdict(self), "factors": list(self.factors)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> AnnealConfig:
        """The config written by `to_json`; raises IfpError naming a key that this version does not know."""
        check_stored(cls, stored, _SPECIAL)
        return cls(**{**stored, "factors": tuple(stored.get("factors", ()))})

    def digest(self) -> str:
        """Equal for equal settings; decides whether a folder holds this run."""
        # what came later does not change the digest of runs that leave it to its default
        held = self.to_json().items()
        return settings_digest({k: v for k, v in held if k not in LATER_DEFAULTS or v != LATER_DEFAULTS[k]})


_AUTO: Kind = (lambda value: value is None or is_number(value), "a number, or null for auto")
_NAMES: Kind = (
    lambda value: isinstance(value, list | tuple) and all(isinstance(name, str) for name in value),
    "a list of names",
)
_SPECIAL = {"factors": _NAMES, "beta_max": _AUTO, "beta_min": _AUTO, "exact_floor": _AUTO}


PRESETS: dict[str, dict[str, Any]] = {
    # minutes on a laptop: the order of the factors, a rough bracket
    "quick": {"contexts": 8, "steps": 2000, "hold_steps": 500, "records": 100, "batch": 32},
    "standard": {"contexts": 32},
    # DEFT's examples/IFP.py at commit c875207 (the paper's year): one fast cooling, 71 to 1, one latent, Adam 5e-4,
    # a nuisance that stays random, stop when the batch reconstruction is below 1 nat.
    "author": {
        "contexts": 32, "seed": 99, "nuisance": "random", "method": "train", "direction": "cool",
        "architecture": "conv", "latents": 1, "law": "author", "steps": 8000, "hold_steps": 0, "batch": 64,
        "learning_rate": 5e-4, "records": 800, "stop_recon_nats": 1.0,
    },
}  # fmt: skip


def preset_settings() -> dict[str, dict[str, Any]]:
    """All settings of each preset, by its name."""
    return {name: dataclasses.asdict(preset_config(name)) for name in PRESETS}


def preset_config(preset: str, **changes: Any) -> AnnealConfig:
    """The settings of `preset` with `changes` on top; raises IfpError for an unknown preset or setting.

    Records that `changes` does not name are no more than the steps.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    settings = clip_to_steps(AnnealConfig, {**PRESETS[preset], **changes}, changes)
    return AnnealConfig.from_json({"dataset": "", **settings, "preset": preset})
