"""Sweeps of what needs no training: the edges, exact curves, diagnosis, and the comparison of channels.

Shapes: N images, P pixels, D latents, F factors.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from growth_networks import doubling
from growth_sweep import Sweep, Work

import ifp
from ifp.analysis.diffusion.diagnosis import diagnose
from ifp.codes import Codes
from ifp.exact.annealing import exact_annealing
from ifp.fingerprints.build import latent_channels
from ifp.fingerprints.information import information_bits
from ifp.fingerprints.models import Model
from ifp.fingerprints.similarity import measure_similarity
from ifp.seeds import numpy_generator
from ifp.theory.closed_form import freezing_bounds

IMAGES, PIXELS = 16, 256
FACTOR_VALUES = 8


def moving_bars(traversals: int = 1, images: int = IMAGES, pixels: int = PIXELS) -> list[np.ndarray]:
    """Equal traversals [N, P] in [0, 1], so that only their number varies: a bar moves along a line."""
    place_P, width = np.arange(pixels), pixels / 4
    start_N1 = np.linspace(0, pixels - width, images)[:, None]
    covered_NP = np.clip(np.minimum(place_P + 1, start_N1 + width) - np.maximum(place_P, start_N1), 0, 1)
    return [covered_NP.copy() for _ in range(traversals)]


def edges(size: str, count: int) -> tuple[Work, float]:
    """Both edges."""
    return partial(freezing_bounds, moving_bars(**{size: count}), "bernoulli"), 1


def exact(size: str, count: int) -> tuple[Work, float]:
    """Cooling, heating and equilibrium, from known edges."""
    bars = moving_bars(**{size: count})
    return partial(exact_annealing, bars, "bernoulli", bounds=freezing_bounds(bars, "bernoulli")), 1


def made_up_codes(images: int = 2000, latents: int = 8, factors: int = 4, seed: int = 0) -> Codes:
    """Codes of which each latent holds one factor, half of the latents nothing."""
    rng = numpy_generator(0, "benchmarks", "growth codes")
    factors_NF = rng.integers(FACTOR_VALUES, size=(images, factors))
    shown_ND = factors_NF[:, (np.arange(latents) + seed) % factors] / FACTOR_VALUES * 3.4 - 1.5
    shown_ND = shown_ND + 0.02 * numpy_generator(seed, "benchmarks", "growth noise").normal(size=shown_ND.shape)
    sigma_D = np.resize([0.05, 1.0, 0.2, 1.0], latents)
    mean_ND = np.sqrt(1 - sigma_D**2) * shown_ND
    names = [f"factor_{place}" for place in range(factors)]
    return Codes(mean_ND, np.tile(2 * np.log(sigma_D), (images, 1)), factors_NF, names, [FACTOR_VALUES] * factors)


def diagnosis(size: str, count: int) -> tuple[Work, float]:
    """One model with a fifth of the default permutations and resamples, without the joint information."""
    codes = made_up_codes(**{size: count})
    return partial(diagnose, codes, permutations=20, bootstraps=40), 1


def diagnosis_as_by_default(images: int, joint: bool) -> tuple[Work, float]:
    """One model as `ifp diagnose` measures it, its processes one after the other."""
    return partial(diagnose, made_up_codes(images, 10, 5), joint=joint), 1


def many_codes(models: int = 10, latents: int = 5, points: int = 250) -> list[Codes]:
    """Of models of the same images; all latents hold something, so that all are compared."""
    made = [made_up_codes(points, 2 * latents, min(latents, 4), seed) for seed in range(models)]
    return [
        Codes(one.mean_ND[:, ::2], one.logvar_ND[:, ::2], one.factors_NF, one.factor_names, one.factor_sizes)
        for one in made
    ]


def fingerprints(size: str, count: int) -> tuple[Work, float]:
    """What is measured of each channel alone."""
    made, _ = latent_channels([Model(str(n), codes) for n, codes in enumerate(many_codes(**{size: count}))])
    return partial(information_bits, made), 1


def pairs(size: str, count: int) -> tuple[Work, float]:
    """The matrix of all pairs."""
    made, channels = latent_channels([Model(str(n), codes) for n, codes in enumerate(many_codes(**{size: count}))])
    return partial(measure_similarity, made, channels), 1


def whole_comparison(models: int) -> tuple[Work, float]:
    """`ifp channels` with its hotspots, from codes to the result, without figures."""
    return partial(ifp.channels, many_codes(models, 5, 200), points=200), 1


def sweeps() -> list[Sweep]:
    """All of them."""
    found = []
    for part, call in (("edges", edges), ("exact", exact)):
        found += [
            Sweep(part, "traversals", doubling(1, 5), f"s of {part}", partial(call, "traversals")),
            Sweep(part, "images of the traversal", doubling(4, 5), f"s of {part}", partial(call, "images")),
            Sweep(part, "pixels", doubling(32, 6), f"s of {part}", partial(call, "pixels")),
        ]
    found += [
        Sweep("diagnosis", "images", doubling(500, 5), "s per model", partial(diagnosis, "images")),
        Sweep("diagnosis", "latents", doubling(2, 5), "s per model", partial(diagnosis, "latents")),
        Sweep("diagnosis", "factors", doubling(2, 5), "s per model", partial(diagnosis, "factors")),
        Sweep("diagnosis", "default, joint left out", (10_000,), "s per model",
              partial(diagnosis_as_by_default, joint=False), rounds=1),
    ]  # fmt: skip
    for part, call in (("channels, fingerprints", fingerprints), ("channels, pairs", pairs)):
        found += [
            Sweep(part, "models", doubling(8, 6), "s of all", partial(call, "models")),
            Sweep(part, "latents per model", doubling(4, 6), "s of all", partial(call, "latents")),
            Sweep(part, "points", doubling(125, 5), "s of all", partial(call, "points")),
        ]
    return [*found, Sweep("channels, whole", "models", doubling(5, 5), "s of all", whole_comparison)]
