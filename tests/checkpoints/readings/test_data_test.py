"""What speaks against images: the settings' own words and the dimension-wise KL, each alone."""

from __future__ import annotations

import pytest

from ifp.checkpoints.readings.data_test import DataTest, canonical, named_dataset
from ifp.checkpoints.readings.moment_test import PriorTest

GOOD, BAD = PriorTest(0.5, 12.7), PriorTest(19.0, 31.0)


def test_nothing_speaks_against_a_models_own_data() -> None:
    for given, trained_on in (
        ("sprites", "dsprites"),
        ("sprites-noshape", "dsprites_full"),
        ("toys", ""),
        ("toys", "x"),
    ):
        assert DataTest(GOOD, given, trained_on).passed, (given, trained_on)
    assert DataTest(PriorTest(4.3, 25.0), "sprites").passed  # held at a capacity
    assert DataTest(PriorTest(0.3, 0.4), "sprites").passed  # nearly collapsed


@pytest.mark.parametrize(
    ("given", "trained_on"),
    [("sprites-color", "celeba"), ("toys", "smallnorb"), ("sprites-noisy", "dsprites"), ("smallnorb", "shapes")],
)
def test_another_data_set_by_name(given: str, trained_on: str) -> None:
    (problem,) = DataTest(GOOD, given, trained_on).problems
    assert repr(trained_on) in problem
    assert given in problem


def test_a_file_of_ones_own_is_not_known_by_its_name() -> None:
    for given in ("npz:mnist_copy.npz", "images:mnist"):
        assert DataTest(GOOD, given, "celeba").passed
    assert not DataTest(BAD, "npz:mnist_copy.npz", "mnist").passed


def test_the_share_of_the_dimension_wise_kl_is_told_in_numbers() -> None:
    (problem,) = DataTest(BAD, "sprites").problems
    assert "19.00 of 31.00 nats of KL (61%)" in problem


def test_rather_far_and_poorly_drawn_speak_against_images_together() -> None:
    far = PriorTest(4.1, 14.7)  # a public model on arrows
    (problem,) = DataTest(far, "arrow", drawn=0.65).problems
    assert "28%" in problem
    assert "draws save 65%" in problem
    for prior, drawn in (
        (far, 0.93),
        (far, None),  # without a decoder nothing is drawn
        (PriorTest(2.9, 25.0), 0.65),  # a model of few nats draws poorly
        (PriorTest(0.4, 1.2), 0.1),  # nearly collapsed
    ):
        assert DataTest(prior, "arrow", drawn=drawn).passed, (prior, drawn)


def test_where_settings_name_their_data() -> None:
    assert named_dataset({"dataset": "dsprites"}) == "dsprites"
    assert named_dataset({"dataset.name": "dsprites_full"}) == "dsprites_full"
    assert named_dataset({"config": {"dataset": "sprites"}}) == "sprites"
    assert named_dataset({"dataset": 3}) == ""
    assert canonical("3D-Shapes") == canonical("shapes3d") == "3D Shapes"
    assert canonical("FashionMNIST") != canonical("mnist")
