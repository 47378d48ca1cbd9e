"""The tables of a comparison about its models: one row per model, per channel, and per pair of latent spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.channels.hotspot import Hotspots
from ifp.fingerprints.collect import ModelEnsemble
from ifp.fingerprints.comparisons import SpaceComparisons
from ifp.fingerprints.estimates import Estimate, Ratio
from ifp.fingerprints.models import Channel, Similarity


def model_table(ensemble: ModelEnsemble, similarity: Similarity, spaces: SpaceComparisons | None) -> pd.DataFrame:
    """One row per model: where it came from, and how much its channels hold.

    Parameters
    ----------
    spaces : Monte Carlo of whole latent spaces, None where it was not asked for.
    """
    of_C = np.array([channel.model for channel in similarity.channels])
    rows: list[dict[str, Any]] = []
    for place, (model, origin) in enumerate(zip(ensemble.models, ensemble.origins, strict=True)):
        row: dict[str, Any] = {
            "model": model.name,
            "level": model.level,
            "beta": np.nan if model.beta is None else model.beta,
            "beta_is": origin.pressure,
            "step": pd.NA if origin.step is None else origin.step,
            "latents": model.codes.num_latents,
            "live_channels": int((of_C == place).sum()),
            "most_bits": similarity.information_bits_C[of_C == place].max(initial=0.0),
            "kl_nats": model.codes.kl_nats_D().sum(),
            "trace": model.trace is not None,
            "family": origin.family,
            "likelihood": origin.likelihood,
            "file": "" if origin.file is None else str(origin.file.path),
        }
        if spaces is not None:
            estimate = spaces.information[place]
            row |= {"information_bits": estimate.bits, "information_error_bits": estimate.error_bits}
        rows.append(row)
    return pd.DataFrame(rows).astype({"step": "Int64"})


def space_table(ensemble: ModelEnsemble, spaces: SpaceComparisons) -> pd.DataFrame:
    """One row per pair of models: NMI and VI of their whole latent spaces, Monte Carlo with standard errors.

    They are missing where one of the two is saturated, unless the points are all images that there are.
    """
    models, sample = ensemble.models, ensemble.sample
    saturated_E = spaces.saturated_E & (sample is None or spaces.images < sample.dataset.num_images)
    rows = []
    for first in range(len(models)):
        for second in range(first + 1, len(models)):
            pair = spaces.pair(first, second)
            saturated = bool(saturated_E[first] or saturated_E[second])
            nmi = Ratio(np.nan, np.nan) if saturated else pair.nmi
            vi = Estimate(np.nan, np.nan) if saturated else pair.vi
            rows.append(
                {
                    "first": models[first].name,
                    "second": models[second].name,
                    "saturated": saturated,
                    "nmi": nmi.value,
                    "nmi_error": nmi.error,
                    "vi_bits": vi.bits,
                    "vi_error_bits": vi.error_bits,
                    "joint_bits": pair.joint.bits,
                    "joint_error_bits": pair.joint.error_bits,
                }
            )
    columns = (
        "first", "second", "saturated", "nmi", "nmi_error", "vi_bits", "vi_error_bits",
        "joint_bits", "joint_error_bits",
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns))


def channel_table(
    similarity: Similarity,
    models: Sequence[str],
    *,
    betas: Sequence[float | None] = (),
    dropped: Sequence[Channel] = (),
    dropped_bits: np.ndarray | Sequence[float] = (),
    hotspots: Hotspots | None = None,
    freezing: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per channel, the live ones in their order, then the dead.

    Parameters
    ----------
    models, betas : names and betas of the models. freezing : what `channel_freezing` returned.

    Returns
    -------
    DataFrame with `channel` (the place in `similarity`, empty for dead ones), `name`, `model`, `latents`, `kind`
    ("latents", "factor" or "dead"), `beta`, the bounds of I(X; U), I(U; U') as `entropy_bits`, the `hotspot`, and the
    NMI with each factor; with freezing points where traces tell of them.
    """
    place_C: list[int | None] = [*range(len(similarity)), *[None] * len(dropped)]
    channels = [*similarity.channels, *dropped]
    hotspot_of = (
        {} if hotspots is None else {place: hotspot.name for hotspot in hotspots.hotspots for place in hotspot.channels}
    )
    known_betas = [*betas, *[None] * (len(models) - len(betas))]
    table = pd.DataFrame(
        {
            "channel": pd.array(place_C, dtype="Int64"),
            "name": [channel.name for channel in channels],
            "model": ["" if channel.is_factor else models[channel.model] for channel in channels],
            "latents": ["+".join(map(str, channel.latents)) for channel in channels],
            "kind": [_kind(place, channel) for place, channel in zip(place_C, channels, strict=True)],
            "beta": [np.nan if c.is_factor else _number(known_betas[c.model]) for c in channels],
            "information_bits": [*similarity.information_bits_C, *dropped_bits],
            "upper_bits": [*similarity.upper_bits_C, *[np.nan] * len(dropped)],
            "entropy_bits": [*similarity.entropy_bits_C, *[np.nan] * len(dropped)],
            "hotspot": ["" if place is None else hotspot_of.get(place, "") for place in place_C],
        }
    )
    for factor in similarity.factors():
        nmi_C = similarity.nmi_CC[:, factor]
        table[f"nmi_{similarity.channels[factor].name}"] = [*nmi_C, *[np.nan] * len(dropped)]
    if freezing is not None and len(freezing):
        of_channel = freezing.set_index("channel")
        for column in ("beta_ifp", "status", "bracket_low", "bracket_high"):
            values = of_channel[column].to_dict()
            empty = "" if column == "status" else np.nan
            table[column] = [empty if place is None else values.get(place, empty) for place in place_C]
    return table


def _kind(place: int | None, channel: Channel) -> str:
    return "dead" if place is None else "factor" if channel.is_factor else "latents"


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
