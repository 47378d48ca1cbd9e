"""Traces with known freezing points, shaped like those of rendered sprites: no engine, no torch.

Shapes: C contexts of one factor, T records, D latents.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ifp.trace import AnnealTrace

FACTORS = ("shape", "scale", "orientation", "posX", "posY")
SIZES = (3, 6, 40, 32, 32)
# median of the lower edge and its 5 and 95 % points on rendered sprites
EDGES = {"posX": (233, 62, 374), "posY": (217, 87, 370), "scale": (132, 97, 169), "shape": (71, 29, 115),
         "orientation": (49, 23, 78)}  # fmt: skip


def curve_kl(beta: np.ndarray, onset: np.ndarray | float) -> np.ndarray:
    """The equilibrium of one linear latent: 0.5 ln(onset / beta), 0 above the onset."""
    return np.maximum(0.5 * np.log(onset / beta), 0.0)


def one_curve(
    beta_CT: np.ndarray,
    kl_nats_CTD: np.ndarray,
    *,
    factor: str = "posX",
    method: str = "exact",
    direction: str = "cool",
    contexts_CF: np.ndarray | None = None,
    edges_C: np.ndarray | None = None,
    upper_C: np.ndarray | None = None,
    status: str = "ok",
    seed: int = 0,
) -> AnnealTrace:
    """A trace of C members of one factor, method and direction."""
    members = len(beta_CT)
    if contexts_CF is None:
        contexts_CF = np.tile(np.arange(members)[:, None], (1, len(FACTORS)))
        contexts_CF[:, FACTORS.index(factor)] = -1
    edges_C = np.full(members, np.nan) if edges_C is None else edges_C
    kl_nats_CTD = kl_nats_CTD if kl_nats_CTD.ndim == 3 else kl_nats_CTD[:, :, None]
    return AnnealTrace(
        factor_M=np.full(members, factor),
        context_MF=contexts_CF.copy(),
        seed_M=np.full(members, seed),
        method_M=np.full(members, method),
        direction_M=np.full(members, direction),
        status_M=np.full(members, status),
        n_images_M=np.full(members, SIZES[FACTORS.index(factor)]),
        beta_closed_form_M=edges_C.copy(),
        beta_upper_M=(edges_C * 1.05 if upper_C is None else upper_C).copy(),
        beta_MT=beta_CT.astype(float),
        recon_nats_MT=np.where(np.isfinite(beta_CT), 100.0, np.nan),
        kl_nats_MTD=kl_nats_CTD.astype(float),
    )


def sprites_like_trace(
    rng: np.random.Generator,
    *,
    factors: tuple[str, ...] = FACTORS,
    contexts: int = 16,
    latents: int = 1,
    methods: tuple[str, ...] = ("exact", "train"),
    censored: bool = True,
) -> AnnealTrace:
    """Exact branches and equilibrium, noisy trained cooling and heating; some members censored, one diverged."""
    parts = []
    for factor in factors:
        median, low, high = EDGES[factor]
        spread = np.log(high / low) / 3.29
        edge_C = np.clip(median * np.exp(spread * rng.normal(size=contexts)), low * 0.8, high * 1.1)
        contexts_CF = np.stack([rng.integers(0, size, contexts) for size in SIZES], axis=1)
        contexts_CF[:, FACTORS.index(factor)] = -1
        same = {"factor": factor, "contexts_CF": contexts_CF, "edges_C": edge_C, "upper_C": edge_C * (
            1.10 if factor == "shape" else 1.03)}  # fmt: skip
        if "closed-form" in methods:
            empty = np.empty((contexts, 0))
            parts.append(one_curve(empty, empty[:, :, None], method="closed-form", direction="", **same))
        if "exact" in methods:
            beta_CT = edge_C[:, None] * np.geomspace(1.4, 0.3, 90)
            heat_delay = 1.08 if factor == "shape" else 1.0
            for direction, late in (("cool", 1.0), ("heat", heat_delay), ("equilibrium", (1 + heat_delay) / 2)):
                kl_CT = 3 * curve_kl(beta_CT, late * 1.02 * edge_C[:, None])
                order = slice(None, None, -1 if direction == "heat" else 1)
                parts.append(one_curve(beta_CT[:, order], kl_CT[:, order], direction=direction, **same))
        if "train" in methods:
            for direction, low_high in (("cool", (0.55, 0.9)), ("heat", (1.1, 1.7))):
                late_C = rng.uniform(*low_high, contexts)
                if censored and factor in ("shape", "posX"):
                    late_C[: max(1, contexts // 8)] = 0.01 if direction == "cool" else 9.0
                beta_CT = edge_C[:, None] * np.geomspace(2.2, 0.2, 120)
                kl_CTD = np.zeros((contexts, 120, latents))
                kl_CTD[:, :, 0] = 2.5 * curve_kl(beta_CT, late_C[:, None] * 1.05 * edge_C[:, None])
                if latents > 1:  # a second latent takes some of it, later
                    kl_CTD[:, :, 1] = curve_kl(beta_CT, late_C[:, None] * 0.6 * edge_C[:, None])
                kl_CTD *= np.exp(0.06 * rng.normal(size=kl_CTD.shape))
                kl_CTD += 0.004 / latents * np.abs(rng.normal(size=kl_CTD.shape)) + 5e-4 / latents
                order = slice(None, None, -1 if direction == "heat" else 1)
                beta_CT, kl_CTD = beta_CT[:, order].copy(), kl_CTD[:, order].copy()
                beta_CT[:, 112:], kl_CTD[:, 112:] = np.nan, np.nan  # stopped early
                parts.append(one_curve(beta_CT, kl_CTD, method="train", direction=direction, **same))
    trace = AnnealTrace.concatenate(parts)
    if censored and "train" in methods:
        status_M = trace.status_M.astype("U8")
        status_M[np.flatnonzero(trace.method_M == "train")[-1]] = "diverged"
        fields = {name: getattr(trace, name) for name in trace.__dataclass_fields__}
        trace = AnnealTrace(**{**fields, "status_M": status_M})
    return trace


def write_run(folder: Path, trace: AnnealTrace, *, latents: int = 1, **changes: object) -> Path:
    """A run's folder around `trace`, as `ifp anneal` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    trace.save(folder / "trace.npz")
    run = {
        "ifp_version": "0.1.0",
        "created": "2026-11-22T04:00:00Z",
        "config": {"dataset": "sprites", "threshold_nats": 0.1, "seed": 0, "latents": latents,
                   "likelihood": "bernoulli", "sigma": 1.0, "preset": "standard"},
        "dataset": {"name": "sprites", "checksum": "0" * 64, "image_shape": [64, 64], "factor_names": list(FACTORS),
                    "factor_sizes": list(SIZES)},
        "likelihood": "bernoulli",
        "beta_convention": "nats per image: recon summed over pixels + beta * KL summed over latents",
        "versions": {"ifp": "0.1.0"},
        "device": "cpu",
        "status": "finished",
        **changes,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    return folder
