"""Pressures of DEFT from the peaks or steps of a whole data set, and why there are none."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from ifp.analysis.joint import PEAKS, STEPS, joint_pressures
from ifp.analysis.joint.peaks import why_empty

from .known_curves import BETAS, linear_mi, peaks_of, steep_mi


def test_pressures_lie_between_peaks_and_end_in_1() -> None:
    stages = joint_pressures(peaks_of(steep_mi(BETAS)))
    assert set(stages["measure"]) == {PEAKS}
    assert_allclose(stages["beta"], [np.sqrt(90 * 30), np.sqrt(30 * 8), 1], rtol=0.06)
    assert list(stages["freezes"].str.count(",")) == [0, 0, 0]


def test_without_peaks_the_steps_stand_in() -> None:
    stages = joint_pressures(peaks_of(linear_mi(BETAS)))
    assert set(stages["measure"]) == {STEPS}
    assert_allclose(stages["beta"], [40, 10, 1], rtol=0.03)


def test_pressures_of_at_most_1_are_no_stage_of_their_own() -> None:
    beta = np.geomspace(40, 0.02, 120)
    stages = joint_pressures(peaks_of(linear_mi(beta, (10.0, 0.5, 0.1)), beta))
    assert_allclose(stages["beta"], [np.sqrt(5), 1], rtol=0.03)
    assert stages["freezes"].iloc[1].count(",") == 1


def test_one_step_or_none_suggests_no_pressures_and_says_why() -> None:
    for edges, words in (((), "there is no peak or step"), ((20.0,), "there is one step")):
        peaks = peaks_of(linear_mi(BETAS, edges) if edges else np.zeros(100))
        assert len(joint_pressures(peaks)) == 0
        reasons = why_empty(peaks, joint_pressures(peaks))
        assert words in reasons["pressures"]
        assert "has no peak" in reasons["peaks"]
        assert ("steps" in reasons) == (not edges)
    assert why_empty(peaks_of(steep_mi(BETAS)), joint_pressures(peaks_of(steep_mi(BETAS)))) == {}
