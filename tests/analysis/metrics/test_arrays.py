"""What the metrics refuse, in words, and what every score carries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from ifp.analysis import metrics
from ifp.analysis.metrics.arrays import top_two_gap, train_test
from ifp.codes import Codes
from ifp.errors import IfpError

OF_FACTORS = [
    metrics.mig, metrics.sap, metrics.dci, metrics.factor_vae, metrics.beta_vae, metrics.modularity,
    metrics.explicitness, metrics.irs, metrics.minimality,
]  # fmt: skip
OF_CODES = [metrics.total_correlation, metrics.wasserstein_correlation, metrics.pairwise_mi]
TWO_FACTORS = [metrics.dci, metrics.factor_vae, metrics.beta_vae, metrics.modularity]


def nan_in(codes_ND: np.ndarray) -> np.ndarray:
    codes_ND = codes_ND.copy()
    codes_ND[7, 1] = np.nan
    return codes_ND


@pytest.mark.parametrize("metric", OF_FACTORS, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda codes, factors: (codes.T, factors), "number of images must be at least 1000, got 3"),
        (lambda codes, factors: (codes, factors.T), "look for swapped axes"),
        (lambda codes, factors: (codes[:-1], factors), "with the 1199 images"),
        (lambda codes, factors: (codes[:999], factors[:999]), "at least 1000, got 999"),
        (lambda codes, factors: (nan_in(codes), factors), r"latents \[1\] hold NaN"),
        (lambda codes, factors: (codes * 1e160, factors), "Codes must lie within"),
        (lambda codes, factors: (codes[:, 0], factors), "must be an array of numbers"),
        (lambda codes, factors: (codes[:, :0], factors), "must be an array of numbers"),
        (lambda codes, factors: (codes.astype(str), factors), "must be an array of numbers"),
        (lambda codes, factors: (factors, codes), "not whole"),
        (lambda codes, factors: (codes, factors - 1), "at most 65535, got -1"),
        (lambda codes, factors: (codes, factors * 10**9), "at most 65535, got 1000000000"),
        (lambda codes, factors: (codes, factors * [1, 0]), r"Factors \[1\] .* one value"),
        (lambda codes, factors: (codes, factors[:, :0]), "number of factors must be at least"),
    ],
)
def test_bad_arrays_are_refused_in_words(
    metric: Callable[..., metrics.Score],
    spoil: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    sentence: str,
) -> None:
    generator = np.random.default_rng(0)
    codes_ND, factors_NF = generator.normal(size=(1200, 3)), np.arange(2400).reshape(1200, 2) // 2 % 4
    with pytest.raises(IfpError, match=sentence):
        metric(*spoil(codes_ND, factors_NF))


@pytest.mark.parametrize("metric", OF_CODES, ids=lambda metric: metric.__name__)
def test_bad_codes_are_refused_in_words(metric: Callable[..., metrics.Score], rng: np.random.Generator) -> None:
    codes_ND = rng.normal(size=(1200, 3))
    for bad, sentence in [(codes_ND.T, "got 3"), (nan_in(codes_ND), "hold NaN"), (codes_ND[0], "array of numbers")]:
        with pytest.raises(IfpError, match=sentence):
            metric(bad)


@pytest.mark.parametrize("metric", TWO_FACTORS, ids=lambda metric: metric.__name__)
def test_one_factor_is_too_few(metric: Callable[..., metrics.Score], rng: np.random.Generator) -> None:
    with pytest.raises(IfpError, match="number of factors must be at least 2"):
        metric(rng.normal(size=(1000, 3)), np.arange(1000)[:, None] % 4)


def test_few_images_are_a_choice(rng: np.random.Generator) -> None:
    factors_NF = rng.integers(0, 3, (200, 2))
    assert metrics.mig(factors_NF, factors_NF, min_samples=200).settings["n"] == 200


def test_whole_floats_are_positions(rng: np.random.Generator) -> None:
    codes_ND, factors_NF = rng.normal(size=(1000, 3)), rng.integers(0, 3, (1000, 2))
    assert float(metrics.mig(codes_ND, factors_NF)) == float(metrics.mig(codes_ND, factors_NF.astype(float)))


def test_a_score_says_how_it_was_made(rng: np.random.Generator) -> None:
    factors_NF = rng.integers(0, 4, (1000, 2))
    score = metrics.mig(factors_NF, factors_NF)
    assert score.settings == {"estimator": "histogram", "bins": 20, "n": 1000}
    assert list(score.numbers()) == ["value"]
    assert float(score) == score.value == score.numbers()["value"]
    with pytest.raises(ValueError, match="read-only"):
        score.gap_F[0] = 1.0
    assert list(metrics.minimality(factors_NF, factors_NF).numbers()) == ["value", "sufficiency"]


def test_the_split_uses_every_image_once() -> None:
    factors_NF = np.arange(3000).reshape(1500, 2) % 7
    train, test = train_test(factors_NF, test_fraction=1 / 3, generator=np.random.default_rng(0))
    assert (len(train), len(test)) == (1000, 500)
    assert sorted([*train, *test]) == list(range(1500))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_split_needs_two_parts(fraction: float) -> None:
    with pytest.raises(IfpError, match="test_fraction must be between 0 and 1"):
        train_test(np.zeros((10, 1)), test_fraction=fraction, generator=np.random.default_rng(0))


def test_a_value_that_training_never_sees(rng: np.random.Generator) -> None:
    """One image alone has the other value; where it falls to the test half there is nothing to learn."""
    factors_NF = np.stack([np.arange(1000) == 3, np.arange(1000) % 4], axis=1).astype(int)
    said = set()
    for seed in range(12):
        try:
            metrics.explicitness(rng.normal(size=(1000, 2)), factors_NF, seed=seed)
            said.add("fine")
        except IfpError as error:
            said.add(str(error)[:34])
    assert said == {"fine", "Factors [0] (columns, from 0) have"}


def test_the_gap_of_a_single_latent_is_its_score() -> None:
    assert top_two_gap(np.array([[0.5, 0.2]])).tolist() == [0.5, 0.2]
    assert top_two_gap(np.array([[0.5, 0.2], [0.1, 0.2], [0.4, 0.0]])) == pytest.approx([0.1, 0.0])


def test_importing_the_metrics_is_cheap() -> None:
    code = (
        "from ifp.analysis.metrics import mig; import sys; assert callable(mig);"
        "print(sorted({'torch', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", metrics.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(metrics, name) is not None
    assert type(getattr(metrics, name)).__name__ != "module", "a module of the same name has taken its place"


def test_tensors_lists_and_codes_score_like_arrays(rng: np.random.Generator) -> None:
    factors_NF = rng.integers([3, 8], size=(1000, 2))
    codes_ND = (factors_NF + rng.normal(scale=0.3, size=factors_NF.shape)).astype(np.float32)
    value = float(metrics.mig(codes_ND, factors_NF))
    assert float(metrics.mig(torch.tensor(codes_ND), torch.tensor(factors_NF))) == value
    assert float(metrics.mig(codes_ND.tolist(), factors_NF.tolist())) == value
    codes = Codes(codes_ND, codes_ND * 0 - 3, factors_NF)
    assert float(metrics.mig(codes)) == value
    assert float(metrics.mig(codes, factors_NF)) == value
    by_array = metrics.minimality(codes_ND, factors_NF, logvar_ND=codes.logvar_ND, estimator="posterior")
    assert float(metrics.minimality(codes, estimator="posterior")) == float(by_array)
    assert repr(by_array) == f"<Minimality {by_array.value:.4g} sufficiency={by_array.sufficiency:.4g}>"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((np.zeros((1000, 2)),), "give the factors too"),
        (([[1.0], [1.0, 2.0]], [[1]]), "codes must be an array"),
        ((np.zeros((1000, 2)), [["a"]] * 1000), "number the values"),
    ],
)
def test_what_is_no_array_is_refused_in_one_sentence(given: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        metrics.mig(*given)
