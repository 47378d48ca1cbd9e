"""EventLog: numbers and pictures of a training as event files of TensorBoard, by the extra `ifp[tensorboard]`.

Only the writer of the package `tensorboard` is used, so that neither TensorFlow nor torch is needed.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ifp.errors import IfpError, unknown_name

LOGS = {"tensorboard": "tensorboard"}
"""The kinds of logs, each with its folder within a run's."""
_GROUPS = (
    ("kl_nats_", "kl_nats_of_latent/"),
    ("posterior_nmi1_", "nmi1/"),
    ("posterior_nmi2_", "nmi2/"),
    ("nmi1_", "histogram_nmi1/"),
    ("nmi2_", "histogram_nmi2/"),
    ("bound_nats_", "bound_nats_of_code/"),
)
"""How the columns of records.csv begin that are shown in a group, and the group."""


def check_log(log: Any) -> None:
    """Raise IfpError unless `log` is None or a kind of log whose package is installed; nothing is written."""
    if log is None:
        return
    if log not in LOGS:
        raise unknown_name("log", log, LOGS)
    if find_spec("tensorboard") is None:
        raise IfpError("`log='tensorboard'` needs the package tensorboard; install it: pip install 'ifp[tensorboard]'.")


class EventLog:
    """One run of TensorBoard, in a folder that is made with its first record.

    Parameters
    ----------
    folder : of the event files; those of an earlier call stay, and this one's go on after them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None

    def write(self, step: int, row: Mapping[str, Any], traversals_DKCHW: np.ndarray | None = None) -> None:
        """Add a record: a row of records.csv, and what the decoder draws as each latent moves, in [0, 1]."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=tag_of(name), simple_value=float(value))
            for name, value in row.items()
            if name not in ("seed", "step") and isinstance(value, int | float) and math.isfinite(value)
        ]
        if traversals_DKCHW is not None:
            picture_HWC = tiled(traversals_DKCHW)
            image = Summary.Image(
                height=picture_HWC.shape[0],
                width=picture_HWC.shape[1],
                colorspace=picture_HWC.shape[2],
                encoded_image_string=_png(picture_HWC),
            )
            values.append(Summary.Value(tag="traversals", image=image))
        self._add(step, Summary(value=values))

    def close(self) -> None:
        """Write what is left to write."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _add(self, step: int, summary: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventFileWriter(str(self.folder))
            # what an earlier call wrote of this step and later ones is not shown any more
            begun = SessionLog(status=SessionLog.START)
            self._writer.add_event(Event(wall_time=time.time(), step=step, session_log=begun))
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
        self._writer.flush()


def tag_of(column: str) -> str:
    """The tag of a column of records.csv.

    >>> tag_of("kl_nats_3"), tag_of("posterior_nmi1_posX"), tag_of("recon_nats")
    ('kl_nats_of_latent/3', 'nmi1/posX', 'recon_nats')
    """
    for start, group in _GROUPS:
        if column.startswith(start):
            return group + column.removeprefix(start)
    return column


def tiled(traversals_DKCHW: np.ndarray) -> np.ndarray:
    """One picture, uint8 [H, W, C]: a row per latent, a column per value of the latent that moves."""
    latents, values, channels, rows, columns = traversals_DKCHW.shape
    tiled = traversals_DKCHW.transpose(0, 3, 1, 4, 2).reshape(latents * rows, values * columns, channels)
    return np.asarray((tiled * 255).round().astype(np.uint8))


def _png(picture_HWC: np.ndarray) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(picture_HWC if picture_HWC.shape[2] > 1 else picture_HWC[:, :, 0]).save(held, "PNG")
    return held.getvalue()
