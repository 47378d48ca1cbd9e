"""From what a user asks for to the training of multi-rate networks on a whole data set, and the run beside it.

Where the folder holds networks that were cooled already, the multi-rate ones go into a folder inside it and take their
range of beta, so that one figure shows all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.joint.peaks import LEAST_RECORDS
from ifp.analysis.joint.settings import DEFAULTS, whole_config
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError, bad_value
from ifp.system.files import read_json
from ifp.system.progress import Progress, silent
from ifp.training.config import TrainConfig

METHOD = "multi-rate"
"""The method's name, the direction that its points have in tables, and the folder inside that of a cooled run."""
EVALUATIONS = 20
"""Records along the training; after those of its first part idle latents start anew."""
_LAW = ("law", "direction")


def cooled_beside(out: Path | None) -> Path | None:
    """The folder of the cooled run beside a multi-rate one: `out` itself, or the folder that `out` lies in."""
    if out is None:
        return None
    for folder in (out, out.parent if out.name == METHOD else out):
        if (folder / "whole.json").is_file():
            return folder
    return None


def response_folder(out: Path) -> Path:
    """Where the multi-rate networks go: `out`, or a folder inside it where it holds cooled ones."""
    return out / METHOD if (out / "whole.json").is_file() else out


def response_stored(config: TrainConfig | str | Path | None) -> dict[str, Any]:
    """The settings of an earlier multi-rate run; empty without one.

    Raises
    ------
    IfpError : no such file, or one that holds no such settings.
    """
    if config is None:
        return {}
    if isinstance(config, TrainConfig):
        stored: Any = config.to_json()
    else:
        content = read_json(Path(config), "name the run.json of a run")
        stored = content.get("config", content)
    if not isinstance(stored, dict) or stored.get("objective") != METHOD or not isinstance(stored.get("options"), dict):
        raise IfpError(
            "`config` holds no settings of multi-rate networks"
            + (f", got {config}" if isinstance(config, str | Path) else "")
            + "; name the run.json of such a run, or leave it out."
        )
    return stored


def response_config(
    settings: Mapping[str, Any],
    stored: Mapping[str, Any],
    dataset: FactorDataset,
    progress: Progress = silent,
    *,
    range_of: Mapping[str, float] | None = None,
) -> TrainConfig:
    """The training of multi-rate networks; see `ifp.analysis.joint.settings.whole_config`.

    Parameters
    ----------
    settings : `records` is the number of betas at which the trained network is read.

    Raises
    ------
    IfpError : a setting that such networks do not have, or too few betas.
    """
    for name in _LAW:
        if settings.get(name) is not None:
            raise IfpError(
                f"Multi-rate networks are trained at all betas at once, so that `{name}` has no meaning; leave it out."
            )
    if stored:
        wanted = {
            name: value for name, value in settings.items() if name not in ("beta_max", "beta_min", "preset", *_LAW)
        }
        options = dict(stored["options"])
        options |= {
            option: settings[end]
            for option, end in (("beta_start", "beta_max"), ("beta_end", "beta_min"))
            if settings.get(end) is not None
        }
        if "records" in wanted:
            options["betas"] = wanted.pop("records")
        return TrainConfig.from_json({**stored, **wanted, "options": options})
    preset = settings.get("preset", "standard")
    betas = settings.get("records", DEFAULTS["records"])
    if isinstance(betas, bool) or not isinstance(betas, int) or betas < LEAST_RECORDS:
        raise bad_value(
            "records", betas, f"at least {LEAST_RECORDS} with multi-rate networks: as many betas as the curve has"
        )
    cooling = whole_config(
        {"architecture": "mlp", **{name: settings[name] for name in settings if name not in ("records", *_LAW)}},
        {}, dataset, progress, range_of=dict(range_of) if range_of else None,
    )  # fmt: skip
    options = {"beta_start": cooling.options["beta_start"], "beta_end": cooling.options["beta_end"], "betas": betas}
    content = {**cooling.to_json(), "objective": METHOD, "options": options, "preset": preset}
    return TrainConfig.from_json({**content, "records": min(EVALUATIONS, cooling.steps)})


def range_beside(cooled: Path | None, settings: Mapping[str, Any]) -> dict[str, float]:
    """The range of beta of the cooled run, for the ends that nobody gave; empty without one."""
    if cooled is None:
        return {}
    options = read_about(cooled)["config"].get("options", {})
    ends = (("beta_start", "beta_max"), ("beta_end", "beta_min"))
    return {name: float(options[name]) for name, end in ends if settings.get(end) is None and name in options}


def check_beside(cooled: Path | None, dataset: FactorDataset, config: TrainConfig) -> None:
    """Raise IfpError where the cooled run beside is of other images or another likelihood."""
    if cooled is None:
        return
    run = read_about(cooled)
    then = run["config"]
    if run["dataset"].get("checksum") != dataset.checksum():
        raise IfpError(
            f"{cooled} holds networks that were cooled on other images ({run['dataset']['name']}); choose another "
            "`out`."
        )
    for name in ("likelihood", "sigma"):
        now = getattr(config, name)
        if (name, config.likelihood) != ("sigma", "bernoulli") and then.get(name) != now:
            raise IfpError(
                f"{cooled} holds networks that were cooled with {name} {then.get(name)}, these have {now}; "
                "give the same, or choose another `out`."
            )
