"""The callback for Lightning: its hooks as a Trainer calls them, and real trainings of a small VAE."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

import ifp
from ifp.analysis.recording import lightning_callback
from ifp.analysis.recording.lightning_callback import RecordingHooks
from ifp.recording.read_recording import read_recording

from .lightning_loop import QUIET, loader_of, module_of
from .loops import SmallVae, bars

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize(
    ("imported", "base"),
    [
        (["lightning"], "lightning.pytorch"),
        (["pytorch_lightning"], "pytorch_lightning"),
        (["lightning", "pytorch_lightning"], "lightning.pytorch"),
        ([], "lightning.pytorch"),
    ],
)
def test_the_package_in_use_gives_the_base_class(
    imported: list[str], base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lightning_callback, "find_spec", lambda name: name)
    for package, module in (("lightning", "lightning.pytorch"), ("pytorch_lightning", "pytorch_lightning")):
        monkeypatch.delitem(sys.modules, package, raising=False)
        if package in imported:
            monkeypatch.setitem(sys.modules, package, ModuleType(package))
        for name in (module, f"{module}.callbacks"):
            made = ModuleType(name)
            made.Callback = type("Callback", (), {"__module__": module})  # type: ignore[attr-defined]
            if name != package:  # imported by name alone, which tells nothing of what is in use
                monkeypatch.setitem(sys.modules, name, made)
    callback = ifp.lightning_callback(bars(), out="nowhere")
    assert [parent.__module__ for parent in type(callback).__bases__ if parent is not RecordingHooks] == [base]


@pytest.mark.slow
@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_a_real_training_with_lightning_is_recorded_and_resumed(package: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pl = pytest.importorskip(package, reason="the extra ifp[lightning] is not installed")
        module, loader = module_of(pl)(), loader_of(bars(), batch=9)
        quiet = {**QUIET, "default_root_dir": tmp_path}
        callback = ifp.lightning_callback(
            bars(), out=tmp_path / "run", every=4, beta="beta", decode=lambda z: module.vae.decode(z), output="logits"
        )
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


@pytest.mark.slow
def test_of_two_processes_the_first_records(tmp_path: Path) -> None:
    """Lightning starts the program once more for the second process; both train, on half of the images each."""
    if find_spec("lightning") is None:
        pytest.skip("the extra ifp[lightning] is not installed")
    program, run = Path(__file__).with_name("two_processes.py"), tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), str(run)], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = sorted(re.findall(r"rank (\d) of 2 after step (\d+): (\w+)", done.stdout))
    assert said == [("0", "12", "records"), ("1", "12", "nothing")]
    recording = read_recording(run)
    assert [record.step for record in recording.records] == [4, 8, 12]
    assert (recording.about["status"], recording.about["steps"]) == ("finished", 12)
    assert recording.records[-1].recon_nats < recording.records[0].recon_nats
