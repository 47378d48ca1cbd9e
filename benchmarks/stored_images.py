"""Memory and time of MPI3D: 1,036,800 images opened, read at random, and trained on, from a made-up file of full size.

    python benchmarks/stored_images.py [--share 1.0] [--packed] [--folder FOLDER] [--steps 200]

The file (12.7 GB at share 1) and what is unpacked of it lie in a temporary folder, which needs the room. `--share 0.1`
makes a tenth of it. The work is done in a process of its own, whose largest memory (VmHWM) is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from ifp.datasets.factors import FactorSpace
from ifp.datasets.mpi3d import SPACE, Mpi3d


def space_of(share: float) -> FactorSpace:
    """The grid with fewer positions of the horizontal axis."""
    return FactorSpace(SPACE.names, (*SPACE.sizes[:5], max(1, round(SPACE.sizes[5] * share)), SPACE.sizes[6]))


def make_file(path: Path, space: FactorSpace, *, packed: bool) -> None:
    """A file of the official layout: images of noise of two strengths, each block of them with a number in it."""
    rows = space.sizes[-1] * space.sizes[-2]
    block = np.random.default_rng(0).integers(0, 256, (rows, 64, 64, 3), dtype=np.uint8)
    block[:, 8:, 8:] //= 32
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with (
        zipfile.ZipFile(path, "w", method, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as stream,
    ):
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(space), 64, 64, 3)}
        np.lib.format.write_array_header_1_0(stream, header)
        for number in range(len(space) // rows):
            block[:, 0, 0, 0], block[:, 0, 0, 1] = number % 256, number // 256
            stream.write(block.data)


def peak_mib() -> float:
    """The largest resident memory of this process so far, and 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def work(folder: Path, share: float, steps: int) -> None:
    """Open twice, read 20,000 images at random, take batches and train; print what each took."""
    space = space_of(share)

    def said(what: str, start: float) -> None:
        print(
            f"{what:44} {time.perf_counter() - start:7.1f} s, largest memory so far {peak_mib():7.0f} MiB", flush=True
        )

    print(f"{len(space):,} images, {len(space) * 12288 / 2**30:.1f} GiB")
    start = time.perf_counter()
    data = Mpi3d("mpi3d-toy", folder, space=space)
    said("opened for the first time, all images read", start)
    start = time.perf_counter()
    data = Mpi3d("mpi3d-toy", folder, space=space)
    said("opened again", start)
    index = np.random.default_rng(1).integers(len(space), size=20_000)
    start = time.perf_counter()
    for part in np.array_split(index, 20):
        data.stored.images(part)
    said("20,000 images at random", start)
    import torch

    from ifp.training.images import load_images

    start = time.perf_counter()
    images = load_images(data, 0, 0, "cpu")
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        images.at(images.draw(generator, 1, 64))
    said(f"{steps} batches of 64 of a training on all images", start)
    print(images.describe())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the official number of images")
    parser.add_argument("--packed", action="store_true", help="a file with compression, which is unpacked once")
    parser.add_argument("--folder", type=Path, help="a folder with room; its mpi3d_toy.npz is used if it is there")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.share, given.steps)
        sys.exit()
    with tempfile.TemporaryDirectory(dir=given.folder) as cache:
        folder = given.folder or Path(cache)
        path = folder / "mpi3d_toy.npz"
        if not path.exists():
            make_file(path, space_of(given.share), packed=given.packed)
        command = [
            sys.executable,
            __file__,
            "--work",
            str(folder),
            "--share",
            str(given.share),
            "--steps",
            str(given.steps),
        ]
        subprocess.run(command, check=True, env={**os.environ, "IFP_CACHE": str(Path(cache) / "cache")})
