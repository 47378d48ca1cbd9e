"""What cooling, heating and equilibrium make of a curve with a fold, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.exact.branches import COLLAPSED, Curve, Landing, cooling_path, equilibrium_path, heating_path

KL = np.linspace(0.01, 0.99, 99)
ABOVE = np.array([1.001, 1.1, 1.3])


def curve(bump: float) -> tuple[Curve, float]:
    """beta(K) = 1 + bump K - K^2, whose recon is R(0) minus its integral; the lower edge is 1, R(0) is 10."""
    beta = 1 + bump * KL - KL**2
    recon = 10 - (KL + bump * KL**2 / 2 - KL**3 / 3)
    index = np.arange(len(KL))
    return Curve(index, beta, recon, KL[:, None], index), 10.0


def landing(kl: float) -> Landing:
    return Landing(0.998, np.array([kl]))


def test_without_a_fold_the_three_are_one() -> None:
    c, collapsed = curve(bump=0.0)
    cool = cooling_path(c, landing(0.001), ABOVE)
    heat = heating_path(c, 1.0, 2.0, ABOVE)
    equilibrium = equilibrium_path(c, 1.0, collapsed, ABOVE)
    assert not cool.jumps
    assert not heat.jumps
    assert not equilibrium.jumps
    held = [j for j in heat.points if j != COLLAPSED][::-1]
    assert held == list(range(99))
    assert [j for j in cool.points if j != COLLAPSED] == [j for j in held if c.beta_J[j] < 0.998]
    assert [j for j in equilibrium.points if j != COLLAPSED] == held


def test_a_fold_gives_three_different_crossings() -> None:
    # beta rises to 1 + bump^2 / 4 at K = bump / 2, where heating melts; it is 1 again at K = bump, where cooling lands
    # objectives meet where the mean of beta from 0 to K equals beta(K): bump / 2 = 2 K / 3, at 1 + 3 bump^2 / 16
    bump = 0.6
    c, collapsed = curve(bump)
    heat = heating_path(c, 1.0, 2.0, ABOVE)
    last = [b for j, b in zip(heat.points, heat.beta, strict=True) if j != COLLAPSED][-1]
    assert last == pytest.approx(1 + bump**2 / 4, rel=1e-3)
    assert heat.points[-1] == COLLAPSED
    assert heat.beta[-1] > last
    cool = cooling_path(c, landing(0.6), ABOVE)
    first = next(j for j in cool.points if j != COLLAPSED)
    assert KL[first] == pytest.approx(bump, abs=0.02)
    equilibrium = equilibrium_path(c, 1.0, collapsed, ABOVE)
    (jump,) = equilibrium.jumps
    assert jump.low == COLLAPSED
    assert jump.beta == pytest.approx(1 + 3 * bump**2 / 16, rel=1e-3)
    assert KL[jump.high] == pytest.approx(3 * bump / 4, abs=0.02)


def test_a_branch_above_the_limit_has_not_melted() -> None:
    c, _ = curve(bump=0.6)
    heat = heating_path(c, 1.0, 1.05, ABOVE)
    assert COLLAPSED not in heat.points
    assert max(heat.beta) <= 1.05
