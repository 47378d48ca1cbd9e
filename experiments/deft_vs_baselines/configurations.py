"""What is trained: the two scales of the experiment, and its configurations by name.

All published pressures hold for images of 64 x 64 pixels. The reconstruction is a sum over pixels while the KL is not,
so that the same trade at a quarter of the pixels is made at a quarter of the beta: the small scale divides every
published pressure by 4 (the betas of all objectives, the price gamma of a nat beside AnnealedVAE's capacity), and
leaves alone what is measured in nats of information or in shares of the training (the capacity, the stages).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ifp.objectives.deft_pressures import published_options
from ifp.training.config import TrainConfig

PUBLISHED_STEPS = 70_000
BASELINE = "beta"
GAMMAS = (0.0, 0.1, 0.3, 0.5, 1.0)
SHIFTED = ("deft-rate", "deft-scale", "deft-freeze", "beta-tc", "annealed", "cascade")
"""Configurations whose melting points are paired with the baseline's."""
CORRELATED = ("posX", "scale", 0.2)


@dataclass(frozen=True)
class Scale:
    """A size of the experiment.

    Attributes
    ----------
    divide : what published pressures are divided by. coarse : whether the images are those of `images.py`.
    training : settings that all configurations share, by the names of `TrainConfig`.
    measured_images : images on which checkpoints are measured. probe : options of `ifp shift`.
    dci_at_last : whether DCI is measured at last checkpoints alone, of all configurations.
    discriminator_hidden : units per layer of FactorVAE's discriminator.
    """

    name: str
    divide: float
    coarse: bool
    training: dict[str, Any]
    measured_images: int
    probe: dict[str, Any] = field(default_factory=dict)
    dci_at_last: bool = False
    discriminator_hidden: int = 1000


_SMALL = Scale(
    "small",
    divide=4.0,
    coarse=True,
    training={
        "architecture": "mlp", "hidden": 128, "latents": 10, "seeds": 3, "steps": 4200, "batch": 64,
        "learning_rate": 1e-3, "records": 21, "checkpoint_every": 900,
    },
    measured_images=2000,
    probe={
        "steps": 500, "hold-steps": 100, "records": 20, "learning-rate": 1e-3, "beta-min": 1, "beta-max": 60,
        "images": 10_000, "fixed-images": 2000,
    },
    discriminator_hidden=128,
)  # fmt: skip
SCALES = {
    "small": _SMALL,
    "twelve": replace(
        _SMALL,
        name="twelve",
        training={**_SMALL.training, "seeds": 12, "records": 4, "checkpoint_every": 2100},
        dci_at_last=True,
    ),
    "middle": Scale(
        "middle",
        divide=1.0,
        coarse=False,
        training={
            "dataset": "sprites", "images": 100_000, "architecture": "conv", "latents": 10, "seeds": 3, "steps": 10_000,
            "batch": 64, "learning_rate": 5e-4, "records": 20, "checkpoint_every": 2500,
        },
        measured_images=2000,
        dci_at_last=True,
    ),
    "paper": Scale(
        "paper",
        divide=1.0,
        coarse=False,
        training={
            "dataset": "sprites", "architecture": "conv", "latents": 10, "seeds": 3, "steps": PUBLISHED_STEPS,
            "batch": 256, "learning_rate": 5e-4, "records": 70, "checkpoint_every": 10_000,
        },
        measured_images=10_000,
        probe={
            "steps": 5000, "hold-steps": 500, "records": 60, "learning-rate": 5e-4, "beta-min": 4, "beta-max": 240,
            "images": 50_000, "fixed-images": 5000,
        },
    ),
}  # fmt: skip


def with_steps(scale: Scale, steps: int) -> Scale:
    """The scale with a shorter training, for trials; everything that is a share of the training follows."""
    training = {**scale.training, "steps": steps, "records": min(scale.training["records"], steps)}
    training["checkpoint_every"] = max(steps * scale.training["checkpoint_every"] // scale.training["steps"], 1)
    probe = {**scale.probe, "steps": min(scale.probe["steps"], steps), "hold-steps": min(10, steps), "records": 5}
    return replace(scale, training=training, probe=probe)


def configurations(scale: Scale, dataset: str, closed_form: Sequence[float]) -> dict[str, TrainConfig]:
    """The configurations by name, those that matter most first.

    Parameters
    ----------
    dataset : a name or "npz:PATH". closed_form : pressures that `ifp anneal --method closed-form` suggests for it.
    """
    steps, divide = int(scale.training["steps"]), scale.divide
    published = published_options("sprites", steps)
    deft = {**published, "betas": [beta / divide for beta in published["betas"]]}
    annealed_steps = 30_000 * steps // PUBLISHED_STEPS
    cascade_steps = 6000 * steps // PUBLISHED_STEPS

    def config(objective: str, options: dict[str, Any], **more: Any) -> TrainConfig:
        return TrainConfig(**{**scale.training, "dataset": dataset, "objective": objective, "options": options} | more)

    found = {
        "beta": config("beta", {"beta": 4 / divide}),
        "deft-rate": config("deft", {**deft, "mode": "rate", "gamma": 0.1}),
        "deft-scale": config("deft", {**deft, "mode": "scale", "gamma": 0.1}),
        "deft-freeze": config("deft", {**deft, "mode": "freeze"}),
        "beta-tc": config("beta-tc", {"beta": 6 / divide}),
        "annealed": config(
            "annealed", {"c_max": 25.0, "gamma": 100 / divide, "threshold_steps": max(annealed_steps, 1)}
        ),
        "cascade": config(
            "cascade", {"beta_min": 1 / divide, "beta_max": 10 / divide, "stage_steps": max(cascade_steps, 1)}
        ),
    }  # fmt: skip
    gammas = {
        name: config("deft", {**deft, "mode": "rate", "gamma": gamma})
        for gamma, name in gamma_names().items()
        if name not in found
    }
    others = {
        "factor": config("factor", {"gamma": 35 / divide, "hidden": scale.discriminator_hidden}),
        "correlated-beta": config("beta", {"beta": 4 / divide}, correlate=(CORRELATED,)),
        "correlated-deft": config("deft", {**deft, "mode": "rate", "gamma": 0.1}, correlate=(CORRELATED,)),
        "deft-closed-form": config("deft", {"betas": list(closed_form), "group_size": 2, "mode": "rate", "gamma": 0.1}),
        "falling-beta": config(
            "beta", {"law": "geometric", "beta_start": 280 / divide, "beta_end": deft["betas"][-1]}
        ),
        "falling-beta-tc": config(
            "beta-tc",
            {
                "law": "geometric", "beta_start": 6 * 280 / divide, "beta_end": 6 * deft["betas"][-1],
                "alpha": 1 / 6, "gamma": 1 / 6, "relative": True,
            },
        ),
        "falling-factor": config(
            "factor",
            {
                "law": "geometric", "beta_start": 280 / divide, "beta_end": deft["betas"][-1],
                "gamma": 35.0, "hidden": scale.discriminator_hidden,
            },
        ),
    }  # fmt: skip
    return found | gammas | others


def gamma_names() -> dict[float, str]:
    """The configurations that differ in gamma alone."""
    return {gamma: "deft-rate" if gamma == 0.1 else f"gamma-{gamma:g}" for gamma in GAMMAS}


def run_folder(out: Path, name: str) -> Path:
    """Where a configuration's `ifp train` run lies."""
    return out / "work" / name
