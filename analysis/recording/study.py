"""`ifp.Recorder`: what the latents of a user's own model hold, recorded while the user's own loop trains it."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ifp.analysis.recording.of_model import checkpoint_of, information_of, reconstruction_nats, traversals_of
from ifp.analysis.recording.result import RecordingResult
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.codes import FEWEST_IMAGES, LARGEST_MEAN, Codes, beyond_measure
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset
from ifp.errors import IfpError, IfpWarning, bad_value, counted, unknown_name
from ifp.formats import FINISHED, STOPPED
from ifp.recording.config import NATS, RecordConfig, as_scale
from ifp.recording.encoding import RecordedModel, decode_of
from ifp.recording.folder import RecordFolder
from ifp.recording.read_recording import read_recording
from ifp.recording.sanity import IN_A_ROW, doubts
from ifp.system.event_files import LOGS, EventLog, check_log
from ifp.system.out_folder import as_folder, no_folder_if_refused
from ifp.system.progress import Say
from ifp.system.settings import is_number
from ifp.system.sole_worker import sole_worker
from ifp.theory.beta_units import to_nats
from ifp.training.records import TrainRecord, row_of


def warn(sentence: str) -> None:
    """Say a sentence as a warning of Python's, which scripts print on stderr and notebooks below the cell."""
    warnings.warn(sentence, IfpWarning, stacklevel=4)


class Recorder:
    """Records what a model's latents hold while it is trained in a loop of the user's own.

    `update` is called at every step. Every `every` steps the model encodes a fixed sample of the data set, in
    evaluation mode and without a gradient, and is left as it was, random numbers included. The folder is read by
    `ifp diagnose`, `ifp channels`, `ifp plot` and `ifp watch`; a loop that is killed loses at most the record in
    flight, and a recorder with the same settings goes on with the folder.

    Parameters
    ----------
    dataset : the images that the model is trained on: a name (`ifp data list`), a data set, or images.
    out : the folder of the recording.
    every : steps between two records. steps : how many the loop makes, where that is known, for `ifp watch`.
    images : how many images are encoded at each record. seed : by which they are drawn.
    layout : how the model takes images: "NCHW", "NHWC" or "flat".
    scale : of their pixels: "unit" for [0, 1], "symmetric" for [-1, 1], "bytes" for [0, 255], or (mean, std) of pixels
        in [0, 1], numbers or one per channel.
    head : where the model returns one tensor [N, 2 x latents]: "halves" (means first), "interleaved",
        "halves-variance-first" or "interleaved-variance-first".
    variance : what it returns beside the mean: "log variance", "log sigma", "softplus sigma", "sigma" or "variance".
        Names that say it (`logvar`, `std`, a `torch.distributions.Normal`) go before.
    units : of the betas that are handed in: "nats" (reconstruction summed over pixels, KL over latents), or a
        convention of `ifp beta convert`, which is converted.
    likelihood, sigma, output : of the reconstruction, where `decode` is handed in: "bernoulli" or "gaussian" with its
        sigma, and whether `decode` gives "probabilities", "logits" or "values" (pixels as the model takes them).
    checkpoints : whether the model's state_dict is saved with each record.
    log : "tensorboard" for event files in out/tensorboard, which needs the extra `ifp[tensorboard]`.
    data_dir, background : see `ifp.diagnose`.
    say : called with each sentence that the user should read; warnings of Python's by default.

    Raises
    ------
    IfpError : a setting out of range, no data set, a folder that holds something else or another recording, or one in
        which another process, or another recorder of this one, is at work.

    Examples
    --------
    See docs/own_loop.md, whose loop is run by the tests.
    """

    def __init__(
        self,
        dataset: str | FactorDataset | np.ndarray,
        *,
        out: str | os.PathLike[str],
        every: int = 100,
        steps: int | None = None,
        images: int = 1000,
        seed: int = 0,
        layout: str = "NCHW",
        scale: Any = "unit",
        head: str | None = None,
        variance: str = "log variance",
        units: str = NATS,
        likelihood: str = "bernoulli",
        sigma: float = 1.0,
        output: str = "probabilities",
        checkpoints: bool = False,
        log: str | None = None,
        data_dir: Path | None = None,
        background: Path | None = None,
        say: Say = warn,
    ) -> None:
        self.path, self.every, self._checkpoints, self._say = as_folder(out, "out"), every, checkpoints, say
        for name, value in (("every", every), ("steps", 1 if steps is None else steps)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise bad_value(name, value, "a whole number of at least 1")
        check_log(log)
        RecordFolder.check_kind(self.path)
        self._dataset = as_dataset(dataset, data_dir=data_dir, background=background, say=say)
        mean, std = as_scale(scale, self._dataset.image_shape[0])
        config = RecordConfig(
            dataset=self._dataset.name, images=images, seed=seed, layout=layout, pixel_mean=mean, pixel_std=std,
            head=head or "", variance=variance, units=units, likelihood=likelihood, sigma=sigma, output=output,
        )  # fmt: skip
        self._folder = RecordFolder(self.path, config, self._dataset, every=every, steps=steps)
        self._sample = draw_sample(self._dataset, images, seed, lambda text, done, total: None)
        if len(self._sample.images_NCHW) < FEWEST_IMAGES:
            raise IfpError(
                f"{self._dataset.name} holds {counted(len(self._sample.images_NCHW), 'image')} and at "
                f"least {FEWEST_IMAGES} are "
                "needed: fewer show only noise; give more."
            )
        self._stack = ExitStack()
        with no_folder_if_refused(self.path):
            self._stack.enter_context(sole_worker(self.path, within_own=False))
            self._folder.open()
        self._log = EventLog(self.path / LOGS[log]) if log else None
        if self._log is not None and not self._log.folder.is_dir():
            for record in self._folder.all_records:
                self._log.write(record.step, row_of(record, self._folder.records.factor_names))
        self._begun, self._closed = False, False
        self._in_a_row: dict[str, int] = {}
        self._before: tuple[int, np.ndarray, np.ndarray] | None = None

    def __repr__(self) -> str:
        last = self._folder.last_step
        what = (
            "nothing recorded yet"
            if last is None
            else f"{counted(len(self._folder.all_records), 'record')} to step {last:,}"
        )
        return f"<Recorder: {self._dataset.name}, every {self.every:,} steps into {self.path}, {what}>"

    def __fspath__(self) -> str:
        return str(self.path)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(FINISHED if kind is None else STOPPED)

    @property
    def sample(self) -> Sample:
        """The images that are encoded at each record, uint8 [N, C, H, W], with their factors."""
        return self._sample

    @property
    def last_step(self) -> int | None:
        """The step of the last record, None where nothing is recorded yet."""
        return self._folder.last_step

    def due(self, step: int) -> bool:
        """Whether `update` at this step records; everything else of a step that does not costs nothing."""
        return step % self.every == 0

    def update(
        self,
        step: int,
        model: Any,
        *,
        beta: float | None = None,
        recon_nats: float | None = None,
        decode: Callable[[Any], Any] | bool | None = None,
        stage: int = 0,
        now: bool = False,
    ) -> TrainRecord | None:
        """Record the model as it is after `step` steps, if a record is due.

        Parameters
        ----------
        step : optimizer steps done.
        model : an nn.Module whose `encode`, `encoder` or forward returns a posterior (a pair, a dictionary, a
            distribution, an output of pythae or diffusers); or a function images -> (mean, logvar).
        beta : weight of the KL now, in the recorder's `units`; None where there is none.
        recon_nats : the reconstruction as the loop knows it, nats per image. Without it, and with `decode`, it is
            measured.
        decode : a function codes [N, D] -> images, for reconstruction and pictures; True for the model's own.
        stage : of the training, where it has stages.
        now : record though none is due, at the end of a loop, say.

        Returns
        -------
        The record; None where none is due, where this step is recorded already, and where the model's codes are no
        longer finite numbers, or beyond any measure, which is said.

        Raises
        ------
        IfpError : the model fails or returns something else, steps that do not rise, or files that cannot be written.
        """
        step = _whole("step", step)
        if not now and not self.due(step):
            return None
        if self._closed:
            raise IfpError(f"The recorder of {self.path} is closed; make a new one with the same settings to go on.")
        if not self._in_order(step):
            return None
        asked = RecordedModel(model, self._folder.config, self._dataset.image_shape)
        mean_ND, logvar_ND = asked.posteriors(self._sample.images_NCHW)
        finite = np.isfinite(mean_ND).all() and np.isfinite(logvar_ND).all()
        if not finite or beyond_measure(mean_ND, logvar_ND):
            what = f"numbers beyond {LARGEST_MEAN:g}" if finite else "no longer finite numbers"
            self._doubt(
                "diverged",
                f"At step {step:,} the codes of {asked.name} are {what}: it has diverged, and nothing is recorded.",
            )
            self._folder.set_diverged()
            return None
        codes = self._sample.codes(mean_ND, logvar_ND)
        self._check_latents(codes, asked.name)
        found = doubts(mean_ND, logvar_ND, self._before)
        self._in_a_row = {word: self._in_a_row.get(word, 0) + 1 for word in found}
        for word, sentence in found.items():
            if self._in_a_row[word] >= IN_A_ROW.get(word, 1):
                self._doubt(word, f"Step {step:,}: {sentence}")
        self._before = (step, mean_ND, logvar_ND)
        decoder = decode_of(model, decode)
        if recon_nats is None:
            recon_nats = reconstruction_nats(asked, decoder, codes, self._sample, seed=self._folder.config.seed)
        record = TrainRecord(
            step, self._beta(beta, codes), _whole("stage", stage), _number(recon_nats), codes.kl_nats_D(),
            *information_of(codes),
        )  # fmt: skip
        state = checkpoint_of(asked, record) if self._checkpoints else None
        self._folder.keep(record, codes, state)
        if self._log is not None:
            pictures = None if decoder is None else traversals_of(asked, decoder, codes)
            self._log.write(step, row_of(record, self._folder.records.factor_names), pictures)
        return record

    def close(self, status: str = FINISHED) -> None:
        """End the recording: its status and the checksums of its files are written, and other processes may go on.

        status : "finished", or "stopped" where the loop was cut short. A closed recorder is closed already.
        """
        if status not in (FINISHED, STOPPED):
            raise unknown_name("status", status, (FINISHED, STOPPED))
        if self._closed:
            return
        self._closed = True
        with self._stack:
            if self._log is not None:
                self._log.close()
            self._folder.close(status)

    def result(self) -> RecordingResult:
        """What is recorded so far."""
        return RecordingResult(read_recording(self.path))

    def _in_order(self, step: int) -> bool:
        """Whether this step follows the last record; a loop that went back to a checkpoint drops what came after it."""
        last = self._folder.last_step
        if last is None or step > last:
            self._begun = True
            return True
        if self._begun:
            if step == last:
                return False
            raise bad_value("step", step, f"more than {last}, the step of the last record")
        first = self._folder.all_records[0].step
        if step <= first and len(self._folder.all_records) > 1:
            raise IfpError(
                f"{self.path} holds records from step {first:,} to {last:,}, and this loop begins anew at step "
                f"{step:,}; choose another folder as `out`."
            )
        dropped = self._folder.forget_after(step)
        self._say(
            f"The loop goes on from before step {step:,}: {counted(len(dropped), 'record')} from there "
            f"to step {last:,} are "
            "recorded again."
        )
        self._begun = True
        return True

    def _check_latents(self, codes: Codes, name: str) -> None:
        records = self._folder.all_records
        if records and len(records[-1].kl_nats) != codes.num_latents:
            raise IfpError(
                f"{name} has {counted(codes.num_latents, 'latent')}, and {self.path} holds records of "
                f"{len(records[-1].kl_nats)}; "
                "choose another folder as `out`."
            )

    def _doubt(self, word: str, sentence: str) -> None:
        """Say what is plainly wrong, each thing once."""
        if self._folder.doubt(word, sentence):
            self._say(sentence)

    def _beta(self, beta: float | None, codes: Codes) -> float:
        if beta is None:
            return math.nan
        value, units = _number(beta), self._folder.config.units
        if not math.isfinite(value) or value < 0:
            raise bad_value("beta", beta, "a number of at least 0")
        if units == NATS:
            return value
        return to_nats(value, units, shape=self._dataset.image_shape, latents=codes.num_latents).beta


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise bad_value(name, value, "a whole number of at least 0")
    return int(value)


def _number(value: Any) -> float:
    """A number, also of NumPy or a tensor of one element."""
    found = value.item() if hasattr(value, "item") and not is_number(value) else value
    if not is_number(found):
        raise IfpError(f"beta and recon_nats must be numbers, got {value!r}.")
    return float(found)
