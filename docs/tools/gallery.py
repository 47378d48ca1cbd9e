"""Draws the figures of the gallery from small runs of its own: `python docs/tools/gallery.py [PART ...]`.

Every kind of figure that `ifp plot` draws is there but three that take long runs, for which the page shows studies.
The data are spots of three sizes at six by six places, small enough that all runs together take about a CPU minute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

import ifp
from ifp.datasets.base import FactorDataset

FOLDER = Path(__file__).resolve().parents[1] / "images" / "gallery"
COLORS = 256
"""Of a picture, a third as large then; chosen by coverage: the most frequent ones lack a factor's colour."""
KINDS = ("strip", "ridge", "hist", "trace")
"""Of runs of traversals; the densities on the page are of a long run."""
NAMES = {"x": "horizontal place", "y": "vertical place"}


def spots(shades: int = 1, pixels: int = 12) -> FactorDataset:
    """Soft spots on a dark ground: factors x, y and size (and shade), every combination once."""
    grids = np.meshgrid(range(6), range(6), range(3), range(shades), indexing="ij")
    x, y, size, shade = (grid.ravel() for grid in grids)
    rows, columns = np.mgrid[:pixels, :pixels]
    distance = (rows - 2.5 - y[:, None, None] * 1.3) ** 2 + (columns - 2.5 - x[:, None, None] * 1.3) ** 2
    images = np.exp(-distance / (2 * (0.8 + 0.35 * size[:, None, None]) ** 2))
    images = 0.02 + 0.93 * (1 - 0.09 * shade[:, None, None]) * images
    factors = {"x": x, "y": y, "size": size} | ({"shade": shade} if shades > 1 else {})
    return ifp.dataset(images, np.column_stack(list(factors.values())), list(factors), name="spots")


def draw_annealing(runs: Path) -> list[Path]:
    """All kinds of a run of traversals, and two runs in one figure."""
    same: dict[str, Any] = {"factors": ["x", "y", "size"], "contexts": 12, "formats": ()}
    small: dict[str, Any] = {"steps": 240, "records": 40, "hidden": 32, "learning_rate": 3e-3}
    ifp.anneal(spots(9), preset="quick", out=runs / "spots", **same, **small)
    ifp.anneal(spots(9), preset="quick", method="exact", likelihood="gaussian", sigma=0.3, out=runs / "gaussian",
               **same)  # fmt: skip
    drawn = ifp.plot(runs / "spots", kinds=KINDS, out=runs / "a", formats="png")
    two = ifp.plot([runs / "spots", runs / "gaussian"], kinds="strip", names=["Bernoulli", "Gaussian"], labels=NAMES,
                   title="Freezing points under two likelihoods", out=runs / "b", formats="png")  # fmt: skip
    return [*drawn, *(path.rename(path.with_name(f"several_{path.name}")) for path in two)]


def draw_whole(runs: Path) -> list[Path]:
    """A whole data set: its closed form, and networks cooled and heated."""
    small: dict[str, Any] = {"preset": "quick", "hidden": 48, "latents": 4, "steps": 1000, "records": 20, "seeds": 2}
    ifp.anneal_whole(spots(), method="closed-form", out=runs / "edges")
    ifp.anneal_whole(spots(), learning_rate=2e-3, out=runs / "whole", **small)
    return [
        path for name in ("edges", "whole") for path in ifp.plot(runs / name, out=runs / f"w-{name}", formats="png")
    ]


def draw_models(runs: Path) -> list[Path]:
    """Trainings, their diagnoses, their comparison and their shift."""
    small: dict[str, Any] = {"preset": "quick", "hidden": 64, "latents": 6, "steps": 1600, "records": 16, "seeds": 2,
                             "learning_rate": 2e-3}  # fmt: skip
    data = spots()
    ifp.train(data, beta=0.3, out=runs / "beta-VAE", checkpoint_every=400, **small)
    ifp.train(data, "deft", betas=[4, 1, 0.2], group_size=2, out=runs / "DEFT", checkpoint_every=400, **small)
    drawn = ifp.plot([runs / "beta-VAE", runs / "DEFT"], out=runs / "t", formats="png", width="neurips")
    ifp.shift(runs / "beta-VAE", runs / "DEFT", data, images=1000, fixed_images=1000, steps=150, hold_steps=10,
              records=15).save(runs / "shift")  # fmt: skip
    drawn += ifp.plot(runs / "shift", out=runs / "s", formats="png")
    both = [ifp.diagnose(runs / name / "seed-0", data, images=1000, joint=False) for name in ("beta-VAE", "DEFT")]
    for name, diagnosis in zip(("beta-VAE", "DEFT"), both, strict=True):
        diagnosis.save(runs / f"diagnosis-{name}")
    both[0].compare(both[1]).save(runs / "compared")
    drawn += ifp.plot(runs / "diagnosis-beta-VAE", out=runs / "d", formats="png")
    drawn += ifp.plot(runs / "compared", kinds="comparison", out=runs / "c", formats="png")
    return drawn + ifp.plot([runs / "diagnosis-beta-VAE", runs / "diagnosis-DEFT"], names=["beta-VAE", "DEFT"],
                            out=runs / "m", formats="png", width="neurips")  # fmt: skip


def draw_channels(runs: Path) -> list[Path]:
    """Eight constructed models, of which most agree."""
    factors = np.random.default_rng(0).integers([6, 8], size=(300, 2))
    values = (factors - factors.mean(axis=0)) / factors.std(axis=0)

    def codes(seed: int) -> ifp.Codes:
        rng = np.random.default_rng(seed)
        turn = np.eye(2) if seed % 4 else np.array([[1, 1], [1, -1]]) / 2**0.5
        mean = np.hstack([values @ turn, np.zeros((300, 1))])[:, rng.permutation(3)] * rng.choice([-1, 1], 3)
        logvar = np.where(mean.std(axis=0) > 0, np.log(rng.uniform(0.02, 0.06)), 0.0) + 0 * mean
        return ifp.Codes(mean, logvar, factors, ["shape", "scale"])

    ifp.channels([codes(seed) for seed in range(12)], points=300, distance="nmi").save(runs / "channels")
    return ifp.plot(runs / "channels", out=runs / "ch", formats="png", width="neurips")


def draw_directions(runs: Path) -> list[Path]:
    """Directions of a generator whose symmetries are known: a spot's place and its size."""
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")

    def spot(codes: torch.Tensor) -> torch.Tensor:
        place, size = 7.5 + 2.2 * codes[:, 0], 2.2 * torch.exp(0.35 * codes[:, 1])
        distance = (rows - 7.5) ** 2 + (columns - place[:, None, None]) ** 2
        return torch.exp(-distance / (2 * size[:, None, None] ** 2))[:, None]

    ifp.directions(spot, latents=2, steps=20, restarts=1, batch=24, batches=3).save(runs / "directions")
    return ifp.plot(runs / "directions", out=runs / "di", formats="png")


def draw_gans(runs: Path) -> list[Path]:
    """A sweep of GANs, far too short to say anything: it shows what the figure looks like."""
    ifp.anneal_whole(spots(), objective="infogan", hidden=32, latents=2, steps=500, records=25, seeds=1, hold_steps=60,
                     out=runs / "gan")  # fmt: skip
    return ifp.plot(runs / "gan", out=runs / "g", formats="png")


PARTS = (draw_models, draw_channels, draw_directions, draw_gans, draw_whole, draw_annealing)


def draw_gallery(folder: Path, parts: Sequence[Callable[[Path], list[Path]]] = PARTS) -> list[Path]:
    """Draw figures into a folder as small PNGs, each under the name of its figure; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    placed = []
    with TemporaryDirectory(prefix="ifp-gallery-") as place:
        for draw in parts:
            for path in draw(Path(place)):
                if path.suffix == ".png":
                    with Image.open(path) as picture:
                        small = picture.convert("RGB").quantize(
                            COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
                        )
                    small.save(folder / path.name, optimize=True)
                    placed.append(folder / path.name)
    return placed


def main(names: Sequence[str]) -> None:
    """Draw the parts of these names anew (draw_whole, ...), or all."""
    for draw in PARTS:
        if not names or draw.__name__ in names:
            print(f"{draw.__name__}: {len(draw_gallery(FOLDER, [draw]))} figures", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
