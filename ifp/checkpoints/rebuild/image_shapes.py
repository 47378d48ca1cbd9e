"""Infers the shape of the images that an encoder takes from the shapes of its arrays.

Shapes: C H W channels, rows, columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch, array_of
from ifp.checkpoints.source import Weights
from ifp.checkpoints.vae import Assumption

ImageShape = tuple[int, int, int]
"""Channels, rows and columns of an image, (C, H, W)."""
SIDES = (64, 32, 28, 96, 128, 256, 16, 48, 84, 112, 160, 192, 224, 8)
"""Sides of square images that are tried, the usual ones first, because the weights of convolutions fit several."""
_LONGEST_SIDE = 10**4
"""A stated size counts only if it is smaller than this."""


@dataclass(frozen=True)
class Images:
    """The shape of the images that an encoder takes.

    Attributes
    ----------
    shape : (C, H, W).
    source : where the shape is from, see `ifp.checkpoints.vae.Assumption`.
    note : a clause for the user that is appended to the shape.
    """

    shape: ImageShape
    source: str = "the shapes"
    note: str = ""

    @property
    def assumption(self) -> Assumption:
        """The shape as an assumption, for the user."""
        return Assumption("image shape", _times(self.shape) + self.note, self.source)


def stated_image(value: object) -> Images | None:
    """The shape that a file states as `value`, or None if that is no list of three sizes.

    >>> stated_image([3, 64, 64]).assumption.value
    '3 x 64 x 64'
    """
    if not isinstance(value, list | tuple) or len(value) != 3:
        return None
    if not all(type(size) is int and 0 < size < _LONGEST_SIDE for size in value):
        return None
    return Images((value[0], value[1], value[2]), "the file")


def flat_image(weights: Weights, layer: str, stated: object = None, *, user: ImageShape | None = None) -> Images:
    """The images that the linear `layer` takes after they are flattened.

    Parameters
    ----------
    stated : the shape that the file states; it is ignored if it does not fit.
    user : the shape that the user states.

    Returns
    -------
    The user's shape, else the file's, else that of square images with one or three channels, of which one can fit.

    Raises
    ------
    ShapeMismatch : if there is no such layer, the user's shape does not fit, or no shape does.
    """
    pixels = int(array_of(weights, f"{layer}.weight", 2).shape[1])
    if user is not None:
        if math.prod(user) != pixels:
            raise ShapeMismatch(
                f"{layer!r} takes {pixels} values, and images of {_times(user)} have {math.prod(user)}."
            )
        return Images(user, "an option")
    images = stated_image(stated)
    if images is not None and math.prod(images.shape) == pixels:
        return images
    for channels in (1, 3):
        side = math.isqrt(pixels // channels)
        if 0 < side * side * channels == pixels:
            return Images((channels, side, side), "a guess", ", square images of 1 or 3 channels")
    raise ShapeMismatch(
        f"{layer!r} takes {pixels} values, which is no square image of 1 or 3 channels (state the shape with "
        "`reading=ifp.ReadingOptions(image_shape=...)`)."
    )


def convolved_image(
    weights: Weights,
    convolutions: Sequence[tuple[str, int, int]],
    linear: str,
    kernel: int | None = None,
    *,
    user: ImageShape | None = None,
) -> Images:
    """The images from which convolutions make as many values as the layer `linear` takes.

    Parameters
    ----------
    convolutions : name, stride and padding of each.
    kernel : the width that every convolution must have; None for any.
    user : the shape that the user states; without it, images are square.

    Raises
    ------
    ShapeMismatch : if a layer is missing or of another kind, a convolution is not square or has another width, the
        user's shape does not fit, or no usual side does.
    """
    if not convolutions:
        raise ShapeMismatch(f"There is no convolution before {linear!r}.")
    shapes = [array_of(weights, f"{name}.weight", 4).shape for name, _, _ in convolutions]
    for (name, _, _), shape in zip(convolutions, shapes, strict=True):
        width = kernel or shape[2]
        if shape[2:] != (width, width):
            raise ShapeMismatch(f"{name!r} should be {width} x {width} pixels and has the shape {list(shape)}.")
    features = int(array_of(weights, f"{linear}.weight", 2).shape[1])
    layers = [
        (int(shape[-1]), stride, padding) for shape, (_, stride, padding) in zip(shapes, convolutions, strict=True)
    ]
    if user is not None:
        sides = [_side_left(side, layers) for side in user[1:]]
        if user[0] != shapes[0][1] or min(sides) <= 0 or math.prod(sides) * int(shapes[-1][0]) != features:
            raise ShapeMismatch(
                f"{linear!r} takes {features} values, to which images of {_times(user)} are not flattened."
            )
        return Images(user, "an option")
    side = image_side(features, int(shapes[-1][0]), layers, repr(linear))
    return Images((int(shapes[0][1]), side, side))


def image_side(
    features: int, channels: int, convolutions: Iterable[tuple[int, int, int]], name: str = "The layer after them"
) -> int:
    """The side of the square images from which convolutions make `features` values: the first of SIDES that fits.

    Parameters
    ----------
    channels : number of channels after the last convolution.
    convolutions : kernel, stride and padding of each.
    name : the layer that takes the values, for the message.

    Raises
    ------
    ShapeMismatch : if none fits.

    >>> image_side(512, 32, [(4, 2, 1)] * 4)
    64
    """
    layers = list(convolutions)
    for side in SIDES:
        left = _side_left(side, layers)
        if left > 0 and left * left * channels == features:
            return side
    raise ShapeMismatch(
        f"{name} takes {features} values, but no usual image side is flattened to that by {len(layers)} convolutions "
        "(state the shape with `reading=ifp.ReadingOptions(image_shape=...)`)."
    )


def _side_left(side: int, convolutions: Iterable[tuple[int, int, int]]) -> int:
    for kernel, stride, padding in convolutions:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


def _times(shape: ImageShape) -> str:
    return " x ".join(map(str, shape))


def square_side(features: int, channels: int, name: str) -> int:
    """The side of the square grid with `channels` channels that has the `features` values of the layer `name`.

    Raises
    ------
    ShapeMismatch : if there is none.
    """
    side = math.isqrt(features // max(channels, 1))
    if not 0 < side * side * channels == features:
        raise ShapeMismatch(f"{name!r} has {features} values, which is no square image of {channels} channels.")
    return side
