"""The images that an encoder takes: their shape is worked out from those of its arrays.

Shapes: C H W channels, rows, columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ifp.checkpoints.rebuild.chain import ShapeMismatch, array_of
from ifp.checkpoints.source import Weights
from ifp.checkpoints.vae import Assumption

ImageShape = tuple[int, int, int]
"""(C, H, W)."""
SIDES = (64, 32, 28, 96, 128, 256, 16, 48, 84, 112, 160, 192, 224, 8)
"""Image sides to try where the weights allow several, the usual first."""
_LONGEST_SIDE = 10**4


@dataclass(frozen=True)
class Images:
    """The shape of the images that an encoder takes, and where it is from."""

    shape: ImageShape
    source: str = "the shapes"
    note: str = ""

    @property
    def assumption(self) -> Assumption:
        """What the user should know of it."""
        return Assumption("image shape", _times(self.shape) + self.note, self.source)


def stated_image(value: object) -> Images | None:
    """The shape that a file states as `value`; None where that is no list of three sizes.

    >>> stated_image([3, 64, 64]).assumption.value
    '3 x 64 x 64'
    """
    if not isinstance(value, list | tuple) or len(value) != 3:
        return None
    if not all(type(size) is int and 0 < size < _LONGEST_SIDE for size in value):
        return None
    return Images((value[0], value[1], value[2]), "the file")


def flat_image(weights: Weights, layer: str, stated: object = None, *, user: ImageShape | None = None) -> Images:
    """The images that the linear `layer` takes flat.

    The `user`'s shape, which must fit; that which a file has `stated` where it fits; else square images of one channel
    or of three, of which at most one can fit.

    Raises
    ------
    ShapeMismatch : no such layer, or neither fits.
    """
    pixels = int(array_of(weights, f"{layer}.weight", 2).shape[1])
    if user is not None:
        if math.prod(user) != pixels:
            raise ShapeMismatch(
                f"{layer!r} takes {pixels} values, and images of {_times(user)} have {math.prod(user)}."
            )
        return Images(user, "an option")
    said = stated_image(stated)
    if said is not None and math.prod(said.shape) == pixels:
        return said
    for channels in (1, 3):
        side = math.isqrt(pixels // channels)
        if 0 < side * side * channels == pixels:
            return Images((channels, side, side), "a guess", ", square images of 1 or 3 channels")
    raise ShapeMismatch(
        f"{layer!r} takes {pixels} values, which is no square image of 1 or 3 channels (state the shape with "
        "--image-shape)."
    )


def convolved_image(
    weights: Weights,
    convolutions: Sequence[tuple[str, int, int]],
    linear: str,
    kernel: int | None = None,
    *,
    user: ImageShape | None = None,
) -> Images:
    """The images that `convolutions` (name, stride, padding) flatten to what the layer `linear` takes.

    Those of the `user`'s shape, which must fit, else square ones.

    Raises
    ------
    ShapeMismatch : a layer is missing or is of another kind, a convolution is not square or not `kernel` pixels wide
        (where that is given), or no usual side fits.
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
    """The side of the square images that `convolutions` (kernel, stride, padding) flatten to `features` values.

    The first of SIDES that fits; `name` is the layer that takes the values.

    Raises
    ------
    ShapeMismatch : none does.

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
        "(state the shape with --image-shape)."
    )


def _side_left(side: int, convolutions: Iterable[tuple[int, int, int]]) -> int:
    for kernel, stride, padding in convolutions:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


def _times(shape: ImageShape) -> str:
    return " x ".join(map(str, shape))


def square_side(features: int, channels: int, name: str) -> int:
    """The side of the square grid of `channels` on which the layer `name` has `features` values.

    Raises
    ------
    ShapeMismatch : there is none.
    """
    side = math.isqrt(features // max(channels, 1))
    if not 0 < side * side * channels == features:
        raise ShapeMismatch(f"{name!r} has {features} values, which is no square image of {channels} channels.")
    return side
