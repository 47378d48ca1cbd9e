"""`ifp channels` as a user runs it, on models whose channels are known: numbers, files, and every mistake."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ifp.analysis.channels.files import load_results, write_results
from ifp.cli import main
from ifp.errors import IfpError

from ..checkpoints import exact_vaes as exact
from ..checkpoints.families.code_bases import array_files, network_files
from ..fingerprints.ensembles import latent_bits, turned, write_models, write_run

BETA_T = [100.0, 10.0, 1.0]
SEEDS = 5


def channels(*args: object, figures: bool = False) -> Result:
    drawn = [] if figures else ["--format", "none"]
    return CliRunner().invoke(main, ["channels", *map(str, args), *drawn, "--quiet"])


def done(*args: object, out: Path, figures: bool = False) -> dict[str, Any]:
    result = channels(*args, "--out", out, figures=figures)
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stderr == ""
    content: dict[str, Any] = json.loads((out / "channels.json").read_text(), parse_constant=pytest.fail)
    return content


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.csv")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> str:
    return exact.write_grid(tmp_path_factory.mktemp("data") / "grid.npz")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_models(tmp_path_factory.mktemp("models"), 5)


def kl_nats(scale: float) -> np.ndarray:
    """KL [T, D] of latents in the order of the factors: the first freezes from beta 100 on, the third never."""
    return np.array([[0.0, 0.0, 0.0, 0.0], [0.2, 0.0, 0.05, 0.0], [1.0, 0.4, 0.06, 0.0]]) * scale


@pytest.fixture(scope="module")
def cooled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seeds of a run whose beta fell; the third factor is there in the last checkpoint only."""
    order = [np.abs(turned(seed)).argmax(axis=0) for seed in range(SEEDS)]
    return write_run(
        tmp_path_factory.mktemp("runs") / "cooled", SEEDS, sigma2_of_step={100: 0.04, 150: exact.SIGMA2},
        step_T=[50, 100, 150], beta_T=BETA_T,
        kl_nats_STD=np.stack([kl_nats(1 + seed / 10)[:, at] for seed, at in enumerate(order)]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(grid: str, models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the five models' comparison on all images of the grid."""
    out = tmp_path_factory.mktemp("found")
    done(*models, "--dataset", grid, out=out)
    return out


@pytest.fixture(scope="module")
def mapped(cooled: Path, grid: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the cooled run's checkpoints, all of them, with figures; and what was printed."""
    out = tmp_path_factory.mktemp("mapped")
    args = [cooled, "--dataset", grid, "--points", 200, "--along-training", "--format", "png", "--out", out]
    result = channels(*args, figures=True)
    assert result.exit_code == 0, (result.output, result.exception)
    return out, result.stdout


# --- numbers --------------------------------------------------------------------------------------------------------


def test_models_that_agree_have_a_hotspot_a_factor(found: Path) -> None:
    hotspots = table(found, "hotspots").set_index("factor")
    assert sorted(hotspots.index) == sorted(exact.NAMES)
    assert (hotspots[["runs", "of_runs", "channels"]] == 5).all(axis=None)
    np.testing.assert_allclose(hotspots[["tightness", "stability", "stability_low"]], 1, atol=1e-3)
    lower_F, upper_F, two_F = latent_bits()
    ordered = hotspots.loc[list(exact.NAMES)]
    np.testing.assert_allclose(ordered["information_bits"], lower_F, atol=2e-4)
    np.testing.assert_allclose(ordered["upper_bits"], upper_F, atol=2e-4)
    # two images of one value of the factor have one posterior, so that I(X; U, label) is the label's entropy
    nmi_F = lower_F / np.sqrt((2 * lower_F - two_F) * np.log2(exact.SIZES))
    np.testing.assert_allclose(ordered["factor_nmi"], nmi_F, atol=2e-4)


def test_every_channel_is_listed_the_dead_too(found: Path) -> None:
    rows = table(found, "channels")
    assert rows["kind"].value_counts().to_dict() == {"latents": 15, "dead": 5, "factor": 3}
    dead = rows[rows["kind"] == "dead"]
    assert dead["channel"].isna().all()
    assert (dead["information_bits"].abs() < 1e-6).all()
    assert sorted(dead["model"]) == sorted(table(found, "models")["model"])
    assert (table(found, "models")[["live_channels", "latents"]] == [3, 4]).all(axis=None)
    about = json.loads((found / "channels.json").read_text())["about"]
    assert len(about["dropped"]) == 5
    assert len(about["dataset"]["checksum"]) == 64
    assert about["settings"]["points"] == 1000


def test_similarities_are_kept_whole(found: Path) -> None:
    with np.load(found / "similarity.npz") as held:
        arrays = {name: held[name] for name in held.files}
    rows = table(found, "channels").dropna(subset="channel")
    assert arrays["names"].tolist() == rows["name"].tolist()
    latents = arrays["members"] >= 0
    same = rows["hotspot"].to_numpy()[latents][:, None] == rows["hotspot"].to_numpy()[latents]
    between = np.ix_(latents, latents)
    # one and the same information whatever its sign and place; and of a product grid nothing is shared
    np.testing.assert_allclose(arrays["nmi"][between], same, atol=1e-3)
    np.testing.assert_allclose(arrays["vi_bits"][between][same], 0, atol=1e-3)
    assert arrays["ordering"].shape == arrays["labels"].shape == (15,)


def test_results_are_read_back_as_they_were(mapped: tuple[Path, str], tmp_path: Path) -> None:
    out, _ = mapped
    results = load_results(out)
    write_results(results, tmp_path)
    files = [path for path in out.iterdir() if path.is_file()]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in files}
    for path in files:
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    # what is not written as it is agrees with what is
    assert results.hotspots is not None
    hotspots = pd.read_csv(out / "hotspots.csv").drop(columns=["stability", "stability_low"])
    pd.testing.assert_frame_equal(results.hotspots.table(), hotspots, check_dtype=False)
    with np.load(out / "similarity.npz") as held:
        np.testing.assert_array_equal(results.similarity.nmi_CC, held["nmi"])


def test_a_damaged_folder_is_one_sentence(mapped: tuple[Path, str], tmp_path: Path) -> None:
    whole = (mapped[0] / "channels.json").read_text()
    arrays = (mapped[0] / "similarity.npz").read_bytes()
    content = json.loads(whole)
    damaged = {
        "cut": (whole[:2000], arrays, "cannot be read"),
        "other": ('{"format": "ifp diagnosis 1"}', arrays, "is not a comparison of this version"),
        "poor": (json.dumps({k: v for k, v in content.items() if k != "tables"}), arrays, "cannot be read"),
        "strange": (json.dumps(content | {"hotspots": [{"number": 1}]}), arrays, "cannot be read"),
        "arrays": (whole, arrays[: len(arrays) // 2], "not an .npz file or is damaged"),
    }
    for name, (text, bits, sentence) in damaged.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "channels.json").write_text(text)
        (tmp_path / name / "similarity.npz").write_bytes(bits)
        with pytest.raises(IfpError, match=sentence):
            load_results(tmp_path / name)
    with pytest.raises(IfpError, match="give the --out folder of an `ifp channels` run"):
        load_results(tmp_path)


def test_hotspots_know_when_they_froze(cooled: Path, grid: str, tmp_path: Path) -> None:
    done(cooled, "--dataset", grid, out=tmp_path)
    points = table(tmp_path, "hotspot_freezing").set_index("hotspot")
    factor = dict(enumerate(table(tmp_path, "hotspots")["factor"], start=1))
    points.index = points.index.map(factor)
    # KL linear in ln beta between records; of the first latent from 0 at 100 to 0.2 s at 10
    scale = 1 + np.arange(SEEDS) / 10
    first = np.exp(np.log(100) - np.log(10) * 0.1 / (0.2 * scale))
    second = np.exp(np.log(10) - np.log(10) * 0.1 / (0.4 * scale))
    assert points.loc["first", "median"] == pytest.approx(np.median(first))
    assert points.loc["second", "median"] == pytest.approx(np.median(second))
    assert points.loc["first", ["low", "high"]].isna().all()  # of five runs
    assert points["frozen"].to_dict() == {"first": 5, "second": 5, "third": 0}
    rows = table(tmp_path, "channels").set_index(["hotspot", "model"])
    name = table(tmp_path, "hotspots").set_index("factor").loc["first", "hotspot"]
    np.testing.assert_allclose(rows.loc[name].sort_index()["beta_ifp"], first)


def test_a_threshold_moves_the_freezing_points(cooled: Path, grid: str, tmp_path: Path) -> None:
    done(cooled, "--dataset", grid, "--points", 200, "--threshold", 0.05, out=tmp_path)
    points = table(tmp_path, "hotspot_freezing")
    assert points["frozen"].tolist() == [5, 5, 5]
    assert (points["threshold_nats"] == 0.05).all()


def test_a_map_over_beta_shows_what_appears(mapped: tuple[Path, str]) -> None:
    out, _ = mapped
    fragments = table(out, "fragments")
    assert fragments.groupby("beta")["factor"].agg(set).to_dict() == {10.0: {"first", "second"}, 1.0: set(exact.NAMES)}
    third = fragments[fragments["factor"] == "third"].iloc[0]
    assert (third["origin"], third["bracket_low"], third["bracket_high"]) == ("appears", 1.0, 10.0)
    assert len(table(out, "links")) == 2
    results = load_results(out)
    assert results.map is not None
    assert [(level.beta, level.models) for level in results.map.levels] == [
        (10.0, (0, 2, 4, 6, 8)),
        (1.0, (1, 3, 5, 7, 9)),
    ]
    for hotspot in results.map.hotspots:  # places of the whole ensemble, not of the level
        held = [results.similarity.channels[at].model for at in (*hotspot.channels, hotspot.representative)]
        assert set(held) == set(hotspot.models)
    assert results.about["notes"][0].startswith("Checkpoints of one training are not independent models")
    # a fragment that all models of one beta have is none of too few
    assert results.hotspots is not None
    assert (results.hotspots.min_samples, results.hotspots.num_models) == (2, 10)


def test_betas_that_were_given_make_the_map(grid: str, tmp_path: Path) -> None:
    low, high = write_models(tmp_path / "low", 5), write_models(tmp_path / "high", 6, sigma2=0.04)
    betas = [arg for beta in [2] * 5 + [8] * 6 for arg in ("--beta", beta)]
    content = done(*low, *high, "--dataset", grid, "--points", 200, *betas, out=tmp_path / "out")
    assert [(level["beta"], len(level["members"])) for level in content["map"]["levels"]] == [(8.0, 6), (2.0, 5)]
    notes = content["about"]["notes"]
    assert len(notes) == 11
    assert notes[0].endswith("beta 2 as given, in place of 0.002, which its files say.")


def test_whole_spaces_by_monte_carlo(grid: str, tmp_path: Path) -> None:
    pair = [exact.write_components(tmp_path / f"{name}.pt", sigma2=0.01) for name in "ab"]
    other = exact.write_components(tmp_path / "other.pt", sigma2=0.1)
    args = [*pair, other, "--dataset", grid, "--points", 100, "--by", "space", "--no-hotspots", "--monte-carlo"]
    result = channels(*args, "--out", tmp_path / "out")
    assert result.exit_code == 0, (result.output, result.exception)
    spaces, models = table(tmp_path / "out", "spaces"), table(tmp_path / "out", "models")
    assert len(spaces) == 3
    alike = spaces[spaces["nmi"] > 0.9]
    assert len(alike) == 1
    assert abs(alike["nmi"].iloc[0] - 1) < 4 * alike["nmi_error"].iloc[0] + 1e-6
    assert abs(alike["vi_bits"].iloc[0]) < 4 * alike["vi_error_bits"].iloc[0] + 1e-6
    # the truth lies between the two bounds of the fingerprints
    rows = table(tmp_path / "out", "channels")
    for _, row in rows[rows["kind"] == "latents"].iterrows():
        model = models[models["model"] == row["model"]].iloc[0]
        slack = 4 * model["information_error_bits"]
        assert row["information_bits"] - slack < model["information_bits"] < row["upper_bits"] + slack
    assert "Whole latent spaces (Monte Carlo)" in result.stdout


def write_codes(path: Path, sigmas: tuple[float, float], count: int = 200) -> Path:
    """One space of two coordinates of the same images, uniform in a square, each known to its own sigma."""
    mean = np.random.default_rng(0).uniform(size=(count, 2))
    logvar = np.log(np.square(sigmas)) * np.ones_like(mean)
    np.savez(path, mean=mean, logvar=logvar, factors=np.arange(count)[:, None] % 2)
    return path


def test_saturated_spaces_are_marked_and_not_compared(tmp_path: Path) -> None:
    """Each tells one coordinate well and the other badly, so that they share little; at the cap they read as equal."""
    common = ["--by", "space", "--no-hotspots", "--monte-carlo", "--points", 200]
    rough = [write_codes(tmp_path / f"rough{at}.npz", s) for at, s in enumerate([(0.02, 0.6), (0.6, 0.02)])]
    fine = [write_codes(tmp_path / f"fine{at}.npz", s) for at, s in enumerate([(1e-4, 0.01), (0.01, 1e-4)])]
    given = [arg for path in (*rough, *fine) for arg in ("--codes", path)]
    result = channels(*given, *common, "--out", tmp_path / "out")
    assert result.exit_code == 0, (result.output, result.exception)
    spaces = table(tmp_path / "out", "spaces")
    assert spaces["saturated"].tolist() == [False, True, True, True, True, True]
    assert spaces["nmi"].iloc[0] < 0.5
    assert spaces.loc[spaces["saturated"], ["nmi", "nmi_error", "vi_bits", "vi_error_bits"]].isna().all(axis=None)
    assert "Saturated: a latent space within 1 bit of log2 N = 7.64 bits" in result.stdout
    assert "1.000 +-" not in result.stdout
    assert "sat.: saturated" in result.stdout


def test_points_that_are_the_whole_data_saturate_nothing(grid: str, tmp_path: Path) -> None:
    """All 1,000 images: a space that tells them apart does tell everything that there is."""
    paths = [exact.write_components(tmp_path / f"{name}.pt", sigma2=1e-6) for name in "ab"]
    given = [*paths, "--dataset", grid, "--by", "space", "--no-hotspots", "--monte-carlo"]
    result = channels(*given, "--points", 1000, "--out", tmp_path / "out")
    assert result.exit_code == 0, (result.output, result.exception)
    assert table(tmp_path / "out", "spaces")["saturated"].tolist() == [False]
    assert "aturated" not in result.stdout


def test_groups_of_latents_are_channels(grid: str, tmp_path: Path) -> None:
    paths = [exact.write_components(tmp_path / f"{name}.pt") for name in "ab"]
    out = tmp_path / "out"
    args = ["--dataset", grid, "--by", "group", "--group-size", 2, "--no-hotspots", "--out", out]
    result = channels(*paths, *args)
    assert result.exit_code == 0, (result.output, result.exception)
    rows = table(out, "channels")
    assert rows[rows["kind"] == "latents"]["latents"].tolist() == ["0+1", "2+3"] * 2
    assert "Pairs of channels: NMI above the diagonal" in result.stdout
    lower_F, _, _ = latent_bits()
    bits = rows["information_bits"].iloc[:2].to_numpy()
    np.testing.assert_allclose(bits, [lower_F[:2].sum(), lower_F[2]], atol=5e-4)  # additive on a product
    assert load_results(out).hotspots is None


def test_without_labels(models: list[Path], tmp_path: Path) -> None:
    plain = exact.write_grid(tmp_path / "plain.npz", labelled=False)
    result = channels(*models, "--dataset", plain, "--points", 200, "--out", tmp_path / "out")
    assert result.exit_code == 0, (result.output, result.exception)
    hotspots = table(tmp_path / "out", "hotspots")
    assert len(hotspots) == 3
    assert hotspots["factor"].isna().all()


def test_foreign_models_and_ours_together(tmp_path: Path) -> None:
    """Codes of two code bases with random weights: they are read and compared, whatever they hold."""
    network = network_files.make("1konny B")
    network.state_dict()[f"{network_files.FILES['1konny B'].head}.weight"].mul_(2)
    (tmp_path / "konny").mkdir()
    konny = network_files.write(tmp_path / "konny", "1konny B", network)
    example = array_files.EXAMPLES["google conv"]()
    (tmp_path / "google").mkdir()
    google = array_files.write(tmp_path / "google", example)
    assert example.image_shape == (1, 64, 64)
    factors = np.stack(np.meshgrid(range(8), range(5), indexing="ij"), axis=-1).reshape(-1, 2)
    images = np.zeros((40, 64, 64), dtype=np.uint8)
    for image, (row, width) in zip(images, factors, strict=True):
        image[8 * row : 8 * row + 8, : 10 * width + 10] = 255
    np.savez(tmp_path / "bars.npz", images=images, factors=factors)
    result = channels(
        konny, google, "--dataset", f"npz:{tmp_path / 'bars.npz'}", "--points", 40, "--no-hotspots", "--by", "space",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, (result.output, result.exception)
    models = table(tmp_path / "out", "models")
    assert models["family"].nunique() == 2
    assert table(tmp_path / "out", "channels")["information_bits"].iloc[:2].gt(0.01).all()


def test_codes_in_place_of_models(grid: str, found: Path, tmp_path: Path) -> None:
    for at in range(5):
        encoder_PD, logvar_D, _, mean_P = exact.components(mixing_DD=turned(at))
        mean = (exact.grid_images().reshape(1000, -1) / 255 - mean_P) @ encoder_PD
        np.savez(
            tmp_path / f"{at}.npz", mean=mean, logvar=np.broadcast_to(logvar_D, mean.shape),
            factors=exact.factor_grid(), factor_names=np.array(exact.NAMES),
        )  # fmt: skip
    files = [arg for at in range(5) for arg in ("--codes", tmp_path / f"{at}.npz")]
    done(*files, out=tmp_path / "out")
    columns = ["factor", "runs", "information_bits", "upper_bits", "factor_nmi"]
    a, b = (
        table(out, "hotspots")[columns].sort_values("factor", ignore_index=True) for out in (found, tmp_path / "out")
    )
    pd.testing.assert_frame_equal(a, b, atol=1e-3)
    assert not (tmp_path / "out" / "traversals.npz").exists()


def test_a_function_of_ones_own_beside_models(
    grid: str, models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder_PD, logvar_D, _, mean_P = exact.components()
    np.savez(tmp_path / "weights.npz", encoder=encoder_PD, logvar=logvar_D, mean=mean_P)
    (tmp_path / "encoders_of_test_channels.py").write_text(
        "import numpy as np, torch\n"
        f"held = np.load({str(tmp_path / 'weights.npz')!r})\n"
        "encoder, logvar, mean = (torch.from_numpy(held[name]).float() for name in ('encoder', 'logvar', 'mean'))\n"
        "def encode(images):\n    return (images.flatten(1) - mean) @ encoder, logvar.expand(len(images), -1)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    done(
        *models[:4],
        "--encoder",
        "encoders_of_test_channels:encode",
        "--dataset",
        grid,
        "--points",
        200,
        out=tmp_path / "o",
    )
    hotspots = table(tmp_path / "o", "hotspots")
    assert (hotspots["runs"] == 5).all()


# --- output ---------------------------------------------------------------------------------------------------------


def test_what_is_written_and_printed(mapped: tuple[Path, str]) -> None:
    out, printed = mapped
    for text in (
        "10 models, 25 live channels", "Hotspots, information that recurs", "5 of 10", "IFP (beta)",
        "Fragments over beta", "appears", "log2 N = 7.64 bits", "15 channels hold nothing", f"in {out}",
    ):  # fmt: skip
        assert text in printed, text
    names = ["models", "channels", "hotspots", "freezing", "hotspot_freezing", "fragments", "links"]
    assert {path.name for path in out.iterdir()} == {
        "channels.json", "similarity.npz", "traversals.npz", "figures", *(f"{name}.csv" for name in names),
    }  # fmt: skip
    figures = {"structure.png", "structure.csv", "fragments.png", "fragments.csv"}
    assert {path.name for path in (out / "figures").iterdir()} == figures
    # the representative of each hotspot of the first factor moves the first row of pixels alone
    numbers = np.flatnonzero(table(out, "hotspots")["factor"] == "first") + 1
    with np.load(out / "traversals.npz") as held:
        for number in numbers:
            moved = np.ptp(held[str(number)], axis=0)[0].max(axis=1)
            assert (moved > 0.02).tolist() == [True, False, False]


def test_figures_are_drawn_again_from_the_folder(mapped: tuple[Path, str], tmp_path: Path) -> None:
    arguments = ["plot", str(mapped[0]), "--width", "neurips", "--format", "png", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    drawn = [Path(line) for line in result.stdout.splitlines()]
    assert {path.name for path in drawn if path.suffix == ".png"} == {"structure.png", "fragments.png"}
    assert all(path.is_file() for path in drawn)
    assert CliRunner().invoke(main, [*arguments, "--kind", "kde"]).exit_code == 2


def test_what_another_command_does_not_find_again_does_not_stay(
    mapped: tuple[Path, str], models: list[Path], grid: str, tmp_path: Path
) -> None:
    shutil.copytree(mapped[0], tmp_path, dirs_exist_ok=True)
    args = [models[0], "--dataset", grid, "--points", 64, "--no-hotspots", "--format", "png", "--out", tmp_path]
    result = channels(*args, figures=True)
    assert result.exit_code == 0, (result.output, result.exception)
    names = {"channels.json", "channels.csv", "models.csv", "similarity.npz", "figures"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert not list((tmp_path / "figures").iterdir())


def test_json_is_json_alone_on_stdout(grid: str, models: list[Path], tmp_path: Path) -> None:
    result = channels(*models, "--dataset", grid, "--points", 64, "--json", "--out", tmp_path)
    content = json.loads(result.stdout, parse_constant=pytest.fail)
    assert content["folder"] == str(tmp_path)
    assert content["tables"]["hotspots"][0]["of_runs"] == 5
    assert len(content["hotspots"]) == 3


def test_the_same_command_gives_the_same_bytes(grid: str, models: list[Path], tmp_path: Path) -> None:
    args = [*models, "--dataset", grid, "--points", 64]
    for name in ("a", "b"):
        done(*args, out=tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_unfinished_seeds_are_told(grid: str, tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run", 5, sigma2_of_step={10: exact.SIGMA2}, step_T=[10], beta_T=[4.0],
        kl_nats_STD=np.zeros((5, 1, 4)), unfinished=[(5, "diverged")],
    )  # fmt: skip
    args = [
        "channels",
        str(run),
        "--dataset",
        grid,
        "--points",
        "100",
        "--format",
        "none",
        "--out",
        str(tmp_path / "o"),
    ]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "seed-5 (diverged) left out, not trained to the end." in result.stderr
    assert "5 models" in result.stdout


# --- mistakes -------------------------------------------------------------------------------------------------------

MISTAKES = [
    ([], "No model is named"),
    (["{one}"], "No data set is named"),
    (["{one}", "--codes", "x.npz"], "--codes are of images of their own"),
    (["--codes", "x.npz", "--dataset", "{grid}"], "brings its own factors"),
    (["--codes", "x.npz", "--along-training"], "--along-training is about the checkpoints"),
    (["--codes", "x.npz"], "Hotspots need at least 5 models, got 1"),
    (
        ["{one}", "--dataset", "{grid}"],
        "Hotspots need at least 5 models, got 1: give more, or compare these alone with",
    ),
    (["{models}", "--dataset", "sprits"], "Unknown dataset 'sprits'"),
    (
        ["{models}", "--dataset", "{grid}", "--points", "1001"],
        "holds 1000 images; points (--points) must be 1000 or less",
    ),
    (["{models}", "--dataset", "{grid}", "--by", "layer"], "Unknown kind of channel 'layer'"),
    (["{models}", "--dataset", "{grid}", "--by", "group"], "A group size goes with channels by group"),
    (["{models}", "--dataset", "{grid}", "--group-size", "2"], "A group size goes with channels by group"),
    (["{models}", "--dataset", "{grid}", "--by", "group", "--group-size", "3"], "divides the 4 latents"),
    (["{models}", "--dataset", "{grid}", "--distance", "cka"], "Unknown distance 'cka'"),
    (["{models}", "--dataset", "{grid}", "--min-samples", "1"], "min_samples must be"),
    (["{models}", "--dataset", "{grid}", "--min-samples", "99"], "min_samples must be"),
    (["{models}", "--dataset", "{grid}", "--threshold", "0"], "threshold must be a positive number"),
    (["{models}", "--dataset", "{grid}", "--device", "cuda:7"], "device must be"),
    (["{models}", "--dataset", "{grid}", "--width", "journal"], "width must be"),
    (["{models}", "--dataset", "{grid}", "--format", "svg"], "Unknown figure format 'svg'"),
    (["{models}", "--dataset", "{grid}", "--head", "thirds"], "Unknown head 'thirds'"),
    (["{models}", "--dataset", "npz:{tmp}/wider.npz"], "takes images of shape (1, 3, 6)"),
    (["{models}", "{tmp}/diverged.pt", "--dataset", "{grid}"], "diverged.pt: The posteriors hold NaN or infinite"),
    ([f"{{tmp}}/poor-{at}.pt" for at in range(1, 6)] + ["--dataset", "{grid}"], "One channel of all models holds"),
    (["{tmp}/dead.pt", "--dataset", "{grid}", "--no-hotspots"], "No channel holds more than 0.01 bits"),
]


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a user can name wrongly."""
    import torch

    folder = tmp_path_factory.mktemp("mistaken")
    np.savez(folder / "wider.npz", images=np.full((1000, 3, 7), 99, np.uint8), factors=exact.factor_grid())
    stored = torch.load(exact.write_components(folder / "diverged.pt"))
    stored["state_dict"]["encoder.1.weight"].fill_(float("nan"))
    torch.save(stored, folder / "diverged.pt")
    exact.write_components(folder / "dead.pt", sigma2=1.0)
    for name in "12345":  # one of them holds the first factor, and nothing holds more
        exact.write_components(folder / f"poor-{name}.pt", sigma2=0.1 if name == "1" else 1.0)
    return folder


@pytest.mark.parametrize(("args", "sentence"), MISTAKES, ids=[" ".join(args) for args, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_code_2(
    args: list[str], sentence: str, models: list[Path], grid: str, mistaken: Path, tmp_path: Path
) -> None:
    filled: list[str] = []
    for arg in args:
        filled += map(str, models) if arg == "{models}" else [arg.format(one=models[0], grid=grid, tmp=mistaken)]
    result = channels(*filled, "--out", tmp_path / "out", figures="--format" in args)
    assert result.exit_code == 2, (result.output, result.exception)
    assert sentence in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()
