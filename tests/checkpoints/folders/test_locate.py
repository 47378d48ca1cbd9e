"""Checkpoints are found in the folders that each trainer leaves, in the order of training, and nothing is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.folders.locate import LOOKED_FOR, Located, locate
from ifp.errors import IfpError

from ..files import writers

CHECKPOINT = object()
"""Stands for the content of a torch file."""


def lay_out(root: Path, files: Mapping[str, Any]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is CHECKPOINT:
            torch.save({"encoder.weight": torch.zeros(2)}, path)
        elif isinstance(content, str):
            path.write_text(content)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content))
    return root


def found(located: Located, root: Path) -> list[tuple[str, int | None]]:
    return [(file.path.relative_to(root).as_posix(), file.step_from_name) for file in located.files]


LAYOUTS: dict[str, tuple[dict[str, Any], list[tuple[str, int | None]], dict[str, Any]]] = {
    "yanndubs": (
        {"specs.json": {"loss": "VAE"}, "model.pt": CHECKPOINT, "train_losses.log": "Epoch,Loss,Value"},
        [("model.pt", None)], {"loss": "VAE"},
    ),
    "yanndubs series, the final model last": (
        {"specs.json": {"loss": "VAE"}, "model.pt": CHECKPOINT}
        | {f"model-{n}.pt": CHECKPOINT for n in (100, 9, 20)},
        [("model-9.pt", 9), ("model-20.pt", 20), ("model-100.pt", 100), ("model.pt", None)], {"loss": "VAE"},
    ),
    "yanndubs series, which says when the final model was written": (
        {"specs.json": {"epochs": 120}, "model.pt": CHECKPOINT, "model-9.pt": CHECKPOINT, "model-100.pt": CHECKPOINT},
        [("model-9.pt", 9), ("model-100.pt", 100), ("model.pt", 120)], {"epochs": 120},
    ),
    "dent before yanndubs": (
        {"specs.json": {"train.loss": "betavae"}, "chkpt.pth.tar": CHECKPOINT, "chkpt-30.pth.tar": CHECKPOINT,
         "model.pt": CHECKPOINT},
        [("chkpt-30.pth.tar", 30), ("chkpt.pth.tar", None)], {"train.loss": "betavae"},
    ),
    "pythae": (
        {"model_config.json": {"name": "VAEConfig"}, "environment.json": {"name": "EnvironmentConfig"},
         "model.pt": CHECKPOINT, "encoder.pkl": b"\x80\x04cos\nsystem\n.", "optimizer.pt": CHECKPOINT},
        [("model.pt", None)], {"name": "VAEConfig"},
    ),
    "pythae training": (
        {f"{folder}/{name}": content
         for folder in ("checkpoint_epoch_10", "checkpoint_epoch_9", "final_model")
         for name, content in {"model_config.json": {"name": folder}, "model.pt": CHECKPOINT,
                               "optimizer.pt": CHECKPOINT}.items()},
        [("checkpoint_epoch_9/model.pt", 9), ("checkpoint_epoch_10/model.pt", 10), ("final_model/model.pt", None)],
        {"name": "checkpoint_epoch_9"},
    ),
    "erow": (
        {"train.gin": "vae.beta = 4\nmodel.encoder = @conv", "model.pt": CHECKPOINT},
        [("model.pt", None)], {"vae.beta": 4, "model.encoder": "@conv"},
    ),
    "erow, Lightning": (
        {"model.gin": "deft.betas = [70, 30, 12, 1]", "2-Step-Checkpoint_epoch=0_global_step=3000.ckpt": CHECKPOINT,
         "1-Step-Checkpoint_epoch=0_global_step=900.ckpt": CHECKPOINT},
        [("1-Step-Checkpoint_epoch=0_global_step=900.ckpt", 900),
         ("2-Step-Checkpoint_epoch=0_global_step=3000.ckpt", 3000)],
        {"deft.betas": [70, 30, 12, 1]},
    ),
    "Lightning": (
        {"lightning_logs/version_0/checkpoints/epoch=3-step=900.ckpt": CHECKPOINT,
         "lightning_logs/version_0/checkpoints/epoch=12-step=3000.ckpt": CHECKPOINT,
         "lightning_logs/version_0/checkpoints/last.ckpt": CHECKPOINT, "lightning_logs/version_0/hparams.yaml": "a: 1"},
        [("lightning_logs/version_0/checkpoints/epoch=3-step=900.ckpt", 900),
         ("lightning_logs/version_0/checkpoints/epoch=12-step=3000.ckpt", 3000),
         ("lightning_logs/version_0/checkpoints/last.ckpt", None)], {},
    ),
    "1Konny": (
        {"last": CHECKPOINT, "100000": CHECKPOINT, "50000": CHECKPOINT, "60000": "a text that happens to be there"},
        [("50000", 50000), ("100000", 100000), ("last", None)], {},
    ),
    "rtqichen": (
        {"checkpt-0000.pth": CHECKPOINT, "elbo_decomposition.pth": CHECKPOINT, "gt_vs_latent.png": b"\x89PNG"},
        [("checkpt-0000.pth", None)], {},
    ),
    "ours": (
        {"run.json": {"format": "ifp-vae"}, "step-2000.pt": CHECKPOINT, "step-500.pt": CHECKPOINT},
        [("step-500.pt", 500), ("step-2000.pt", 2000)], {},
    ),
    "one file of any name": ({"weights.bin": CHECKPOINT, "notes.txt": "x"}, [("weights.bin", None)], {}),
    "files that differ in a number": (
        {"vae_epoch_10.pth": CHECKPOINT, "vae_epoch_9.pth": CHECKPOINT},
        [("vae_epoch_9.pth", 9), ("vae_epoch_10.pth", 10)], {},
    ),
    "epochs, the last and the best": (
        {"epoch_10.pt": CHECKPOINT, "epoch_9.pt": CHECKPOINT, "last.pt": CHECKPOINT, "best.pt": CHECKPOINT,
         "optimizer.pt": CHECKPOINT},
        [("epoch_9.pt", 9), ("epoch_10.pt", 10), ("last.pt", None)], {},
    ),
    "a series with its final model": (
        {"vae_10.pt": CHECKPOINT, "vae_9.pt": CHECKPOINT, "vae.pt": CHECKPOINT, "vae_best_0.93.pt": CHECKPOINT},
        [("vae_9.pt", 9), ("vae_10.pt", 10), ("vae.pt", None)], {},
    ),
    "the last and the best": (
        {"model_best.pth.tar": CHECKPOINT, "checkpoint.pth.tar": CHECKPOINT}, [("checkpoint.pth.tar", None)], {},
    ),
    "the best alone": ({"best.pt": CHECKPOINT}, [("best.pt", None)], {}),
    "Hugging Face's trainer": (
        {f"checkpoint-{step}/{name}": CHECKPOINT for step in (500, 1000)
         for name in ("pytorch_model.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin")},
        [("checkpoint-500/pytorch_model.bin", 500), ("checkpoint-1000/pytorch_model.bin", 1000)], {},
    ),
    "accelerate": (
        {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "pytorch_model.bin": CHECKPOINT, "optimizer.bin": CHECKPOINT,
         "scheduler.bin": CHECKPOINT, "random_states_0.pkl": b"\x80\x04N."},
        [("model.safetensors", None)], {},
    ),
    "three folders down": ({"a/b/c/model.bin": CHECKPOINT}, [("a/b/c/model.bin", None)], {}),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_trainers_leave_is_found(layout: str, tmp_path: Path) -> None:
    files, expected, config = LAYOUTS[layout]
    located = locate(lay_out(tmp_path, files))
    assert found(located, tmp_path) == expected
    assert located.name == tmp_path.name
    assert located.files[0].config == config
    assert len({file.label for file in located.files}) == len(located.files)


def test_a_best_checkpoint_that_is_left_out_is_said(tmp_path: Path) -> None:
    lay_out(tmp_path, dict.fromkeys(("epoch_1.pt", "epoch_2.pt", "best.pt"), CHECKPOINT))
    (note,) = locate(tmp_path).notes
    assert note == f"best.pt in {tmp_path} is left out of the series; name the file to diagnose it alone."
    assert locate(tmp_path / "best.pt").notes == ()
    (tmp_path / "best.pt").unlink()
    assert locate(tmp_path).notes == ()


def test_a_file_is_taken_with_its_settings(tmp_path: Path) -> None:
    lay_out(tmp_path / "run", {"specs.json": {"loss": "VAE"}, "model-30.pt": CHECKPOINT, "model.pt": CHECKPOINT})
    located = locate(tmp_path / "run" / "model-30.pt")
    (file,) = located.files
    assert (located.name, file.label, file.config) == ("run/model-30.pt", "model-30.pt", {"loss": "VAE"})
    lay_out(tmp_path / "pl", {"train.gin": "a.b = 1", "checkpoints/epoch=1-step=8.ckpt": CHECKPOINT})
    (file,) = locate(tmp_path / "pl" / "checkpoints" / "epoch=1-step=8.ckpt").files
    assert (file.step_from_name, file.config) == (8, {"a.b": 1})


@pytest.mark.parametrize("epochs", [100, 20, True, "120", 120.0, 10**30, None])
def test_epochs_that_cannot_be_the_last_date_nothing(epochs: object, tmp_path: Path) -> None:
    names = ("model-9.pt", "model-100.pt", "model.pt")
    lay_out(tmp_path, {"specs.json": {"epochs": epochs}} | dict.fromkeys(names, CHECKPOINT))
    assert [file.step_from_name for file in locate(tmp_path).files] == [9, 100, None]


def test_epochs_date_one_model_without_a_number_among_others_only(tmp_path: Path) -> None:
    lay_out(tmp_path, {"specs.json": {"epochs": 120}, "model.pt": CHECKPOINT})
    assert [file.step_from_name for file in locate(tmp_path).files] == [None]
    lay_out(tmp_path, {"model-9.pt": CHECKPOINT, "model-best.pt": CHECKPOINT})
    assert [file.step_from_name for file in locate(tmp_path).files] == [9, None, None]


def test_names_of_files_are_shown_without_control_characters(tmp_path: Path) -> None:
    lay_out(tmp_path, {"run/\x1b[2Jvae.pt": CHECKPOINT})
    for path in (tmp_path / "run", tmp_path / "run" / "\x1b[2Jvae.pt"):
        located = locate(path)
        assert [file.label for file in located.files] == [r"\x1b[2Jvae.pt"]
        assert located.name.isprintable()
    lay_out(tmp_path, {"run/critic.pt": CHECKPOINT})
    with pytest.raises(IfpError, match=r"\(\\x1b\[2Jvae\.pt, critic\.pt\)"):
        locate(tmp_path / "run")


def test_tensorflow_modules_go_before_their_training_checkpoints(tmp_path: Path) -> None:
    weights = {"encoder/e1/kernel": np.zeros((4, 4, 1, 2), np.float32)}
    model = tmp_path / "model"
    writers.write_tensor_bundle(model / "tf_checkpoint" / "model.ckpt-300", weights)
    writers.write_tensor_bundle(model / "tf_checkpoint" / "model.ckpt-1200", weights)
    lay_out(tmp_path, {"model/results/gin/train.gin": "vae.beta = 6.0"})
    expected = [("model/tf_checkpoint/model.ckpt-300.index", 300), ("model/tf_checkpoint/model.ckpt-1200.index", 1200)]
    assert found(locate(tmp_path), tmp_path) == expected
    writers.write_tensor_bundle(model / "tfhub" / "variables" / "variables", weights)
    lay_out(tmp_path, {"model/tfhub/tfhub_module.pb": b"\x08\x03", "model/tfhub/saved_model.pb": b""})
    for start in (tmp_path, model, model / "tfhub"):
        located = locate(start)
        assert found(located, tmp_path) == [("model/tfhub/variables/variables.index", None)]
        assert located.files[0].config == {"vae.beta": 6.0}
    prefix = model / "tf_checkpoint" / "model.ckpt-300"
    assert locate(prefix).files[0].path.name == "model.ckpt-300.index"


def test_nothing_to_find_says_what_is_looked_for(tmp_path: Path) -> None:
    lay_out(tmp_path, {"notes.txt": "x", "a/b/c/d/model.bin": CHECKPOINT, ".hidden/model.bin": CHECKPOINT})
    with pytest.raises(IfpError) as error:
        locate(tmp_path)
    assert LOOKED_FOR in str(error.value)
    with pytest.raises(IfpError, match="There is no file or folder"):
        locate(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["ifp-train", "ifp-vae"])
def test_a_training_without_a_checkpoint_yet_is_told_so(kind: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {"run.json": {"format": kind}})
    with pytest.raises(IfpError, match="no checkpoint is there yet; wait for it, or run the same command again"):
        locate(tmp_path)


def test_several_runs_are_no_series(tmp_path: Path) -> None:
    lay_out(tmp_path, {f"{run}/{name}": content for run in "ab" for name, content in LAYOUTS["yanndubs"][0].items()})
    with pytest.raises(IfpError, match=r"holds 2 runs \(a, b\); name one"):
        locate(tmp_path)
    lay_out(tmp_path / "d", {"version_0/last.pt": CHECKPOINT, "version_1/last.pt": CHECKPOINT})
    with pytest.raises(IfpError, match=r"holds 2 runs"):
        locate(tmp_path / "d")
    lay_out(tmp_path / "e", {"vae_seed0.pt": CHECKPOINT, "vae_seed1.pt": CHECKPOINT})
    with pytest.raises(IfpError, match=r"holds 2 models, not one run \(vae_seed0\.pt, vae_seed1\.pt\); name one"):
        locate(tmp_path / "e")
    lay_out(tmp_path / "c", {"vae.pt": CHECKPOINT, "critic.pt": CHECKPOINT})
    with pytest.raises(
        IfpError, match=r"2 checkpoints that are no known series \(critic\.pt, vae\.pt\); name .*`series=True`"
    ):
        locate(tmp_path / "c")
