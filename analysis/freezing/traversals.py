"""Single traversals, without a data set: their exact curves and their two edges, as results that show themselves."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import ifp
from ifp.analysis.figures.result import Result
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.tables import write_csv
from ifp.array_like import as_array, as_traversals
from ifp.datasets.factors import MOVING
from ifp.exact import annealing as exact
from ifp.system.files import remove_partials_of
from ifp.system.format_version import KEY, VERSION
from ifp.system.out_folder import BOUNDS, result_folder
from ifp.system.progress import Progress, silent
from ifp.theory import closed_form
from ifp.theory.closed_form import FreezingBounds, Images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "images"
"""What traversals without a data set, and factors without a name, are called."""


def exact_annealing(
    images: Images,
    likelihood: str = "bernoulli",
    *,
    sigma: float = 1.0,
    latents: int = 1,
    threshold_nats: float = 0.1,
    tolerance: float = 0.01,
    directions: Sequence[str] = exact.BRANCHES,
    beta_floor: float | None = None,
    bounds: FreezingBounds | None = None,
    factors: Sequence[str] | None = None,
    contexts: Sequence[tuple[int, ...]] | None = None,
    name: str = NAME,
    device: str = "cpu",
    progress: Progress = silent,
) -> Annealing:
    """The exact curves of traversals: KL and reconstruction of an ideal VAE against beta, without a network.

    Parameters
    ----------
    images : one traversal [N, ...] (an array), or a sequence of traversals. An array of two
        dimensions is [images, pixels].
    factors, contexts : labels of the traversals; "images" and their numbers if None. name : of the data.
    likelihood, sigma, latents, threshold_nats, tolerance, directions, beta_floor, bounds, device, progress : see
        `ifp.exact.annealing.exact_annealing`, which also says what the curves are and what is raised.

    Examples
    --------
    >>> import ifp
    >>> ifp.exact_annealing(np.array([[0.0], [1.0]]))
    <Annealing: images, bernoulli likelihood, 1 factor, exact freezing at beta 0.996 (images)>
    """
    traversals = [as_array(traversal, "images") for traversal in as_traversals(images)]
    if contexts is None and len(traversals) > 1:
        contexts = [(number, MOVING) for number in range(len(traversals))]
    factors = list(factors) if factors is not None else [NAME] * len(traversals)
    trace = exact.exact_annealing(
        traversals, likelihood, sigma=sigma, latents=latents, threshold_nats=threshold_nats, tolerance=tolerance,
        directions=directions, beta_floor=beta_floor, bounds=bounds, factors=factors, contexts=contexts, device=device,
        progress=progress,
    )  # fmt: skip
    run: dict[str, Any] = {
        KEY: VERSION,
        "ifp_version": ifp.__version__,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "config": {
            "dataset": name, "method": "exact", "latents": latents, "threshold_nats": threshold_nats,
            "exact_floor": beta_floor, "likelihood": likelihood, "sigma": sigma,
        },
        "dataset": {
            "name": name, "image_shape": list(traversals[0].shape[1:]), "factor_names": list(dict.fromkeys(factors)),
        },
        "likelihood": likelihood,
        "sigma": sigma if likelihood == "gaussian" else None,
        "status": "finished",
    }  # fmt: skip
    return Annealing(trace, run)


@dataclass(frozen=True, eq=False, repr=False)
class TraversalEdges(Result, FreezingBounds):
    """The two edges of each traversal: what `ifp.freezing_bounds` returns.

    Attributes
    ----------
    factors : of each traversal; "images" where nobody says. likelihood : for which the edges hold.
    """

    factors: tuple[str, ...] = ()
    likelihood: str = "bernoulli"

    def headline(self) -> str:
        """How many traversals, and between which betas freezing begins; those of equal images are counted."""
        can_freeze = self.beta_closed_form_M > 0
        lower, upper = self.beta_closed_form_M[can_freeze], self.beta_upper_M[can_freeze]
        what = f"{len(self)} traversal{'s' if len(self) != 1 else ''}, {self.likelihood} likelihood"
        if not len(lower):
            return f"{what}, all images are equal, so that nothing freezes"
        top = f" to {np.nanmax(upper):.3g}" if np.isfinite(upper).any() else ""
        flat = len(self) - len(lower)
        never = f"; in {flat} all images are equal, so that nothing freezes" if flat else ""
        return f"{what}, freezing begins at beta {lower.min():.3g}{top}{never}"

    def table(self) -> pd.DataFrame:
        """One row per traversal: its factor, the lower and the upper edge."""
        return pd.DataFrame(
            {"factor": self.factors, "beta_lower": self.beta_closed_form_M, "beta_upper": self.beta_upper_M}
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the interval of each traversal over beta, lowest at the bottom, in the colour of its factor."""
        from ifp.analysis.freezing.plot_edges import plot_edges

        return plot_edges(self.table(), ax=ax)

    def save(self, folder: str | Path) -> Path:
        """Write freezing_bounds.csv into a folder that is new, empty or holds one; raises IfpError for any other."""
        path = result_folder(folder, BOUNDS)
        remove_partials_of(path / "freezing_bounds.csv")
        write_csv(self.table(), path / "freezing_bounds.csv")
        return path


def freezing_bounds(
    images: Images,
    likelihood: str = "bernoulli",
    *,
    sigma: float = 1.0,
    upper: bool = True,
    factors: Sequence[str] | None = None,
    progress: Progress = silent,
) -> TraversalEdges:
    """Both edges of the freezing interval of traversals: milliseconds each, no training.

    Parameters
    ----------
    images : one traversal [N, ...] (an array: the answer then has length 1), or a sequence of traversals.
        An array of two dimensions is [images, pixels].
    factors : labels of the traversals.
    likelihood, sigma, upper, progress : see `ifp.theory.closed_form.freezing_bounds`, which also says what is raised.

    Examples
    --------
    >>> import ifp
    >>> ifp.freezing_bounds(np.array([[0.0], [1.0]]))
    <TraversalEdges: 1 traversal, bernoulli likelihood, freezing begins at beta 1 to 1>
    """
    exact.check_labels(as_traversals(images), factors=factors)
    bounds = closed_form.freezing_bounds(images, likelihood, sigma=sigma, upper=upper, progress=progress)
    names = tuple(factors) if factors is not None else (NAME,) * len(bounds)
    return TraversalEdges(bounds.beta_closed_form_M, bounds.beta_upper_M, factors=names, likelihood=likelihood)
