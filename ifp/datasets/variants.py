"""The four variants of sprites that disentanglement_lib made of dSprites; what is random in them is the nuisance.

Locatello et al., "Challenging common assumptions in the unsupervised learning of disentangled representations", 2019
(disentanglement_lib: dsprites_noshape, color_dsprites, noisy_dsprites, scream_dsprites).
Shapes: N images, K different nuisances, F factors, C H W channels (3), rows, columns (64).
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.factors import FactorSpace
from ifp.datasets.polygons import SIDE
from ifp.datasets.sprites import SHAPES, SPACE, sprite_masks
from ifp.errors import IfpError, unknown_name

_PICTURE_SIZE = (350, 274)  # a picture is made to fit in it (width, height), as in disentanglement_lib


def make_variant(name: str, *, background: Path | None = None) -> FactorDataset:
    """The variant called `name`; `background` is the picture of sprites-scream (None: the built-in texture).

    Raises
    ------
    IfpError : unknown name, or a picture that is missing, unreadable or too small.
    """
    if name == "sprites-scream":
        return ScreamSprites(background)
    plain = {kind.name: kind for kind in (NoShapeSprites, ColorSprites, NoisySprites)}
    if name not in plain:
        raise unknown_name("variant", name, [*plain, "sprites-scream"])
    return plain[name]()


class _SpritesVariant(FactorDataset):
    """What the variants share."""

    space = SPACE
    image_shape = (3, SIDE, SIDE)
    definition: str

    def checksum(self) -> str:
        """SHA-256 of 64 images spread over the grid."""
        return self._sample_checksum()

    def describe(self) -> dict[str, object]:
        """The common lines and how the nuisance enters the images."""
        return {
            **super().describe(),
            "definition": self.definition,
            "orientation": "first and last value coincide (0 and 360 degrees), as in dSprites",
        }


class NoShapeSprites(_SpritesVariant):
    """Sprites of which the shape is not a factor: it is drawn at random."""

    name = "sprites-noshape"
    space = FactorSpace(SPACE.names[1:], SPACE.sizes[1:])
    image_shape = (1, SIDE, SIDE)
    nuisance_name = "shape"
    definition = f"the shape ({', '.join(SHAPES)}) is drawn at random, as in dsprites_noshape"

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 1, 64, 64], 0 or 255."""
        shape_N1 = (uniform(nuisance_N, 1, "shape") * len(SHAPES)).astype(np.int64)
        return sprite_masks(np.hstack([shape_N1, np.asarray(positions_NF)]))[:, None] * np.uint8(255)


class ColorSprites(_SpritesVariant):
    """Sprites each in a random colour, red, green and blue uniform in [0.5, 1], on black."""

    name = "sprites-color"
    nuisance_name = "colour"
    definition = "each sprite in a random colour, every channel uniform in [0.5, 1], as in color_dsprites"

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 3, 64, 64]."""
        color_NC = np.round(255 * (0.5 + 0.5 * uniform(nuisance_N, 3, "colour"))).astype(np.uint8)
        return sprite_masks(positions_NF)[:, None] * color_NC[:, :, None, None]


class NoisySprites(_SpritesVariant):
    """White sprites on noise, every background pixel and channel uniform in [0, 1]."""

    name = "sprites-noisy"
    nuisance_name = "background noise"
    definition = "white sprites on uniform noise in every pixel and channel, as in noisy_dsprites"

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 3, 64, 64]."""
        nuisance_K, which_N = np.unique(nuisance_N, return_inverse=True)
        noise_KCHW = (256 * uniform(nuisance_K, 3 * SIDE * SIDE, "noise")).astype(np.uint8).reshape(-1, 3, SIDE, SIDE)
        images = noise_KCHW[which_N]
        np.maximum(images, sprite_masks(positions_NF)[:, None] * np.uint8(255), out=images)
        return images


class ScreamSprites(_SpritesVariant):
    """Sprites that invert a background: a random patch of a picture, averaged with a random colour.

    Parameters
    ----------
    background : a picture that Pillow reads, or None for the built-in texture with a 1/f spectrum.

    Raises
    ------
    IfpError : the picture is missing, unreadable or, made to fit in 350 x 274 pixels, smaller than 64 x 64.
    """

    name = "sprites-scream"
    nuisance_name = "background patch and tint"
    definition = (
        "sprites invert a random 64 x 64 patch of the picture averaged with a random colour, as in scream_dsprites"
    )

    def __init__(self, background: Path | None = None) -> None:
        self.background = background
        self.picture_CHW = _texture() if background is None else _read_picture(background)

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 3, 64, 64]."""
        nuisance_K, which_N = np.unique(nuisance_N, return_inverse=True)
        corner_K2, tint_K3 = np.split(uniform(nuisance_K, 5, "patch"), [2], axis=1)
        patches = np.lib.stride_tricks.sliding_window_view(self.picture_CHW, (SIDE, SIDE), axis=(1, 2))
        top_K, left_K = (corner_K2 * patches.shape[1:3]).astype(np.int64).T
        patch_KCHW = patches[:, top_K, left_K].swapaxes(0, 1)
        tinted_KCHW = np.round((patch_KCHW + 255 * tint_K3[:, :, None, None]) / 2).astype(np.uint8)
        return np.where(sprite_masks(positions_NF)[:, None], 255 - tinted_KCHW[which_N], tinted_KCHW[which_N])

    def checksum(self) -> str:
        """SHA-256 of 64 images spread over the grid, and of the whole picture."""
        picture = np.ascontiguousarray(self.picture_CHW).tobytes()
        return hashlib.sha256(self._sample_checksum().encode() + picture).hexdigest()

    def describe(self) -> dict[str, object]:
        """The common lines and which picture is in the background."""
        rows, columns = self.picture_CHW.shape[1:]
        kind = "built-in 1/f colour texture" if self.background is None else str(self.background)
        return {**super().describe(), "background": f"{kind} ({columns} x {rows} pixels)"}


def uniform(nuisance_N: np.ndarray, count: int, stream: str) -> np.ndarray:
    """`count` numbers in [0, 1) for every nuisance, float64 [N, count]; equal nuisances give equal numbers.

    A counter-based generator (the finaliser of SplitMix64: Steele et al., OOPSLA 2014), so that no image depends on
    another and every machine gives the same.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    key = np.frombuffer(hashlib.sha256(stream.encode()).digest()[:8], "<u8").astype(np.uint64)
    state_N = _mix(np.asarray(nuisance_N).astype(np.uint64) * golden + key)
    bits = _mix(state_N[:, None] + np.arange(1, count + 1, dtype=np.uint64) * golden)
    return (bits >> np.uint64(11)) * 2.0**-53


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _texture() -> np.ndarray:
    """A picture uint8 [3, 274, 350] with random phases and amplitudes 1/f, each channel stretched to 0..255."""
    columns, rows = _PICTURE_SIZE
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    frequency[0, 0] = np.inf
    phase_CHW = 2 * np.pi * uniform(np.arange(3), frequency.size, "texture").reshape(3, *frequency.shape)
    plane_CHW = np.fft.irfft2(np.exp(1j * phase_CHW) / frequency, s=(rows, columns))
    low, high = (edge(plane_CHW, axis=(1, 2), keepdims=True) for edge in (np.min, np.max))
    return np.round(255 * (plane_CHW - low) / (high - low)).astype(np.uint8)


def _read_picture(path: Path) -> np.ndarray:
    """The picture at `path` as uint8 [3, rows, columns], made to fit in 350 x 274."""
    from PIL import Image  # only for this one variant

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a picture that Pillow reads"
        raise IfpError(f"Cannot read the background {path}: {reason}; give a PNG or JPEG file.") from error
    picture.thumbnail(_PICTURE_SIZE)
    if min(picture.size) < SIDE:
        raise IfpError(
            f"The background {path} has {picture.width} x {picture.height} pixels once it fits in 350 x 274, "
            f"and at least 64 x 64 are needed; give a larger or less elongated picture."
        )
    return np.asarray(picture).transpose(2, 0, 1).copy()
