"""The fifty toys: five categories of ten instances, each a handful of ellipsoids and boxes.

Toys are built with x forward, y to the left, z up, then scaled and moved so that each stands on the ground (z = 0)
over the origin and fits a ball of radius 1 about its middle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from ifp.datasets.raytrace import Solids
from ifp.seeds import numpy_generator

INSTANCES = 10
"""Toys per category, as in SmallNORB."""
SMALLEST = 0.82
"""The radius of the smallest instance, in units of the largest one's."""

Vector = Sequence[float]


class Kit:
    """Collects the parts of one toy."""

    def __init__(self) -> None:
        self.parts: list[tuple[bool, np.ndarray, np.ndarray]] = []

    def ball(self, centre: Vector, radii: Vector, pitch: float = 0.0, yaw: float = 0.0) -> None:
        """An ellipsoid; pitch lifts its front, yaw turns it to the left (degrees)."""
        self.parts.append((False, np.array(centre, float), turned(pitch, yaw) * np.array(radii, float)))

    def box(self, centre: Vector, halves: Vector, pitch: float = 0.0, yaw: float = 0.0) -> None:
        """A box with these half-sizes; turned as `ball`."""
        self.parts.append((True, np.array(centre, float), turned(pitch, yaw) * np.array(halves, float)))

    def limb(self, start: Vector, end: Vector, radius: float) -> None:
        """A long ellipsoid from one point to another."""
        span = np.subtract(end, start)
        length = math.sqrt(float((span**2).sum()))
        first = span / length
        aside = np.cross(first, [0.0, 1.0, 0.0] if abs(first[1]) < 0.9 else [1.0, 0.0, 0.0])
        second = aside / math.sqrt(float((aside**2).sum()))
        axes = np.stack([first, second, np.cross(first, second)], axis=1)
        middle = (np.asarray(start) + np.asarray(end)) / 2
        # a little longer than the span, so that limbs overlap at joints
        self.parts.append((False, middle, axes * np.array([length * 0.58, radius, radius])))

    def pair(self, part: Callable[..., None], centre: Vector, *rest: Vector, yaw: float = 0.0) -> None:
        """The same ball or box on the left and, mirrored, on the right."""
        x, y, z = centre
        part((x, y, z), *rest, yaw=yaw)
        part((x, -y, z), *rest, yaw=-yaw)

    def finished(self, radius: float) -> Solids:
        """The toy on the ground, scaled to fit a ball of this radius."""
        is_box, centre, axes = (np.stack(column) for column in zip(*self.parts, strict=True))
        solids = Solids(is_box, centre, axes)
        extents = solids.extents_P3()
        low, high = (centre - extents).min(axis=0), (centre + extents).max(axis=0)
        middle = (low + high) / 2
        reach = np.sqrt((axes**2).sum(axis=1))  # of each half-axis
        reach = np.where(is_box, np.sqrt((reach**2).sum(axis=1)), reach.max(axis=1))
        scale = radius / (np.sqrt(((centre - middle) ** 2).sum(axis=1)) + reach).max()
        return solids.mapped(np.eye(3) * scale, -scale * np.array([middle[0], middle[1], low[2]]))


def turned(pitch: float, yaw: float) -> np.ndarray:
    """The rotation that lifts the front by `pitch`, then turns to the left by `yaw`, in degrees."""
    up, left = math.radians(pitch), math.radians(yaw)
    lift = np.array([[math.cos(up), 0, -math.sin(up)], [0, 1, 0], [math.sin(up), 0, math.cos(up)]])
    turn = np.array([[math.cos(left), -math.sin(left), 0], [math.sin(left), math.cos(left), 0], [0, 0, 1]])
    return np.einsum("ij,jk->ik", turn, lift)


def animal(kit: Kit, p: np.ndarray) -> None:
    """Four legs, a body, neck, head and tail: from a dachshund to a giraffe."""
    length, girth, leg, neck = 0.62 + 0.16 * p[0], 0.24 + 0.06 * p[1], 0.5 + 0.22 * p[2], 0.32 + 0.22 * p[3]
    height = leg + girth * 0.7
    kit.ball((0, 0, height), (length, girth, girth * 1.05))
    for x in (-0.68 * length, 0.68 * length):
        for y in (-0.6 * girth, 0.6 * girth):
            kit.limb((x, y, height - 0.3 * girth), (x + 0.06 * p[4], y, 0), 0.085 + 0.025 * p[1])
    shoulder = (0.8 * length, 0, height + 0.3 * girth)
    head = (0.8 * length + 0.22 + 0.1 * p[5], 0, height + 0.3 * girth + neck)
    kit.limb(shoulder, head, 0.13 + 0.03 * p[1])
    kit.ball((head[0] + 0.1, 0, head[2]), (0.24 + 0.06 * p[6], 0.13, 0.13), pitch=-20)
    kit.pair(kit.ball, (head[0] - 0.02, 0.09, head[2] + 0.15), (0.04, 0.04, 0.1 + 0.04 * p[7]))
    kit.limb((-0.9 * length, 0, height + 0.1), (-length - 0.2, 0, height - 0.1 + 0.25 * p[8]), 0.05)


def human(kit: Kit, p: np.ndarray) -> None:
    """A standing figure with its arms and legs in one of many poses."""
    leg, torso, width, stride = 0.85 + 0.1 * p[0], 0.62 + 0.08 * p[1], 0.24 + 0.05 * p[2], 0.25 + 0.2 * p[3]
    limb = 0.1 + 0.02 * p[4]
    hip, shoulder = leg, leg + torso
    kit.ball((0, 0, hip + 0.05), (0.15, width * 0.85, 0.18))
    kit.ball((0, 0, hip + 0.58 * torso), (0.16, width, 0.5 * torso))
    kit.ball((0.02, 0, shoulder + 0.24), (0.15, 0.14, 0.18 + 0.02 * p[5]))
    for side, swing in ((1, stride), (-1, -stride)):
        kit.limb((0, side * 0.12, hip), (swing, side * 0.16, 0.06), limb)
        kit.ball((swing + 0.08, side * 0.16, 0.05), (0.16, 0.07, 0.05))
        raised = 0.5 * p[6] if side > 0 else 0.5 * p[7]
        elbow = (0.1 - swing * 0.5, side * (width + 0.16), shoulder - 0.3 + 0.3 * raised)
        kit.limb((0, side * width * 0.9, shoulder - 0.06), elbow, 0.8 * limb)
        kit.limb(elbow, (elbow[0] + 0.28, side * (width + 0.12), elbow[2] - 0.1 + 0.7 * raised), 0.65 * limb)


def airplane(kit: Kit, p: np.ndarray) -> None:
    """A fuselage, swept wings, a tail, and engines under the wings or none."""
    fat, span, chord, sweep = 0.14 + 0.03 * p[0], 0.85 + 0.15 * p[1], 0.19 + 0.05 * p[2], 18 + 18 * p[3]
    height = 0.32
    root = 0.08 + 0.1 * p[4]
    back = math.tan(math.radians(sweep)) * span / 2
    kit.ball((0, 0, height), (1.0, fat, fat * 1.05))
    kit.pair(kit.box, (root - back, span / 2, height - 0.03), (chord, span / 2, 0.025), yaw=sweep)
    kit.pair(kit.box, (-0.83, 0.2, height + 0.05), (0.1, 0.2 + 0.04 * p[5], 0.02), yaw=sweep)
    kit.box((-0.84, 0, height + 0.22), (0.11, 0.02, 0.2 + 0.05 * p[6]), pitch=-12)
    kit.ball((0.55, 0, height + 0.7 * fat), (0.2, 0.08, 0.08 + 0.02 * p[7]))
    if p[8] > -0.2:
        kit.pair(kit.ball, (root - 0.35 * back, 0.38 * span, height - 0.1), (0.18, 0.065, 0.065))


def truck(kit: Kit, p: np.ndarray) -> None:
    """A cab and a tall load on six wheels."""
    load, tall, wide = 0.6 + 0.14 * p[0], 0.3 + 0.1 * p[1], 0.27 + 0.03 * p[2]
    cab, cab_tall, gap = 0.18 + 0.03 * p[3], 0.25 + 0.05 * p[4], 0.05 + 0.03 * p[5]
    wheel = 0.13 + 0.015 * p[6]
    floor = wheel * 1.5
    front = load + 2 * gap + cab
    kit.box((0, 0, floor + 0.05 + tall), (load, wide, tall))
    kit.box(((front + cab - load) / 2, 0, floor), ((front + cab + load) / 2, wide * 0.7, 0.05))
    kit.box((front, 0, floor + cab_tall), (cab, wide * 0.95, cab_tall))
    kit.box((front + cab + 0.09, 0, floor + 0.12), (0.09 + 0.08 * max(p[7], -0.9), wide * 0.85, 0.13))
    for x in (-0.7 * load, -0.7 * load + 2.3 * wheel, front):
        kit.pair(kit.ball, (x, wide * 0.92, wheel), (wheel, 0.06, wheel))


def car(kit: Kit, p: np.ndarray) -> None:
    """A low body on four wheels, under a dome (beetle) or an angular cabin (saloon to estate)."""
    length, wide, low = 0.84 + 0.1 * p[0], 0.36 + 0.05 * p[1], 0.13 + 0.03 * p[2]
    cabin, roof, at = 0.36 + 0.14 * p[3], 0.26 + 0.06 * p[4], -0.1 + 0.08 * p[5]
    wheel = 0.15 + 0.02 * p[6]
    top = wheel + 2 * low
    if p[7] > 0.1:
        kit.box((0, 0, wheel + 0.8 * low), (length * 0.85, wide, low * 0.8))
        kit.ball((0, 0, wheel + low), (length * 1.02, wide * 0.9, low * 1.5))
        kit.ball((at, 0, top - 0.05), (cabin + 0.2, wide * 0.9, roof + 0.1))
    else:
        kit.box((0, 0, wheel + low), (length, wide, low))
        kit.box((at, 0, top + roof / 2), (cabin * 0.8, wide * 0.85, roof / 2))
        # a box on its edge at either end: windscreens that lean at 45 degrees
        for x in (at - cabin * 0.8, at + cabin * 0.8):
            kit.box((x, 0, top), (roof / math.sqrt(2), wide * 0.85, roof / math.sqrt(2)), pitch=45)
    for x in (-0.6 * length, 0.6 * length):
        kit.pair(kit.ball, (x, wide * 0.97, wheel), (wheel, 0.07, wheel))


BUILDERS: dict[str, Callable[[Kit, np.ndarray], None]] = {
    "animal": animal,
    "human": human,
    "airplane": airplane,
    "truck": truck,
    "car": car,
}
"""The categories in SmallNORB's order."""

CATEGORIES = tuple(BUILDERS)


@cache
def toy_solids(category: int, instance: int) -> Solids:
    """The solids of one toy; its proportions depend on the category and the instance alone."""
    name = CATEGORIES[category]
    proportions = numpy_generator(0, "toys", name, instance).uniform(-1, 1, size=10)
    kit = Kit()
    BUILDERS[name](kit, proportions)
    return kit.finished(SMALLEST + (1 - SMALLEST) * (proportions[9] + 1) / 2)
