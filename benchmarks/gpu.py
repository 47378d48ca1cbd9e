"""One lease of a GPU: is it right there, how fast is it, and where does the time go?

    python3 benchmarks/gpu.py                        # at most 8 minutes on one GPU of the size of an H100
    python3 benchmarks/gpu.py --device cpu --smoke   # the same way on a CPU with tiny sizes, some 48 CPU seconds
    python3 benchmarks/gpu.py --only correctness,conv

It needs Python, torch, NumPy and SciPy, no installation of this project and no network. Each step runs in a process of
its own with a limit of its own, the most important first, so that what crashes or hangs loses that step alone. Results
are appended to the file of `--results` as they come.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checkout import ROOT, use_checkout

LIMITS = {  # step -> seconds, most important first
    "tests": 70,
    "correctness": 80,
    "conv": 100,
    "training": 90,
    "mlp": 40,
    "exact": 40,
    "peaks": 20,
    "profile": 30,
}
SECONDS = 470.0
"""Of all steps together."""
LAST_LINES = 12
"""Of the errors of a step that did not end well."""


def emit(results: Path, text: str) -> None:
    """Print, and append to the file for good."""
    print(text, flush=True)
    with results.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def run_step(name: str, seconds: float, options: argparse.Namespace) -> None:
    """Run one step in a process of its own, and say how it ended where it did not end well."""
    command = [sys.executable, __file__, "--step", name, "--device", options.device, "--results", str(options.results)]
    command += ["--smoke"] if options.smoke else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    started = time.perf_counter()
    run = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, errors="replace", env=environment, start_new_session=True
    )
    try:
        _, errors = run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        emit(options.results, f"- {name}: **stopped** at its limit of {seconds:.0f} s; the lines above it stand.")
        emit(options.results, _indented(_where_it_was(_stop(run))))
        return
    took = time.perf_counter() - started
    if run.returncode:
        emit(options.results, f"- {name}: **failed** after {took:.0f} s (exit status {run.returncode}):")
        emit(options.results, _indented(errors.strip().splitlines()[-LAST_LINES:]))
    else:
        emit(options.results, f"- {name}: done in {took:.0f} s.\n")


def _stop(run: subprocess.Popen[str]) -> str:
    """End a step and all that it started, or the device would not be free for the next; returns its errors."""
    errors = ""
    for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
        with suppress(ProcessLookupError):
            os.killpg(run.pid, number)
        # what hangs in the driver may outlive even the second: then the next step begins without waiting for it
        with suppress(subprocess.TimeoutExpired):
            errors = run.communicate(timeout=patience)[1] or errors
    return errors


def _where_it_was(errors: str) -> list[str]:
    """The innermost frames of a step that was stopped, which it writes when it is told to end; else its last lines."""
    lines = errors.strip().splitlines()
    frames = next((at for at, line in enumerate(lines) if "most recent call first" in line), None)
    return lines[-LAST_LINES:] if frames is None else lines[frames : frames + LAST_LINES]


def _indented(lines: list[str]) -> str:
    return "\n".join(f"      {line}" for line in lines)


def header(options: argparse.Namespace) -> str:
    """Card, versions, date and command."""
    import platform

    import torch

    use_checkout()
    import ifp

    card = "CPU"
    if options.device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(options.device)
        card = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}, "
        card += f"cuDNN {torch.backends.cudnn.version()}"
    return (
        f"\n## {time.strftime('%Y-%m-%d %H:%M')}, {card}, {os.cpu_count()} CPU cores, python "
        f"{platform.python_version()}, torch {torch.__version__}, ifp {ifp.__version__}\n\n"
        f"`{' '.join(['python3', 'benchmarks/gpu.py', *sys.argv[1:]])}`\n"
    )


def main() -> None:
    """All steps in turn, or the one of this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does every step go through?")
    parser.add_argument("--only", default=",".join(LIMITS), help="steps, with commas")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of all steps together")
    parser.add_argument("--results", type=Path, default=Path("gpu-results.md"), help="appended to")
    parser.add_argument("--step", choices=LIMITS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        # told to end at its limit, a step says first where it is
        faulthandler.register(signal.SIGTERM, all_threads=False, chain=True)
        use_checkout()
        from gpu_steps import STEPS

        STEPS[options.step](options.device, options.smoke, lambda text: emit(options.results, text))
        return
    started = time.perf_counter()
    wanted = options.only.split(",")
    unknown = set(wanted) - set(LIMITS)
    if unknown:
        parser.error(f"unknown step {', '.join(sorted(unknown))}; there are {', '.join(LIMITS)}")
    try:
        emit(options.results, header(options))
    except Exception as error:  # each step will say for itself what is wrong
        emit(options.results, f"\n## {time.strftime('%Y-%m-%d %H:%M')}, {type(error).__name__}: {error}\n")
    for name in wanted:
        left = options.seconds - (time.perf_counter() - started)
        if left < 5:
            emit(options.results, f"- {name}: not run, the time is over.")
            continue
        run_step(name, min(LIMITS[name], left), options)
    emit(options.results, f"All in {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
