"""Two models: equal ones are within noise, different ones are not, and what cannot be compared is refused."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest

from ifp.analysis.diffusion.comparison import Comparison, compare
from ifp.analysis.diffusion.diagnosis import Diagnosis, diagnose
from ifp.errors import IfpError

TRUTH_DF = np.array([[0.6, 0.0, 0.3], [0.0, 0.5, 0.25], [0.1, 0.0, 0.0]])


def constructed_diagnosis(
    constructed: ModuleType, rng: np.random.Generator, truth_DF: np.ndarray = TRUTH_DF, **options: object
) -> Diagnosis:
    diagnosis: Diagnosis = constructed.diagnosis_of(constructed.information_of(truth_DF, rng, noisy=True), rng)
    return dataclasses.replace(diagnosis, **options)  # type: ignore[arg-type]


def row(comparison: Comparison, factor: str, measure: str) -> dict[str, object]:
    table = comparison.table
    return dict(table[(table["factor"] == factor) & (table["measure"] == measure)].iloc[0])


def test_equal_models_are_within_noise(constructed: ModuleType, rng: np.random.Generator) -> None:
    repeats = 100
    quiet = sum(
        compare(*(constructed_diagnosis(constructed, rng) for _ in "AB")).table["within_noise"].ne(False).all()
        for _ in range(repeats)
    )

    assert quiet / repeats >= 0.9


def test_equal_channels_are_within_noise_by_the_real_estimator(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    shares, repeats, quiet = [[0.8, 0], [0, 0.5], [0.3, 0], [0, 0]], 30, 0
    for _ in range(repeats):
        factors_NF = rng.integers(8, size=(1000, 2))
        a, b = (
            diagnose(
                constructed.channel_codes(shares, rng, sizes=(8, 8), factors_NF=factors_NF),
                estimators=("histogram",),
                permutations=20,
                bootstraps=100,
                decompose=False,
            )
            for _ in "AB"
        )
        comparison = compare(a, b)
        assert comparison.paired
        quiet += bool(comparison.table["within_noise"].ne(False).all())

    assert quiet / repeats >= 0.9


def test_differences_are_found_with_their_sign(constructed: ModuleType, rng: np.random.Generator) -> None:
    changed_DF = TRUTH_DF.copy()
    changed_DF[1, 0], changed_DF[1, 1] = 0.4, 0.2  # shape spreads to latent 1, which loses scale

    comparison = compare(constructed_diagnosis(constructed, rng), constructed_diagnosis(constructed, rng, changed_DF))

    second, first = row(comparison, "shape", "nmi2"), row(comparison, "scale", "nmi1")
    assert second["difference"] == pytest.approx(0.3, abs=0.01)
    assert first["difference"] == pytest.approx(-0.3, abs=0.01)
    assert second["low"] < 0.3 < second["high"]  # type: ignore[operator]
    assert not second["within_noise"]
    assert not first["within_noise"]
    for quiet in (("shape", "nmi1"), ("posX", "nmi1"), ("posX", "nmi2"), ("posX", "carriers"), ("", "kl_nats")):
        assert row(comparison, *quiet)["within_noise"]


def test_kl_and_active_latents(constructed: ModuleType, rng: np.random.Generator) -> None:
    information = constructed.information_of(TRUTH_DF, rng)
    a, b = (constructed.diagnosis_of(information, rng, kl_nats_D=kl) for kl in ([2, 1, 0.001], [2, 2, 1]))

    comparison = compare(a, b)

    kl, active = row(comparison, "", "kl_nats"), row(comparison, "", "active_latents")
    assert (kl["difference"], kl["within_noise"]) == (pytest.approx(1.999), False)
    assert (active["a"], active["b"], active["within_noise"]) == (2, 3, False)


def test_a_model_against_itself_differs_by_nothing(constructed: ModuleType, rng: np.random.Generator) -> None:
    diagnosis = constructed_diagnosis(constructed, rng)

    table = compare(diagnosis, diagnosis).table

    assert (table["difference"] == 0).all()
    assert (table["within_noise"] == True).all()  # noqa: E712  the column holds objects
    np.testing.assert_allclose(table[["low", "high"]], 0, atol=1e-12)


def test_pairing_narrows_the_interval(constructed: ModuleType, rng: np.random.Generator) -> None:
    # B is A with one latent's codes partly redrawn: on the same images most of the noise is common
    codes = constructed.channel_codes([[0.7], [0.5]], rng)
    other = constructed.channel_codes([[0.7], [0.5]], rng)
    redrawn_ND = codes.mean_ND.copy()
    redrawn_ND[:100, 0] = rng.integers(20, size=100)
    nearly = dataclasses.replace(codes, mean_ND=redrawn_ND)
    options = {"estimators": ("histogram",), "permutations": 20, "bootstraps": 100, "decompose": False}
    a, b, c = (diagnose(each, **options) for each in (codes, nearly, other))

    paired, independent = compare(a, b), compare(a, c)

    assert paired.paired
    assert not independent.paired
    narrow, wide = (row(comparison, "f0", "nmi1") for comparison in (paired, independent))
    assert narrow["high"] - narrow["low"] < 0.6 * (wide["high"] - wide["low"])  # type: ignore[operator]


def test_a_factor_nobody_holds_has_no_carriers_to_compare(constructed: ModuleType, rng: np.random.Generator) -> None:
    unheld_DF = TRUTH_DF * [1, 1, 0]

    comparison = compare(constructed_diagnosis(constructed, rng), constructed_diagnosis(constructed, rng, unheld_DF))

    carriers = row(comparison, "posX", "carriers")
    assert np.isnan(carriers["difference"])  # type: ignore[call-overload]
    assert carriers["within_noise"] is None
    assert row(comparison, "posX", "nmi1")["within_noise"] is False


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": "toys"}, "measured on 'constructed' and B on 'toys'"),
        ({"factor_names": ("shape", "scale", "hue")}, "B shape, scale, hue"),
        ({"settings": {"seed": 0, "images": 1000, "bootstraps": 50}}, r"different settings \(bootstraps\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    constructed: ModuleType, rng: np.random.Generator, changed: dict[str, object], message: str
) -> None:
    a, b = constructed_diagnosis(constructed, rng), constructed_diagnosis(constructed, rng, **changed)
    with pytest.raises(IfpError, match=message):
        compare(a, b)


def test_a_difference_by_rounding_is_within_noise(constructed: ModuleType, rng: np.random.Generator) -> None:
    a = constructed_diagnosis(constructed, rng)
    moved = dataclasses.replace(a, kl_nats_D=a.kl_nats_D + 2.7e-8, kl_bootstrap_nats_BD=a.kl_bootstrap_nats_BD + 2.7e-8)
    kl = row(compare(a, moved), "", "kl_nats")
    assert float(str(kl["low"])) > 1e-9
    assert kl["within_noise"]
    far = dataclasses.replace(a, kl_nats_D=a.kl_nats_D + 1e-3, kl_bootstrap_nats_BD=a.kl_bootstrap_nats_BD + 1e-3)
    assert not row(compare(a, far), "", "kl_nats")["within_noise"]
