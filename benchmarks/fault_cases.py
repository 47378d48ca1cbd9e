"""The commands that are disturbed, small enough for hundreds of runs, and how each goes undisturbed."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from fault_runs import Around, Case, contents, differences, run


def import_everything() -> None:
    """What the commands import, once, so that no trial pays for it."""
    import ifp.analysis.channels.study
    import ifp.analysis.diffusion.study
    import ifp.analysis.freezing.plot_run
    import ifp.analysis.freezing.study
    import ifp.analysis.joint.study
    import ifp.analysis.plot_folder
    import ifp.analysis.shift.study
    import ifp.analysis.training.study  # noqa: F401


def noting_modules(path: Path) -> Around:
    """Calls the command and writes the names of all modules that are imported then."""

    def around(call: Callable[[], None]) -> None:
        try:
            call()
        finally:
            path.write_text("\n".join(sorted(sys.modules)))

    return around


def import_again(path: Path) -> None:
    """Import here what a run imported as it went, so that no trial pays for it, or may not read it as another user."""
    for name in path.read_text().splitlines():
        if name != "__main__":
            with suppress(Exception):
                importlib.import_module(name)


def prepare(place: Path, only: list[str]) -> list[Case]:
    """The commands, with what they read, on images of a bar."""
    sizes = (6, 20, 10)
    images = np.zeros((*sizes, 12, 28), dtype=np.uint8)
    for width, at, row in np.ndindex(sizes):
        images[width, at, row, row : row + 3, at : at + 2 + width] = 255
    factors = np.stack(np.meshgrid(*map(range, sizes), indexing="ij"), axis=-1).reshape(-1, 3)
    np.savez(
        place / "bars.npz", images=images.reshape(-1, 12, 28), factors=factors, factor_names=["width", "place", "row"]
    )
    data = ["--dataset", f"npz:{place / 'bars.npz'}"]
    small = ["--architecture", "mlp", "--hidden", "32", "--batch", "32", "--quiet", "--threads", "2"]
    train = [*data, *small, "--steps", "120", "--records", "6", "--checkpoint-every", "40", "--latents", "4"]
    trained = place / "trained"
    learned = ["--steps", "600", "--learning-rate", "0.003", "--option", "beta=1", "--seeds", "5"]  # the last counts
    ended = run(Case("", ["train", *train, *learned]), trained)
    assert ended.code == 0, ended.text
    cases = [
        Case("anneal", ["anneal", *data, "--factor", "width", "--factor", "row", "--contexts", "2",
                        "--steps", "120", "--hold-steps", "40", "--records", "12",
                        "--hidden", "16", "--batch", "20", "--seeds", "2", "--threads", "2", "--quiet",
                        "--format", "none"]),
        Case("train", ["train", *train, "--seeds", "3"]),
        Case("deft", ["train", *train, "--seeds", "2", "--objective", "deft", "--option", "betas=20,4"]),
        Case("whole", ["anneal", "--whole", *data, *small, "--steps", "120", "--records", "12", "--latents", "3",
                       "--seeds", "2", "--beta-max", "30", "--beta-min", "1", "--format", "none"]),
        Case("channels", ["channels", str(trained), *data, "--points", "60", "--quiet"]),
        Case("diagnose", ["diagnose", str(trained / "seed-0"), *data, "--images", "80", "--permutations", "20",
                          "--bootstraps", "20", "--no-joint", "--metrics", "none", "--quiet", "--format", "none"]),
        Case("shift", ["shift", str(trained / "seed-0"), str(trained / "seed-1"), *data, "--images", "1000",
                       "--fixed-images", "1000", "--steps", "40", "--hold-steps", "0", "--records", "4", "--quiet"]),
        Case("plot", ["plot", str(trained), "--format", "png"]),
    ]  # fmt: skip
    for case in cases:
        if only and case.name not in only:
            continue
        twice = []
        for number in range(2):
            started = time.monotonic()
            out, modules = place / f"{case.name}-{number}", place / f"{case.name}.modules"
            ended = run(case, out, around=noting_modules(modules))
            case.seconds = time.monotonic() - started
            import_again(modules)
            assert ended.code in (0, 1), (case.name, ended.code, ended.text)
            case.code = ended.code
            twice.append(contents(out))
        unlike = differences(*twice)
        assert not unlike, f"{case.name}: these differ between two undisturbed runs: {unlike}"
        case.files = twice[0]
        print(f"{case.name}: {case.seconds:.1f} s, {len(case.files)} files", flush=True)
    return [case for case in cases if case.files]
