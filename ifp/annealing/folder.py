"""A run's folder: run.json, written before step 1, every finished chunk as it ends, and trace.npz when the run ends.

The chunks (`ifp.annealing.chunk_files`) and trace.npz hold the curves that are finished, so that an interrupted run can
be drawn, and resuming means computing the curves that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ifp.annealing.chunk_files import ChunkFiles
from ifp.annealing.config import AnnealConfig
from ifp.annealing.finished import Curves
from ifp.datasets.base import FactorDataset
from ifp.system.checksums import unseal
from ifp.system.precision import describe_products
from ifp.system.resumable import ResumableFolder, about_settings
from ifp.trace import AnnealTrace, Key


def about_run(config: AnnealConfig, dataset: FactorDataset, device: str) -> dict[str, Any]:
    """The content of run.json: settings, data and their checksum, versions, seed, and that the run has not ended."""
    # without known factors the traversals move the one that there is, the image's number
    factors = {"factor_names": list(dataset.space.names), "factor_sizes": list(dataset.space.sizes)}
    return about_settings(config, dataset.identity() | factors) | {
        "seed": config.seed,
        "device": device,
        "products": describe_products(config.precision),
        "status": "running",
    }


class RunFolder(ResumableFolder):
    """The folder of an annealing run, to be checked before its traversals are rendered; see `ResumableFolder`."""

    kind = "an annealing run"
    # contexts are drawn one after the other, and no member depends on the others
    wider = ("seeds", "contexts")
    fixed: ClassVar[Mapping[str, str]] = {
        "steps": "beta's law is spread over all steps, so that a longer run is another from its first step on"
    }


class RunWriter(Curves, RunFolder):
    """The files of one run, for writing.

    Parameters
    ----------
    path : made by `open` if missing; may hold the same run, whose finished curves are then kept.
    keys : every curve of the finished run, in order.
    device : recorded, not used.

    Attributes
    ----------
    about : the content of run.json.

    Raises
    ------
    IfpError : the folder holds something else, another run, or another version's run.
    """

    def __init__(
        self, path: Path, config: AnnealConfig, dataset: FactorDataset, keys: Sequence[Key], device: str
    ) -> None:
        Curves.__init__(self, keys)
        self._chunks = ChunkFiles(path)
        RunFolder.__init__(self, path, about_run(config, dataset, device))

    def _take_over(self, stored: dict[str, Any]) -> None:
        """Go on with the run that is in the folder: its curves are finished."""
        super()._take_over(stored)
        more_contexts = "contexts" in self._fewer(stored)
        traces = [AnnealTrace.load(self.path / "trace.npz")] if (self.path / "trace.npz").exists() else []
        for trace in (*traces, *(chunk for _, chunk in self._chunks.read())):
            # curves of equal images are drawn along the range of the others, which more contexts may change
            kept = (trace.method_M == "closed-form") | (trace.beta_closed_form_M > 0) | (not more_contexts)
            super().add(trace if kept.all() else trace.select(kept))

    def _units(self) -> tuple[int, int | None]:
        """Curves."""
        return len(self._done), len(self._rank)

    def add(self, trace: AnnealTrace) -> None:
        """Take in the curves of a finished chunk and save them; OSError where they cannot be written."""
        self._chunks.add(trace.with_nuisances(self.nuisances), self.ranks(trace))
        super().add(trace)

    def close(self, status: str) -> None:
        """Write trace.npz with all that is finished; see `ResumableFolder.close`."""
        if self._chunks:
            unseal(self.path)
            self.trace.save(self.path / "trace.npz")
            self._chunks.clear()
        super().close(status)
