"""The verdict by factor on joint information that is written down: each of its cases, and what else it says."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.joint_verdict import joint_cases
from ifp.analysis.diffusion.models_sentence import models_sentence
from ifp.analysis.diffusion.results import load_results, write_results
from ifp.analysis.diffusion.results_content import make_results
from ifp.analysis.diffusion.shown_tables import joint_shown
from ifp.analysis.diffusion.verdict import checkpoint_verdict
from ifp.analysis.information.joint_information import JOINT_COLUMNS, JointInformation

ENTROPY = 2.0
ONE = {"joint_nats": 1.9, "single_nats": 1.85, "single_latent": 0, "set_latents": "0", "pair_latents": "0; 1"}
SPREAD = {
    "joint_nats": 1.6, "single_nats": 0.4, "single_latent": 1, "set_latents": "0; 1; 2; 4", "set_nats": 1.5,
    "pair_latents": "1; 2", "pair_nats": 0.8,
}  # fmt: skip
ROTATED = {
    "joint_nats": 1.8, "single_nats": 0.3, "single_latent": 1, "set_latents": "1; 2", "pair_latents": "1; 2",
    "pair_nats": 1.75, "set_nats": 1.75, "synergy_nats": 1.2, "synergy_low": 1.1,
}  # fmt: skip
XOR = ROTATED | {"single_nats": 0.0, "synergy_nats": 1.75, "synergy_low": 1.6}
LOST = {"joint_nats": 0.0, "above_noise": False, "single_latent": -1}
FAINT = {"joint_nats": 0.04, "single_nats": 0.04, "set_latents": "0"}
HIDDEN = LOST | {"given_others_nats": 1.2, "given_others_low": 1.1}
CONSTANT = {"entropy_nats": 0.0, "joint_nats": np.nan, "above_noise": False}


def diagnosis_of(
    constructed: ModuleType, rng: np.random.Generator, rows: list[dict[str, object]], nmi: list[list[float]]
) -> Diagnosis:
    """A diagnosis with these joint numbers (others follow from them) and these NMI of the single latents."""
    names, filled = ("shape", "scale", "posX"), []
    for name, given in zip(names, rows, strict=True):
        row = {"factor": name, "values": 8, "entropy_nats": ENTROPY, "above_noise": True, "single_latent": 0,
               "set_latents": "", "pair_latents": "", "single_nats": 0.0, "pair_nats": 0.0,
               "set_nats": 0.0} | given  # fmt: skip
        joint, single = float(str(row["joint_nats"])), float(str(row["single_nats"]))
        row |= {"joint_low": max(joint - 0.02, 0), "joint_high": joint + 0.02, "joint_share": joint / ENTROPY}
        row |= {"diffusion_nats": joint - single, "diffusion_low": joint - single - 0.02,
                "diffusion_high": joint - single + 0.02}  # fmt: skip
        row["diffusion_share"] = (joint - single) / joint if joint > 0 else np.nan
        row.setdefault("given_others_nats", joint)
        row.setdefault("given_others_low", joint - 0.02)
        filled.append(row)
    plain = constructed.diagnosis_of(constructed.information_of(nmi, rng), rng)
    joint_table = pd.DataFrame(filled, columns=list(JOINT_COLUMNS))
    return dataclasses.replace(plain, joint=JointInformation(joint_table, {"images": 1000}))


NO_NMI = [[0.0, 0, 0]] * 5
HELD = [[0.9, 0, 0], *[[0.0, 0, 0]] * 4]


@pytest.mark.parametrize(
    ("row", "nmi", "case", "sentence"),
    [
        (ONE, HELD, "held by one latent", "shape is held by latent 0: that latent alone has at least 1.85 of the 2.00 "
         "nats there are, all latents together at least 1.90 (95 % 1.88 to 1.92)."),
        (ONE | {"single_nats": 1.9}, HELD, "held by one latent", "1.90 of the 2.00 nats there are, and so have all "
         "together (95 % 1.88 to 1.92)."),
        (ONE, [[0.9, 0, 0], [0.1, 0, 0], *NO_NMI[:3]], "held by one latent", "; latent 1 repeats a little (NMI 0.10)."),
        (ONE, [[0.9, 0, 0], [0.8, 0, 0], *NO_NMI[:3]], "copied", "shape is spread over 2 latents (0, 1) as copies: "
         "each holds much of it alone, latent 0 the most (1.85 nats)"),
        (SPREAD, HELD, "spread", "shape is spread over 4 latents (0-2, 4): all latents hold at least 1.60 of 2.00 nats "
         "(95 % 1.58 to 1.62), these 1.50; latent 1 alone holds 0.40, so that 75 % (1.20 nats, 95 % 1.18 to 1.22) has "
         "diffused."),
        (ROTATED, NO_NMI, "rotated pair", "shape is held jointly by latents 1 and 2, a rotated pair: all latents hold "
         "at least 1.80"),
        (XOR, NO_NMI, "held jointly", "shape is held jointly by latents 1 and 2, by neither alone: all latents hold at "
         "least 1.80 of 2.00 nats (95 % 1.78 to 1.82), these two 1.75."),
        (XOR | {"single_nats": 0.3, "synergy_nats": 1.45}, NO_NMI, "held jointly", "by latents 1 and 2, by latent 2 "
         "not alone: all latents hold at least 1.80 of 2.00 nats (95 % 1.78 to 1.82), these two 1.75, latent 1 alone "
         "0.30."),
        (XOR, [[0.0, 0, 0], [0.02, 0, 0], [0.02, 0, 0], *NO_NMI[:2]], "rotated pair", "1 and 2, a rotated pair"),
        (ROTATED | {"synergy_nats": 0.1}, NO_NMI, "spread", "spread over 2 latents (1, 2)"),
        (LOST, NO_NMI, "lost", "shape is lost: in all latents together no classifier finds anything of its 2.00 nats "
         "above the noise."),
        (FAINT, NO_NMI, "lost", "shape is nearly lost: all latents together hold at least 0.04 of 2.00 nats (95 % 0.02 "
         "to 0.06), less than 5 % of it."),
        (HIDDEN, NO_NMI, "hidden by other factors", "shape shows only when the other factors are known: then the "
         "latents hold at least 1.20 of 2.00 nats, else nothing above the noise."),
        (CONSTANT, NO_NMI, "constant", "shape has one value in these images (it is constant)"),
        (SPREAD | {"given_others_nats": 1.9, "given_others_low": 1.85}, HELD, "spread", "has diffused. Given the other "
         "factors the latents hold at least 1.90 nats of it."),
    ],
)  # fmt: skip
def test_each_case_has_its_sentence(
    row: dict[str, object], nmi: list[list[float]], case: str, sentence: str, constructed: ModuleType,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    diagnosis = diagnosis_of(constructed, rng, [row, ONE, ONE], nmi)

    assert joint_cases(diagnosis)["case"].iloc[0] == case
    assert sentence in checkpoint_verdict(diagnosis)[1]


def test_the_headline_names_every_factor_once(constructed: ModuleType, rng: np.random.Generator) -> None:
    headlines = {
        "Information diffusion in shape and posX; posX is held jointly in a rotated pair of latents; scale is held by "
        "one latent.": [SPREAD, ONE, ROTATED],
        "No information diffusion; shape is held by one latent; scale is lost; posX is constant.":
            [ONE, LOST, CONSTANT],
        "No information diffusion; scale and posX are held by one latent each; shape shows only when the other factors "
        "are known.": [HIDDEN, ONE, ONE],
    }  # fmt: skip
    for headline, rows in headlines.items():
        assert checkpoint_verdict(diagnosis_of(constructed, rng, rows, HELD))[0] == headline


def test_two_factors_that_share_a_rotated_pair_are_named(constructed: ModuleType, rng: np.random.Generator) -> None:
    sentences = checkpoint_verdict(diagnosis_of(constructed, rng, [ROTATED, ONE, ROTATED], HELD))
    assert "a rotated pair, which it shares with posX: " in sentences[1]
    assert "a rotated pair, which it shares with shape: " in sentences[3]


def test_active_latents_that_hold_nothing_alone(constructed: ModuleType, rng: np.random.Generator) -> None:
    sentences = checkpoint_verdict(diagnosis_of(constructed, rng, [SPREAD, ONE, ONE], HELD))
    assert "Latent 4 is active (2.00 nats) and holds no known factor alone; it takes part in shape." in sentences
    idle = "Latent 3 is active (2.00 nats) but holds nothing of any known factor above the noise floor."
    assert idle in sentences


def test_a_latent_whose_own_bound_is_above_the_noise_is_not_idle(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    sentences = checkpoint_verdict(diagnosis_of(constructed, rng, [ROTATED, ONE, ONE], HELD))
    assert any(sentence.startswith("Latents 3 and 4 are active (") for sentence in sentences)
    assert not any(sentence.startswith(("Latent 1 ", "Latent 2 ")) for sentence in sentences)
    assert any(sentence.startswith("Latents 1 and 2 hold something alone by the bound of") for sentence in sentences)


def test_two_latents_that_hold_nothing_alone_are_no_rotated_pair(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    diagnosis = diagnosis_of(constructed, rng, [XOR, ONE, LOST], HELD)
    sentences = checkpoint_verdict(diagnosis)
    assert sentences[0] == (
        "Information diffusion in shape; shape is held jointly by latents 1 and 2, by neither alone; scale is held by "
        "one latent; posX is lost."
    )
    assert "Latent 1 is active (2.00 nats) and holds no known factor alone; it takes part in shape." in sentences
    cells = joint_shown(make_results(diagnosis)).table.to_numpy().tolist()
    assert cells[0][2:] == ["1.80 +-0.02", "-", "1, 2", "1.80", "jointly"]
    assert cells[2][2:] == ["-", "-", "-", "-", "lost"]


def test_without_an_active_latent_the_model_holds_nothing(constructed: ModuleType, rng: np.random.Generator) -> None:
    lost = diagnosis_of(constructed, rng, [LOST, LOST, LOST], NO_NMI)
    weak = dataclasses.replace(lost, latents=lost.latents.assign(status="weak"))
    held = diagnosis_of(constructed, rng, [ONE, LOST, LOST], HELD)
    of_weak_held = dataclasses.replace(held, latents=held.latents.assign(status="weak"))

    assert checkpoint_verdict(weak)[0].startswith("The model holds nothing: none of its 5 latents is active; the total")
    assert checkpoint_verdict(lost)[0].startswith("No information diffusion; shape, scale and posX are lost")
    assert checkpoint_verdict(of_weak_held)[0].startswith("No information diffusion; shape is held by one latent")


def test_one_sentence_for_any_number_of_models(constructed: ModuleType, rng: np.random.Generator) -> None:
    of = [diagnosis_of(constructed, rng, rows, HELD) for rows in ([ONE, ONE, ONE], [SPREAD, ONE, LOST])]
    assert models_sentence(["A", "B"], of) == (
        "Information diffusion: shape in B; lost: posX in B; total KL 10.00 and 10.00 nats in A and B."
    )
    singly = models_sentence(["A", "B"], [dataclasses.replace(one, joint=None) for one in of])
    assert "; held by no single latent: scale in A and B, posX in A and B; " in singly
    three = models_sentence(["A", "B", "C"], [of[1], of[1], of[1]])
    assert three.startswith("Information diffusion: shape in all; lost: posX in all; total KL 10.00, 10.00 and 10.00")


def test_the_file_holds_the_table_and_gives_it_back(
    constructed: ModuleType, rng: np.random.Generator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("joint")
    results = make_results(diagnosis_of(constructed, rng, [SPREAD, CONSTANT, LOST], HELD))
    assert folder / "joint.csv" in write_results(results, folder)
    table = load_results(folder).table("joint")
    assert table["case"].tolist() == ["spread", "constant", "lost"]
    assert table["alone"].tolist() == ["0; 1", "", ""]
    assert table["set_latents"].tolist() == ["0; 1; 2; 4", "", ""]
    assert np.isnan(table["joint_nats"].iloc[1])
