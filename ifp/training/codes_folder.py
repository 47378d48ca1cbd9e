"""CodesFolder: a training run's folder that also keeps, at every record, what the network says of a fixed sample.

The codes of network K lie in codes/seed-K/step-XXXXXX.npz: mean and logvar [N, D] in float32, and beta. They are
written before the record is, so that a run that was cut short finds those of all its records.

Shapes: N images, D latents, P pixels.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.codes import Codes
from ifp.datasets.own_arrays import FLOAT, INT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.objectives.registry import describe_options
from ifp.seeds import derive_seed
from ifp.system.files import replace_file
from ifp.system.progress import Progress, silent
from ifp.training.evaluation import ROWS
from ifp.training.folder import TrainFolder
from ifp.training.records import TrainRecord
from ifp.training.setup import Setup
from ifp.training.state import MemberState
from ifp.training.whole_run import KEY as WHOLE

_CODES = {
    "mean": Declared(FLOAT, "ND", finite=True),
    "logvar": Declared(FLOAT, "ND", finite=True),
    "beta": Declared(FLOAT + INT, "", no_infinity=True),
}
"""The arrays of the codes of one record."""
IMAGES = 4096
"""Images of the sample, drawn from the whole data set; all of them where it has fewer."""


@dataclass(frozen=True, eq=False)
class KeptCodes:
    """The codes of one record: after `step` updates, at pressure `beta`."""

    step: int
    beta: float
    codes: Codes


class CodesFolder(TrainFolder):
    """See `ifp.training.folder.TrainFolder` for the rest of the files and the errors.

    Parameters
    ----------
    path : of the folder. setup : the checked run.
    whole : the directions of the annealing of a whole data set that this training begins; empty for another one.
    """

    def __init__(self, path: Path, setup: Setup, progress: Progress = silent, *, whole: Sequence[str] = ()) -> None:
        super().__init__(
            path,
            setup.config,
            setup.dataset,
            objective_options=describe_options(setup.objective),
            groups=setup.objective.groups(setup.config.latents),
            device=str(setup.device),
            threads=setup.kernel_threads,
        )
        if whole:
            self.about[WHOLE] = list(whole)
        self._setup, self._progress = setup, progress
        self._sample: Sample | None = None
        self._sample_lock = threading.Lock()

    @property
    def sample(self) -> Sample:
        """The fixed images, the same for all networks and records; drawn when first asked for."""
        with self._sample_lock:
            if self._sample is None:
                seed = derive_seed(self.config.seed, "train", "kept codes")
                self._sample = draw_sample(self._setup.dataset, IMAGES, seed, self._progress)
            return self._sample

    def keep(self, seed: int, state: MemberState, record: TrainRecord, *, checkpoint: bool) -> None:
        """Take in a record, its codes first; see `TrainFolder.keep`."""
        mean_ND, logvar_ND = self._encode(state)
        held = io.BytesIO()
        np.savez(held, mean=mean_ND, logvar=logvar_ND, beta=record.beta)
        path = self.codes_path(seed, record.step)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, held.getvalue())
        except OSError as error:
            raise self._unwritable(error) from error
        super().keep(seed, state, record, checkpoint=checkpoint)

    def codes_path(self, seed: int, step: int) -> Path:
        """Where the codes of a record lie."""
        return self.path / "codes" / f"seed-{seed}" / f"step-{step:06d}.npz"

    def kept_codes(self, seed: int, step: int) -> KeptCodes:
        """The codes of a record with the factors of their images.

        Raises
        ------
        IfpError : there are none, of a run that was not recorded by this class, or they are damaged.
        """
        path = self.codes_path(seed, step)
        arrays = read_own_arrays(path, _CODES, "train anew in another folder, `out`") if path.is_file() else {}
        shape = (len(self.sample.positions_NF), self.config.latents)
        if arrays.keys() != {"mean", "logvar", "beta"} or arrays["mean"].shape != shape:
            raise IfpError(
                f"{path}, the codes of a record, is missing or of another run; train anew in another folder, `out`."
            )
        mean_ND, logvar_ND = (arrays[name].astype(np.float64) for name in ("mean", "logvar"))
        return KeptCodes(step, float(arrays["beta"]), self.sample.codes(mean_ND, logvar_ND))

    @torch.no_grad()
    def _encode(self, state: MemberState) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log-variance, float32 [N, D], as the network's last step saw them."""
        setup, device = self._setup, self._setup.device
        parameters = {name: value[None].to(device) for name, value in state.parameters.items()}
        images_NP = self.sample.images_NCHW.reshape(len(self.sample.images_NCHW), -1)
        last = max(state.step - 1, 0)
        parts = []
        for start in range(0, len(images_NP), ROWS):
            x_BP = torch.from_numpy(images_NP[start : start + ROWS]).to(device).float().div_(255)
            mean, logvar = setup.network.encode(parameters, x_BP[None])
            parts.append(setup.objective.route(mean.float(), logvar.float(), last, setup.config.steps))
        mean_ND, logvar_ND = (torch.cat(found, 1)[0].cpu().numpy() for found in zip(*parts, strict=True))
        return mean_ND, logvar_ND
