"""A training run's folder.

run.json (settings, versions, data, how each network stands), records.npz and records.csv, and for network K a folder
seed-K with its run.json and checkpoints step-XXXXXX.pt, which `ifp diagnose` reads. `.resume` holds what is needed to
go on. Every file is replaced whole, so that a run may be killed at any moment. What is needed
to go on is written at each record; the records of all networks, which follow from it, when there are a twentieth more
of them, and at the end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from ifp.checkpoints.native import vae_content
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.formats import DIVERGED, FINISHED, RUNNING, TRAIN_FORMAT, VAE_FORMAT
from ifp.objectives.registry import describe_options, make_objective
from ifp.system.checksums import unseal
from ifp.system.files import reason_of, remove_partials, write_json, write_whole
from ifp.system.format_version import KEY, VERSION
from ifp.system.json_text import load_json
from ifp.system.precision import describe_products
from ifp.system.resumable import RUN_FILE, ResumableFolder, about_settings
from ifp.training.config import TrainConfig
from ifp.training.records import TrainRecord, TrainRecords
from ifp.training.stages import empty_stages
from ifp.training.state import MemberState, damaged, read_content

SAVED_SHARE = 20
"""The files of records are written when there is one more for each so many that they hold: N rows cost about 20 N."""


class TrainFolder(ResumableFolder):
    """The files of one run, for writing; the same run is taken up again, anything else refused.

    Parameters
    ----------
    path : made by `open` if missing.
    objective_options : all hyper-parameters of the objective, defaults included.
    groups : of latents, for the checkpoints. idle_latents : those of groups that no stage trains; recorded.
    device, threads : recorded, not used; threads are those of a kernel, which round alike only if they are as many.

    Attributes
    ----------
    records : of all networks so far.
    logged : called with the number and the state of a network whose record was kept; None where nobody listens.

    Raises
    ------
    IfpError : the folder holds something else, another run, another version's run, or damaged files.
    """

    kind = "a training run"
    wider = ("seeds",)
    fixed: ClassVar[Mapping[str, str]] = {
        "steps": "records, and what follows the course of the training, are spread over all steps, so that a longer "
        "run is another from its first step on"
    }
    format = TRAIN_FORMAT
    checkpoint_format: ClassVar[str] = VAE_FORMAT
    records_type: ClassVar[type[TrainRecords]] = TrainRecords

    def __init__(
        self,
        path: Path,
        config: TrainConfig,
        dataset: FactorDataset,
        *,
        objective_options: dict[str, Any],
        groups: int = 1,
        idle_latents: Sequence[int] = (),
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        self.config, self.image_shape, self.groups = config, dataset.image_shape, groups
        self.records = self.records_type(dataset.space.names if dataset.labelled else ())
        self.logged: Callable[[int, MemberState], None] | None = None
        self._lock = threading.RLock()
        self._saved = 0
        super().__init__(
            path,
            about_settings(config, dataset.identity())
            | {
                "objective": {"name": config.objective, "options": plain(objective_options)},
                "device": device,
                "products": describe_products(config.precision),
                "threads": threads,
                "status": RUNNING,
                "seeds": {str(seed): {"status": RUNNING, "step": 0} for seed in range(config.seeds)},
            }
            | ({"idle_latents": list(idle_latents), "empty_stages": {}} if groups > 1 else {}),
        )

    def _is_same_run(self, stored: dict[str, Any]) -> bool:
        return super()._is_same_run(stored) and _filled(stored) == self.about["objective"]

    def _take_over(self, stored: dict[str, Any]) -> None:
        super()._take_over(stored)
        self.about["threads"] = stored.get("threads", 1)
        for seed in range(self.config.seeds):
            self._read_seed(seed, stored.get("seeds", {}))

    def _read_seed(self, seed: int, standing: Any) -> None:
        path = self._state_path(seed)
        if path.is_file():
            try:
                kept = read_content(path)["records"]
                self.records.put(seed, {name: value.numpy() for name, value in kept.items()})
            except (KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError) as error:
                raise damaged(path) from error
        # run.json is written after the state: it may be a record behind
        step = self.step(seed)
        status = FINISHED if step == self.config.steps else RUNNING
        entry = standing.get(str(seed)) if isinstance(standing, dict) else None
        if isinstance(entry, dict) and entry.get("status") == DIVERGED:
            status = DIVERGED
        self.about["seeds"][str(seed)] = {"status": status, "step": step}

    def _state_path(self, seed: int) -> Path:
        return self.path / ".resume" / f"seed-{seed}.pt"

    def _seed_folder(self, seed: int) -> Path:
        return self.path / f"seed-{seed}"

    @property
    def threads(self) -> int:
        """Threads of a kernel with which the run began; to go on with others would round differently."""
        return int(self.about["threads"])

    def status(self, seed: int) -> str:
        """How a network stands: "running" (also where it has not begun), "finished" or "diverged"."""
        return str(self.about["seeds"][str(seed)]["status"])

    def step(self, seed: int) -> int:
        """The last recorded step of a network."""
        records = self.records.of_seed.get(seed)
        return records[-1].step if records else 0

    def empty_stages(self, seed: int) -> list[int]:
        """The stages of a network that ended with their own group of latents empty; see `ifp.training.stages`."""
        return empty_stages(self.records.of_seed.get(seed, ()), self.groups, self.config.steps)

    def state(self, seed: int) -> MemberState | None:
        """Where a network was put away, None where it has not been recorded yet."""
        path = self._state_path(seed)
        if not path.is_file():
            return None
        try:
            return MemberState.from_content(read_content(path)["state"])
        except (KeyError, TypeError, AttributeError) as error:
            raise damaged(path) from error

    def checked_state(self, seed: int, state: MemberState, fresh: MemberState) -> MemberState:
        """The state; raises IfpError where it is none of the network whose state before its first step is `fresh`."""
        if not state.fits(fresh, self.config.steps) or state.step != self.step(seed):
            raise damaged(self._state_path(seed), "holds another network than this run's")
        return state

    def open(self) -> None:
        """Make the folders and write the run.json files; nothing is written before this."""
        (self.path / ".resume").mkdir(parents=True, exist_ok=True)
        remove_partials(self.path)
        unseal(self.path)
        for seed in range(self.config.seeds):
            self._seed_folder(seed).mkdir(exist_ok=True)
            write_json(self._seed_folder(seed) / RUN_FILE, self._about_seed(seed))
        self._begin_call()
        self._write_about()

    def _units(self) -> tuple[int, int | None]:
        """Steps of all networks."""
        return sum(map(self.step, range(self.config.seeds))), self.config.seeds * self.config.steps

    def _about_seed(self, seed: int) -> dict[str, Any]:
        kept = {
            k: self.about[k] for k in ("ifp_version", "config", "digest", "objective", "dataset", "likelihood", "sigma")
        }
        return {"format": self.checkpoint_format, KEY: VERSION, **kept, "seed": seed, "groups": self.groups}

    def keep(self, seed: int, state: MemberState, record: TrainRecord, *, checkpoint: bool) -> None:
        """Take in a record of a network and put the network away; a checkpoint too where asked for.

        Raises
        ------
        IfpError : the files cannot be written; those of the record before are still whole.
        """
        with self._lock:
            records = self.records_type(self.records.factor_names)
            records.of_seed = {**self.records.of_seed, seed: [*self.records.of_seed.get(seed, []), record]}
            kept = {name: torch.from_numpy(value) for name, value in records.arrays(seed).items()}
            content = {"state": state.content(), "records": kept}
            try:
                if checkpoint:
                    self._save_checkpoint(seed, state, record)
                write_whole(self._state_path(seed), content)
                self.records = records
                self._save_records()
                self.about["seeds"][str(seed)] = {
                    "status": FINISHED if state.step == self.config.steps else RUNNING,
                    "step": state.step,
                }
                self._write_about()
                if self.logged is not None:
                    self.logged(seed, state)
            except (OSError, RuntimeError) as error:
                raise self._unwritable(error) from error

    def _save_records(self, least: int | None = None) -> None:
        """Write the records of all networks where there are `least` more than in the files; None: for their share."""
        there = sum(map(len, self.records.of_seed.values()))
        if there - self._saved >= (max(1, there // SAVED_SHARE) if least is None else least):
            self.records.save(self.path)
            self._saved = there

    def close(self, status: str) -> None:
        """Write the records that are not written yet; see `ResumableFolder.close`."""
        with self._lock:
            try:
                self._save_records(least=1)
            except OSError as error:
                raise self._unwritable(error) from error
        super().close(status)

    def _save_checkpoint(self, seed: int, state: MemberState, record: TrainRecord) -> None:
        path, config = self._checkpoint_path(seed, state.step), self.config
        about = {"stage": record.stage, "groups": self.groups, "objective": self.about["objective"], "seed": seed}
        content = vae_content(
            state.parameters,
            image_shape=self.image_shape, latents=config.latents, likelihood=config.likelihood, sigma=config.sigma,
            beta=record.beta, step=state.step, **plain({**about, "config": config.to_json()}),
        )  # fmt: skip
        write_whole(path, content)

    def last_checkpoint(self, seed: int) -> Path:
        """Where the checkpoint of a network's last record lies, or would lie."""
        return self._checkpoint_path(seed, self.step(seed))

    def write_checkpoint(self, seed: int) -> Path:
        """Write the checkpoint of a network's last record from where the network was put away."""
        state = self.state(seed)
        if state is None or state.step != self.step(seed):
            raise damaged(self._state_path(seed))
        with self._lock:
            try:
                self._seed_folder(seed).mkdir(exist_ok=True)
                self._save_checkpoint(seed, state, self.records.of_seed[seed][-1])
            except (OSError, RuntimeError) as error:
                raise self._unwritable(error) from error
        return self.last_checkpoint(seed)

    def write_records(self) -> list[Path]:
        """Write the records and the networks' run.json again where they are not as they would be now; the files."""
        before = {path: _bytes_of(path) for path in (self.path / "records.csv", self.path / "records.npz")}
        with self._lock:
            try:
                unseal(self.path)
                self._save_records(least=0)
                changed = [path for path, content in before.items() if _bytes_of(path) != content]
                for seed in range(self.config.seeds):
                    path, content = self._seed_folder(seed) / RUN_FILE, self._about_seed(seed)
                    if not _holds(path, content):
                        path.parent.mkdir(exist_ok=True)
                        write_json(path, content)
                        changed.append(path)
            except (OSError, RuntimeError) as error:
                raise self._unwritable(error) from error
        return changed

    def _checkpoint_path(self, seed: int, step: int) -> Path:
        return self._seed_folder(seed) / f"step-{step:06d}.pt"

    def set_diverged(self, seed: int) -> Path | None:
        """Note that a network diverged; its last good checkpoint, written now where that step has none yet."""
        with self._lock:
            state, records = self.state(seed), self.records.of_seed.get(seed, [])
            path = None
            try:
                if state is not None:
                    path = self._checkpoint_path(seed, state.step)
                    if not path.exists():
                        self._save_checkpoint(seed, state, records[-1])
                self.about["seeds"][str(seed)] = {"status": DIVERGED, "step": self.step(seed)}
                self._write_about()
            except (OSError, RuntimeError) as error:
                raise self._unwritable(error) from error
            return path

    def _write_about(self) -> None:
        if self.groups > 1:
            found = {str(seed): self.empty_stages(seed) for seed in range(self.config.seeds)}
            self.about["empty_stages"] = {seed: stages for seed, stages in found.items() if stages}
        super()._write_about()

    def _unwritable(self, error: OSError | RuntimeError) -> IfpError:
        return IfpError(
            f"The run cannot be saved in {self.path} ({reason_of(error)}); make room, and the same command goes on "
            "from the last record."
        )


def _filled(stored: dict[str, Any]) -> Any:
    """The stored objective with the defaults of options that it was stored without, by an earlier version."""
    objective: Any = stored.get("objective")
    try:
        made = make_objective(str(objective["name"]), **objective["options"])
    except (IfpError, KeyError, TypeError):
        return objective
    return {"name": made.name, "options": plain(describe_options(made))}


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _holds(path: Path, content: dict[str, Any]) -> bool:
    try:
        return bool(load_json(path) == plain(content))
    except (OSError, ValueError):
        return False


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives them back: lists for tuples, and no entry that is another one (which files would show)."""
    found: dict[str, Any] = json.loads(json.dumps(values))
    return found
