"""A training of Lightning in two processes on a CPU, recorded into a folder: `two_processes.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import lightning.pytorch as pl

import ifp
from tests.recording.lightning_loop import QUIET, loader_of, module_of
from tests.recording.loops import bars


def main(folder: Path) -> None:
    """Each process says at the end which rank it is and whether it has recorded."""
    module = module_of(pl)()
    callback = ifp.lightning_callback(
        bars(), out=folder, every=4, beta="beta", decode=lambda z: module.vae.decode(z), output="logits",
        say=lambda text: None,
    )  # fmt: skip
    trainer = pl.Trainer(
        max_epochs=4, devices=2, strategy="ddp", callbacks=[callback], default_root_dir=folder.parent, **QUIET
    )
    trainer.fit(module, loader_of(bars(), batch=3))
    recorded = "nothing" if callback.recorder is None else "records"
    print(
        f"rank {trainer.global_rank} of {trainer.world_size} after step {trainer.global_step}: {recorded}", flush=True
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
