"""How published studies trained: an objective's options, steps, batch, learning rate and latents, by study.

All of them use Adam with the reconstruction and the KL summed over pixels and latents, as we do, and the numbers are
those for dSprites. A study that swept a hyper-parameter has no value of its own: the objective's default is taken, or
the value named below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ifp.errors import IfpError, unknown_name
from ifp.objectives.deft_pressures import published_options

Options = Mapping[str, Any]

DSPRITES_IMAGES = 737_280


@dataclass(frozen=True)
class Preset:
    """How one objective was trained in one study.

    steps : optimizer updates. batch : images per step. learning_rate : of the VAE. latents : of the network.
    options : hyper-parameters of the objective that differ from its defaults.
    """

    steps: int
    batch: int
    learning_rate: float
    latents: int = 10
    options: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A study: its source, and one preset for each objective in it."""

    source: str
    presets: Mapping[str, Preset]


def _study(source: str, common: Preset, objectives: Mapping[str, Options]) -> Study:
    """A study whose objectives share everything but their options."""
    return Study(source, {name: replace(common, options=options) for name, options in objectives.items()})


# 50 seeds of each of six values: beta 1 2 4 6 8 16; c_max 5 10 25 50 75 100; gamma 10 20 30 40 50 100; lambda_od 1 2 5
# 10 20 50, with lambda_d 10 times as much in the first form and the same in the second; beta (TC) 1 2 4 6 8 10
_LOCATELLO = _study(
    "Locatello et al. 2019, google-research/disentanglement_lib@86a644d, unsupervised_study_v1",
    Preset(steps=300_000, batch=64, learning_rate=1e-4),
    {
        "beta": {},
        "annealed": {"gamma": 1000.0, "threshold_steps": 100_000},
        "factor": {"gamma": 30.0, "discriminator_rate": 1e-4},
        "dip-i": {"lambda_od": 10.0, "lambda_d": 100.0},
        "dip-ii": {"lambda_od": 10.0, "lambda_d": 10.0},
        "beta-tc": {},
    },
)

_DEFT_BASELINES = _study(
    "Wu et al. 2022 (DEFT), erow/disentanglement_lib before 0dd2bff, shared.gin and grid_search/baseline.py",
    Preset(steps=70_000, batch=256, learning_rate=5e-4),
    {
        "beta": {"beta": 4.0},
        "beta-tc": {"beta": 6.0},
        "annealed": {"c_max": 25.0, "threshold_steps": 30_000, "gamma": 100.0},
        "cascade": {"beta_min": 1.0, "beta_max": 10.0, "stage_steps": 6000},
        "deft": {**published_options("dsprites"), "gamma": 0.1, "mode": "scale"},
    },
)

# the batches of 128 of its FactorVAE are two of 64, one for each player, hence the doubled epochs
_YANNDUBS_PLAIN = Preset(steps=30 * DSPRITES_IMAGES // 64, batch=64, learning_rate=5e-4)
_YANNDUBS = Study(
    "YannDubs/disentangling-vae@f045219, hyperparam.ini and results/*_dsprites/specs.json",
    {
        "beta": replace(
            _YANNDUBS_PLAIN, options={"law": "linear", "beta_start": 0.0, "beta_end": 4.0, "law_steps": 10_000}
        ),
        "annealed": replace(
            _YANNDUBS_PLAIN, learning_rate=1e-3, options={"gamma": 100.0, "c_max": 25.0, "threshold_steps": 100_000}
        ),
        "factor": replace(
            _YANNDUBS_PLAIN,
            learning_rate=1e-4,
            # five hidden layers, one fewer than the paper's
            options={"gamma": 6.4, "layers": 5, "discriminator_rate": 1e-4, "warmup_steps": 10_000},
        ),
        "beta-tc": replace(_YANNDUBS_PLAIN, options={"beta": 6.4, "stratified": True, "gamma_warmup_steps": 10_000}),
    },
)

# without its falling learning rate (x 0.3 every 50,000 steps), L2 penalty (4e-5) and softplus standard deviations
_CASCADEVAE = _study(
    "Jeong and Song 2019, snu-mllab/DisentanglementICML19, Dsprites_exp/CascadeVAE-C",
    Preset(steps=300_000, batch=64, learning_rate=1e-4),
    {"cascade": {"beta_min": 0.1, "beta_max": 10.0, "stage_steps": 20_000}},
)

_CONTROLVAE = Study(
    "Shao et al. 2020, shj1987/ControlVAE-ICML2020@468ce4f, Disentangling",
    {
        "control": Preset(
            steps=1_500_000, batch=64, learning_rate=1e-4,
            options={"set_point": 18.0, "set_point_rise": 0.15, "set_point_every": 5000, "kp": 0.01, "ki": 0.001},
        ),
        "annealed": Preset(
            steps=1_500_000, batch=64, learning_rate=5e-4,
            options={"gamma": 100.0, "c_max": 15.0, "threshold_steps": 100_000},
        ),
    },
)  # fmt: skip

_DYNAMICVAE = _study(
    "Shao et al. 2020 (arXiv:2009.06795), shj1987/DynamicVAE-CVPR2022@22ffafd, 2D-sprites",
    Preset(steps=2_000_000, batch=128, learning_rate=1e-4),
    {"dynamic": {"set_point": 20.0, "set_point_rise": 0.15, "kp": 0.01, "ki": 0.005, "window": 5}},
)

# 10 % of the steps without the term; its beta-TCVAE was trained for 100 epochs at 1e-3, with the same gamma
_TOPDIS = _study(
    "Balabin et al. 2024, nikitabalabin/TopDis@2ca9d2e, ControlVAE + TopDis on dSprites",
    Preset(steps=1_000_000, batch=64, learning_rate=1e-4),
    {
        "topdis": {
            "base": "control",
            "base_options": {"set_point": 18.0, "set_point_rise": 0.15, "set_point_every": 5000},
            "gamma": 5.0,
            "delay": 0.1,
        }
    },
)

STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        "locatello2019": _LOCATELLO,
        "deft-baselines": _DEFT_BASELINES,
        "yanndubs": _YANNDUBS,
        "cascadevae": _CASCADEVAE,
        "controlvae": _CONTROLVAE,
        "dynamicvae": _DYNAMICVAE,
        "topdis": _TOPDIS,
    }
)
"""The studies by name; `find_preset` returns the preset of one objective."""


def find_preset(study: str, objective: str) -> Preset:
    """How `study` trained `objective`.

    Raises
    ------
    IfpError : an unknown study or objective, or a study that did not train it.
    """
    from ifp.objectives.registry import get_objective  # loads torch

    get_objective(objective)
    if study not in STUDIES:
        raise unknown_name("preset", study, STUDIES)
    presets = STUDIES[study].presets
    if objective not in presets:
        raise IfpError(
            f"The study {study} did not train {objective}: its objectives are {', '.join(presets)}; leave the preset "
            "out to train with the objective's own defaults."
        )
    return presets[objective]
