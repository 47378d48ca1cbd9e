"""Writes our own checkpoints: one VAE a file, tensors and plain values only, so that `weights_only=True` reads them.

The layout is that of a Lightning checkpoint ("state_dict", "hyper_parameters", "global_step"), which every reader of
such files finds its way in; hyper_parameters["format"] tells ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ifp.errors import IfpError
from ifp.formats import VAE_FORMAT
from ifp.networks.fully_connected import Parameters
from ifp.system.files import reason_of, write_whole

VERSION = 1


def save_vae(
    path: Path,
    parameters: Parameters,
    *,
    image_shape: tuple[int, int, int],
    latents: int,
    likelihood: str,
    beta: float,
    step: int,
    sigma: float = 1.0,
    **about: Any,
) -> None:
    """Write one member's parameters (without the member axis) to `path`, whole or not at all.

    Parameters
    ----------
    parameters : of an `ifp.networks.convolutional.ConvNetwork`, or of an `ifp.networks.fully_connected.MlpNetwork` that
    saw all pixels; or of one of
        them divided into groups of latents (`ifp.networks.grouped`, `ifp.networks.shared_trunk`).
    about : more plain values to keep (data set, seed, objective). A divided network needs its `stage`, a whole number:
        when it is read, the groups after that one give the prior.

    Raises
    ------
    IfpError : the file cannot be written, as on a full disk; what was at `path` is still there.
    """
    content = vae_content(
        parameters, image_shape=image_shape, latents=latents, likelihood=likelihood, beta=beta, step=step, sigma=sigma,
        **about,
    )  # fmt: skip
    try:
        write_whole(path, content)
    except (OSError, RuntimeError) as error:
        raise IfpError(
            f"The checkpoint {path} cannot be written ({reason_of(error)}); make room, or name a file in a folder that "
            "can be written to."
        ) from error


def vae_content(
    parameters: Parameters,
    *,
    image_shape: tuple[int, int, int],
    latents: int,
    likelihood: str,
    beta: float,
    step: int,
    sigma: float = 1.0,
    **about: Any,
) -> dict[str, Any]:
    """What `save_vae` writes, on the CPU."""
    return {
        "state_dict": {name: tensor.detach().cpu().contiguous().clone() for name, tensor in parameters.items()},
        "hyper_parameters": {
            **about,
            "format": VAE_FORMAT,
            "format_version": VERSION,
            "image_shape": list(image_shape),
            "latents": latents,
            "likelihood": likelihood,
            "sigma": sigma,
            "beta": beta,
        },
        "global_step": step,
    }
