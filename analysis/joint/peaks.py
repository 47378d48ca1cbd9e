"""Freezing points of a whole data set at once: where its information on the images rises as beta falls.

Two derivatives of the index-code mutual information MI(beta). The published one, -dMI/dbeta, has a peak where a group
of factors freezes abruptly, as those of images do. Factors of linear-Gaussian data freeze gradually and show no peak:

    MI = sum_k ln(beta_k / beta) / 2 over the factors with beta_k > beta,    -dMI/dbeta = n(beta) / 2 beta

with n(beta) factors at work. Its logarithmic companion is a staircase there, -2 dMI/dln(beta) = n(beta), the effective
number of latents at work; where it rises a factor freezes.

Curves are local parabolas in ln(beta), so every number here is a sum of the records with known weights, and noise of
the records goes through exactly. What is called a peak stands above both its sides by more than noise does anywhere.

Shapes: S seeds, T records, G points of the grid, B draws of noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ifp.analysis.freezing.pressures import LAST_PRESSURE
from ifp.analysis.information.intervals import LEVEL
from ifp.analysis.joint.smoothing import Smooth, local_parabolas, noise_of
from ifp.errors import IfpError, bad_value

LEAST_RECORDS = 12
HALF_WIDTH = 0.08
"""Half-width of the smoothing window, as a share of the range of ln(beta)."""
GRID = 121
PEAK_COLUMNS = ("number", "beta", "low", "high", "value", "noise")
STEP_COLUMNS = (*PEAK_COLUMNS, "latents_after")
PRESSURE_COLUMNS = ("stage", "beta", "freezes", "measure", "gap_low", "gap_high")
PEAKS, STEPS = "peaks of dMI/dbeta", "steps of dMI/dlnbeta"


@dataclass(frozen=True, eq=False)
class MiPeaks:
    """MI against beta, smoothed, with both derivatives; `beta_G` falls.

    Attributes
    ----------
    mi_nats_G : smoothed mean over the seeds.
    slope_G, slope_noise_G : -dMI/dbeta, nats, and what noise alone passes anywhere with probability 5 %.
    latents_G, latents_noise_G : -2 dMI/dln(beta), the effective number of latents at work, and its noise.
    peaks : of `slope_G`, one row each with `PEAK_COLUMNS`, highest beta first: value at the peak, noise there, and the
        interval of its place from noise redrawn, which holds it, within the dips around it.
    steps : the rises of `latents_G` (peaks of its own derivative), with `STEP_COLUMNS`: the most latents at work
        between it and the next.
    noise_nats_T : standard deviation of a record's MI (of the mean over seeds), at the records in falling beta.
    inflation : how many times larger the seeds' differences are than what their residuals explain; 1 for one seed.
    half_width : of the window, in ln(beta).
    """

    beta_G: np.ndarray
    mi_nats_G: np.ndarray
    slope_G: np.ndarray
    slope_noise_G: np.ndarray
    latents_G: np.ndarray
    latents_noise_G: np.ndarray
    peaks: pd.DataFrame
    steps: pd.DataFrame
    noise_nats_T: np.ndarray
    inflation: float
    half_width: float

    def curves(self) -> pd.DataFrame:
        """The grid as a table."""
        names = ("beta", "mi_nats", "slope", "slope_noise", "latents", "latents_noise")
        return pd.DataFrame({name: getattr(self, f"{name}_G") for name in names})


def mi_peaks(
    beta_T: np.ndarray,
    mi_nats_ST: np.ndarray,
    *,
    generator: np.random.Generator,
    half_width: float | None = None,
    level: float = LEVEL,
) -> MiPeaks:
    """Peaks of -dMI/dbeta and steps of -2 dMI/dln(beta), above the noise.

    The noise of a record is estimated from the residuals of the smooth around it; with several seeds it is raised to
    what the seeds' slopes differ by (median over beta). From one seed its slow wandering cannot be told from a signal.
    A local maximum is a peak if the curve falls from it, on both sides, by more than the `level` quantile of what noise
    alone makes anywhere: on data without a peak, be they constant or rising, one is found with probability at most
    1 - level. Half a window at each end is left out.

    Parameters
    ----------
    beta_T : of the records, positive, in any order. mi_nats_ST : of each seed, or [T] of one.
    half_width : of the smoothing window in ln(beta); None for 8 % of the range. Widened where records are few.

    Raises
    ------
    IfpError : fewer than 12 records, or numbers that are not finite, or betas that are not positive.

    References
    ----------
    Wu et al., Machine Learning 111 (2022), and the author's plots.ipynb, a plain difference of neighbouring records;
    Loader, Local Regression and Likelihood (1999), chapters 2 and 9, for the smooth and its noise. The test is ours.
    """
    mi_nats_ST = np.atleast_2d(np.asarray(mi_nats_ST, dtype=float))
    beta_T = np.asarray(beta_T, dtype=float)
    _check(beta_T, mi_nats_ST)
    falling_T = np.argsort(-beta_T, kind="stable")
    x_T, mi_nats_ST = np.log(beta_T[falling_T]), mi_nats_ST[:, falling_T]
    span = float(x_T[0] - x_T[-1])
    half_width = HALF_WIDTH * span if half_width is None else half_width
    if not 0 < half_width < span / 2:
        raise bad_value("half_width", half_width, f"above 0 and below half the range of ln(beta), {span / 2:.3g}")
    x_G = np.linspace(x_T[0] - half_width / 2, x_T[-1] + half_width / 2, GRID)
    beta_G = np.exp(x_G)
    fit = local_parabolas(x_T, x_G, half_width)
    noise = noise_of(mi_nats_ST, x_T, fit, half_width, generator, level)
    mean_T = mi_nats_ST.mean(axis=0)
    slopes = Smooth(-fit.slope_GT / beta_G[:, None], mean_T, noise)
    latents = Smooth(-2 * fit.slope_GT, mean_T, noise)
    rises = Smooth(2 * fit.bend_GT, mean_T, noise)
    steps = _peaks(rises, beta_G, generator)
    ends = [*(rises.dip(a, b) for a, b in pairwise(steps["at"])), GRID - 1]
    steps["latents_after"] = [
        float(latents.curve_G[at : end + 1].max()) for at, end in zip(steps["at"], ends, strict=False)
    ]
    return MiPeaks(
        beta_G=beta_G,
        mi_nats_G=fit.value_GT @ mean_T,
        slope_G=slopes.curve_G,
        slope_noise_G=slopes.band_G(),
        latents_G=latents.curve_G,
        latents_noise_G=latents.band_G(),
        peaks=_peaks(slopes, beta_G, generator)[[*PEAK_COLUMNS]],
        steps=steps[[*STEP_COLUMNS]],
        noise_nats_T=noise.sd_T,
        inflation=noise.inflation,
        half_width=half_width,
    )


def _check(beta_T: np.ndarray, mi_nats_ST: np.ndarray) -> None:
    if beta_T.ndim != 1 or mi_nats_ST.shape[1] != len(beta_T):
        raise IfpError(f"Each record needs its beta: got {beta_T.shape} betas and MI of shape {mi_nats_ST.shape}.")
    if len(beta_T) < LEAST_RECORDS:
        raise IfpError(
            f"A derivative needs at least {LEAST_RECORDS} records of MI, got {len(beta_T)}; anneal with more `records`."
        )
    if not (np.isfinite(mi_nats_ST).all() and np.isfinite(beta_T).all() and (beta_T > 0).all()):
        raise IfpError("MI and beta must be finite, and beta positive, at every record.")
    if beta_T.min() == beta_T.max():
        raise IfpError(f"Beta is {beta_T[0]:g} in all records, so that nothing can be said of MI against beta.")


def _peaks(smooth: Smooth, beta_G: np.ndarray, generator: np.random.Generator) -> pd.DataFrame:
    """The significant maxima, with their place on the grid, `at`."""
    maxima = smooth.maxima()
    band_G = smooth.band_G()
    dips = [0, *(smooth.dip(a, b) for a, b in pairwise(maxima)), GRID - 1]
    half_step = float(np.sqrt(beta_G[1] / beta_G[0]))
    rows = []
    for number, at in enumerate(maxima):
        low, high = smooth.place_interval(at, dips[number], dips[number + 1], generator)
        # the grid falls in beta, and knows a place to half a step
        bounds = (beta_G[high] * half_step, beta_G[low] / half_step)
        rows.append((number + 1, beta_G[at], *bounds, smooth.curve_G[at], band_G[at], at))
    table = pd.DataFrame(rows, columns=[*PEAK_COLUMNS, "at"])
    return table.astype({"number": int, "at": int}) if rows else table


def joint_pressures(found: MiPeaks) -> pd.DataFrame:
    """DEFT's stage betas, falling, the last one 1, one row per stage with `PRESSURE_COLUMNS`.

    A stage is to let the next group of factors freeze and no more, so its pressure is the geometric middle between a
    peak and the next lower one, as between the groups of `pressure_stages`; pressures of at most 1 are left out. Where
    the staircase has more steps than there are peaks, they stand in: a derivative in beta damps what freezes at a high
    beta by 1 / beta, and gradual freezing does not peak at all. Empty where there are fewer than two of either: one
    parts nothing from nothing.

    `freezes` names the peak (or step) that lies in the stage; `gap_low`, `gap_high` are the two neighbours.
    """
    table, measure = (found.peaks, PEAKS) if len(found.peaks) >= len(found.steps) else (found.steps, STEPS)
    betas = [float(beta) for beta in table["beta"]]
    rows: list[tuple[object, ...]] = []
    if len(betas) < 2:
        return pd.DataFrame(rows, columns=list(PRESSURE_COLUMNS))
    waiting: list[float] = []
    for high, low in pairwise(betas):
        waiting.append(high)
        pressure = float(f"{np.sqrt(high * low):.3g}")
        if pressure > LAST_PRESSURE and (not rows or pressure < float(str(rows[-1][1]))):
            rows.append((len(rows) + 1, pressure, _named(waiting), measure, low, high))
            waiting = []
    rows.append((len(rows) + 1, LAST_PRESSURE, _named([*waiting, betas[-1]]), measure, np.nan, np.nan))
    return pd.DataFrame(rows, columns=list(PRESSURE_COLUMNS))


def _named(betas: Sequence[float]) -> str:
    return ",".join(f"{beta:.3g}" for beta in betas)


def why_empty(found: MiPeaks, pressures: pd.DataFrame) -> dict[str, str]:
    """Why a table of peaks, steps or pressures is empty, by the table's name; nothing for those that are not."""
    noise = f"noise of MI {float(np.median(found.noise_nats_T)):.2g} nats per record"
    lower = "more `records`, `seeds` or `steps` lower the noise"
    reasons = {}
    if not len(found.peaks):
        reasons["peaks"] = (
            f"-dMI/dbeta falls to both sides of no maximum by more than noise does ({noise}): what freezes gradually "
            f"has no peak, and {lower}."
        )
    if not len(found.steps):
        risen = bool((found.latents_G > found.latents_noise_G).any())
        reasons["steps"] = (
            f"-2 dMI/dln(beta) reaches {found.latents_G.max():.3g}, above its noise, but at no beta does it rise so "
            f"much faster than on both sides that noise could not do it ({noise}): where it steps is not known, "
            f"and {lower}."
            if risen
            else f"-2 dMI/dln(beta) rises nowhere by more than noise does ({noise}); {lower}."
        )
    if not len(pressures):
        count = max(len(found.peaks), len(found.steps))
        kind = "peak" if len(found.peaks) >= len(found.steps) else "step"
        reasons["pressures"] = (
            f"A pressure lies between two groups of factors that freeze apart, and there is {'one' if count else 'no'} "
            f"{kind if count else 'peak or step'}."
        )
    return reasons
