"""Sweeps of bytes: the largest memory, and what a run leaves on disk; and the time in which a run's trace is saved.

Shapes: M members, T records, N images, P pixels.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from growth_sweep import Sweep, Work

from ifp.annealing.chunk_files import ChunkFiles
from ifp.annealing.finished import Curves
from ifp.trace import AnnealTrace

RECORDS = 150
"""Of a member, as in the standard preset."""


def made_up_trace(members: int, first: int = 0) -> AnnealTrace:
    """Curves as training leaves them."""
    words = {"factor_M": "orientation", "method_M": "train", "direction_M": "cool", "status_M": "ok"}
    text = {name: np.full(members, word) for name, word in words.items()}
    return AnnealTrace(
        **text,
        context_MF=np.stack([np.arange(first, first + members), *np.zeros((4, members), dtype=int)], 1),
        seed_M=np.zeros(members, dtype=int),
        n_images_M=np.full(members, 40),
        beta_closed_form_M=np.ones(members),
        beta_upper_M=np.ones(members),
        beta_MT=np.ones((members, RECORDS)),
        recon_nats_MT=np.ones((members, RECORDS)),
        kl_nats_MTD=np.ones((members, RECORDS, 1)),
    )


def save_a_chunk(finished: int) -> tuple[Work, float]:
    """What a run does when a chunk of 16 members ends and `finished` others are there, in a file of merged chunks."""
    trace, more = made_up_trace(finished), made_up_trace(16, finished)
    curves = Curves([*trace.labels(), *more.labels()])
    curves.add(trace)
    folder = Path(tempfile.mkdtemp(prefix="ifp-growth-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ChunkFiles(folder)._write(3, trace, np.arange(finished))

    def work() -> None:
        curves.add(more)
        ChunkFiles(folder).add(more, curves.ranks(more))

    return work, 1


def trace_on_disk(members: int) -> int:
    """Bytes of trace.npz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.npz"
        made_up_trace(members).save(path)
        return path.stat().st_size


def training_on_disk(kind: str, size: str, count: int) -> int:
    """Bytes that a training of one network leaves: its checkpoint, the state to go on from, or the records."""
    import ifp

    settings = {"hidden": 256, "records": 2, "latents": 10, **{size: count}}
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, 16, 16), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        ifp.train(
            ifp.dataset(images, np.arange(64) % 4, ["factor"]), architecture="mlp", steps=max(2, settings["records"]),
            batch=32, out=Path(folder) / "run", device="cpu", threads=1, **settings,
        )  # fmt: skip
        pattern = {"checkpoint": "seed-0/*.pt", "resume": ".resume/*.pt", "records": "records.*"}[kind]
        return sum(path.stat().st_size for path in (Path(folder) / "run").glob(pattern))


def trace_in_memory(members: int) -> None:
    """Two chunks put together, as `Curves` does."""
    AnnealTrace.concatenate([made_up_trace(members), made_up_trace(16, members)])


def traversals_in_memory(contexts: int) -> None:
    """The rendered images of a plan."""
    from ifp.annealing.config import preset_config
    from ifp.annealing.plan import plan_cells
    from ifp.datasets.catalog import load_dataset

    plan_cells(
        load_dataset("sprites"),
        preset_config("standard", dataset="sprites", factors=("orientation",), contexts=contexts),
    )


def annealing_in_memory(architecture: str, members: int) -> None:
    """A chunk in training, 256 pixels with `mlp`, 4,096 with `conv`."""
    from growth_networks import annealing

    one_thread()
    pixels, steps = (256, 20) if architecture == "mlp" else (4096, 1)
    annealing(architecture, members=members, pixels=pixels, steps=steps)[0]()


def training_in_memory(networks: int) -> None:
    """Networks in training, 1,024 pixels and 256 hidden units."""
    from growth_networks import training

    one_thread()
    training("mlp", networks=networks)[0]()


def channels_in_memory(size: str, count: int) -> None:
    """The matrix of all pairs of channels."""
    from growth_analysis import pairs

    one_thread()
    pairs(size, max(count, 4) if size == "models" else max(count, 50))[0]()


def one_thread() -> None:
    """PyTorch's kernels on one thread, in the process that this runs in."""
    import torch

    torch.set_num_threads(1)


def sweeps() -> list[Sweep]:
    """All of them."""
    from growth_networks import doubling

    def memory(part: str, quantity: str, first: int, call: object, rounds: int = 1) -> Sweep:
        return Sweep(f"memory, {part}", quantity, doubling(first, 5), "bytes in memory", call, rounds)  # type: ignore[arg-type]

    def disk(quantity: str, sizes: tuple[int, ...], call: object) -> Sweep:
        return Sweep("disk", quantity, sizes, "bytes on disk", call)  # type: ignore[arg-type]

    return [
        Sweep("saving", "members finished", doubling(1000, 5), "s per chunk that ends", save_a_chunk),
        memory("annealing, mlp", "members of a chunk", 8, partial(annealing_in_memory, "mlp")),
        memory("annealing, conv", "members of a chunk", 2, partial(annealing_in_memory, "conv")),
        memory("training, mlp", "networks", 4, training_in_memory),
        memory("channels", "models", 8, partial(channels_in_memory, "models")),
        memory("channels", "points", 250, partial(channels_in_memory, "points")),
        memory("traversals", "traversals of orientation", 100, traversals_in_memory),
        memory("trace", "members", 4000, trace_in_memory),
        disk("members in trace.npz", doubling(250, 5), trace_on_disk),
        disk("hidden units, checkpoint", doubling(32, 5), partial(training_on_disk, "checkpoint", "hidden")),
        disk("hidden units, state to go on", doubling(32, 5), partial(training_on_disk, "resume", "hidden")),
        disk("records of a training", doubling(4, 5), partial(training_on_disk, "records", "records")),
    ]
