"""What a recorder costs of a usual training: a convolutional VAE of sprites with Adam, with and without records.

    python benchmarks/recorder.py [--rounds 7] [--steps 20] [--device cpu]

In each round the same loop makes its steps, then calls `recorder.update` where no record is due, then records once, and
once more with the reconstruction and a checkpoint: seconds of the CPU on a CPU, of the clock on a GPU. The share of a
record in a training is its time over that of the steps between two records.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import ifp

BATCH, LATENTS = 64, 10
EVERY = (100, 500, 1000)
NEVER = 10**9
CALLS = 10_000
"""Of `update` where no record is due: one call is too short to time."""


class ConvVae(nn.Module):
    """The convolutional network of Burgess et al. 2018, for 64 x 64 images of one channel."""

    def __init__(self) -> None:
        super().__init__()
        down = [layer for a, b in ((1, 32), (32, 32), (32, 64), (64, 64)) for layer in _halving(nn.Conv2d, a, b)]
        up = [layer for a, b in ((64, 64), (64, 32), (32, 32), (32, 1)) for layer in _halving(nn.ConvTranspose2d, a, b)]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 2 * LATENTS))
        self.decoder = nn.Sequential(
            nn.Linear(LATENTS, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU(), nn.Unflatten(1, (64, 4, 4)), *up[:-1]
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance."""
        mean, logvar = self.encoder(x).chunk(2, 1)
        return mean, logvar


def _halving(kind: Callable[..., nn.Module], channels: int, out: int) -> list[nn.Module]:
    return [kind(channels, out, 4, 2, 1), nn.ReLU()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20, help="steps per round and side")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(0)
    data = ifp.load_dataset("sprites")
    rows = np.random.default_rng(0).choice(len(data.space), 4096, replace=False)
    images = torch.from_numpy(data.render(data.space.unravel(rows), 0 * rows)).to(device)
    model = ConvVae().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)

    def step() -> None:
        x = images[torch.randint(len(images), (BATCH,), device=device)].float() / 255
        mean, logvar = model.encode(x)
        out = model.decoder(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
        recon = nn.functional.binary_cross_entropy_with_logits(out, x, reduction="sum") / BATCH
        loss = recon + 4 * 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def seconds(call: Callable[[], object]) -> float:
        if device.type != "cpu":
            torch.cuda.synchronize()
        clock = time.process_time if device.type == "cpu" else time.perf_counter
        start = clock()
        call()
        if device.type != "cpu":
            torch.cuda.synchronize()
        return clock() - start

    with tempfile.TemporaryDirectory() as folder:
        recorder = ifp.Recorder(data, out=f"{folder}/plain", every=NEVER, output="logits")
        drawn = ifp.Recorder(data, out=f"{folder}/drawn", every=NEVER, output="logits", checkpoints=True)
        at = iter(range(1, NEVER))

        def plain() -> None:
            for _ in range(given.steps):
                step()

        def nothing_due() -> None:
            for _ in range(CALLS):
                recorder.update(1, model, beta=4.0)

        sides: dict[str, Callable[[], object]] = {
            "step": plain,
            "update where none is due": nothing_due,
            "record": lambda: recorder.update(next(at), model, beta=4.0, now=True),
            "record with decode and checkpoint": lambda: drawn.update(
                next(at), model, beta=4.0, decode=model.decoder, now=True
            ),
        }
        for call in sides.values():
            call()  # once for what is loaded and allocated on first use
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(given.rounds):
            for name, call in sides.items():
                found[name].append(
                    seconds(call) / {"step": given.steps, "update where none is due": CALLS}.get(name, 1)
                )
        recorder.close()
        drawn.close()
    medians = {name: statistics.median(values) for name, values in found.items()}
    where = platform.processor() or platform.machine() if device.type == "cpu" else torch.cuda.get_device_name(device)
    print(f"ifp {ifp.__version__}, torch {torch.__version__}, {where}, batches of {BATCH}, 1,000 images per record")
    for name, value in medians.items():
        spread = f"{min(found[name]) * 1e3:.4g} to {max(found[name]) * 1e3:.4g}"
        print(f"{name}: {value * 1e3:.4g} ms (median of {given.rounds}; {spread})")
    for name in ("record", "record with decode and checkpoint"):
        shares = ", ".join(
            f"{100 * medians[name] / (every * medians['step']):.2f} % with every={every}" for every in EVERY
        )
        print(f"{name}: {shares}")


if __name__ == "__main__":
    main()
