"""What users' arrays may look like, and what is made of them: uint8 images and one column of values per factor.

Shapes: N images, F factors, H W C of an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ifp.datasets.binning import Bins, bins_for, by_quantiles
from ifp.datasets.factors import check_factor_names
from ifp.errors import IfpError, counted, unknown_name

CHANNELS = (1, 3, 4)
"""Allowed numbers of channels: grey, RGB, and RGB with transparency."""
WHITE = 255
"""The largest pixel value of a uint8 image."""
MOST_FRACTIONAL_VALUES = 0.5
"""A factor of fractions with more different values than this share of the images is continuous: few would repeat."""
_BLOCK_NUMBERS = 1 << 24
"""Pixel values that are converted at a time, which bounds the memory of the conversion."""


@dataclass(frozen=True)
class AcceptedImages:
    """Images as uint8 [N, H, W, C], C 1 or 3, and in words what was done to the user's."""

    images_NHWC: np.ndarray
    done: tuple[str, ...]


@dataclass(frozen=True)
class AcceptedFactors:
    """One column [N] of values per factor (integers, fractions or text), their names, and what was done."""

    columns: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    done: tuple[str, ...]


def accept_images(images: np.ndarray, of: str) -> AcceptedImages:
    """The images of a user, `of` which file or argument is said in errors.

    Taken are [N, H, W], [N, H, W, C] and [N, C, H, W] with C 1, 3 or 4, of bool, any integer type in 0..255 or 0..1, or
    fractions in 0..1 or whole numbers in 0..255.

    Raises
    ------
    IfpError : anything else, with the line of code that makes it fit.
    """
    done: list[str] = []
    if images.dtype.kind not in "buif":
        raise IfpError(f"The images of {of} must be numbers, got {images.dtype}; save them as uint8 in 0..255.")
    given = list(images.shape)
    if images.ndim in (3, 4) and len(images) < 2:
        few = "1 image" if len(images) else "no image"
        raise IfpError(f"{of} holds {few} and at least 2 are needed; save all images in one array.")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim == 4 and images.shape[-1] not in CHANNELS and images.shape[1] in CHANNELS:
        images = images.transpose(0, 2, 3, 1)
        done.append("channels moved last")
    if images.ndim != 4 or images.shape[-1] not in CHANNELS or min(images.shape) < 1:
        raise IfpError(
            f"The images of {of} must have the shape [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1, 3 or 4, got "
            f"{given}; reshape flat ones with images.reshape(len(images), H, W)."
        )
    whole, scaled = _to_bytes(images, of)
    return AcceptedImages(_opaque(whole, done), (*scaled, *done))


def accept_factors(
    factors: np.ndarray | None, names: np.ndarray | None, count: int, of: str, bins: Bins = None
) -> AcceptedFactors:
    """The factors of a user's `count` images: one number per image where there are none.

    Taken are [N, F] or [N] of integers, bool, text, or fractions that repeat; other fractions are put into `bins`.

    Raises
    ------
    IfpError : anything else, with the line of code that makes it fit.
    """
    if factors is None:
        if names is not None:
            raise IfpError(f"{of} has factor_names but no factors; add the array 'factors' [N, F].")
        if bins is not None:
            raise IfpError(f"{of} has no factors to put into bins; leave `bins` out.")
        return AcceptedFactors((np.arange(count),), ("image",), ())
    if factors.ndim == 1:
        factors = factors[:, None]
    if factors.ndim != 2 or factors.shape[1] < 1:
        raise IfpError(
            f"The factors of {of} must have the shape [N, F] (or [N] for one), got {list(factors.shape)}; "
            "give one row per image and one column per factor."
        )
    if len(factors) != count:
        raise IfpError(
            f"{of} holds {counted(count, 'image')} but {len(factors)} rows of factors; give one row per image."
        )
    if factors.dtype.kind not in "biufUS":
        hint = "factors.astype(str) makes text of them" if factors.dtype.kind == "O" else "number them"
        raise IfpError(f"The factors of {of} must be integers, text or fractions, got {factors.dtype}; {hint}.")
    known = _accept_names(names, factors.shape[1], of)
    if isinstance(bins, Mapping) and (strangers := sorted(set(bins) - set(known))):
        raise unknown_name("factor for bins", strangers[0], known)
    done: list[str] = []
    columns = tuple(_column(factors[:, at], name, of, bins, done) for at, name in enumerate(known))
    if factors.dtype.kind == "f" and any(column.dtype.kind == "f" for column in columns):
        done.append("fractional factor values numbered by size")
    if factors.dtype.kind in "US":
        done.append("factor values of text numbered in the order of the alphabet")
    return AcceptedFactors(columns, known, tuple(done))


def factors_in_columns(
    columns: Sequence[np.ndarray], names: np.ndarray | None, count: int, of: str, bins: Bins = None
) -> AcceptedFactors:
    """As `accept_factors`, of factors that each have an array [N], so that their types may differ.

    What was done is said of each by its name.
    """
    if not columns:
        return accept_factors(None, names, count, of, bins)
    known = _accept_names(names, len(columns), of)
    if isinstance(bins, Mapping) and (strangers := sorted(set(bins) - set(known))):
        raise unknown_name("factor for bins", strangers[0], known)
    accepted: list[np.ndarray] = []
    done: list[str] = []
    for name, values in zip(known, columns, strict=True):
        own = {name: bins[name]} if isinstance(bins, Mapping) and name in bins else None
        one = accept_factors(values, np.array([name]), count, of, own if isinstance(bins, Mapping) else bins)
        accepted += one.columns
        done += (what if what.startswith(name) else f"{name}: {what}" for what in one.done)
    return AcceptedFactors(tuple(accepted), known, tuple(done))


def _to_bytes(images: np.ndarray, of: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The images on the scale 0..255, and what had to be done for it."""
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise IfpError(
            f"The images of {of} must be finite, got {images.dtype} with NaN or infinite values; "
            "images = numpy.nan_to_num(images) makes these 0."
        )
    if low < 0 or high > WHITE:
        to_unit = "(images - images.min()) / (images.max() - images.min())"
        raise IfpError(
            f"The images of {of} must lie in 0..1 or 0..255, got {images.dtype} from {low:g} to {high:g}; "
            f"images = {to_unit} brings them to 0..1."
        )
    if images.dtype.kind == "b" or (images.dtype.kind in "iu" and high <= 1):
        return images.astype(np.uint8) * np.uint8(WHITE), ("images of 0 and 1 drawn as black and white",)
    if images.dtype.kind in "iu":
        return images.astype(np.uint8), (() if images.dtype == np.uint8 else (f"{images.dtype} cast to uint8",))
    if high <= 1:
        return _by_blocks(images, WHITE), (f"{images.dtype} in 0..1 rounded to 256 grey levels",)
    if not all((block == np.rint(block)).all() for block in _blocks(images)):
        raise IfpError(
            f"The images of {of} must lie in 0..1 or be whole numbers in 0..255, got {images.dtype} fractions from "
            f"{low:g} to {high:g}; images = images / {high:g} brings them to 0..1."
        )
    return _by_blocks(images, 1), (f"{images.dtype} in 0..255 cast to uint8",)


def _blocks(images: np.ndarray) -> list[np.ndarray]:
    """The images in pieces of some 16 million numbers, so that no second copy in a wide type is made."""
    size = max(1, _BLOCK_NUMBERS // max(1, images[0].size))
    return [images[start : start + size] for start in range(0, len(images), size)]


def _by_blocks(images: np.ndarray, factor: int) -> np.ndarray:
    return np.concatenate([np.rint(block * factor).astype(np.uint8) for block in _blocks(images)])


def _opaque(images_NHWC: np.ndarray, done: list[str]) -> np.ndarray:
    """The same without transparency, laid on black."""
    if images_NHWC.shape[-1] != 4:
        return images_NHWC
    colours, alpha = images_NHWC[..., :3], images_NHWC[..., 3:]
    if (alpha == WHITE).all():
        done.append("the channel of transparency, opaque everywhere, left out")
        return np.ascontiguousarray(colours)
    done.append("transparent pixels laid on black")
    return np.concatenate(
        [np.rint(block[..., :3] * (block[..., 3:] / WHITE)).astype(np.uint8) for block in _blocks(images_NHWC)]
    )


def _column(values_N: np.ndarray, name: str, of: str, bins: Bins = None, done: list[str] | None = None) -> np.ndarray:
    """The values of one factor: integers, text, or fractions that repeat; numbers of bins where these are asked for."""
    if isinstance(bins, Mapping) and name in bins and values_N.dtype.kind not in "iuf":
        raise IfpError(f"The factor {name!r} of {of} holds {values_N.dtype}, which is not put into bins; leave it out.")
    if values_N.dtype.kind == "S":
        try:
            return np.char.decode(values_N, "utf-8")
        except UnicodeDecodeError as error:
            raise IfpError(f"The factor {name!r} of {of} is text in no known alphabet; save it as str.") from error
    if values_N.dtype.kind == "b":
        return values_N.astype(np.int64)
    if values_N.dtype.kind in "iu" and isinstance(bins, Mapping) and name in bins:
        return _binned(values_N, name, bins[name], done)
    if values_N.dtype.kind != "f":
        return values_N
    if not np.isfinite(values_N).all():
        raise IfpError(f"The factor {name!r} of {of} has NaN or infinite values; leave out the images without a label.")
    whole_bins = bins_for(bins, name)
    if isinstance(bins, Mapping) and whole_bins is not None:
        return _binned(values_N, name, whole_bins, done)
    if (values_N == np.rint(values_N)).all() and np.abs(values_N).max(initial=0) < 2**53:
        return values_N.astype(np.int64)
    different = len(np.unique(values_N))
    if different > MOST_FRACTIONAL_VALUES * len(values_N):
        if whole_bins is not None:
            return _binned(values_N, name, whole_bins, done)
        raise IfpError(
            f"The factor {name!r} of {of} is continuous ({different} different values, "
            f"{counted(len(values_N), 'image')}), "
            "and a factor needs values that repeat; put it into bins of equally many images, such as `bins=5`."
        )
    return values_N


def _binned(values_N: np.ndarray, name: str, count: int, done: list[str] | None) -> np.ndarray:
    positions_N = by_quantiles(values_N.astype(np.float64), count)
    if done is not None:
        left = counted(positions_N.max() + 1, "bin")
        fewer = "" if positions_N.max() + 1 == count else (
            f", not the {count} asked for, since {counted(len(values_N), 'image')} have "
            f"{counted(len(np.unique(values_N)), 'different value')}"
        )  # fmt: skip
        done.append(f"{name} put into {left} of equally many images{fewer}")
    return positions_N


def _accept_names(names: np.ndarray | None, count: int, of: str) -> tuple[str, ...]:
    if names is None:
        return tuple(f"factor_{index}" for index in range(count))
    if names.dtype.kind == "S" and names.ndim == 1:
        names = np.char.decode(names, "utf-8", errors="replace")
    if names.dtype.kind != "U" or names.ndim != 1:
        raise IfpError(
            f"The factor_names of {of} must be a list of strings, got {names.dtype} {list(names.shape)}; "
            "save numpy.array(['shape', 'scale'])."
        )
    return check_factor_names(names.tolist(), count, of)
