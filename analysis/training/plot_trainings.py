"""Several trainings in one figure: a panel per run, over the same factors in the same colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, SMALL_PT, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, in_order
from ifp.analysis.training.plot_gan import is_gan
from ifp.analysis.training.plot_training import plot_training, training_records
from ifp.errors import IfpError


def draw_trainings(
    folders: Mapping[str, Path],
    *,
    out: Path,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `ifp_training` of several runs; returns the paths written.

    Parameters
    ----------
    folders : of `ifp train` runs, by what the figure calls them. out : where to write.
    width, formats, order, labels, factors : see `draw_training`.

    Raises
    ------
    IfpError : GANs, whose codes are no latents of VAEs; runs with factors beside runs without; see `draw_training`.
    """
    inches = figure_width(width)
    read = {name: training_records(folder) for name, folder in folders.items()}
    gan = next((name for name, (records, _) in read.items() if is_gan(records)), None)
    if gan is not None:
        raise IfpError(f"{gan} is a training of GANs, which is drawn by itself; give trainings of VAEs.")
    without = next((name for name, (_, known) in read.items() if not known), None)
    if without is not None and any(known for _, known in read.values()):
        raise IfpError(f"{without} has no factors and others have; draw runs with factors, or runs without, together.")
    known = list(dict.fromkeys(name for _, names in read.values() for name in names))
    check_names([*order, *(labels or {}), *factors], known)
    shown = in_order(pd.DataFrame({"factor": factors or known}), order)["factor"].tolist() if known else []
    with paper_style(), looking(factor_looks(known)):
        figure = new_figure(inches, (0.28 * inches + 0.45) * len(read) + 0.4)
        axes = figure.subplots(len(read), 1, sharey=True, squeeze=False)[:, 0]
        for ax, (name, (records, names)) in zip(axes, read.items(), strict=True):
            plot_training(records, [factor for factor in shown if factor in names], labels=labels, ax=ax)
            ax.set_title(plain(shortened(name, 0.7 * inches, among=read)), loc="left", fontsize=SMALL_PT, pad=3)
            if ax is not axes[-1]:
                ax.set_xlabel("")
            if ax is not axes[0] and all(list(names) == list(known) for _, names in read.values()):
                legend = ax.get_legend()
                if legend is not None:
                    legend.remove()
    data = pd.concat([records.assign(run=name) for name, (records, _) in read.items()], ignore_index=True)
    words = caption("ifp_training", of=", ".join(read), says=["A panel for each run."])
    return save_figure(figure, out / "ifp_training", data, formats=formats, caption=words)
