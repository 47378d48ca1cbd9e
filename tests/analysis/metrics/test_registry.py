"""The metrics by name, as a command line runs them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ifp.analysis.metrics import METRICS, mig, run_metrics, standard_error
from ifp.codes import Codes
from ifp.errors import IfpError

Draw = Callable[..., np.ndarray]


def codes_of(mean_ND: np.ndarray, factors_NF: np.ndarray) -> Codes:
    sizes = tuple(int(size) for size in factors_NF.max(axis=0) + 1) if factors_NF.size else ()
    names = tuple(f"factor{f}" for f in range(factors_NF.shape[1]))
    return Codes(mean_ND, np.full(mean_ND.shape, -3.0), factors_NF, names, sizes)


@pytest.fixture(scope="module")
def noisy(draw: Draw) -> Codes:
    factors_NF = draw((3, 6, 8), 1500)
    return codes_of(factors_NF + 0.1 * np.random.default_rng(0).normal(size=(1500, 3)), factors_NF)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_runs_by_name(noisy: Codes, name: str) -> None:
    ((found, score, seconds),) = run_metrics(noisy, [name])
    assert found == name
    assert np.isfinite(score.value)
    assert score.settings["n"] == 1500
    assert 0 <= seconds < 60
    again = METRICS[name](noisy)
    assert again.numbers() == score.numbers()
    assert METRICS[name].describes
    assert set(METRICS[name].beside) <= set(score.numbers()) - {"value"}


def test_by_default_all_that_are_quick(noisy: Codes) -> None:
    assert {name for name, _, _ in run_metrics(noisy)} == set(METRICS) - {"dci", "dci-es"}


def test_without_factors_only_what_needs_none(rng: np.random.Generator) -> None:
    codes = codes_of(rng.normal(size=(1000, 4)), np.zeros((1000, 0), dtype=np.int64))
    ran = {name for name, _, _ in run_metrics(codes)}
    assert ran == {name for name, metric in METRICS.items() if not metric.needs_factors}
    assert ran == {"total-correlation", "wasserstein-correlation", "pairwise-mi"}
    with pytest.raises(IfpError, match="'mig' needs at least 1 varying factor, these codes have 0"):
        list(run_metrics(codes, ["mig"]))


def test_constant_factors_are_left_out(noisy: Codes) -> None:
    factors_NF = np.hstack([np.zeros((1500, 1), dtype=np.int64), noisy.factors_NF])
    ((_, score, _),) = run_metrics(codes_of(noisy.mean_ND, factors_NF), ["mig"])
    assert score.value == float(mig(noisy.mean_ND, noisy.factors_NF))


def test_unknown_names_and_few_images_are_refused(noisy: Codes, draw: Draw) -> None:
    with pytest.raises(IfpError, match=r"Unknown metric 'MIGG'.*did you mean 'mig'"):
        list(run_metrics(noisy, ["MIGG"]))
    few = draw((3, 4), 100)
    with pytest.raises(IfpError, match="at least 1000, got 100"):
        list(run_metrics(codes_of(few + 0.0, few)))
    assert len(list(run_metrics(codes_of(few + 0.0, few), ["mig", "sap"], min_samples=100))) == 2


def test_the_standard_error_is_the_spread_between_samples(draw: Draw) -> None:
    """The spread over fresh samples, against the mean of the errors stated from one sample each."""

    def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
        factors_NF = draw((4, 4), 2000, seed)
        return factors_NF + np.random.default_rng(seed).normal(size=(2000, 2)), factors_NF

    spread = np.std([float(mig(*sample(seed))) for seed in range(60)], ddof=1)
    stated = np.mean([standard_error(mig, *sample(seed), seed=seed) for seed in range(30)])
    assert stated == pytest.approx(spread, rel=0.3)
    with pytest.raises(IfpError, match="at least 2 resamples"):
        standard_error(mig, *sample(0), resamples=1)
