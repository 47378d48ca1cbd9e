"""Arrow: a triangle whose place and pointing angle depend on each other in training, on 64 x 64 pixels.

After the correlative set in the code of DEFT's author (erow/disentanglement_lib, data/ground_truth/correlation.py,
2021), whose places, angles and noise are kept:

- `posX` and `posY`, 32 values each: the triangle's centre lies in the middle of the pixel of column 15 + posX and row
  15 + posY, so one step is one pixel and posX 16, posY 16 is taken for the centre of the places.
- `angle`, 32 values: 0 points down, and each step turns by 11.25 degrees counter-clockwise (8 right, 16 up, 24 left).
- In training the places are uniform and the triangle points at the centre of the places, give or take a normal angle
  of standard deviation 45 degrees; the sum is rounded down to a step. At the centre itself it points up, give or take
  as much. Any place and angle can be rendered, so evaluation can be uncorrelated.

The drawing is this project's own, because the original's is grey at the edges, cut by its 11 x 11 window, and depends
on an image library's rounding. Here a triangle 11 pixels long and 7.5 wide at its base is turned about the middle of
its length, and a pixel is on (255, else 0) when at least half of its 4 x 4 sub-samples lie in the triangle.

Shapes: N images, A angles (32), W pixels along a stamp's side, S sub-samples along it (S = 4 W), X Y places.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import ndtr

from ifp.datasets.base import FactorDataset
from ifp.datasets.factors import FactorSpace
from ifp.datasets.joint_sampler import JointSampler

SIDE = 64
"""Rows and columns of an image."""
PLACES, ANGLES = 32, 32
"""Numbers of values of each position, and of the angle."""
SPACE = FactorSpace(("posX", "posY", "angle"), (PLACES, PLACES, ANGLES))

CENTRE = 16
"""The value of posX and of posY at which the triangle points in training."""

NOISE_DEGREES = 45.0
"""Standard deviation of the triangle's angle, while training, about the angle that points at the centre."""
STEP_DEGREES = 360 / ANGLES

# lengths in pixels
_LENGTH = 11.0
_BASE = 7.5
_FIRST_PIXEL = 15  # of the triangle's centre, at posX or posY 0
_STAMP = 15  # no point of the triangle lies farther from its centre than 6.7
_SUB = 4  # samples along a pixel's side
_TURNS = 4  # beyond this many turns the normal angle has no probability left in 64 bits


class Arrow(FactorDataset):
    """32,768 images of 1 x 64 x 64 pixels, 0 or 255, without noise or other nuisance."""

    name = "arrow"
    space = SPACE
    image_shape = (1, SIDE, SIDE)

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 1, 64, 64], 0 or 255; the nuisance is ignored."""
        positions_NF = np.asarray(positions_NF)
        images = np.zeros((len(positions_NF), 1, SIDE, SIDE), dtype=np.uint8)
        left_N, top_N = (_FIRST_PIXEL - _STAMP // 2 + positions_NF[:, at] for at in (0, 1))
        pixel_W = np.arange(_STAMP)
        rows, columns = top_N[:, None, None] + pixel_W[:, None], left_N[:, None, None] + pixel_W
        images[np.arange(len(images))[:, None, None], 0, rows, columns] = _stamps_AWW()[positions_NF[:, 2]]
        return images

    def checksum(self) -> str:
        """SHA-256 of 64 images spread over the grid."""
        return self._sample_checksum()

    def describe(self) -> dict[str, object]:
        """The common lines and what to know of these data."""
        return {
            **super().describe(),
            "source": "rendered; places, angles and noise of DEFT's correlative set, own drawing",
            "angle": "11.25 degrees per step, counter-clockwise from down; the last value is a neighbour of the first",
            "in training": "a uniform place, and the angle that points at the centre plus a normal one of "
            f"{NOISE_DEGREES:g} degrees; evaluation may use the whole grid",
        }

    def training_probabilities(self) -> Callable[[np.ndarray], np.ndarray]:
        """See `FactorDataset.training_probabilities`: place and angle correlated, as the set was made."""
        return self.correlated_sampler().image_probabilities

    def correlated_sampler(self) -> JointSampler:
        """The training distribution: `draw(count, generator)` gives positions [count, 3]."""
        description: dict[str, object] = {"family": "arrow", "noise_degrees": NOISE_DEGREES}
        return JointSampler(SPACE, {SPACE.names: angle_probabilities_XYA()}, description)


def angle_probabilities_XYA() -> np.ndarray:
    """Probability of each angle in training at each place, [posX, posY, angle]; sums to 1 over the angles."""
    offset = np.arange(PLACES) - CENTRE
    # from the centre towards the place, counter-clockwise from down; half a turn on is back at the centre
    mean_XY = np.degrees(np.arctan2(offset[:, None], offset[None, :])) + 180
    edges = STEP_DEGREES * np.arange(ANGLES + 1)
    turned = edges + 360 * np.arange(-_TURNS, _TURNS + 1)[:, None]
    below = ndtr((turned - mean_XY[..., None, None]) / NOISE_DEGREES)
    return np.asarray(np.diff(below, axis=-1).sum(axis=-2))


@cache
def _stamps_AWW() -> np.ndarray:
    """The triangle at each angle, uint8 0 or 255, its centre in the middle of the stamp."""
    at_S = (np.arange(_STAMP * _SUB) + 0.5) / _SUB - _STAMP / 2
    angle_A11 = np.radians(STEP_DEGREES * np.arange(ANGLES))[:, None, None]
    # rows run down, so the direction of an angle is (right, down) = (sin, cos)
    right, down = np.sin(angle_A11), np.cos(angle_A11)
    along = right * at_S[None, None, :] + down * at_S[None, :, None]
    across = down * at_S[None, None, :] - right * at_S[None, :, None]
    # no sub-sample lies on an edge, so rounding decides nothing
    inside = (along >= -_LENGTH / 2) & (np.abs(across) <= _BASE / 2 * (0.5 - along / _LENGTH))
    counts_AWW = inside.reshape(ANGLES, _STAMP, _SUB, _STAMP, _SUB).sum(axis=(2, 4))
    return (counts_AWW >= _SUB * _SUB // 2) * np.uint8(255)
