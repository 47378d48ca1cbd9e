"""The closed form of a whole data set as tables: the linear theory's spectrum, and two edges of each factor.

Shapes: K eigenvalues, F factors, C contexts.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ifp
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.formats import BETA_CONVENTION
from ifp.system.format_version import KEY, VERSION
from ifp.system.json_text import load_json
from ifp.system.out_folder import check_out
from ifp.system.progress import Progress, silent
from ifp.system.versions import versions
from ifp.theory.joint_edges import JointEdges, joint_edges

FORMAT = "ifp-joint-edges"
EDGE_COLUMNS = ("factor", "beta_alone", "beta_given_rest", "given_rest_low", "given_rest_high", "contexts")
SMALLEST = 1e-6
"""Eigenvalues below this share of the largest are rounding, and left out of the table."""
BUDGET_FLOPS = 2e13
"""Largest cost of the covariance of the pixels, some minutes of one core; beyond it a sample of the images is read."""
LEAST_IMAGES = 20_000
"""Smallest number of images in such a sample."""


def affordable_images(dataset: FactorDataset) -> int:
    """How many images the closed form reads where nobody says: 0 for all, else a sample of what a core does in minutes.

    dSprites and SmallNORB are read whole (737,280 and 48,600 images of 4,096 pixels), colour images of 12,288 pixels
    are not.
    """
    there = dataset.listed_images
    fits = max(LEAST_IMAGES, int(BUDGET_FLOPS / dataset.num_pixels**2))
    return fits if fits < there else 0


def edge_tables(edges: JointEdges) -> dict[str, pd.DataFrame]:
    """`spectrum` (number, beta_edge), largest eigenvalue first, and `joint_edges` with EDGE_COLUMNS, by factor.

    `given_rest_low` and `_high` are the lowest and highest edge of the `contexts` traversals, `beta_given_rest` their
    median. Data without factors have an empty second table.
    """
    kept_K = edges.spectrum_K[edges.spectrum_K > SMALLEST * edges.spectrum_K[0]]
    spectrum = pd.DataFrame({"number": np.arange(1, len(kept_K) + 1), "beta_edge": kept_K})
    rows = []
    for factor, name in enumerate(edges.factor_names):
        known_C = edges.given_rest_FC[factor] if edges.given_rest_FC.size else np.empty(0)
        known_C = known_C[np.isfinite(known_C)]
        spread = (np.median(known_C), known_C.min(), known_C.max()) if len(known_C) else (np.nan,) * 3
        rows.append((name, edges.alone_F[factor], *spread, len(known_C)))
    return {"spectrum": spectrum, "joint_edges": pd.DataFrame(rows, columns=list(EDGE_COLUMNS))}


def compute_edges(
    dataset: FactorDataset,
    *,
    likelihood: str = "bernoulli",
    sigma: float = 1.0,
    seed: int = 0,
    images: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """The tables of the closed form (`edge_tables`), and the content of its run.json.

    Parameters
    ----------
    images : how many are read, drawn by `seed`; 0 for all. likelihood, sigma, device : see
        `ifp.theory.joint_edges.joint_edges`, which also says what is raised.
    """
    edges = joint_edges(
        dataset, likelihood, sigma=sigma, images=images, seed=seed, probability=dataset.training_probabilities(),
        device=device, progress=progress,
    )  # fmt: skip
    about: dict[str, Any] = {
        "format": FORMAT,
        KEY: VERSION,
        "ifp_version": ifp.__version__,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "dataset": {
            "name": dataset.name,
            "checksum": dataset.checksum(),
            "image_shape": list(dataset.image_shape),
            "factor_names": list(edges.factor_names),
        },
        "likelihood": likelihood,
        "sigma": sigma if likelihood == "gaussian" else None,
        "seed": seed,
        "images": edges.images,
        "everything": edges.everything,
        "varying_pixels": edges.pixels,
        "joint_edge": edges.joint_edge,
        "beta_convention": BETA_CONVENTION,
        "versions": versions(),
    }
    return edge_tables(edges), about


def check_folder(folder: Path) -> None:
    """Raise IfpError unless `folder` is absent, empty, or a closed form's, which is then replaced."""
    check_out(folder, "`out`")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    try:
        stored = load_json(folder / "run.json")
    except (OSError, ValueError):
        stored = None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise IfpError(f"{folder} holds something else than a closed form; choose a new folder as `out`.")
