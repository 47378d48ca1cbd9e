"""DEFT's pressures out of the folder of an `ifp anneal` run, of traversals or of a whole data set (`--whole`)."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import ifp
from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.tables import read_csv
from ifp.errors import IfpError
from ifp.formats import GAN_FORMAT, TRAIN_FORMAT, VAE_FORMAT
from ifp.system.json_text import load_json


def pressures_from(
    run: Path, *, dataset: str | None = None, likelihood: str | None = None, sigma: float | None = None
) -> tuple[float, ...]:
    """The pressures that the run suggests, falling, the last one 1.

    Parameters
    ----------
    run : the run's folder.
    dataset, likelihood, sigma : of the training to come; a freezing point holds for one data set and one likelihood
        only, so that another's pressures are refused. None is not compared.

    Raises
    ------
    IfpError : no run, an unfinished, damaged or other version's one, one on other terms, or one whose factors do not
        part into stages.
    """
    if not (run / "pressures.csv").is_file() and (objective := _trained(run)) is not None:
        # `ifp anneal --whole` trains a beta-VAE whose beta follows a law, in a folder of the same kind
        unfinished = objective.get("law") and objective["name"] == "beta"
        raise IfpError(
            f"{run} holds no pressures: it is an `ifp anneal --whole` run that is not at its end, which the same "
            "command takes up, or a run of `ifp train` whose beta follows a law, which finds none."
            if unfinished
            else f"{run} is a run of `ifp train`, which finds no pressures; give the folder of an `ifp anneal` run."
        )
    about = read_about(run)
    betas = _betas(run)
    shown = ", ".join(f"{beta:g}" for beta in betas)
    version = about.get("ifp_version")
    if version != ifp.__version__:
        raise IfpError(
            f"{run} was written by ifp {version}, this is ifp {ifp.__version__}; anneal again, or give the pressures "
            f"that it suggests yourself: {shown}."
        )
    gaussian = about["likelihood"] == "gaussian"
    terms = [
        ("data", _place(about["dataset"]["name"]), dataset if dataset is None else _place(dataset)),
        ("likelihood", about["likelihood"], likelihood),
        ("sigma", about.get("sigma"), sigma if gaussian else None),
    ]
    for what, there, wanted in terms:
        if wanted is not None and there != wanted:
            raise IfpError(
                f"The freezing points in {run} are those of the {what} {there}, not {wanted}; run `ifp anneal` on the "
                "data and the likelihood of this training."
            )
    if len(betas) < 2:
        raise IfpError(
            f"{run} found no gap between its factors' freezing points, so that DEFT has no stages to make of them; "
            "anneal more factors or contexts, or give pressures yourself."
        )
    return betas


def _trained(run: Path) -> dict[str, Any] | None:
    """The name and the options of what was trained in a folder of whole networks; None for a folder of another kind."""
    try:
        content = load_json(run / "run.json")
        if content.get("format") not in (TRAIN_FORMAT, VAE_FORMAT, GAN_FORMAT):
            return None
        return {"name": content["config"].get("objective", "beta"), "law": content["config"]["options"].get("law")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # what is wrong with it is said where it is read


def _place(dataset: str) -> str:
    """The data set's name; of a file of one's own by its whole path, however it was written."""
    kind, _, path = dataset.partition(":")
    return f"{kind}:{Path(path).expanduser().resolve()}" if path else dataset


def _betas(run: Path) -> tuple[float, ...]:
    """The column `beta` of the run's pressures.csv, checked; empty where no factor froze."""
    path = run / "pressures.csv"
    if not path.is_file():
        raise IfpError(f"{run} holds no pressures.csv yet; run the same `ifp anneal` command again to its end.")
    betas = tuple(
        read_csv(path, "run the same `ifp anneal` command again", {"beta": "given positive"}, rows=False)[
            "beta"
        ].tolist()
    )
    falls = all(later < beta for beta, later in pairwise(betas))
    if not falls or not all(math.isfinite(beta) and beta > 0 for beta in betas):
        raise IfpError(f"The pressures in {path} do not fall; run the same `ifp anneal` command again.")
    return betas
