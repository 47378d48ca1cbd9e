"""MinMax and RTD against numbers worked out by hand, another library's bars and finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.topology.barcodes import loops
from ifp.topology.cones import Cone, cone_of_maximum, cone_of_minimum
from ifp.topology.distances import pairwise_distances, unit_of_length
from ifp.topology.minmax import minmax, minmax_of_members
from ifp.topology.trees import tree_edges

needs_ripser = pytest.mark.skipif(find_spec("ripser") is None, reason="ripser (the extra `topology`) is missing")
both = pytest.mark.parametrize("topology", [pytest.param("full", marks=needs_ripser), "lite"])
plain = partial(minmax, normalized=False)
rtd = partial(minmax, only_minimum=True)

ROOT2 = math.sqrt(2)
SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
RECTANGLE = [(0, 0), (2, 0), (2, 1), (0, 1)]
TETRAHEDRON = [(ROOT2, 0, 0, 0), (0, ROOT2, 0, 0), (0, 0, ROOT2, 0), (0, 0, 0, ROOT2)]  # all distances 2
PENTAGON = [(math.cos(math.tau * k / 5), math.sin(math.tau * k / 5)) for k in range(5)]
SIDE, DIAGONAL = 1.175571, 1.902113  # of the pentagon


def line(*places: float) -> list[tuple[float, ...]]:
    return [(place,) for place in places]


CONES: list[Callable[[np.ndarray, np.ndarray], Cone]] = [
    cone_of_minimum, partial(cone_of_minimum, swapped=True), cone_of_maximum, partial(cone_of_maximum, swapped=True),
]  # fmt: skip
NONE: list[tuple[float, float]] = []
ORACLES = [  # two clouds; the bars of Mmin(A, B), Mmin(B, A), Mmax(A, B), Mmax(B, A); RTD; MinMax
    ("n2", line(0, 3), line(0, 1), [[(1, 3)], NONE, [(1, 3)], NONE], 1, 2),
    ("n3", line(0, 1, 3), line(0, 1, 2), [[(1, 2)], NONE, [(1, 2)], NONE], 0.5, 1),
    ("swapped", line(0, 1, 3), line(0, 3, 1), [[(1, 2)], [(1, 2)], [(1, 3)], [(1, 3)]], 1, 3),
    ("tetrahedron", TETRAHEDRON, SQUARE, [[(1, ROOT2), *[(1, 2)] * 3], NONE] * 2, 1.707107, 3.414214),
    ("line", SQUARE, line(0, 1, 2, 3), [NONE, [(1, ROOT2)]] * 2, 0.207107, 0.414214),
    ("bow-tie", SQUARE, [SQUARE[k] for k in (0, 2, 1, 3)], [NONE, NONE, *[[(1, ROOT2)] * 2] * 2], 0, 0.828427),
    ("rectangle", RECTANGLE, SQUARE, [[(1, ROOT2), (1, 2)], NONE] * 2, 0.707107, 1.414214),
    ("pentagram", PENTAGON, [PENTAGON[k] for k in (0, 2, 4, 1, 3)],
     [NONE, NONE, *[[(SIDE, DIAGONAL)] * 5] * 2], 0, 3.632713),
]  # fmt: skip


def cloud(points: object) -> Tensor:
    return torch.tensor(np.array(points), dtype=torch.float64)


@needs_ripser
@pytest.mark.parametrize(("first", "second", "bars", "rtd_value", "value"), [o[1:] for o in ORACLES],
                         ids=[o[0] for o in ORACLES])  # fmt: skip
def test_known_bars(
    first: list[tuple[float, ...]], second: list[tuple[float, ...]], bars: list[list[tuple[float, float]]],
    rtd_value: float, value: float,
) -> None:  # fmt: skip
    a, b = (pairwise_distances(cloud(points)) for points in (first, second))
    for cone, expected in zip(CONES, bars, strict=True):
        length_VV = cone(a.numpy(), b.numpy()).length_VV
        found = loops(length_VV)
        ends = sorted(zip(length_VV.flat[found.birth_K], length_VV.flat[found.death_K], strict=True))
        assert ends == [pytest.approx(bar, abs=1e-6) for bar in sorted(expected)]
    assert float(plain(cloud(first), cloud(second))) == pytest.approx(value, abs=1e-6)
    assert float(plain(cloud(first), cloud(second), only_minimum=True)) == pytest.approx(rtd_value, abs=1e-6)


@needs_ripser
def test_a_rectangle_and_a_square_each_in_its_own_unit() -> None:
    assert float(unit_of_length(pairwise_distances(cloud(RECTANGLE)))) == pytest.approx(math.sqrt(5))
    assert float(rtd(cloud(RECTANGLE), cloud(SQUARE))) == pytest.approx(0.447214, abs=1e-6)
    assert float(minmax(cloud(RECTANGLE), cloud(SQUARE))) == pytest.approx(0.894427, abs=1e-6)


@needs_ripser
def test_clouds_of_seed_seven() -> None:
    """Numbers on which ripser, gudhi and giotto-ph agree to 1e-6."""
    random = np.random.RandomState(7)
    first, second = random.rand(1000, 2)[:100], random.rand(1000, 2)[:100]
    a, b = (pairwise_distances(cloud(points)) for points in (first, second))
    a, b = a / unit_of_length(a), b / unit_of_length(b)
    sums = []
    for cone in CONES:
        length_VV = cone(a.numpy(), b.numpy()).length_VV
        found = loops(length_VV)
        sums.append(float((length_VV.flat[found.death_K] - length_VV.flat[found.birth_K]).sum()))
    assert sums == [pytest.approx(value, abs=5e-5) for value in (8.9289, 8.8914, 15.8993, 15.9299)]
    assert sum(sums) / 2 == pytest.approx(24.8247, abs=5e-5)
    assert float(minmax(cloud(first), cloud(second), longest=50)) == pytest.approx(18.0764, abs=5e-5)


@needs_ripser
def test_the_edges_of_births_and_deaths_are_those_that_gudhi_names(rng: np.random.Generator) -> None:
    gudhi = pytest.importorskip("gudhi", reason="gudhi is not installed")
    first, second = rng.normal(size=(14, 3)), rng.normal(size=(14, 2))
    a, b = (pairwise_distances(cloud(points)).numpy() for points in (first, second))
    for cone in CONES:
        length_VV = cone(a, b).length_VV
        tree = gudhi.RipsComplex(distance_matrix=length_VV).create_simplex_tree(max_dimension=2)
        tree.compute_persistence(min_persistence=0)
        ends = tree.flag_persistence_generators()[1][0]
        births, deaths = (length_VV[ends[:, k], ends[:, k + 1]] for k in (0, 2))
        lasting = deaths > births
        found = loops(length_VV)
        pairs = zip(length_VV.flat[found.birth_K], length_VV.flat[found.death_K], strict=True)
        assert sorted(pairs) == sorted(zip(births[lasting], deaths[lasting], strict=True))


@both
def test_the_gradient_is_that_of_finite_differences(topology: str, rng: np.random.Generator) -> None:
    first = cloud(rng.normal(size=(12, 3))).requires_grad_()
    second = cloud(rng.normal(size=(12, 2))).requires_grad_()
    of = partial(plain, topology=topology)
    found = torch.autograd.grad(of(first, second), [first, second])
    for which, gradient in enumerate(found):
        for row, column in ((0, 0), (5, 1), (11, 0)):
            sides = []
            for step in (1e-6, -1e-6):
                clouds = [first.detach().clone(), second.detach().clone()]
                clouds[which][row, column] += step
                sides.append(float(of(*clouds)))
            assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(float(gradient[row, column]), abs=1e-7)
        assert gradient.sum(0).numpy() == pytest.approx(0, abs=1e-12)  # no change under translation
    # MinMax is homogeneous of degree 1 (Euler)
    parts = [(points * gradient).sum() for points, gradient in zip((first, second), found, strict=True)]
    assert sum(part.item() for part in parts) == pytest.approx(of(first, second).item(), rel=1e-12)


@both
def test_the_gradient_of_two_points(topology: str) -> None:
    first, second = cloud(line(0, 3)).requires_grad_(), cloud(line(0, 1)).requires_grad_()
    gradients = torch.autograd.grad(plain(first, second, topology=topology), [first, second])
    assert [gradient.flatten().tolist() for gradient in gradients] == [[-1, 1], [1, -1]]


@both
def test_what_changes_nothing(topology: str, rng: np.random.Generator) -> None:
    first, second = cloud(rng.normal(size=(20, 4))), cloud(rng.normal(size=(20, 4)))
    rotation = cloud(np.linalg.qr(rng.normal(size=(4, 4)))[0])
    of = partial(minmax, topology=topology)
    value = float(of(first, second))
    order = rng.permutation(20)
    assert float(of(first, first)) == 0
    assert float(of(first, first @ rotation + 3)) == pytest.approx(0, abs=1e-9)
    assert float(of(first[order], second[order])) == pytest.approx(value, rel=1e-12)
    assert float(of(first @ rotation + 7, second)) == pytest.approx(value, rel=1e-9)
    assert float(of(5 * first, second)) == pytest.approx(value, rel=1e-9)
    assert float(of(second, first)) == pytest.approx(value, rel=1e-12)
    assert abs(float(of(first[order], second)) - value) > 0.01
    both_scaled = float(plain(3 * first, 3 * second, topology=topology))
    assert both_scaled == pytest.approx(3 * float(plain(first, second, topology=topology)), rel=1e-12)


@needs_ripser
def test_the_trees_are_lower_bounds(rng: np.random.Generator) -> None:
    """Of both differences; with 3 points they are equal, and so is MinMax."""
    for points in (3, 3, 3, 6, 12, 12):
        first, second = cloud(rng.normal(size=(points, 3))), cloud(rng.normal(size=(points, 3)))
        for only_minimum in (False, True):
            full, lite = (
                float(plain(first, second, topology=name, only_minimum=only_minimum)) for name in ("full", "lite")
            )
            assert lite == pytest.approx(full, abs=1e-6) if points == 3 else 0 < lite <= full + 1e-9


def test_trees_by_hand() -> None:
    """The published RTD-Lite, [T(A) + T(B) - 2 T(min)] / 2, of a rectangle and a square: (4 + 3 - 6) / 2."""
    assert float(plain(cloud(RECTANGLE), cloud(SQUARE), topology="lite", only_minimum=True)) == 0.5
    assert float(plain(cloud(RECTANGLE), cloud(SQUARE), topology="lite")) == pytest.approx(1)  # 4 - 3
    assert sorted(zip(*tree_edges(pairwise_distances(cloud(line(0, 5, 1, 3))).numpy()), strict=True)) == [
        (0, 2), (1, 3), (2, 3),
    ]  # fmt: skip


@both
def test_a_smaller_cloud_has_one_sided_bars(topology: str, rng: np.random.Generator) -> None:
    """Where B <= A everywhere, both cones with A on top are the same matrix, and the others have no loop."""
    a = pairwise_distances(cloud(rng.normal(size=(10, 3)))).numpy()
    assert np.array_equal(CONES[0](a, a / 2).length_VV, CONES[2](a, a / 2).length_VV)
    if topology == "full":
        assert [len(loops(cone(a, a / 2).length_VV).birth_K) > 0 for cone in CONES] == [True, False, True, False]


@both
def test_descent_brings_two_clouds_together(topology: str) -> None:
    random = np.random.RandomState(0)
    first, second = cloud(random.rand(24, 2)), cloud(random.rand(24, 2)).requires_grad_()
    optimizer = torch.optim.Adam([second], lr=0.03)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        value = minmax(first, second, topology=topology)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.75 * values[0]


@both
def test_a_collapsed_decoder_costs_nothing_and_has_a_gradient_of_0(topology: str) -> None:
    first = torch.zeros(8, 5, requires_grad=True)
    value = minmax(first, first.clone() * 2, topology=topology)
    assert value.item() == 0
    assert not torch.autograd.grad(value, first)[0].any()


@both
def test_members_with_no_points_or_nan(topology: str, rng: np.random.Generator) -> None:
    one, other = cloud(rng.normal(size=(6, 3))), cloud(rng.normal(size=(6, 3)))
    values = minmax_of_members(
        [one, one[:0], one[:1], one * torch.nan, one], [other, other[:0], other[:1], other, other], topology=topology
    )
    assert values[1:3].tolist() == [0, 0]
    assert values[3].isnan()
    assert values[0] == values[4] == minmax(one, other, topology=topology) > 0


def test_distances_are_those_of_scipy(rng: np.random.Generator) -> None:
    from scipy.spatial.distance import cdist

    points = rng.normal(size=(30, 100)) + 50
    found = pairwise_distances(cloud(points)).numpy()
    np.testing.assert_allclose(found, cdist(points, points), rtol=1e-10, atol=1e-6)
    assert np.array_equal(found, found.T)
