"""Training on the workers of a cluster: a stretch of steps at a time, so that a worker that dies costs a stretch.

A worker makes the run's images once, trains a chunk of networks as `ifp.training.run` does here, and after some seconds
sends back what would have been written: states and records, in order. The client writes them and sends the next
stretch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import DATASETS, load_dataset
from ifp.errors import IfpError
from ifp.formats import FINISHED, RUNNING
from ifp.system.progress import Progress, Say, silent
from ifp.system.threads import Stopped
from ifp.system.workers import Site, Workers
from ifp.training.chunks import divide, kernel_threads
from ifp.training.config import TrainConfig
from ifp.training.evaluation import Evaluation, Nmi, PosteriorNmi, make_evaluation
from ifp.training.folder import TrainFolder
from ifp.training.images import TrainingImages
from ifp.training.outcome import give_up
from ifp.training.records import TrainRecord, TrainRecords
from ifp.training.run import ChunkTraining, Initial
from ifp.training.setup import Setup, load_training_images, set_up
from ifp.training.stages import empty_stages
from ifp.training.state import MemberState

STRETCH_SECONDS = 20.0
"""A worker sends back what it has at the first record after so long."""
RENDERED = tuple(name for name in DATASETS if name.startswith("sprites") or name in ("toys", "arrow", "xysquares"))
"""Data sets that every worker makes by itself from their name; others travel."""


@dataclass(eq=False)
class SharedTraining:
    """What all stretches of a run have in common; a worker makes setup and images of it once.

    Attributes
    ----------
    source : the data set, or its name where every worker can make it. checksum : of its content.
    """

    source: FactorDataset | str
    checksum: str
    config: TrainConfig
    threads: int
    nmi: Nmi | None
    posterior_nmi: PosteriorNmi | None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_made"}

    def made(self, device: str) -> tuple[Setup, TrainingImages, Evaluation]:
        """Setup, images and the sample for the records, on a device."""
        with _making:
            if "_made" not in self.__dict__:
                self._made = self._make(device)
        return self._made

    def _make(self, device: str) -> tuple[Setup, TrainingImages, Evaluation]:
        dataset = load_dataset(self.source) if isinstance(self.source, str) else self.source
        if dataset.checksum() != self.checksum:
            raise IfpError(
                f"A worker makes other images of {dataset.name}; install the same version of ifp on all of them."
            )
        setup = set_up(dataset, self.config, device=device, threads=self.threads)
        images = load_training_images(setup)
        return setup, images, make_evaluation(dataset, setup.config, images, silent)


_making = threading.Lock()


@dataclass
class Stretch:
    """Networks that train as one batch, from where they are.

    Attributes
    ----------
    states : None for a network that begins. records : of each network so far.
    """

    seeds: list[int]
    states: list[MemberState | None]
    records: list[list[TrainRecord]]

    def name(self) -> str:
        """What tells these networks from others."""
        return f"seed{'s' * (len(self.seeds) > 1)} {', '.join(map(str, self.seeds))}"


@dataclass
class KeptState:
    """What a record would have written: a network after a step, or that it diverged before it (no state)."""

    seed: int
    step: int
    state: MemberState | None
    record: TrainRecord | None = None
    checkpoint: bool = False


@dataclass(eq=False)
class _Collecting:
    """Stands in the place of a folder where a stretch is trained, and collects what would be written."""

    groups: int
    steps: int
    records: TrainRecords
    states: dict[int, MemberState | None]
    kept: list[KeptState] = field(default_factory=list)
    diverged: set[int] = field(default_factory=set)

    def state(self, seed: int) -> MemberState | None:
        return self.states[seed]

    def checked_state(self, seed: int, state: MemberState, fresh: MemberState) -> MemberState:
        """See `TrainFolder.checked_state`."""
        if not state.fits(fresh, self.steps) or state.step != self.step(seed):
            raise IfpError(
                f"What network {seed} goes on from is another network than this run's; delete the run's folder and "
                "begin anew."
            )
        return state

    def step(self, seed: int) -> int:
        records = self.records.of_seed.get(seed)
        return records[-1].step if records else 0

    def status(self, seed: int) -> str:
        return RUNNING if seed not in self.diverged and self.step(seed) < self.steps else FINISHED

    def empty_stages(self, seed: int) -> list[int]:
        return empty_stages(self.records.of_seed.get(seed, ()), self.groups, self.steps)

    def keep(self, seed: int, state: MemberState, record: TrainRecord, *, checkpoint: bool) -> None:
        self.records.add(seed, record)
        own = MemberState.from_content(state.content())  # without the memory of the batch that it is a view of
        self.states[seed] = own
        self.kept.append(KeptState(seed, own.step, own, record, checkpoint))


class _RemoteTraining(ChunkTraining):
    def _give_up(self, seed: int, step: int) -> None:
        folder: Any = self.folder
        folder.diverged.add(seed)
        folder.kept.append(KeptState(seed, step, None))


def train_stretch(shared: SharedTraining, stretch: Stretch, site: Site) -> list[KeptState]:
    """Train a chunk for a while, at least to its next record."""
    setup, images, evaluation = shared.made(site.device)
    records = TrainRecords(setup.dataset.space.names if setup.dataset.labelled else ())
    records.of_seed = {seed: list(of) for seed, of in zip(stretch.seeds, stretch.records, strict=True) if of}
    groups = setup.objective.groups(setup.config.latents)
    folder = _Collecting(groups, setup.config.steps, records, dict(zip(stretch.seeds, stretch.states, strict=True)))
    deadline = time.monotonic() + STRETCH_SECONDS

    def stop() -> bool:
        return site.stop() or (bool(folder.kept) and time.monotonic() > deadline)

    stands_in: Any = folder
    training = _RemoteTraining(
        setup, stands_in, images, evaluation, shared.nmi, shared.posterior_nmi, None, site.count, site.say
    )
    try:
        training.train_halving(site.device, stretch.seeds, stop)
    except Stopped:
        if site.stop():
            raise
    return folder.kept


def train_elsewhere(
    setup: Setup,
    folder: TrainFolder,
    seeds: Sequence[int],
    workers: Workers,
    *,
    nmi: Nmi | None,
    posterior_nmi: PosteriorNmi | None,
    initial: Initial | None,
    progress: Progress,
    say: Say,
) -> float:
    """Train these networks to their end on the workers; returns images per second."""
    config, begun, started = setup.config, sum(map(folder.step, seeds)), time.perf_counter()
    done, total = begun, config.steps * len(seeds)

    def count(units: int) -> None:
        nonlocal done
        done = min(done + units, total)
        progress("Training (network-steps)", done, total)

    def state_of(seed: int) -> MemberState | None:
        found = folder.state(seed)
        return initial(seed) if found is None and initial is not None else found

    def stretch(chunk: Sequence[int]) -> Stretch:
        return Stretch(
            list(chunk), [state_of(seed) for seed in chunk], [folder.records.of_seed.get(s, []) for s in chunk]
        )

    def save(kept: Sequence[KeptState]) -> list[Stretch]:
        for one in kept:
            if one.state is None or one.record is None:
                give_up(folder, one.seed, one.step, say)
            else:
                folder.keep(one.seed, one.state, one.record, checkpoint=one.checkpoint)
        left = [s for s in dict.fromkeys(one.seed for one in kept) if folder.status(s) == RUNNING]
        return [stretch(chunk) for chunk in divide(left, folder.step, _divided(setup, 1))] if left else []

    progress("Training (network-steps)", done, total)
    chunks = [stretch(chunk) for chunk in divide(seeds, folder.step, _divided(setup, workers.count))]
    threads = 1 if setup.network.twin_alone else folder.threads
    with kernel_threads(threads):  # also of what is computed here, where records are saved
        workers.map_chunks(
            train_stretch, shared_training(setup, folder, nmi, posterior_nmi), chunks, save, name=Stretch.name,
            count=count, say=say, kernel_threads=threads,
        )  # fmt: skip
    return (sum(map(folder.step, seeds)) - begun) * config.batch / (time.perf_counter() - started)


def _divided(setup: Setup, parts: int) -> Setup:
    return replace(setup, threads=parts)


def shared_training(
    setup: Setup, folder: TrainFolder, nmi: Nmi | None, posterior_nmi: PosteriorNmi | None
) -> SharedTraining:
    """What the workers need of a run, with the data set by name where they can make it."""
    dataset, name = setup.dataset, setup.config.dataset
    by_name = name in RENDERED and setup.config.background is None and type(load_dataset(name)) is type(dataset)
    return SharedTraining(
        name if by_name else dataset, dataset.checksum(), setup.config, folder.threads, nmi, posterior_nmi
    )
