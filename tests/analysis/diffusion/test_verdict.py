"""The verdict's sentences on cases whose story is known."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np

from ifp.analysis.diffusion.comparison import compare
from ifp.analysis.diffusion.diagnosis import diagnose
from ifp.analysis.diffusion.results_content import make_results
from ifp.analysis.diffusion.series import SeriesRecord, make_series
from ifp.analysis.diffusion.verdict import checkpoint_verdict
from ifp.analysis.diffusion.verdict_of_comparison import comparison_verdict
from ifp.analysis.diffusion.verdict_of_series import of_last_step, series_verdict
from ifp.codes import Codes

DISENTANGLED = [[0.6, 0, 0], [0, 0.5, 0], [0, 0, 0.7], [0, 0, 0]]
KL_NATS_D = [2.0, 1.5, 2.5, 0.002]


def test_a_disentangled_model(constructed: ModuleType, rng: np.random.Generator) -> None:
    sentences = checkpoint_verdict(
        constructed.diagnosis_of(constructed.information_of(DISENTANGLED, rng), rng, kl_nats_D=KL_NATS_D)
    )

    assert sentences[0] == (
        "No information diffusion; shape, scale and posX are held by one latent each (histogram estimator)."
    )
    assert sentences[1] == (
        "shape is held by latent 0 (NMI 0.60 above its floor, 95 % 0.60 to 0.60); what the others hold is below 0.005."
    )
    assert sentences[-1] == "Latent 3 is collapsed (KL below 0.01 nat)."
    assert len(sentences) == 5


def test_diffusion_entanglement_and_a_factor_nobody_holds(constructed: ModuleType, rng: np.random.Generator) -> None:
    information = constructed.information_of([[0.4, 0.3, 0], [0.4, 0, 0], [0, 0, 0]], rng)

    sentences = checkpoint_verdict(constructed.diagnosis_of(information, rng, kl_nats_D=[2, 1, 0.05]))

    assert sentences[0] == (
        "Information diffusion in shape; scale is held by one latent; posX by none (histogram estimator)."
    )
    assert sentences[1].startswith("shape is spread over latents 0 and 1: latent 0 holds the most (NMI 0.40 above")
    assert sentences[1].endswith("2.0 carriers.")
    assert sentences[3] == "posX is not held by any single latent: no NMI is 0.005 above its floor."
    assert "Latent 0 is entangled: it holds shape and scale (purity 0.57 of 1)." in sentences
    assert "Latent 2 is weak (KL of 0.01 to 0.1 nat)." in sentences


def test_little_above_the_noise_is_not_called_held(constructed: ModuleType, rng: np.random.Generator) -> None:
    information = constructed.information_of([[0.6, 0.03, 0], [0, 0, 0.4]], rng)

    sentences = checkpoint_verdict(constructed.diagnosis_of(information, rng))

    assert sentences[2].startswith("scale is hardly held: latent 0 has the most above the noise (NMI 0.03 above")
    assert "scale by none" in sentences[0]


def test_table_sentence_and_idle_latents_go_by_the_same_noise(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    # latent 0 reads most of shape, but within its wide noise; latent 1 is above its own narrow noise
    plain = constructed.information_of([[0.06, 0, 0], [0.02, 0, 0], [0.004, 0.004, 0]], rng, spread=0.0001)
    wide_DF = np.array([[0.6], [0], [0]])
    information = dataclasses.replace(
        plain,
        mi_nats_DF=plain.mi_nats_DF + wide_DF,
        floor_nats_DF=plain.floor_nats_DF + wide_DF,
        floor_high_nats_DF=plain.floor_high_nats_DF + wide_DF * 7 / 6,
    )
    diagnosis = constructed.diagnosis_of(information, rng)

    sentences = checkpoint_verdict(diagnosis)

    assert sentences[1].startswith("shape is hardly held: latent 1 has the most above the noise (NMI 0.02 above")
    assert sentences[2] == "scale is not held by any single latent: no NMI is 0.005 above its floor."
    assert sentences[-1].startswith("Latents 0 and 2 are active (2.00 and 2.00 nats) but hold nothing")
    row = diagnosis.factors.iloc[0]
    assert (row["carrier1"], row["nmi1_above_noise"], row["nmi2_above_noise"]) == (1, True, False)
    assert make_results(diagnosis).table("nmi")["above_noise"].tolist() == [False] * 3 + [True] + [False] * 5
    within = constructed.diagnosis_of(dataclasses.replace(information, floor_high_nats_DF=information.mi_nats_DF), rng)
    assert "the largest NMI, 0.06 above its floor (latent 0), is within noise." in checkpoint_verdict(within)[1]


def test_constant_factors_leave_nothing_to_hold(rng: np.random.Generator) -> None:
    codes = Codes(
        rng.normal(size=(200, 2)), np.full((200, 2), -3.0), np.ones((200, 2), int), ("shape", "scale"), (3, 3)
    )

    for joint in (False, True):
        sentences = checkpoint_verdict(diagnose(codes, bootstraps=50, joint=joint))
        assert sentences[0].startswith("2 of 2 latents are active; the total KL is ")
        assert sentences[0].endswith(
            "), but shape and scale have one value in these images, so there is nothing to hold."
        )
        assert len(sentences) == 2, "beside it, that the images are few"


def test_a_model_that_holds_nothing(constructed: ModuleType, rng: np.random.Generator) -> None:
    nothing = constructed.information_of(np.zeros((2, 3)), rng)

    collapsed = checkpoint_verdict(constructed.diagnosis_of(nothing, rng, kl_nats_D=[0.001, 0.002]))
    unknown = checkpoint_verdict(constructed.diagnosis_of(nothing, rng, kl_nats_D=[2, 3]))

    assert collapsed[0] == "The model holds nothing: all 2 latents are collapsed (histogram estimator)."
    assert collapsed[-1] == "Latents 0 and 1 are collapsed (KL below 0.01 nat)."
    assert unknown[0].startswith("2 of 2 latents are active; the total KL is 5.00 nats (95 %")
    assert unknown[0].endswith(", but no single latent holds any of the known factors (histogram estimator).")


def test_a_model_without_an_active_latent_holds_nothing_hardly(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    little = constructed.information_of([[0.0054, 0, 0], [0, 0, 0]], rng, spread=0.00002)

    sentences = checkpoint_verdict(constructed.diagnosis_of(little, rng, kl_nats_D=[0.05, 0.002]))

    assert sentences[0].startswith("The model holds nothing: none of its 2 latents is active; the total KL is 0.05 ")
    assert sentences[1] == (
        "shape is not held: latent 0, which is not active, has the most (NMI 0.01 above its floor, 95 % 0.01 to 0.01)."
    )
    assert sentences[2] == "scale is not held by any single latent: no NMI is 0.005 above its floor."
    active = checkpoint_verdict(constructed.diagnosis_of(little, rng, kl_nats_D=[0.5, 0.002]))
    assert active[1].startswith("shape is hardly held: latent 0 has the most above the noise (NMI 0.01 above")


def test_what_two_decimals_would_hide_has_three_digits(constructed: ModuleType, rng: np.random.Generator) -> None:
    found = constructed.information_of([[0.6, 0, 0], [0.0031, 0.6, 0]], rng, spread=0.00002)
    other = constructed.information_of([[0.6, 0, 0], [0.1, 0.6, 0]], rng, spread=0.00002)
    of_a, of_b = (constructed.diagnosis_of(measured, rng) for measured in (found, other))

    sentences = comparison_verdict(compare(of_a, of_b))

    assert any("NMI2 above the floor 0.0031 -> 0.10" in sentence for sentence in sentences)


def test_estimators_that_disagree_over_a_collapsed_latent(constructed: ModuleType, rng: np.random.Generator) -> None:
    seen = [*DISENTANGLED[:3], [0.3, 0, 0]]
    measured = [
        constructed.information_of(seen, rng, estimator="histogram"),
        constructed.information_of(DISENTANGLED, rng, estimator="posterior"),
    ]

    sentences = checkpoint_verdict(constructed.diagnosis_of(measured, rng, kl_nats_D=KL_NATS_D))

    assert sentences[0].startswith("No information diffusion")
    assert sentences[0].endswith("(posterior estimator).")
    assert sentences[-1].startswith("The histogram estimator finds other holders of shape. In part it reads means of")
    assert "collapsed latents (3)" in sentences[-1]


def test_without_labels(rng: np.random.Generator) -> None:
    codes = Codes(rng.normal(size=(1000, 2)) * [1, 1e-3], np.tile([-3.0, 0.0], (1000, 1)), np.zeros((1000, 0), int))

    sentences = checkpoint_verdict(diagnose(codes, bootstraps=50, decompose=False))

    assert sentences[0].startswith("1 of 2 latents is active; the total KL is ")
    assert sentences[1] == "Latent 1 is collapsed (KL below 0.01 nat)."
    assert sentences[-1].startswith("What the latents hold cannot be said: that needs labels")


def test_a_series(constructed: ModuleType, rng: np.random.Generator) -> None:
    before = [[0.6, 0, 0], [0, 0.5, 0], [0, 0, 0]]
    after = [[0.6, 0, 0], [0.3, 0.2, 0], [0, 0, 0.4]]
    records = [
        SeriesRecord(step, f"{step}", constructed.diagnosis_of(constructed.information_of(truth, rng), rng))
        for step, truth in ((10, before), (20, after))
    ]

    sentences = series_verdict(make_series(records))

    assert sentences == [
        "Between step 10 and step 20: information diffusion of shape (NMI2 rose); information leakage of scale "
        "(NMI1 fell).",
        "shape and scale are held from the first record on.",
        "posX froze by step 20.",
        *[sentence for sentence in sentences if " rose by " in sentence or " fell by " in sentence][:1],
        "Information diffusion of scale and posX is within noise between any two steps.",
        *[sentence for sentence in sentences if " fell by " in sentence],
        "Information leakage of shape and posX is within noise between any two steps.",
    ]
    assert sentences[3].startswith("Information diffusion: NMI2 of shape rose by 0.300 (95 % 0.29")
    assert sentences[5].startswith("Information leakage: NMI1 of scale fell by 0.300 (95 % 0.29")
    assert sentences[5].endswith("from step 10 to step 20.")


def test_a_constant_factor_of_a_series_is_not_called_unheld(constructed: ModuleType, rng: np.random.Generator) -> None:
    information = constructed.information_of([[0.6, 0, 0]], rng)
    still = dataclasses.replace(
        information,
        entropy_nats_F=np.array([2.0, 2.0, 0.0]),
        bootstrap_entropy_nats_BF=information.bootstrap_entropy_nats_BF * [1, 1, 0],
    )
    records = [SeriesRecord(step, f"{step}", constructed.diagnosis_of(still, rng)) for step in (1, 2)]

    sentences = series_verdict(make_series(records))

    assert "scale is held by no latent at any step." in sentences
    assert "posX has one value in these images, so nothing can be said of it." in sentences


def test_a_change_beyond_noise_may_be_small(constructed: ModuleType, rng: np.random.Generator) -> None:
    truths = ([[0.6, 0, 0], [0, 0.5, 0], [0, 0, 0.4]], [[0.6, 0, 0], [0.03, 0.5, 0], [0, 0, 0.4]])
    records = [
        SeriesRecord(step, f"{step}", constructed.diagnosis_of(constructed.information_of(truth, rng), rng))
        for step, truth in enumerate(truths)
    ]
    headline = series_verdict(make_series(records))[0]
    assert headline == "Between step 0 and step 1: small diffusion of shape (NMI2 rose by less than 0.05)."


def test_a_flat_series_and_equal_models_are_said_to_be_within_noise(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    a, b = (constructed.diagnosis_of(constructed.information_of(DISENTANGLED, rng), rng) for _ in "AB")

    flat = series_verdict(make_series([SeriesRecord(1, "a", a), SeriesRecord(2, "b", b)]))
    equal = comparison_verdict(compare(a, b, label_a="old", label_b="new"))

    # a checkpoint's diffusion is a state, that of a series a change: one list says of which step each is
    of_last = of_last_step(make_series([SeriesRecord(1, "a", a), SeriesRecord(2, "b", b)]), checkpoint_verdict(b))
    assert of_last == [
        f"At step 2 taken alone, however it came about: {checkpoint_verdict(b)[0]}",
        *checkpoint_verdict(b)[1:],
    ]
    assert flat == [
        "Between step 1 and step 2: no information diffusion and no leakage beyond noise is left at the end.",
        "shape, scale and posX are held from the first record on.",
        "Information diffusion of shape, scale and posX is within noise between any two steps.",
        "Information leakage of shape, scale and posX is within noise between any two steps.",
    ]
    assert (
        equal[0] == "What old and new hold of each factor is equal within noise (histogram estimator, the same images)."
    )
    assert equal[1] == "Total KL: 8.00 nats in old, 8.00 in new, equal within noise."


def test_a_comparison_says_which_way(constructed: ModuleType, rng: np.random.Generator) -> None:
    spread = [[0.6, 0, 0], [0.2, 0.5, 0], [0, 0, 0.5], [0, 0, 0]]
    a, b = (constructed.diagnosis_of(constructed.information_of(truth, rng), rng) for truth in (DISENTANGLED, spread))

    sentences = comparison_verdict(compare(a, b))

    assert sentences[0] == "A and B differ in what they hold of shape and posX (histogram estimator, the same images)."
    assert sentences[1].startswith("shape: the second latent holds more in B, NMI2 above the floor 0.00 -> 0.20, ")
    assert sentences[2].startswith("posX: the best latent holds less in B, NMI1 above the floor 0.70 -> 0.50, ")
