"""Which beta to train with: against data whose freezing points are known, in every code base's units, and mistakes."""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy.stats import norm

import ifp
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.naming import read_hold
from ifp.analysis.joint.results import WholeAnnealing
from ifp.analysis.suggestion.units import check_units
from ifp.annealing.chunk_files import FOLDER as CHUNKS
from ifp.annealing.chunk_files import ChunkFiles
from ifp.cli import main
from ifp.errors import IfpError, IfpWarning
from ifp.theory.beta_units import to_nats
from ifp.theory.conventions import CONVENTIONS

VARIANCES = {"wide": 4.0, "middle": 1.0, "narrow": 0.25}
SIGMA = 0.5
CROSSING = math.exp(-0.2)
"""A linear-Gaussian latent holds 0.1 nat at lambda / sigma^2 exp(-0.2): KL = 0.5 ln(lambda / (sigma^2 beta))."""


@pytest.fixture(scope="module")
def gaussian() -> Annealing:
    """Three factors of one Gaussian direction each, whose freezing points are known in closed form."""
    z_N = norm.ppf((np.arange(60) + 0.5) / 60)
    z_N /= z_N.std()
    direction = np.array([0.6, 0.8])
    traversals = [np.sqrt(variance) * z_N[:, None] * direction for variance in VARIANCES.values()]
    return ifp.exact_annealing(
        traversals, "gaussian", sigma=SIGMA, factors=list(VARIANCES), tolerance=0.05, directions=("cool",)
    )


def known(variance: float) -> float:
    return variance / SIGMA**2 * CROSSING


def test_the_beta_is_that_of_the_theory(gaussian: Annealing) -> None:
    found = ifp.suggest(gaussian)
    table = found.table().set_index("factor")
    for factor, variance in VARIANCES.items():
        assert table.loc[factor, "beta"] == pytest.approx(known(variance), rel=4e-3)
    assert list(table.index) == list(VARIANCES)
    assert found.beta == table.loc["narrow", "beta"]
    assert found.limiting["factor"] == "narrow"
    assert ifp.suggest(gaussian, hold=["wide", "middle"]).beta == pytest.approx(known(1.0), rel=4e-3)
    assert ifp.suggest(gaussian, hold="middle,wide").hold == ("middle", "wide")
    assert repr(found).startswith("<Suggestion: beta below 0.819 holds all 3 factors, narrow last")


@pytest.mark.parametrize("units", [name for name, its in CONVENTIONS.items() if its.likelihood == "gaussian"])
def test_every_code_base_s_beta_is_what_its_loss_needs(gaussian: Annealing, units: str) -> None:
    """w SE / P + b KL / L has its minimum where SE / (2 sigma^2) + beta KL has: b = 2 sigma^2 beta w L / P."""
    its = CONVENTIONS[units]
    latents = 10 if its.mean_latents else None
    found = ifp.suggest(gaussian, hold="middle", units=units, model_latents=latents)
    pixels = 2 if its.mean_pixels else 1
    beta = 2 * SIGMA**2 * known(1.0) * its.weight * (latents or 1) / pixels / (its.kld_weight or 1.0)
    assert found.beta == pytest.approx(beta, rel=4e-3)
    back = to_nats(found.beta, units, shape=(1, 1, 2), latents=latents).at_sigma(SIGMA).beta
    assert back == pytest.approx(ifp.suggest(gaussian, hold="middle").beta)
    assert f"units of {units}" in found.headline()


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    path = Path(__file__).parents[1] / "synthetic.py"
    spec = importlib.util.spec_from_file_location("ifp_synthetic_traces", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=8, methods=("train",))
    synthetic.write_run(folder, replace(trace, context_MF=np.pad(trace.context_MF, ((0, 0), (0, 1)))))
    about = json.loads((folder / "run.json").read_text())
    about["dataset"]["factor_names"].append("hue")  # of the data set, and not annealed
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["suggest", *map(str, arguments)])


def test_without_exact_curves_it_is_the_middle_of_the_bracket(run_folder: Path) -> None:
    found = ifp.suggest(run_folder)
    summary = pd.DataFrame(found.source.table()).set_index(["factor", "measure"])["median"]
    for _, row in found.held.iterrows():
        cool, heat = (summary[row["factor"], name] for name in ("cool", "heat"))
        assert row["beta"] == pytest.approx(math.sqrt(cool * heat))
        assert (row["low"], row["high"]) == (cool, heat)
    cool = found.limiting["cool"]
    assert any(f"began to hold {found.limiting['factor']} at {cool:.3g}" in said for said in found.sentences())
    assert "in training on the whole data set a factor may" in " ".join(found.sentences()).lower()


def test_a_bound_is_not_said_to_be_a_beta_at_which_networks_lost_a_factor(run_folder: Path) -> None:
    found = ifp.suggest(run_folder)
    held = found.held.assign(heat_bound="<")
    said = " ".join(replace(found, held=held).sentences())
    assert "lost it at" not in said
    assert "is not bracketed" in said
    assert "cooling" in said


def test_the_command_prints_table_sentences_and_json(run_folder: Path) -> None:
    found = ifp.suggest(run_folder, hold=["posX", "scale"], units="higgins-normalised", model_latents=10)
    options = ["--hold", "posX,scale", "--units", "higgins-normalised", "--model-latents", 10]
    printed = call(run_folder, *options)
    assert printed.exit_code == 0, printed.output
    for sentence in found.sentences():
        assert sentence in printed.output
    assert "shape (not named)" in printed.output
    content = json.loads(call(run_folder, *options, "--json").output)
    assert content["beta"] == pytest.approx(found.beta)
    assert content["units_per_nat"] == pytest.approx(10 / 4096)
    assert content["hold"] == ["posX", "scale"]


def test_units_that_are_nats_are_said_to_be_the_same(run_folder: Path) -> None:
    said = " ".join(ifp.suggest(run_folder, units="pythae-bce").sentences())
    assert "which here are the same as in nats per image" in said
    assert "there is" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hold", "posx"], "Unknown factor 'posx'"),
        (["--hold", ","], "--hold names no factor"),
        (["--hold", "posX,hue"], "'hue' is a factor of the data set that is not annealed here; annealed are"),
        (["--units", "pythae-bce", "--units", "rtqichen"], "--units names one code base, got pythae-bce and rtqichen"),
        (["--units", "nope"], "Unknown units 'nope': allowed are nats, "),
        (["--units", "disent"], "'disent' has several losses"),
        (["--units", "disent-mean"], "disent-mean weighs SE (gaussian), and the freezing points are of the bernoulli"),
        (["--units", "yanndubs-laplace"], "a sum of absolute errors is no likelihood here"),
        (["--units", "higgins-normalised"], "as in --model-latents 10"),
        (["--units", "pythae-bce", "--model-latents", "10"], "leave --model-latents out"),
        (["--model-latents", "10"], "--model-latents belongs to the units of a code base; name one by --units"),
        (["--units", "pythae-bce", "--kld-weight", "1"], "pythae-bce has no kld_weight"),
    ],
)
def test_a_mistake_is_one_sentence(run_folder: Path, arguments: list[str], message: str) -> None:
    refused = call(run_folder, *arguments)
    assert refused.exit_code == 2
    assert message in refused.output
    assert refused.output.count("\n") == 1


@pytest.mark.parametrize(("marker", "message"), [
    ("gan_sweep.json", "whose pressure is no beta of a VAE"), ("none", "holds no trace.npz"),
    ("diagnosis.json", "is a diagnosis, which tells of no beta"),
    ("records.csv", "is a training or a recording"),
    ("chunks", "is at work or was cut short"),
])  # fmt: skip
def test_other_folders_are_refused_by_what_they_are(tmp_path: Path, marker: str, message: str) -> None:
    if marker == "chunks":
        (tmp_path / CHUNKS).mkdir()
    else:
        (tmp_path / marker).write_text("{}")
    refused = call(tmp_path)
    assert refused.exit_code == 2
    assert message in refused.output
    assert call(tmp_path / "nowhere").exit_code == 2


def whole(cool: list[float], heat: list[float]) -> WholeAnnealing:
    """A joint annealing of two factors, two networks each way, as its tables tell it; NaN never froze, below 2."""
    names = ["posX", "shape"]
    points = pd.DataFrame(
        [
            {"kind": "factor", "name": name, "direction": direction, "seed": seed, "beta_ifp": beta,
             "status": "frozen" if beta == beta else "never_froze", "beta_bracket_low": beta,
             "beta_bracket_high": beta if beta == beta else 2.0}
            for direction, medians in (("cool", cool), ("heat", heat))
            for name, beta in zip(names, medians, strict=True)
            for seed in range(2)
        ]
    )  # fmt: skip
    summary = pd.DataFrame({"factor": names, "networks": 2, "cool_median": cool, "heat_median": heat})
    run = {"dataset": {"name": "made", "image_shape": [1, 8, 8], "factor_names": names}, "likelihood": "bernoulli"}
    return WholeAnnealing({"joint_summary": summary, "joint_freezing_points": points}, {}, run)


def test_of_a_whole_data_set_it_is_joint_and_says_so() -> None:
    found = ifp.suggest(whole([40.0, 10.0], [90.0, 40.0]))
    assert found.beta == pytest.approx(20.0)
    assert found.table()["beta"].tolist() == pytest.approx([60.0, 20.0])
    assert "all factors were annealed at once" in found.sentences()[-1]


def test_what_never_froze_is_a_bound_and_not_a_beta() -> None:
    found = ifp.suggest(whole([40.0, np.nan], [90.0, np.nan]))
    assert found.limiting["factor"] == "shape"
    assert (found.beta, found.limiting["bound"]) == (2.0, "<")
    assert "Which beta holds posX and shape is not known: shape froze below 2" in found.sentences()[0]
    assert ifp.suggest(whole([40.0, np.nan], [90.0, np.nan]), hold="posX").beta == pytest.approx(60.0)


def half_melted() -> WholeAnnealing:
    """posX: cooled at 20 and 21, heated at 60 and never melted up to 90; shape never froze either way."""
    result = whole([20.0, np.nan], [60.0, np.nan])
    points = result.tables["joint_freezing_points"]
    of_posX = points["name"] == "posX"
    points.loc[of_posX & (points["direction"] == "cool") & (points["seed"] == 1), "beta_ifp"] = 21.0
    melted = of_posX & (points["direction"] == "heat") & (points["seed"] == 1)
    points.loc[melted, ["beta_ifp", "beta_bracket_low", "beta_bracket_high"]] = [np.nan, 90.0, np.nan]
    points.loc[melted, "status"] = "never_melted"
    result.tables["joint_summary"].loc[0, ["cool_median", "heat_median"]] = [20.5, np.nan]
    return result


def test_a_median_among_networks_that_never_melted_is_a_bound() -> None:
    found = ifp.suggest(half_melted(), hold="posX")
    row = found.limiting
    assert (row["heat"], row["heat_bound"], row["beta"], row["bound"]) == (75.0, ">", 20.5, "")
    first, second = found.sentences()[:2]
    assert first == "A beta below 20.5 holds posX (median of cooled networks alone)."
    assert "is not bracketed: cooling 20.5, heating >75" in second
    assert found.texts()["networks, heating"].tolist() == [">75", "<2"]


def test_all_factors_of_which_a_bound_alone_is_known_are_named() -> None:
    found = ifp.suggest(whole([np.nan, np.nan], [np.nan, np.nan]))
    assert found.sentences()[0].startswith("Which beta holds posX and shape is not known: posX and shape froze below 2")


def test_a_factor_that_froze_in_some_networks_is_not_said_to_have_frozen_below_all_betas() -> None:
    result = whole([np.nan, np.nan], [np.nan, np.nan])
    points = result.tables["joint_freezing_points"]
    froze = (points["name"] == "posX") & (points["direction"] == "cool") & (points["seed"] == 1)
    points.loc[froze, ["beta_ifp", "beta_bracket_low", "beta_bracket_high"]] = 6.0
    points.loc[froze, "status"] = "frozen"
    found = ifp.suggest(result)
    assert found.held.set_index("factor").loc[["posX", "shape"], ["beta", "n_below", "tried"]].to_numpy().tolist() == [
        [4.0, 1, 2.0], [2.0, 2, 2.0],
    ]  # fmt: skip
    assert found.sentences()[0] == (
        "Which beta holds posX and shape is not known: shape froze below 2, the lowest that was tried, and so did posX "
        "in 1 of 2 networks (<4 of posX: half way from there to the next of the networks that froze, not measured); "
        "anneal further down (`beta_min`)."
    )
    alone = ifp.suggest(result, hold="posX").sentences()[0]
    assert "posX in 1 of 2 networks froze below 2, the lowest that was tried (<4 of posX" in alone


def test_factors_and_units_are_checked_before_a_run() -> None:
    assert read_hold(["a,b", "c"], ["a,b", "c"]) == ["a,b", "c"]
    assert read_hold("c,d", ["c", "d"]) == ["c", "d"]
    with pytest.raises(IfpError, match="Unknown factor 'e'"):
        read_hold("c,e", ["c", "d"])
    check_units(None, "bernoulli")
    check_units("nats", "bernoulli")
    with pytest.raises(IfpError, match="do not carry over"):
        check_units("antixk", "bernoulli")


def test_contexts_that_are_not_there_yet_are_not_counted(synthetic: ModuleType) -> None:
    """A run that was stopped: exact curves of no context, networks of one of four."""
    trace = synthetic.sprites_like_trace(
        np.random.default_rng(0), contexts=4, factors=("posX",), methods=("closed-form", "train"), censored=False
    )
    there = (trace.method_M != "train") | (trace.context_MF == trace.context_MF[0]).all(axis=1)
    run = {"dataset": {"name": "s", "image_shape": [64, 64], "factor_names": list(synthetic.FACTORS)},
           "likelihood": "bernoulli", "config": {}}  # fmt: skip
    found = ifp.suggest(Annealing(trace.select(there), run))
    assert found.held.loc[0, ["n", "n_beta", "n_cool", "n_heat"]].tolist() == [4, 1, 1, 1]
    assert found.texts().loc[0, "networks, cooling"].endswith(" (1 of 4)")
    assert "middle of the trained bracket, of 1 of 4 contexts" in found.sentences()[0]
    assert not any("every context" in said for said in found.sentences())


def test_a_killed_run_is_read_as_far_as_it_came_as_a_stopped_one(synthetic: ModuleType, tmp_path: Path) -> None:
    trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=2, factors=("posX", "scale"))
    stopped = synthetic.write_run(tmp_path / "stopped", trace, status="stopped")
    killed = synthetic.write_run(tmp_path / "killed", trace, status="running")
    (killed / "trace.npz").unlink()
    ChunkFiles(killed).add(trace, np.arange(len(trace)))
    with pytest.warns(IfpWarning, match="has not finished"):
        assert ifp.suggest(killed).beta == ifp.suggest(stopped).beta
