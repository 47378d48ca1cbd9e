"""What is said of factors that froze below all betas that were tried."""

from __future__ import annotations

import pandas as pd

from ifp.analysis.diffusion.wording import listed


def froze_below(held: pd.DataFrame, count: str) -> str:
    """Which factors froze below all betas tried, and in how many networks or contexts where that is not all.

    Parameters
    ----------
    held : rows of `held_table` whose bound is "<", at least one. count : what `n` counts, "networks" or "contexts".
    """
    part = held[held["n_below"] < held["n_beta"]]
    whole = [str(name) for name in held.drop(part.index)["factor"]]
    counts = zip(part["factor"], part["n_below"], part["n_beta"], strict=True)
    some = [f"{name} in {below} of {told} {count}" for name, below, told in counts]
    said = f"{listed(whole or some)} froze below {held['tried'].max():.3g}, the lowest that was tried"
    if whole and some:
        said += f", and so did {listed(some)}"
    # the median of an even number may be half way between a bound and a point
    between = part[part["beta"] > part["tried"]]
    bounds = [f"<{beta:.3g} of {name}" for name, beta in zip(between["factor"], between["beta"], strict=True)]
    if bounds:
        said += f" ({listed(bounds)}: half way from there to the next of the {count} that froze, not measured)"
    return said
