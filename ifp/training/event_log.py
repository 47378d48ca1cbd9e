"""TrainingLog: the records of a training run as event files of TensorBoard, one run of theirs per network.

Numbers are those of records.csv; pictures are what the decoder draws as one latent after the other moves from the
prior's mean, 0, while the others stay there.

Shapes: D latents, K steps of a traversal, C H W of an image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ifp.checkpoints.traversals import traversal_codes
from ifp.system.event_files import LOGS, EventLog, check_log
from ifp.training.folder import TrainFolder
from ifp.training.setup import Setup
from ifp.training.state import MemberState

Draw = Callable[[MemberState], np.ndarray]
"""What the decoder of a network draws, [D, K, C, H, W] in [0, 1]."""


class TrainingLog:
    """Event files in the folder `tensorboard` of a run, seed-0, seed-1, ...

    Parameters
    ----------
    folder : of the run, whose records are logged as they come; those of an earlier call without a log first.
    draw : the pictures of a network; None for none.
    """

    def __init__(self, folder: TrainFolder, kind: str, draw: Draw | None = None) -> None:
        check_log(kind)
        self._folder, self._draw = folder, draw
        self._logs: dict[int, EventLog] = {}
        self._kind = kind

    def catch_up(self) -> None:
        """Log the records of networks that were made without a log."""
        for seed in sorted(self._folder.records.of_seed):
            log = self._log(seed)
            if not log.folder.is_dir():
                for row in self._rows(seed):
                    log.write(row["step"], row)

    def write(self, seed: int, state: MemberState) -> None:
        """Log the last record of a network, which is in `state`."""
        row = self._rows(seed)[-1]
        self._log(seed).write(row["step"], row, None if self._draw is None else self._draw(state))

    def close(self) -> None:
        """Write what is left to write."""
        for log in self._logs.values():
            log.close()

    def _log(self, seed: int) -> EventLog:
        if seed not in self._logs:
            self._logs[seed] = EventLog(self._folder.path / LOGS[self._kind] / f"seed-{seed}")
        return self._logs[seed]

    def _rows(self, seed: int) -> list[dict[str, Any]]:
        return list(self._folder.records.rows(seed))


def drawer(setup: Setup) -> Draw:
    """Draws the latent traversals of a network of this run, without a gradient."""

    @torch.no_grad()
    def draw(state: MemberState) -> np.ndarray:
        z_ND, _ = traversal_codes(np.zeros(setup.config.latents))
        parameters = {name: value[None] for name, value in state.parameters.items()}
        device = next(iter(parameters.values())).device
        out = setup.network.decode(parameters, torch.from_numpy(z_ND).float().to(device)[None])
        images = setup.config.pixel_likelihood.fitted(out.float()).nan_to_num().clamp(0, 1).cpu().numpy()
        return np.asarray(images.reshape(setup.config.latents, -1, *setup.dataset.image_shape))

    return draw
