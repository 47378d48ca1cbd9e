"""The callback for Lightning: its hooks as a Trainer calls them, and a real training of a small VAE."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ifp
from ifp.analysis.recording import lightning_callback
from ifp.analysis.recording.lightning_callback import RecordingHooks
from ifp.recording.read_recording import read_recording

from .loops import SmallVae, bars


def hooks(out: Path, beta: Any = "beta", **settings: Any) -> RecordingHooks:
    return RecordingHooks(
        lambda steps: ifp.Recorder(bars(), out=out, every=2, steps=steps, **settings), beta, None, None
    )


def train(hooks: RecordingHooks, module: Any, steps: int, **about: Any) -> None:
    """The calls of a Trainer whose gradients are added up over two batches."""
    trainer = SimpleNamespace(is_global_zero=True, global_step=0, estimated_stepping_batches=steps, **about)
    hooks.on_train_start(trainer, module)
    for batch in range(2 * steps):
        trainer.global_step = (batch + 1) // 2
        with torch.no_grad():
            module.head.bias.add_(0.01)
        hooks.on_train_batch_end(trainer, module, None, None, batch)
    hooks.on_train_end(trainer, module)


def test_steps_are_those_of_the_optimizer_and_the_end_is_recorded(tmp_path: Path) -> None:
    module = SmallVae()
    module.beta = 3.0  # type: ignore[assignment]
    train(hooks(tmp_path / "run", say=lambda text: None), module, 5)
    recording = read_recording(tmp_path / "run")
    assert [(record.step, record.beta) for record in recording.records] == [(0, 3), (2, 3), (4, 3), (5, 3)]
    assert (recording.about["status"], recording.about["steps"]) == ("finished", 5)


def test_other_ranks_record_nothing_and_interrupts_close(tmp_path: Path) -> None:
    made = hooks(tmp_path / "run", beta=lambda module: 2.0)
    trainer = SimpleNamespace(is_global_zero=False, global_step=2, estimated_stepping_batches=4)
    made.on_train_start(trainer, SmallVae())
    made.on_train_batch_end(trainer, SmallVae(), None, None, 0)
    made.on_train_end(trainer, SmallVae())
    assert not (tmp_path / "run").exists()
    trainer.is_global_zero = True
    made.on_train_start(trainer, SmallVae())
    made.on_exception(trainer, SmallVae(), KeyboardInterrupt())
    assert read_recording(tmp_path / "run").about["status"] == "stopped"


def test_mistakes_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ifp.IfpError, match="SmallVae has no attribute 'beta'"):
        train(hooks(tmp_path / "run"), SmallVae(), 5)
    monkeypatch.setattr(lightning_callback, "find_spec", lambda name: None)
    with pytest.raises(ifp.IfpError, match=r"pip install 'ifp\[lightning\]'"):
        ifp.lightning_callback(bars(), out=tmp_path / "run")


@pytest.mark.slow
def test_a_real_training_with_lightning_is_recorded_and_resumed(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pl = pytest.importorskip("lightning.pytorch", reason="the extra ifp[lightning] is not installed")

        class Module(pl.LightningModule):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.vae, self.beta = SmallVae(), 4.0

            def encode(self, x: torch.Tensor) -> Any:
                return self.vae.encode(x)

            def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
                (x,) = batch
                assert self.training
                mean, logvar = self.encode(x)
                out = self.vae.decode(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
                recon = nn.functional.binary_cross_entropy_with_logits(out, x.flatten(1), reduction="none").sum(1)
                return (recon + self.beta * 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1)).mean()

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.Adam(self.parameters(), lr=1e-2)

        data = bars()
        images = data.render(data.space.unravel(np.arange(18)), np.zeros(18, int))
        loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(torch.from_numpy(images).float() / 255), batch_size=9
        )
        quiet = {
            "logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu",
            "default_root_dir": tmp_path, "enable_checkpointing": False,
        }  # fmt: skip
        callback = ifp.lightning_callback(
            data, out=tmp_path / "run", every=4, beta="beta", decode=lambda z: module.vae.decode(z), output="logits"
        )
        module = Module()
        trainer = pl.Trainer(max_epochs=6, callbacks=[callback], **quiet)
        trainer.fit(module, loader)
        assert module.training
        recording = read_recording(tmp_path / "run")
        assert [record.step for record in recording.records] == [4, 8, 12]
        assert recording.about["steps"] == 12
        assert recording.about["status"] == "finished"
        assert {record.beta for record in recording.records} == {4.0}
        assert recording.records[-1].recon_nats < recording.records[0].recon_nats
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        again = pl.Trainer(max_epochs=9, callbacks=[callback], **quiet)
        again.fit(module, loader, ckpt_path=tmp_path / "last.ckpt", weights_only=False)
        assert [record.step for record in read_recording(tmp_path / "run").records] == [4, 8, 12, 16, 18]
