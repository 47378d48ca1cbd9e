"""Exact first hits of parallel rays on ellipsoids and boxes.

A solid is the image of the unit ball or of the cube [-1, 1]^3 under an affine map, so any affine change of coordinates
turns solids into solids. Rays are made parallel to the third axis by such a change; a camera and a light that casts
a shadow on the ground then differ by their change of coordinates alone (`ray_coordinates`).

Shapes: P solids, H W rays (rows, columns), K hits; a trailing 3 or 33 is space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

NO_SOLID = -1
"""The number of the solid where a ray meets none."""
PARALLEL = 1e-12
"""A ray that moves more slowly than this towards a box's face, in half-axes per unit of depth, runs along it."""


@dataclass(frozen=True)
class Solids:
    """Ellipsoids and boxes: is_box_P, centre_P3, and axes_P33 whose columns are the half-axes."""

    is_box_P: np.ndarray
    centre_P3: np.ndarray
    axes_P33: np.ndarray

    def mapped(self, matrix_33: np.ndarray, offset_3: np.ndarray) -> Solids:
        """The solids under the affine map p -> matrix p + offset."""
        return Solids(
            self.is_box_P,
            np.einsum("ij,pj->pi", matrix_33, self.centre_P3) + offset_3,
            np.einsum("ij,pjk->pik", matrix_33, self.axes_P33),
        )

    def extents_P3(self) -> np.ndarray:
        """Half the size of each solid's bounding box along the coordinate axes."""
        ball = np.sqrt((self.axes_P33**2).sum(axis=2))
        return np.where(self.is_box_P[:, None], np.abs(self.axes_P33).sum(axis=2), ball)


def ray_coordinates(
    right_3: np.ndarray, down_3: np.ndarray, along_3: np.ndarray, origin_3: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The map (matrix, offset) to coordinates (X, Y, t) with p = origin + X right + Y down + t along.

    The three directions need not be orthogonal: with `along` towards a light and `right`, `down` the steps on the
    ground between neighbouring pixels, the rays are those that decide which pixels lie in shadow.
    """
    matrix = np.linalg.inv(np.stack([right_3, down_3, along_3], axis=1))
    return matrix, -np.einsum("ij,j->i", matrix, origin_3)


def sample_positions(count: int, half_width: float) -> np.ndarray:
    """The centres of `count` equal cells of [-half_width, half_width]."""
    return ((np.arange(count) + 0.5) / count * 2 - 1) * half_width


def first_hits(solids: Solids, count: int, half_width: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the rays (X, Y, t), t rising, first meet a solid; X and Y are `sample_positions`.

    Returns
    -------
    depth_HW : t of the first hit, inf where there is none.
    index_HW : which solid was hit, `NO_SOLID` where none was.
    """
    depth_HW = np.full((count, count), np.inf)
    index_HW = np.full((count, count), NO_SOLID)
    at = sample_positions(count, half_width)
    extents_P3 = solids.extents_P3()
    inverse_P33 = np.linalg.inv(solids.axes_P33)
    for p, (centre_3, extent_3) in enumerate(zip(solids.centre_P3, extents_P3, strict=True)):
        columns, rows = (_cells(centre_3[i], extent_3[i], count, half_width) for i in (0, 1))
        x_W, y_H = at[columns] - centre_3[0], at[rows] - centre_3[1]
        if not (x_W.size and y_H.size):
            continue
        # the ray in the solid's own coordinates: start + t * along, with t from the solid's centre
        right_3, down_3, along_3 = inverse_P33[p].T
        start_3HW = right_3[:, None, None] * x_W + (down_3[:, None] * y_H)[:, :, None]
        t_HW = (_box_entry if solids.is_box_P[p] else _ball_entry)(start_3HW, along_3) + centre_3[2]
        nearer_HW = t_HW < depth_HW[rows, columns]
        depth_HW[rows, columns][nearer_HW] = t_HW[nearer_HW]
        index_HW[rows, columns][nearer_HW] = p
    return depth_HW, index_HW


def normals(solids: Solids, index_K: np.ndarray, point_K3: np.ndarray) -> np.ndarray:
    """Outward unit normals [K, 3] at points on the surfaces of the solids `index_K`."""
    inverse_P33 = np.linalg.inv(solids.axes_P33)
    inverse_K33 = inverse_P33[index_K]
    local_K3 = np.einsum("kij,kj->ki", inverse_K33, point_K3 - solids.centre_P3[index_K])
    face_K = np.abs(local_K3).argmax(axis=1)
    on_face_K3 = np.sign(local_K3) * (np.arange(3) == face_K[:, None])
    local_K3 = np.where(solids.is_box_P[index_K, None], on_face_K3, local_K3)
    # normals map by the inverse transpose
    normal_K3 = np.einsum("kji,kj->ki", inverse_K33, local_K3)
    return normal_K3 / np.sqrt((normal_K3**2).sum(axis=1, keepdims=True))


def _cells(centre: float, extent: float, count: int, half_width: float) -> slice:
    """The cells whose centres lie within `extent` of `centre`."""
    per_unit = count / (2 * half_width)
    first = math.ceil((centre - extent + half_width) * per_unit - 0.5)
    last = math.floor((centre + extent + half_width) * per_unit - 0.5)
    return slice(min(max(first, 0), count), min(max(last + 1, 0), count))


def _ball_entry(start_3HW: np.ndarray, along_3: np.ndarray) -> np.ndarray:
    """The smaller t with |start + t along| = 1, inf where the ray misses."""
    a = float((along_3**2).sum())
    b_HW = (along_3[:, None, None] * start_3HW).sum(axis=0)
    discriminant_HW = b_HW**2 - a * ((start_3HW**2).sum(axis=0) - 1)
    missed_HW = discriminant_HW < 0
    t_HW = (-b_HW - np.sqrt(np.where(missed_HW, 0, discriminant_HW))) / a
    t_HW[missed_HW] = np.inf
    return t_HW


def _box_entry(start_3HW: np.ndarray, along_3: np.ndarray) -> np.ndarray:
    """The smaller t at which start + t along enters [-1, 1]^3, inf where the ray misses: the last of three slabs."""
    enter_HW = np.full(start_3HW.shape[1:], -np.inf)
    leave_HW = np.full(start_3HW.shape[1:], np.inf)
    for start_HW, along in zip(start_3HW, along_3.tolist(), strict=True):
        if abs(along) < PARALLEL:
            leave_HW[np.abs(start_HW) > 1] = -np.inf
        else:
            middle_HW = start_HW / -along
            np.maximum(enter_HW, middle_HW - 1 / abs(along), out=enter_HW)
            np.minimum(leave_HW, middle_HW + 1 / abs(along), out=leave_HW)
    enter_HW[enter_HW > leave_HW] = np.inf
    return enter_HW
