"""Writes diagnosed models as `ifp diagnose --out` does: results, codes, traversals and figures of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ifp.analysis.diffusion.model_diagnosis import ModelDiagnosis
from ifp.analysis.diffusion.results import Results, write_results
from ifp.analysis.diffusion.side_by_side import side_by_side
from ifp.analysis.figures.style import figure_width
from ifp.analysis.tables import write_csv
from ifp.checkpoints.codes_cache import CodesCache
from ifp.system.files import whole_file
from ifp.system.out_folder import DIAGNOSIS, writing_result
from ifp.system.progress import Progress, silent


def write_models(
    models: Sequence[ModelDiagnosis],
    results: Sequence[Results],
    out: str | Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = ("pdf", "png"),
    keep_codes: bool = True,
    progress: Progress = silent,
) -> list[Path]:
    """Write every model's results and figures under `out`; returns the files but for codes and traversals.

    Raises IfpError where `out` holds anything but a diagnosis, and for an unknown width.

    One model, or the second of two with its comparison to the first, lies in `out` itself; the others in folders in it.

    Parameters
    ----------
    results : of each model; those of the second of two hold the comparison.
    width, formats : of the figures; no format for no figures.
    keep_codes : whether to write the codes of checkpoints, where they are not in `out` already.
    """
    figure_width(width)
    files: list[Path] = []
    with writing_result(out, DIAGNOSIS) as path:
        folders = model_folders(models, path)
        for number, (model, of_model, folder) in enumerate(zip(models, results, folders, strict=True)):
            progress("figures", number, len(models))
            files += write_results(of_model, folder)
            _write_traversals(model, folder)
            if keep_codes:
                _write_codes(model, path / "codes")
            if formats:
                from ifp.analysis.diffusion.plot_diagnosis import draw_diagnosis

                files += draw_diagnosis(folder, width=width, formats=formats)
        if formats and len(models) > 1:
            from ifp.analysis.diffusion.plot_diagnosis import draw_models

            files += draw_models(folders, path / "figures", width=width, formats=formats)
        if len(models) > 1:
            write_csv(side_by_side(models), path / "runs.csv")
            files.append(path / "runs.csv")
        progress("figures", len(models), len(models))
    return files


def model_folders(models: Sequence[ModelDiagnosis], out: Path) -> list[Path]:
    """Where each model's files lie."""
    if len(models) == 1:
        return [out]
    if len(models) == 2:
        return [out / "a", out]
    return [out / f"{number}-{Path(model.name).name}" for number, model in enumerate(models, start=1)]


def _write_codes(model: ModelDiagnosis, folder: Path) -> None:
    """The codes of every checkpoint, readable by `ifp diagnose --codes`; nothing of models that were no files."""
    if model.sample is None:
        return
    cache = CodesCache(folder, model.sample, model.seed, model.reading)
    for record in model.run.records:
        if record.file is not None:
            cache.write(record.file, record)


def _write_traversals(model: ModelDiagnosis, folder: Path) -> None:
    """traversals.npz, from which the figure is drawn; removed where this model has no decoder."""
    path = folder / "traversals.npz"
    drawn = model.traversals()
    if drawn is None:
        path.unlink(missing_ok=True)
        return
    images, values = drawn
    start_D = model.run.last.codes.mean_ND[0]
    with whole_file(path) as partial:
        np.savez_compressed(partial, images=images.astype(np.float32), values=values, start=start_D)
