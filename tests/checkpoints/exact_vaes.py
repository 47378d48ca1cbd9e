"""VAEs whose optimum is known: probabilistic principal components (Tipping and Bishop 1999), as files of our own.

The data are a full grid of three factors, each of which moves the brightness of a block of pixels of its own, so that
the principal components are the factors. At noise sigma^2 a component of variance lambda is held by a latent of
posterior variance sigma^2 / lambda and KL log(lambda / sigma^2) / 2 nats; below sigma^2 the latent is collapsed. Means
and variances add up to 1 exactly, and one draw of z costs sigma^2 per latent on the squared error, beside what is lost.

Shapes: N images, P pixels, D latents, F factors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ifp.checkpoints.native import save_vae

SIZES = (10, 10, 10)
NAMES = ("first", "second", "third")
STEPS = (14, 10, 6)
"""Brightness, of 255, by which a value of each factor exceeds the one before."""
BLOCK = 6
IMAGE_SHAPE = (1, 3, 6)
LATENTS = 4
SIGMA2 = 1e-3


def factor_grid() -> np.ndarray:
    """All 1,000 combinations, [N, F]."""
    return np.stack(np.meshgrid(*(range(size) for size in SIZES), indexing="ij"), axis=-1).reshape(-1, len(SIZES))


def grid_images(steps: tuple[int, ...] = STEPS) -> np.ndarray:
    """uint8 [N, rows, columns]: one row of pixels per factor."""
    rows_NF = 40 + factor_grid() * np.array(steps)
    return np.repeat(rows_NF[:, :, None], BLOCK, axis=2).astype(np.uint8)


def write_grid(path: Path, *, labelled: bool = True, steps: tuple[int, ...] = STEPS) -> str:
    """The data set as `--dataset` takes it."""
    arrays = {"images": grid_images(steps)}
    if labelled:
        arrays |= {"factors": factor_grid(), "factor_names": np.array(NAMES)}
    np.savez(path, **arrays)
    return f"npz:{path}"


def component_variances(steps: tuple[int, ...] = STEPS) -> np.ndarray:
    """lambda of each factor, on pixels in [0, 1]."""
    values = np.arange(SIZES[0])
    return BLOCK * (np.array(steps) / 255) ** 2 * values.var()


def kl_nats(sigma2: float = SIGMA2, steps: tuple[int, ...] = STEPS) -> np.ndarray:
    """KL of the latents at the optimum, the collapsed one last."""
    variances = component_variances(steps)
    return np.append(0.5 * np.log(np.maximum(variances / sigma2, 1)), np.zeros(LATENTS - len(variances)))


def components(
    sigma2: float = SIGMA2, steps: tuple[int, ...] = STEPS, mixing_DD: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The optimum: encoder [P, D], log variances [D], decoder [D, P], mean image [P].

    `mixing_DD` is an orthogonal matrix that mixes latents of equal variance, which leaves the optimum as good.
    """
    variances = np.append(component_variances(steps), np.zeros(LATENTS - len(SIZES)))
    axes_PD = np.zeros((BLOCK * len(SIZES), LATENTS))
    for factor in range(len(SIZES)):
        axes_PD[factor * BLOCK : (factor + 1) * BLOCK, factor] = BLOCK**-0.5
    kept = variances > sigma2
    gain_D = np.sqrt(np.where(kept, variances - sigma2, 0))
    posterior_D = np.where(kept, sigma2 / np.where(kept, variances, 1), 1)
    encoder_PD = axes_PD * (gain_D * np.where(kept, 1 / np.where(kept, variances, 1), 0))
    decoder_DP = (axes_PD * gain_D).T
    mixing_DD = np.eye(LATENTS) if mixing_DD is None else mixing_DD
    mean_P = grid_images(steps).reshape(len(factor_grid()), -1).mean(axis=0) / 255
    return encoder_PD @ mixing_DD, np.log(mixing_DD.T**2 @ posterior_D), mixing_DD.T @ decoder_DP, mean_P


def write_components(
    path: Path,
    *,
    sigma2: float = SIGMA2,
    steps: tuple[int, ...] = STEPS,
    step: int = 100,
    mixing_DD: np.ndarray | None = None,
    flipped: bool = False,
) -> Path:
    """The optimum as a checkpoint of our own: linear maps through ReLUs as differences of positive and negative part.

    `flipped` is the mistake of a fork: variances before means in the last layer.
    """
    encoder_PD, logvar_D, decoder_DP, mean_P = components(sigma2, steps, mixing_DD)
    both = np.vstack([np.eye(LATENTS), -np.eye(LATENTS)])
    to_mean, to_logvar = ("logvar", "mean") if flipped else ("mean", "logvar")
    arrays = {
        "mean_P": mean_P[None],
        "input_scale_P": np.ones((1, len(mean_P))),
        "output_scale": np.ones((1, 1)),
        "encoder.0.weight": encoder_PD @ both.T,
        "encoder.0.bias": np.zeros((1, 2 * LATENTS)),
        "encoder.1.weight": np.eye(2 * LATENTS),
        "encoder.1.bias": np.zeros((1, 2 * LATENTS)),
        f"encoder.{to_mean}.weight": both,
        f"encoder.{to_mean}.bias": np.zeros((1, LATENTS)),
        f"encoder.{to_logvar}.weight": np.zeros((2 * LATENTS, LATENTS)),
        f"encoder.{to_logvar}.bias": logvar_D[None],
        "decoder.0.weight": both.T,
        "decoder.0.bias": np.zeros((1, 2 * LATENTS)),
        "decoder.1.weight": np.eye(2 * LATENTS),
        "decoder.1.bias": np.zeros((1, 2 * LATENTS)),
        "decoder.out.weight": both @ decoder_DP,
        "decoder.out.bias": mean_P[None],
    }
    save_vae(
        path,
        {name: torch.from_numpy(np.asarray(array, dtype=np.float32)) for name, array in arrays.items()},
        image_shape=IMAGE_SHAPE,
        latents=LATENTS,
        likelihood="gaussian",
        sigma=sigma2**0.5,
        beta=1.0,
        step=step,
    )
    return path
