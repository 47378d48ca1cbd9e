"""`toys`: a stand-in for SmallNORB with its design, rendered from solids, so that it needs no download.

The design is that of LeCun, Huang and Bottou, *Learning methods for generic object recognition with invariance to pose
and lighting* (CVPR 2004): toys of five categories on a turntable, seen from nine elevations under six lightings,
ten instances a category. The instance is a nuisance, not a factor.

Shapes: N images, F factors, S samples per side before anti-aliasing, K samples on the toy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ifp.datasets.base import FactorDataset
from ifp.datasets.factors import FactorSpace
from ifp.datasets.raytrace import NO_SOLID, Solids, first_hits, normals, ray_coordinates, sample_positions
from ifp.datasets.toy_solids import CATEGORIES, INSTANCES, toy_solids

SIDE = 64
"""Rows and columns of an image."""
SUPERSAMPLING = 2
"""Rays along the side of a pixel."""
SAMPLES = SIDE * SUPERSAMPLING
HALF_WIDTH = 1.12
"""Half of what the camera sees, in units of the largest toy's radius."""

ELEVATIONS_DEG = tuple(range(30, 75, 5))
"""Elevations of the camera, those of SmallNORB."""
AZIMUTH_STEP_DEG = 20
"""Degrees between two azimuths of the camera, as in SmallNORB."""

PAINT, GROUND, GLOSS = 0.78, 0.5, 0.22
"""How much light the paint of a toy and the ground throw back, and how strongly a highlight shines."""
SHADOW_DEPTH, SHADOW_BLUR_SAMPLES = 0.55, 2.5
"""The share of the lamp's light that a shadow takes away, and the width of its edge in samples."""


@dataclass(frozen=True)
class Lamp:
    """A lighting: where the lamp is, how strong it is, and how bright the room is without it."""

    azimuth_deg: float
    elevation_deg: float
    strength: float
    room: float

    def towards_3(self) -> np.ndarray:
        """The unit vector to the lamp. Azimuth 0 is the viewer's side, positive to the right."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        flat = math.cos(elevation)
        return np.array([flat * math.sin(azimuth), -flat * math.cos(azimuth), math.sin(elevation)])


LAMPS = (
    Lamp(-60, 40, 0.80, 0.25),
    Lamp(60, 40, 0.80, 0.25),
    Lamp(0, 75, 0.70, 0.30),
    Lamp(-150, 45, 0.75, 0.25),
    Lamp(130, 35, 0.85, 0.15),
    Lamp(-15, 50, 0.35, 0.60),
)
"""The lightings: from the left, the right, overhead, twice from behind, and dim in a bright room."""


class Toys(FactorDataset):
    """48,600 grey images: category 5, elevation 9 (30 to 70 degrees), azimuth 18, lighting 6, ten instances."""

    name = "toys"
    space = FactorSpace(
        ("category", "elevation", "azimuth", "lighting"),
        (len(CATEGORIES), len(ELEVATIONS_DEG), 360 // AZIMUTH_STEP_DEG, len(LAMPS)),
    )
    image_shape = (1, SIDE, SIDE)
    nuisance_name = "instance"
    nuisance_values = INSTANCES

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images uint8 [N, 1, 64, 64]; the instance is the nuisance modulo 10."""
        images = np.empty((len(positions_NF), *self.image_shape), dtype=np.uint8)
        scenes: dict[tuple[int, ...], list[int]] = {}
        for n, (position, nuisance) in enumerate(zip(positions_NF, nuisance_N, strict=True)):
            category, elevation, azimuth, _ = (int(value) for value in position)
            scenes.setdefault((category, int(nuisance) % INSTANCES, elevation, azimuth), []).append(n)
        for (category, instance, elevation, azimuth), members in scenes.items():
            toy = turntable(toy_solids(category, instance), azimuth * AZIMUTH_STEP_DEG)
            view = View(toy, ELEVATIONS_DEG[elevation])
            for n in members:
                images[n, 0] = view.image(LAMPS[int(positions_NF[n, 3])])
        return images

    def checksum(self) -> str:
        """SHA-256 of a fixed sample of images."""
        return self._sample_checksum()


def turntable(toy: Solids, azimuth_deg: float) -> Solids:
    """The toy turned about the vertical."""
    turn = math.radians(azimuth_deg)
    matrix = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    return toy.mapped(matrix, np.zeros(3))


class View:
    """A toy seen by an orthographic camera: what does not depend on the lighting.

    Attributes
    ----------
    on_toy_SS : which samples show the toy.
    normal_K3 : the surface's normals there.
    """

    def __init__(self, toy: Solids, elevation_deg: float) -> None:
        rise = math.radians(elevation_deg)
        self.toy = toy
        self.right_3 = np.array([1.0, 0.0, 0.0])
        self.down_3 = np.array([0.0, -math.sin(rise), -math.cos(rise)])
        self.forward_3 = np.array([0.0, math.cos(rise), -math.sin(rise)])
        # the camera looks at the middle of the toy
        self.centre_3 = np.array([0.0, 0.0, float((toy.centre_P3 + toy.extents_P3())[:, 2].max()) / 2])
        seen = toy.mapped(*ray_coordinates(self.right_3, self.down_3, self.forward_3, self.centre_3))
        depth_SS, index_SS = first_hits(seen, SAMPLES, HALF_WIDTH)
        self.on_toy_SS = index_SS != NO_SOLID
        rows, columns = np.nonzero(self.on_toy_SS)
        at = sample_positions(SAMPLES, HALF_WIDTH)
        point_K3 = (
            self.centre_3
            + at[columns, None] * self.right_3
            + at[rows, None] * self.down_3
            + depth_SS[self.on_toy_SS][:, None] * self.forward_3
        )
        self.normal_K3 = normals(toy, index_SS[self.on_toy_SS], point_K3)

    def image(self, lamp: Lamp) -> np.ndarray:
        """The image uint8 [64, 64] under a lamp: diffuse and a little gloss on the toy, a soft shadow on the ground."""
        light_3 = lamp.towards_3()
        ground = GROUND * (lamp.room + lamp.strength * light_3[2])
        lit_SS = ground * (1 - SHADOW_DEPTH * self.shadow_SS(light_3))
        lit_SS[self.on_toy_SS] = self._toy_brightness_K(lamp, light_3)
        mean = lit_SS.reshape(SIDE, SUPERSAMPLING, SIDE, SUPERSAMPLING).mean(axis=(1, 3))
        return np.rint(255 * np.clip(mean, 0, 1)).astype(np.uint8)

    def shadow_SS(self, light_3: np.ndarray) -> np.ndarray:
        """How deep the ground under each sample lies in the toy's shadow, 0 to 1, with a soft edge."""

        def on_ground(start_3: np.ndarray) -> np.ndarray:
            return start_3 - self.forward_3 * (start_3[2] / self.forward_3[2])

        # neighbouring samples of the screen, carried along the view to the ground
        steps = ray_coordinates(self.right_3, on_ground(self.down_3), light_3, on_ground(self.centre_3))
        _, index_SS = first_hits(self.toy.mapped(*steps), SAMPLES, HALF_WIDTH)
        return gaussian_filter((index_SS != NO_SOLID).astype(np.float64), SHADOW_BLUR_SAMPLES)

    def _toy_brightness_K(self, lamp: Lamp, light_3: np.ndarray) -> np.ndarray:
        facing_K = np.maximum(np.einsum("ki,i->k", self.normal_K3, light_3), 0)
        # the room's light comes from above: undersides are darker
        room_K = lamp.room * (0.6 + 0.4 * self.normal_K3[:, 2])
        half_3 = light_3 - self.forward_3
        half_3 = half_3 / math.sqrt(float((half_3**2).sum()))
        gloss_K = np.maximum(np.einsum("ki,i->k", self.normal_K3, half_3), 0) ** 16
        return PAINT * (room_K + lamp.strength * facing_K) + GLOSS * lamp.strength * gloss_K
