"""Makes the small valid folders that all targets begin from."""

from __future__ import annotations

import struct
from pathlib import Path

import fuzz_own_files
import fuzz_seeds
import numpy as np
from PIL import Image
from scipy.io import savemat

from ifp.checkpoints.folders.pieces import INDEX
from ifp.datasets import mpi3d
from ifp.datasets.factors import FactorSpace

try:
    import h5py  # here, as it starts a process when it is imported, which no reader may
except ImportError:
    h5py = None

OFFICIAL = FactorSpace(mpi3d.SPACE.names, (2, 1, 1, 1, 1, 3, 1))
CAR = np.arange(192, dtype=np.uint8).reshape(4, 4, 3, 2, 2)


def _write_norb(out: Path) -> None:
    out.mkdir()
    for instance, split in enumerate(("5x01235", "5x46789")):
        name = f"smallnorb-{split}x9x18x6x2x96x96-{'testing' if instance == 0 else 'training'}"
        matrices = {
            "dat": (0x1E3D4C55, (1, 2, 96, 96), bytes(2 * 96 * 96)),
            "cat": (0x1E3D4C54, (1, 1, 1), struct.pack("<i", 0)),
            "info": (0x1E3D4C54, (1, 4, 1), struct.pack("<4i", instance, 0, 0, 0)),
        }
        for part, (magic, sizes, values) in matrices.items():
            axes = {"dat": 4, "cat": 1, "info": 2}[part]
            header = struct.pack(f"<{2 + len(sizes)}i", magic, axes, *sizes)
            (out / f"{name}-{part}.mat").write_bytes(header + values)


def _write_pictures(out: Path) -> None:
    out.mkdir()
    for number in range(3):
        Image.new("L", (4, 4), number * 80).save(out / f"{number}.png")
    (out / "factors.csv").write_text("file,place,level\n0.png,0,a\n1.png,1,b\n2.png,1,a\n")


def _write_official(out: Path) -> None:
    """Small files of the layouts of MPI3D, Cars3D and, where h5py is installed, 3D Shapes and AnnData."""
    out.mkdir()
    images = np.random.default_rng(0).integers(0, 255, (len(OFFICIAL), 64, 64, 3), dtype=np.uint8)
    np.savez_compressed(out / "mpi3d_toy.npz", images=images)
    np.savez_compressed(out / "dsprites.npz", imgs=images[..., 0] % 2)
    savemat(out / "car.mat", {"mask": np.ones((4, 4), np.uint8), "im": CAR}, do_compression=True)
    if h5py is None:
        return
    with h5py.File(out / "3dshapes.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(2, 64, 64, 3), compression="gzip")
        file["labels"] = OFFICIAL.unravel(np.arange(len(OFFICIAL)))[:, :6] / 10
    with h5py.File(out / "cells.h5ad", "w") as file:
        file["obs/_index"], file["obs/size"] = np.arange(60), np.arange(60) / 7
        file["obs/kind/codes"], file["obs/kind/categories"] = np.arange(60, dtype=np.int8) % 3, [b"a", b"b", b"c"]
        file["obsm/latent_qzm"], file["obsm/latent_qzv"] = np.zeros((60, 2)), np.ones((60, 2))


def prepare(out: Path) -> None:
    """Make the folders of all targets in `out`, which is new."""
    fuzz_seeds.make_folders(out)
    checkpoints = out / "checkpoints"
    fuzz_seeds.write_checkpoints(checkpoints)
    _write_norb(out / "norb")
    _write_official(out / "official")
    _write_pictures(out / "pictures")
    (out / "data").mkdir()
    factors = np.stack(np.meshgrid(range(3), range(4), indexing="ij"), axis=-1).reshape(-1, 2)
    images = np.random.default_rng(0).integers(0, 255, (12, 4, 4), dtype=np.uint8)
    np.savez(out / "data" / "data.npz", images=images, factors=factors, factor_names=np.array(["place", "level"]))
    alone = {name: factors[:, place] for place, name in enumerate(("shape_id", "scale"))}
    np.savez(out / "data" / "alone.npz", images=images, color=np.zeros((12, 3)), **alone)
    mean = np.random.default_rng(0).normal(size=(12, 2))
    np.savez(out / "data" / "codes.npz", mean=mean, logvar=mean - 3, factors=factors, step=np.array(5))
    (out / "settings").mkdir()
    (out / "settings" / "specs.json").write_text('{"loss": "betaH", "betaH_B": 4, "img_size": [1, 64, 64]}')
    (out / "settings" / "train.gin").write_text("vae.beta = 4  # nats\nloss.fn = @l2_loss\nshape = (1, 64, 64)\n")
    for sums in out.rglob("checksums.json"):
        if sums.parent.name != "anneal":
            sums.unlink()
    (out / "families").mkdir()
    shards = out / "shards"
    shards.mkdir()
    (shards / "one.safetensors").write_bytes((checkpoints / "model.safetensors").read_bytes())
    shards.joinpath(f"model.safetensors{INDEX}").write_text('{"metadata": {}, "weight_map": {"x": "one.safetensors"}}')
    fuzz_own_files.prepare(out)
