"""Small folders of every kind that this project writes, made anew for each fuzzing, and one file of each code base."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import ifp
from ifp.checkpoints.native import save_vae
from ifp.networks.fully_connected import MlpNetwork, PixelStatistics

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (1, 2, 6)
OTHER_KINDS = [
    start + b"\0" * 600
    for start in (
        b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0", b"\x08\x01\x12\x07", b"\x08\x07\x12\x07pytorch",
        b"\x1f\x8b\x08", b"version https://git-lfs.github.com/spec/v1", b"<!DOCTYPE html>", b"\x80\x04K\x01.",
        b"\0" * 257 + b"ustar",
    )
]  # fmt: skip
"""The first bytes of files that are refused by their kind: HDF5, SavedModel, ONNX, gzip and others."""


def small_data() -> Any:
    """Twelve images of two factors."""
    images = np.zeros((3, 4, 2, 6), dtype=np.uint8)
    for place in range(3):
        for level in range(4):
            images[place, level, :, 2 * place : 2 * place + 2] = 60 * (level + 1)
    factors = np.stack(np.meshgrid(range(3), range(4), indexing="ij"), axis=-1).reshape(-1, 2)
    return ifp.dataset(images.reshape(-1, 2, 6), factors, ["place", "level"])


def small_codes(seed: int, models: int = 1) -> list[Any]:
    """Codes of 256 images that hold two factors, by several models."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 4, (256, 2))
    return [
        ifp.Codes(
            np.concatenate([factors + 0.2 * rng.normal(size=(256, 2)), np.zeros((256, 1))], axis=1),
            np.full((256, 3), [-3.0, -3.0, 0.0]),
            factors,
            ("place", "level"),
        )
        for _ in range(models)
    ]


def make_folders(out: Path) -> None:
    """Make the folders anneal, train, whole, sweep, diagnosis, channels, recording, shift and directions in `out`."""
    data = small_data()
    small = {"steps": 20, "records": 4, "batch": 8, "device": "cpu", "threads": 1}
    ifp.anneal(data, contexts=2, seeds=1, hidden=8, out=out / "anneal", **small)
    network = {"architecture": "mlp", "hidden": 8, "latents": 2}
    ifp.train(data, "beta", out=out / "train", seeds=1, **network, **small)
    ifp.anneal_whole(data, out=out / "whole", seeds=1, **network, **{**small, "steps": 60, "records": 12})
    gan = {"steps": 30, "hold_steps": 10, "records": 4, "batch": 8, "hidden": 8, "device": "cpu", "threads": 1}
    ifp.anneal_whole(data, objective="infogan", out=out / "sweep", seeds=1, architecture="mlp", latents=2, **gan)
    counts = {"permutations": 20, "bootstraps": 20}
    ifp.diagnose(small_codes(0)[0], metrics="none", **counts).save(out / "diagnosis")
    ifp.channels(small_codes(1, 5), points=200).save(out / "channels")
    write_recording(out / "recording")
    write_shift(out / "shift")
    write_directions(out / "directions")


def write_recording(out: Path) -> None:
    """A recording of two steps of a loop whose codes are the pixels of a corner."""
    data = small_data()
    images = data.render(data.space.unravel(np.arange(12)).repeat(5, axis=0), np.zeros(60, dtype=int))
    factors = data.space.unravel(np.arange(12)).repeat(5, axis=0)
    many = ifp.dataset(images, factors, data.space.names)
    with ifp.Recorder(many, out=out, every=10, say=lambda text: None) as recorder:
        for step in (0, 10):
            recorder.update(step, lambda x, step=step: (x[:, 0, 0, :2] + step, x[:, 0, 1, :2] - 3), beta=4.0)


def write_shift(out: Path) -> None:
    """The table of `ifp shift` that its figure shows."""
    out.mkdir()
    rows = ["kind,name,beta_ifp,low,high,status,held_at_start,beta_start,beta_end,side,number"]
    for number in range(3):
        rows += [
            f"factor,place,{12 + number},11,20,melted,0.02,1.0,300.0,{side},{number}"
            for side in ("baseline", "mitigated")
        ]
        rows += [f"factor,level,,,,never_melted,0.02,1.0,300.0,{side},{number}" for side in ("baseline", "mitigated")]
    (out / "melting.csv").write_text("\n".join(rows) + "\n")
    (out / "shift.json").write_text("{}")


def write_directions(out: Path) -> None:
    """The files of `ifp directions` that its figure shows."""
    out.mkdir()
    rows = ["kind,number,minmax,standard_error,nearest_latent,cosine"]
    rows += [f"{kind},{number},0.5,0.1,0,0.9" for kind in ("found", "random") for number in range(2)]
    (out / "directions.csv").write_text("\n".join(rows) + "\n")
    (out / "directions.json").write_text("{}")
    images = np.linspace(0, 1, 2 * 3 * 12).reshape(2, 3, 1, 2, 6)
    np.savez(out / "traversals.npz", found=images, random=images, values=np.array([-1.0, 0.0, 1.0]))


def write_checkpoints(out: Path) -> dict[str, Path]:
    """Our own small network as a torch zip, in torch's older format, as safetensors and as a TensorFlow bundle."""
    out.mkdir(exist_ok=True)
    sys.path.insert(0, str(ROOT))
    from tests.checkpoints.files import writers

    network = MlpNetwork(hidden=4, latents=2)
    pixels = int(np.prod(SHAPE))
    mean_P = torch.linspace(0.1, 0.9, pixels)
    statistics = PixelStatistics(torch.ones(pixels), mean_P, torch.logit(mean_P), scale=2.0)
    parameters = network.initial(statistics, torch.Generator().manual_seed(0))
    paths = {name: out / name for name in ("zip.pt", "legacy.pt", "model.safetensors")}
    save_vae(paths["zip.pt"], parameters, image_shape=SHAPE, latents=2, likelihood="bernoulli", beta=1.0, step=5)
    content = torch.load(paths["zip.pt"], weights_only=True)
    writers.write_torch_legacy(paths["legacy.pt"], content)
    arrays = {name: value.numpy() for name, value in content["state_dict"].items()}
    writers.write_safetensors(paths["model.safetensors"], arrays)
    writers.write_tensor_bundle(out / "bundle" / "variables", arrays)
    return paths


def family_shapes() -> list[bytes]:
    """Of a file of each kind that code bases write: its arrays' names, shapes and types, and the settings beside it."""
    sys.path.insert(0, str(ROOT))
    from tests.checkpoints.families.code_bases.array_files import EXAMPLES
    from tests.checkpoints.families.code_bases.network_files import FILES

    seeds = []
    for example in EXAMPLES.values():
        made = example()
        seeds.append({"arrays": _shapes(made.weights), "config": made.config})
    for kind in FILES.values():
        state = {name: value.numpy() for name, value in kind.network().state_dict().items()}
        seeds.append({"arrays": _shapes(state), "config": {"specs": kind.specs}})
    return [json.dumps(seed, default=str).encode() for seed in seeds]


def pictures(formats: Sequence[str]) -> list[bytes]:
    """A picture of 4 x 4 pixels in each format, grey and in colours."""
    found = []
    for kind in formats:
        for mode in ("L", "RGB"):
            held = io.BytesIO()
            Image.effect_noise((4, 4), 60).convert(mode).save(held, kind)
            found.append(held.getvalue())
    return found


def _shapes(arrays: Any) -> dict[str, list[Any]]:
    return {name: [list(value.shape), value.dtype.str] for name, value in arrays.items()}
