"""The toys: exact intersections against formulas, and images that change with each factor as they should."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import numpy as np
import pytest

from ifp.datasets.raytrace import NO_SOLID, Solids, first_hits, normals, ray_coordinates, sample_positions
from ifp.datasets.toy_solids import CATEGORIES, INSTANCES, SMALLEST, toy_solids, turned
from ifp.datasets.toys import ELEVATIONS_DEG, HALF_WIDTH, LAMPS, PAINT, Toys, View, turntable

COUNT, HALF = 160, 2.0
AT = sample_positions(COUNT, HALF)
X_HW, Y_HW = np.meshgrid(AT, AT)


def solids(*parts: tuple[bool, list[float], np.ndarray]) -> Solids:
    is_box, centre, axes = zip(*parts, strict=True)
    return Solids(np.array(is_box), np.array(centre, dtype=float), np.array(axes, dtype=float))


@pytest.fixture(scope="module")
def toys() -> Toys:
    return Toys()


@pytest.fixture(scope="module")
def sample(toys: Toys) -> np.ndarray:
    """Positions [N, F] spread over the whole design, every value of every factor among them."""
    return toys.space.unravel(np.arange(0, len(toys.space), 31))


# --- rays -----------------------------------------------------------------------------------------------------------


def test_ball_depth_is_the_sphere_equation() -> None:
    depth_HW, index_HW = first_hits(solids((False, [0.3, -0.2, 5.0], np.eye(3))), COUNT, HALF)
    inside = (X_HW - 0.3) ** 2 + (Y_HW + 0.2) ** 2
    np.testing.assert_array_equal(index_HW == 0, inside <= 1)
    np.testing.assert_allclose(depth_HW[inside <= 1], 5 - np.sqrt(1 - inside[inside <= 1]), atol=1e-12)
    assert np.isinf(depth_HW[inside > 1]).all()


def test_ellipsoid_silhouette_and_surface() -> None:
    axes = turned(35, 50) * np.array([1.4, 0.5, 0.3])
    depth_HW, index_HW = first_hits(solids((False, [0, 0, 0], axes)), COUNT, HALF)
    # the shadow of x = A u, |u| = 1, on a plane is the ellipse of the upper 2 x 2 block of A A^T
    (a, b), (_, c) = np.linalg.inv((axes @ axes.T)[:2, :2])
    hit = a * X_HW**2 + 2 * b * X_HW * Y_HW + c * Y_HW**2 <= 1
    np.testing.assert_array_equal(index_HW == 0, hit)
    points = np.stack([X_HW[hit], Y_HW[hit], depth_HW[hit]])
    np.testing.assert_allclose((np.linalg.solve(axes, points) ** 2).sum(axis=0), 1, atol=1e-9)


def test_box_seen_along_its_faces() -> None:
    depth_HW, index_HW = first_hits(solids((True, [0.1, 0, 0], np.diag([0.5, 1.2, 0.7]))), COUNT, HALF)
    np.testing.assert_array_equal(index_HW == 0, (np.abs(X_HW - 0.1) <= 0.5) & (np.abs(Y_HW) <= 1.2))
    np.testing.assert_allclose(depth_HW[index_HW == 0], -0.7, atol=1e-12)


def test_box_on_its_edge() -> None:
    # a unit cube turned by 45 degrees about the second axis: a roof with its ridge at t = -sqrt 2 over X = 0
    edge = np.array([[1, 0, -1], [0, math.sqrt(2), 0], [1, 0, 1]]) / math.sqrt(2)
    depth_HW, index_HW = first_hits(solids((True, [0, 0, 0], edge)), COUNT, HALF)
    np.testing.assert_array_equal(index_HW == 0, (np.abs(X_HW) <= math.sqrt(2)) & (np.abs(Y_HW) <= 1))
    hit = index_HW == 0
    np.testing.assert_allclose(depth_HW[hit], np.abs(X_HW[hit]) - math.sqrt(2), atol=1e-12)


def test_the_nearer_solid_is_seen() -> None:
    scene = solids((False, [0, 0, 4], np.eye(3)), (True, [0, 0, 0], np.eye(3) * 0.5), (False, [9, 0, 0], np.eye(3)))
    _, index_HW = first_hits(scene, COUNT, HALF)
    box = (np.abs(X_HW) <= 0.5) & (np.abs(Y_HW) <= 0.5)
    ball = X_HW**2 + Y_HW**2 <= 1
    np.testing.assert_array_equal(index_HW, np.where(box, 1, np.where(ball, 0, NO_SOLID)))


def test_solids_that_leave_the_frame_are_cut_not_wrapped() -> None:
    _, index_HW = first_hits(solids((False, [1.8, -1.9, 0], np.eye(3))), COUNT, HALF)
    np.testing.assert_array_equal(index_HW == 0, (X_HW - 1.8) ** 2 + (Y_HW + 1.9) ** 2 <= 1)


def test_normals_point_outward() -> None:
    scene = solids((False, [1, 2, 3], np.diag([1.0, 2.0, 4.0])), (True, [0, 0, 0], turned(0, 30) * [1.0, 2.0, 0.5]))
    on_ball = np.array([1 + math.sqrt(0.5), 2 + 2 * math.sqrt(0.5), 3])
    on_box = turned(0, 30) @ np.array([1, 0.7, -0.2])
    got = normals(scene, np.array([0, 1]), np.stack([on_ball, on_box]))
    gradient = np.array([2 * math.sqrt(0.5), 2 * math.sqrt(0.5) / 2, 0])  # of x^2 + y^2/4 + z^2/16
    np.testing.assert_allclose(got[0], gradient / np.linalg.norm(gradient), atol=1e-12)
    np.testing.assert_allclose(got[1], turned(0, 30)[:, 0], atol=1e-12)


def test_a_ball_casts_an_elliptic_shadow() -> None:
    light = np.array([0.6, 0.0, 0.8])
    matrix, offset = ray_coordinates(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), light, np.zeros(3))
    ball = solids((False, [0.5, 0.2, 1.0], np.eye(3) * 0.4)).mapped(matrix, offset)
    _, index_HW = first_hits(ball, COUNT, HALF)
    # its centre falls to c - light * c_z / light_z, its length along the light grows by 1 / light_z
    inside = ((X_HW + 0.25) * 0.8 / 0.4) ** 2 + ((Y_HW - 0.2) / 0.4) ** 2 <= 1
    np.testing.assert_array_equal(index_HW == 0, inside)


# --- toys -----------------------------------------------------------------------------------------------------------


def test_design_is_smallnorbs(toys: Toys) -> None:
    assert dict(zip(toys.space.names, toys.space.sizes, strict=True)) == {
        "category": 5, "elevation": 9, "azimuth": 18, "lighting": 6,
    }  # fmt: skip
    assert len(toys.space) * INSTANCES == 48_600
    assert ELEVATIONS_DEG == (30, 35, 40, 45, 50, 55, 60, 65, 70)


@pytest.mark.parametrize("category", range(len(CATEGORIES)), ids=CATEGORIES)
def test_every_toy_stands_on_the_ground_inside_the_frame(category: int) -> None:
    for instance in range(INSTANCES):
        toy = toy_solids(category, instance)
        assert (toy.centre_P3 - toy.extents_P3())[:, 2].min() == pytest.approx(0, abs=1e-12)
        middle = np.array([0, 0, (toy.centre_P3 + toy.extents_P3())[:, 2].max() / 2])
        depth_HW, index_HW = first_hits(toy.mapped(np.eye(3), -middle), COUNT, HALF)
        hit = index_HW != NO_SOLID
        radius = np.sqrt(X_HW[hit] ** 2 + Y_HW[hit] ** 2 + depth_HW[hit] ** 2)
        assert radius.max() <= 1 < HALF_WIDTH
        assert radius.max() > 0.8 * SMALLEST


def test_every_sampled_image_shows_a_toy(toys: Toys, sample: np.ndarray) -> None:
    assert all(set(sample[:, f]) == set(range(size)) for f, size in enumerate(toys.space.sizes))
    images = toys.render(sample, np.arange(len(sample)))
    assert images.shape == (len(sample), 1, 64, 64)
    assert images.dtype == np.uint8
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    spread = images.reshape(len(images), -1).max(axis=1).astype(int) - images.reshape(len(images), -1).min(axis=1)
    assert spread.min() > 60
    assert images.min() < 20
    assert images.max() > 230


def test_a_full_turn_changes_nothing() -> None:
    toy = toy_solids(0, 3)
    once = View(turntable(toy, 40), 45).image(LAMPS[0])
    again = View(turntable(toy, 400), 45).image(LAMPS[0])
    assert np.abs(once.astype(int) - again).max() <= 1  # rounding at .5
    assert np.abs(once.astype(int) - View(turntable(toy, 60), 45).image(LAMPS[0])).max() > 50


def test_half_a_turn_mirrors_a_symmetric_toy() -> None:
    # an airplane is symmetric about its long axis, so azimuths a and 180 - a are mirror images, lit from the front
    toy = toy_solids(2, 0)
    left, right = View(turntable(toy, 40), 50), View(turntable(toy, 140), 50)
    assert (left.on_toy_SS != right.on_toy_SS[:, ::-1]).mean() < 1e-3
    image, mirrored = left.image(LAMPS[2]).astype(int), right.image(LAMPS[2])[:, ::-1]
    assert (np.abs(image - mirrored) > 3).mean() < 5e-3


def test_lighting_moves_shading_and_shadow_but_not_the_toy(toys: Toys) -> None:
    view = View(turntable(toy_solids(3, 1), 60), 40)
    silhouette = view.on_toy_SS.copy()
    images = [view.image(lamp).astype(int) for lamp in LAMPS]
    np.testing.assert_array_equal(view.on_toy_SS, silhouette)
    whole = silhouette.reshape(64, 2, 64, 2).all(axis=(1, 3))
    for a in range(len(LAMPS)):
        for b in range(a):
            assert np.abs(images[a] - images[b])[whole].mean() > 4


def test_diffuse_light_is_the_cosine_of_the_angle_to_the_lamp() -> None:
    ball = solids((False, [0, 0, 0.8], np.eye(3) * 0.8))
    for lamp in LAMPS:
        view = View(ball, 50)
        facing = view.normal_K3 @ lamp.towards_3()
        brightness = view._toy_brightness_K(lamp, lamp.towards_3())
        room = PAINT * lamp.room * (0.6 + 0.4 * view.normal_K3[:, 2])
        rest = brightness - room - PAINT * lamp.strength * np.maximum(facing, 0)
        # what is left is gloss: nowhere negative, nothing beyond the angle where its lobe ends, strongest at its middle
        assert rest.min() >= -1e-12
        half = lamp.towards_3() - view.forward_3
        mirror = view.normal_K3 @ half / np.linalg.norm(half)
        assert np.abs(rest[mirror < 0.6]).max() < 1e-3 * lamp.strength
        assert rest.argmax() == mirror.argmax()


def test_the_shadow_falls_away_from_the_lamp() -> None:
    ball = solids((False, [0, 0, 0.5], np.eye(3) * 0.5))
    columns = sample_positions(128, HALF_WIDTH)
    for lamp, side in ((LAMPS[0], 1), (LAMPS[1], -1)):
        shadow = View(ball, 50).shadow_SS(lamp.towards_3())
        assert np.sign((shadow * columns).sum()) == side


def test_elevation_changes_the_silhouette() -> None:
    toy = turntable(toy_solids(1, 0), 0)
    views = [View(toy, elevation).on_toy_SS for elevation in ELEVATIONS_DEG]
    heights = [np.ptp(np.nonzero(view.any(axis=1))[0]) for view in views]
    assert heights == sorted(heights, reverse=True)  # a standing figure is foreshortened from above
    assert all((a != b).mean() > 0.002 for a, b in pairwise(views))


def test_the_instance_is_the_nuisance_modulo_ten(toys: Toys) -> None:
    position = np.tile([[2, 3, 4, 1]], (12, 1))
    images = toys.render(position, np.arange(12))
    assert len(np.unique(images[:10].reshape(10, -1), axis=0)) == 10
    np.testing.assert_array_equal(images[10:], images[:2])


def test_an_image_does_not_depend_on_its_neighbours(toys: Toys, rng: np.random.Generator) -> None:
    positions = toys.space.unravel(rng.integers(len(toys.space), size=20))
    nuisance = rng.integers(2**31, size=20)
    together = toys.render(positions, nuisance)
    order = rng.permutation(20)
    np.testing.assert_array_equal(toys.render(positions[order], nuisance[order]), together[order])
    for n in range(3):
        np.testing.assert_array_equal(toys.render(positions[n : n + 1], nuisance[n : n + 1])[0], together[n])


@pytest.mark.parametrize("factor", ["category", "elevation", "azimuth", "lighting"])
def test_traversals_move_their_factor(toys: Toys, factor: str) -> None:
    (traversal,) = toys.sample_traversals(factor, 1, seed=4)
    images = toys.traversal_images(traversal)
    assert len(images) == toys.space.size_of(factor)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_images_are_the_same_everywhere(toys: Toys) -> None:
    """Written on 2026-11-22 by `Toys().render(...)` with NumPy 2.4.6, SciPy 1.17.1 on x86-64.

    A change of these bytes is a change of the data set: it needs a line in the changelog.
    """
    positions = np.array([[c, 2 * c, 4 * c + 1, c % 6] for c in range(5)])
    digest = hashlib.sha256(toys.render(positions, np.arange(5)).tobytes()).hexdigest()
    assert digest == "94219a744a171a59c21443faa594d6ffb4f7a0619181cde4f4a56505c3c63578"
    assert toys.checksum() == "b976a780cb602b7d996d2de90ffba08fa30c69b013b462dd6635a082bcfc01f4"
