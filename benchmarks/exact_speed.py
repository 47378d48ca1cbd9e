"""Exact annealing against an older commit of itself: CPU seconds, and how far the crossings are apart.

    python benchmarks/exact_speed.py [--old COMMIT] [--contexts 40] [--old-contexts 40] [--chunk 10]

The older commit is exported into a temporary folder and imported from there by a process of its own. Both processes
anneal the same chunks of traversals in turn, with one thread each, and report CPU seconds (rendering and the edges,
which the two share, are not in them). The crossings of the threshold are compared one by one. With fewer
`--old-contexts` the older side anneals only the first of each factor, and the ratio is taken over these.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
OLD = "4f5272e"
"""The commit at which the work on the speed of exact annealing started."""


def work(root: str) -> None:
    """Anneal what is asked for on standard input, with the package in folder `root`; answer with CPU seconds."""
    sys.path.insert(0, root)
    import torch

    import ifp
    from ifp.datasets.sprites import Sprites
    from ifp.exact.annealing import exact_annealing
    from ifp.theory.closed_form import freezing_bounds

    assert Path(str(ifp.__file__)).is_relative_to(root), f"{ifp.__file__} is not in {root}"
    torch.set_num_threads(1)
    dataset = Sprites()
    for line in sys.stdin:
        asked = json.loads(line)
        drawn = dataset.sample_traversals(asked["factor"], asked["contexts"], seed=0)[asked["first"] : asked["last"]]
        images = [dataset.traversal_images(traversal) for traversal in drawn]
        bounds = freezing_bounds(images, asked["likelihood"], sigma=asked["sigma"])
        began = time.process_time()
        trace = exact_annealing(images, asked["likelihood"], sigma=asked["sigma"], bounds=bounds)
        seconds = time.process_time() - began
        trace.save(Path(asked["path"]))
        print(json.dumps(seconds), flush=True)


def export(commit: str, folder: Path) -> None:
    """Write the files of a commit into a folder."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit, "ifp"], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")


TOLD = 1e-4
"""Crossings that are further apart than this share are named."""


class Side:
    """A process that anneals with the package in one folder."""

    def __init__(self, root: Path, folder: Path) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--worker", str(root)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)
        self._path = folder / f"{root.name}-trace.npz"

    def anneal(self, **asked: object) -> tuple[float, Path]:
        """CPU seconds, and where the trace is until the next call."""
        to, answers = self._process.stdin, self._process.stdout
        assert isinstance(to, IO | io.TextIOBase)
        assert isinstance(answers, IO | io.TextIOBase)
        to.write(json.dumps({**asked, "path": str(self._path)}) + "\n")
        to.flush()
        answer = answers.readline()
        assert answer, "the process has ended; its message stands above"
        return float(json.loads(answer)), self._path


def compare(factor: str, old: Side, new: Side, options: argparse.Namespace) -> tuple[float, float, float]:
    """Print one factor's row; CPU seconds of both sides over the same contexts, and those of the new one over all."""
    from ifp.analysis.freezing.points import freezing_points
    from ifp.trace import AnnealTrace

    seconds = {old: 0.0, new: 0.0}
    rest, apart, status_differs, crossings = 0.0, 0.0, 0, 0
    for first in range(options.first, options.contexts, options.chunk):
        last = min(first + options.chunk, options.contexts)
        asked = {
            "factor": factor, "contexts": options.contexts, "first": first, "last": last,
            "likelihood": options.likelihood, "sigma": options.sigma,
        }  # fmt: skip
        if last > options.old_contexts:
            rest += new.anneal(**asked)[0]
            continue
        points = {}
        # whoever goes first meets the colder caches
        for side in (old, new) if first // options.chunk % 2 else (new, old):
            spent, path = side.anneal(**asked)
            seconds[side] += spent
            points[side] = freezing_points(AnnealTrace.load(path))
        both = (points[old]["status"] == "frozen") & (points[new]["status"] == "frozen")
        change = (points[new]["beta_ifp"] / points[old]["beta_ifp"] - 1).where(both)
        for row in change.index[change.abs() > TOLD]:
            one = points[new].loc[row]
            print(f"{factor} {one['context']} {one['direction']}: {points[old]['beta_ifp'][row]:.6f} old, "
                  f"{one['beta_ifp']:.6f} new ({change[row]:+.1e})", flush=True)  # fmt: skip
        apart = max(apart, float(change.abs().max()))
        status_differs += int((points[old]["status"] != points[new]["status"]).sum())
        crossings += int(both.sum())
    print(
        f"{factor:12} old {seconds[old]:8.1f} s, new {seconds[new]:7.1f} s, ratio {seconds[old] / seconds[new]:5.2f}; "
        f"{crossings} crossings at most {apart:.1e} apart, {status_differs} of another status; "
        f"new over all {options.contexts} contexts {seconds[new] + rest:.1f} s",
        flush=True,
    )
    return seconds[old], seconds[new], seconds[new] + rest


def main() -> None:
    """Compare both sides, factor by factor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--old", default=OLD, help="the older commit (default: %(default)s)")
    parser.add_argument("--factors", nargs="+", default=["shape", "scale", "orientation", "posX", "posY"])
    parser.add_argument("--contexts", type=int, default=40, help="traversals per factor (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: %(default)s)")
    parser.add_argument("--old-contexts", type=int, help="those on the older side, whole chunks (default: all)")
    parser.add_argument("--chunk", type=int, default=10, help="traversals in one call (default: %(default)s)")
    parser.add_argument("--likelihood", default="bernoulli")
    parser.add_argument("--sigma", type=float, default=1.0, help="of the gaussian likelihood (default: %(default)s)")
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    if options.old_contexts is None:
        options.old_contexts = options.contexts
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(options.old, folder / "old")
        old, new = Side(folder / "old", folder), Side(ROOT, folder)
        totals = [compare(factor, old, new, options) for factor in options.factors]
    before, after, everything = (sum(column) for column in zip(*totals, strict=True))
    print(f"all: old {before:.1f} s, new {after:.1f} s, ratio {before / after:.2f}; new over all {everything:.1f} s")


if __name__ == "__main__":
    main()
