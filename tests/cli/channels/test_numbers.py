"""`ifp channels` on models whose channels are known: hotspots, freezing points, fragments and whole spaces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ifp.analysis.channels.files import load_results

from ...checkpoints import exact_vaes as exact
from ...fingerprints.ensembles import latent_bits, write_models
from .command import SEEDS, channels, done, table


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
