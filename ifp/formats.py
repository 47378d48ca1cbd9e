"""What the files of this project call themselves, and how the networks of a run stand: to be asked without torch."""

from __future__ import annotations

VAE_FORMAT = "ifp-vae"
"""The format of a checkpoint, and of the folder of a series of them."""
GAN_FORMAT = "ifp-gan"
"""The format of a checkpoint of a generator, its discriminator and Q, and of the folder of a series of them."""
TRAIN_FORMAT = "ifp-train"
"""The format of the folder of an `ifp train` run."""
RECORD_FORMAT = "ifp-record"
"""The format of the folder that `ifp.Recorder` writes from a user's own training loop."""
BETA_CONVENTION = (
    "loss = reconstruction summed over pixels and channels + beta * KL summed over latents, averaged over images, nats"
)
"""What beta means in every file that this project writes."""
RUNNING, FINISHED, DIVERGED, STOPPED = "running", "finished", "diverged", "stopped"
