"""The shift of latents and directions of a decoder: symmetries of what it draws, and directions that mix them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.topology.directions import STEP, find_directions, leading_directions, rotated
from ifp.topology.latents import direction_differences, posterior_draws, random_directions
from ifp.topology.minmax import minmax
from ifp.topology.shift import shifted
from ifp.topology.traversals import direction_traversals

ROWS, COLUMNS = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")
HIDDEN = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
"""Its columns are the axes of `mixed`."""


def spot(z_BD: Tensor) -> Tensor:
    """A spot whose place follows the first two latents (their quantiles); the others are ignored."""
    place_B2 = 1.5 + 6 * torch.special.ndtr(z_BD[:, :2].double())
    apart = (ROWS - place_B2[:, :1, None]) ** 2 + (COLUMNS - place_B2[:, 1:2, None]) ** 2
    return torch.exp(-apart / 4)


def mixed(z_BD: Tensor) -> Tensor:
    """The same of latents in a hidden rotation."""
    return spot(z_BD.double() @ torch.from_numpy(HIDDEN))


def unequal(z_BD: Tensor) -> Tensor:
    """The same with half the way along the second latent, so that the leading directions are the axes."""
    z_BD = z_BD.double()
    return spot(torch.stack([z_BD[:, 0], 0.5 * z_BD[:, 1]], dim=1))


def normal(batches: int, codes: int, latents: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(batches, codes, latents))


def test_an_ignored_latent_differs_by_nothing_and_axes_by_less_than_what_mixes_them() -> None:
    axes, oblique = np.eye(3), np.array([[1.0, 1, 0], [1, -1, 0]]) / np.sqrt(2)
    found = direction_differences(spot, normal(3, 32, 3), np.vstack([axes, oblique]), topology="lite").mean(axis=1)
    assert found[2] == 0
    assert 0 < found[:2].max() < 0.6 * found[3:].min()


def test_the_difference_of_a_latent_is_the_mean_of_both_sides() -> None:
    z_RBD = normal(1, 20, 3)
    z, sides = torch.from_numpy(z_RBD[0]), []
    for share in (0.125, -0.125):
        moved = z.clone()
        moved[:, 0], kept = shifted(z[:, 0], share)
        images, there = (spot(codes)[kept].flatten(1) for codes in (z, moved))
        sides.append(minmax(images, there, topology="lite").item())
    found = direction_differences(spot, z_RBD, np.eye(3)[:1], topology="lite")
    assert found[0, 0] == pytest.approx(np.mean(sides), rel=1e-6)


def test_draws_are_those_of_the_posteriors() -> None:
    mean_ND = np.repeat(np.arange(100.0)[:, None], 2, axis=1)
    drawn = posterior_draws(mean_ND, np.full((100, 2), -8.0), batch=50, repeats=3, seed=1)
    assert drawn.shape == (3, 50, 2)
    rows_RB = np.round(drawn.mean(axis=2)).astype(int)
    assert all(len(set(rows_B)) > 48 for rows_B in rows_RB)  # each image once, up to the noise
    assert np.std(drawn[..., 0] - drawn[..., 1]) == pytest.approx(np.sqrt(2) * np.exp(-4), rel=0.3)
    assert np.array_equal(drawn, posterior_draws(mean_ND, np.full((100, 2), -8.0), 50, 3, 1))


def test_random_directions_are_unit_vectors() -> None:
    np.testing.assert_allclose(np.linalg.norm(random_directions(20, 5, 0), axis=1), 1)


def test_leading_directions_span_what_changes_the_images() -> None:
    z_BD, scale = normal(1, 40, 3)[0], np.ones(3)
    found = leading_directions(mixed, z_BD, scale, 0, "cpu")
    assert found.shape == (2, 3)
    # the third axis of the hidden rotation is ignored by the decoder
    # (central differences are good to their step squared)
    np.testing.assert_allclose(found @ HIDDEN[:, 2], 0, atol=STEP**2)
    assert leading_directions(mixed, z_BD, scale, 1, "cpu").shape == (1, 3)


def test_the_axes_of_a_hidden_rotation_are_found() -> None:
    """From the leading directions and from random ones; far below random directions of the same space."""
    held_out = normal(4, 32, 3, seed=9)
    found = find_directions(mixed, normal(6, 32, 3), held_out, topology="lite", steps=30, restarts=1)
    cosine_KD = np.abs(found.found_KD @ HIDDEN)
    assert sorted(cosine_KD.argmax(axis=1)) == [0, 1]
    assert cosine_KD.max(axis=1).min() > 0.98
    among = np.array([[np.cos(angle), np.sin(angle)] for angle in np.pi * np.array([0.15, 0.25, 0.35])])
    oblique_VD = among @ HIDDEN[:, :2].T
    others = direction_differences(mixed, held_out, oblique_VD, topology="lite")
    assert found.held_out_S.max() < 0.6 * others.mean()  # from the random rotation too
    assert found.curve_ST.shape == (2, 30)
    np.testing.assert_allclose(found.found_KD @ found.found_KD.T, np.eye(2), atol=1e-9)


def test_a_start_that_no_rotation_betters_is_kept() -> None:
    """Leading directions that are the axes already, and a search of one step, which can only leave them."""
    held_out = normal(4, 32, 2, seed=9)
    found = find_directions(unequal, normal(6, 32, 2), held_out, topology="lite", steps=1, restarts=0)
    assert found.kept_start
    np.testing.assert_array_equal(found.found_KD, found.start_KD)
    assert found.start_held_out < found.held_out_S.min()
    np.testing.assert_allclose(
        found.start_held_out, direction_differences(unequal, held_out, found.found_KD, topology="lite").mean()
    )


def test_rotations_stay_rotations() -> None:
    angles = torch.from_numpy(normal(1, 4, 4)[0])
    rotation = rotated(angles, torch.eye(4, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(4), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_traversal_moves_along_its_direction_alone() -> None:
    seen = []

    def keep(z_BD: Tensor) -> Tensor:
        seen.append(z_BD.numpy())
        return torch.zeros(len(z_BD), 2, 3)

    direction = np.array([[0.6, 0.8]])
    images, values = direction_traversals(keep, np.array([1.0, 4.0]), direction, np.array([1.0, 2.0]), "cpu")
    assert images.shape == (1, 9, 1, 2, 3)
    unit = seen[0] / np.array([1.0, 2.0])
    np.testing.assert_allclose(unit @ direction[0], values, atol=1e-12)
    across = np.array([0.8, -0.6])
    np.testing.assert_allclose(unit @ across, np.array([1.0, 2.0]) @ across, atol=1e-12)
