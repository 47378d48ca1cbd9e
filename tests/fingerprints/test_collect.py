"""An ensemble read from disk: which models, on which points, at which beta, with which trace."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from ifp.checkpoints.custom import read_codes
from ifp.checkpoints.traversals import latent_traversals
from ifp.cli import main
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import load_dataset
from ifp.errors import IfpError
from ifp.fingerprints.collect import ModelEnsemble, collect_models, models_of_codes
from ifp.fingerprints.find_models import History, list_trainings

from ..checkpoints import exact_vaes as exact
from ..checkpoints.families.code_bases import network_files
from .ensembles import turned, write_models, write_run

STEP_T, BETA_T = [50, 100, 150], [100.0, 10.0, 1.0]
KL_NATS_STD = np.linspace(0, 1, 3 * 3 * 4).reshape(3, 3, 4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FactorDataset:
    return load_dataset(exact.write_grid(tmp_path_factory.mktemp("data") / "grid.npz"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three finished seeds with checkpoints at two of three records, and two that are not finished."""
    return write_run(
        tmp_path_factory.mktemp("runs") / "cooled", 3, sigma2_of_step={100: 0.04, 150: exact.SIGMA2}, step_T=STEP_T,
        beta_T=BETA_T, kl_nats_STD=KL_NATS_STD, unfinished=[(3, "running"), (4, "diverged")],
    )  # fmt: skip


def collected(paths: list[Path], data: FactorDataset, **more: object) -> ModelEnsemble:
    return collect_models(paths, data, points=100, **more)  # type: ignore[arg-type]


def test_every_finished_seed_of_a_run_is_a_model_with_its_trace(run: Path, data: FactorDataset) -> None:
    ensemble = collected([run], data)
    assert [model.name for model in ensemble.models] == ["cooled/seed-0", "cooled/seed-1", "cooled/seed-2"]
    assert ensemble.notes == (f"{run}: seed-3 (running), seed-4 (diverged) left out, not trained to the end.",)
    for seed, (model, origin) in enumerate(zip(ensemble.models, ensemble.origins, strict=True)):
        # the beta of the run's own loss, and not that of the checkpoint, which is in other units
        assert (model.level, model.beta, origin.step) == ("cooled", 1.0, 150)
        assert model.trace is not None
        np.testing.assert_array_equal(model.trace.beta_T, BETA_T)
        np.testing.assert_array_equal(model.trace.kl_nats_TD, KL_NATS_STD[seed])
        np.testing.assert_allclose(
            np.sort(model.codes.logvar_ND[0]), np.sort(exact.components(mixing_DD=turned(seed))[1]), atol=1e-5
        )


def test_a_beta_of_the_total_correlation_alone_is_said(tmp_path: Path) -> None:
    """A beta-TCVAE stands at its beta on no map of pressures; a beta-VAE of the same code base does."""
    np.savez(tmp_path / "grey.npz", images=np.random.default_rng(0).integers(0, 255, (20, 64, 64), np.uint8))
    weights = network_files.make("yanndubs 64").state_dict()
    for loss in ("btcvae", "betaH"):
        (tmp_path / loss).mkdir()
        torch.save(weights, tmp_path / loss / "model.pt")
        specs = network_files.yanndubs_specs(loss=loss, btcvae_B=6.4, betaH_B=4)
        (tmp_path / loss / "specs.json").write_text(json.dumps(specs))
    dataset = load_dataset(f"npz:{tmp_path / 'grey.npz'}")
    ensemble = collect_models([tmp_path / "btcvae", tmp_path / "betaH"], dataset, points=16)
    said = [note for note in ensemble.notes if "total correlation" in note]
    assert said == ["btcvae: beta 6.4 weighs the total correlation alone and is no pressure on the whole KL."]


def test_models_share_the_points_of_the_seed(run: Path, data: FactorDataset) -> None:
    ensemble = collected([run], data, seed=3)
    first, *others = (model.codes for model in ensemble.models)
    assert first.mean_ND.shape == (100, exact.LATENTS)
    assert first.factor_names == exact.NAMES
    for codes in others:
        np.testing.assert_array_equal(codes.factors_NF, first.factors_NF)
    again = collected([run], data, seed=3).models[0].codes
    np.testing.assert_array_equal(again.mean_ND, first.mean_ND)
    assert (collected([run], data, seed=4).models[0].codes.factors_NF != first.factors_NF).any()
    # a factor's latent rises or falls with the factor
    for seed, model in enumerate(ensemble.models):
        latents = np.abs(turned(seed)).argmax(axis=1)[: len(exact.NAMES)]
        for factor, latent in enumerate(latents):
            rank = np.corrcoef(model.codes.mean_ND[:, latent], model.codes.factors_NF[:, factor])[0, 1]
            assert abs(rank) > 0.999


def test_along_training_every_checkpoint_is_a_model_at_the_beta_of_its_step(run: Path, data: FactorDataset) -> None:
    ensemble = collected([run], data, along=True)
    assert [(model.name, model.beta) for model in ensemble.models] == [
        (f"cooled/seed-{seed} step {step}", beta) for seed in range(3) for step, beta in ((100, 10.0), (150, 1.0))
    ]
    live = [(model.codes.kl_nats_D() > 0.01).sum() for model in ensemble.models]
    assert live == [2, 3] * 3  # the third factor's variance lies below the noise of the earlier checkpoint


def test_a_seeds_folder_and_a_checkpoint_know_the_run_that_they_are_of(run: Path, data: FactorDataset) -> None:
    folder, file = collected([run / "seed-1", run / "seed-2" / "step-000100.pt"], data).models
    assert (folder.name, folder.level, folder.beta) == ("cooled/seed-1", "cooled", 1.0)
    assert (file.name, file.level, file.beta) == ("cooled/seed-2/step-000100.pt", "cooled", 10.0)
    assert folder.trace is not None
    np.testing.assert_array_equal(folder.trace.kl_nats_TD, KL_NATS_STD[1])


def test_single_checkpoints_have_the_beta_of_the_file_or_the_one_given(tmp_path: Path, data: FactorDataset) -> None:
    paths = write_models(tmp_path, 2)
    said = collected(paths, data)
    # beta 1 against errors divided by 2 sigma^2, in units of the plain squared error
    assert [model.beta for model in said.models] == [pytest.approx(2 * exact.SIGMA2)] * 2
    assert [model.level for model in said.models] == ["", ""]
    given = collected(paths, data, betas=[7.0, 2 * exact.SIGMA2])
    assert [model.beta for model in given.models] == [7.0, 2 * exact.SIGMA2]
    assert [note for note in given.notes if "in place of" in note] == [
        f"{said.models[0].name}: beta 7 as given, in place of 0.002, which its files say."
    ]


def test_a_recorded_beta_that_moved_is_not_replaced(run: Path, data: FactorDataset) -> None:
    with pytest.raises(IfpError, match="cooled/seed-0 step 100 is of a training whose beta moved"):
        collected([run], data, along=True, betas=[1.0])
    assert {model.beta for model in collected([run], data, betas=[1.0]).models} == {1.0}


def test_equal_names_get_numbers(tmp_path: Path, data: FactorDataset) -> None:
    for name in ("x", "y"):
        write_models(tmp_path / name / "deep", 1)
    ensemble = collected([tmp_path / "x" / "deep", tmp_path / "y" / "deep"], data)
    assert [model.name for model in ensemble.models] == ["deep (1)", "deep (2)"]


def test_the_network_of_a_model_is_read_again(run: Path, data: FactorDataset) -> None:
    ensemble = collected([run], data, along=True)
    model = ensemble.read_vae(0)
    assert model is not None
    images, _ = latent_traversals(model, np.zeros(exact.LATENTS), "cpu")
    # the checkpoint at step 100: two latents move the image
    assert (np.ptp(images, axis=1).reshape(exact.LATENTS, -1).max(axis=1) > 0.02).sum() == 2


def test_what_ifp_train_wrote_is_read(bars_npz: Path, tmp_path: Path) -> None:
    dataset, out = f"npz:{bars_npz}", tmp_path / "run"
    law = ["--option", "law=geometric", "--option", "beta_start=8", "--option", "beta_end=2"]
    sizes = ["--steps", "12", "--records", "3", "--checkpoint-every", "4", "--seeds", "2", "--hidden", "8"]
    args = ["train", "--dataset", dataset, "--architecture", "mlp", "--latents", "3", *sizes, *law]
    result = CliRunner().invoke(main, [*args, "--out", str(out), "--quiet"])
    assert result.exit_code == 0, result.output
    records = pd.read_csv(out / "records.csv")
    ensemble = collect_models([out], load_dataset(dataset), points=18, along=True)
    assert len(ensemble.models) == 6
    for model, origin in zip(ensemble.models, ensemble.origins, strict=True):
        seed = int(model.name.split("seed-")[1].split()[0])
        row = records[(records["seed"] == seed) & (records["step"] == origin.step)].iloc[0]
        assert model.beta == pytest.approx(row["beta"])
        assert model.trace is not None
        kl_nats_TD = records[records["seed"] == seed].filter(regex=r"^kl_nats_\d+$").to_numpy()
        np.testing.assert_allclose(model.trace.kl_nats_TD, kl_nats_TD, rtol=1e-6)
        # what is encoded from the checkpoint is what the run recorded at its step (of the same 18 images)
        np.testing.assert_allclose(
            model.codes.kl_nats_D(), row.filter(regex=r"^kl_nats_\d+$").to_numpy(float), atol=1e-4
        )


@pytest.mark.parametrize(
    ("beta_T", "moved"),
    [
        ([4.0, 4.0, 4.0], False),
        ([80.0, 20.0, 4.0], True),
        ([0.0, 4.0, 4.0], False),  # a warm-up from no pressure at all is no range of beta
        ([0.0, 2.0, 4.0], True),
        ([1.0, 8.0, 2.0], True),
        ([3.0, 2.0, 4.0, 1.0], False),
        ([np.nan, np.nan], False),
        ([4.0], False),
    ],
)
def test_only_a_beta_that_moved_makes_a_trace(beta_T: list[float], moved: bool) -> None:
    history = History(np.arange(len(beta_T)), np.array(beta_T), np.zeros((len(beta_T), 2)))
    assert (history.trace() is not None) == moved


def test_beta_at_a_step() -> None:
    history = History(np.array([10, 20]), np.array([4.0, np.nan]), np.zeros((2, 2)))
    assert [history.beta_at(step) for step in (10, 20, 15, None)] == [4.0, None, None, None]


def test_codes_are_cut_to_the_same_rows(rng: np.random.Generator, tmp_path: Path) -> None:
    files, grid = [tmp_path / "a.npz", tmp_path / "b.npz"], exact.factor_grid()
    for file in files:
        # the first latent is the row's number, in both
        mean = np.stack([np.arange(1000.0), rng.normal(size=1000)], axis=1)
        np.savez(file, mean=mean, logvar=np.zeros_like(mean), factors=grid, factor_names=np.array(exact.NAMES))
    ensemble = models_of_codes([read_codes(file) for file in files], points=300, betas=[3.0, 2.0])
    a, b = (model.codes for model in ensemble.models)
    rows = a.mean_ND[:, 0].astype(int)
    np.testing.assert_array_equal(b.mean_ND[:, 0], rows)
    np.testing.assert_array_equal(a.factors_NF, grid[rows])
    assert len(set(rows)) == 300
    # a fair sample of a file whose rows lie in order
    assert {len(set(column)) for column in a.factors_NF.T} == {10}
    assert [(model.name, model.beta) for model in ensemble.models] == [("a", 3.0), ("b", 2.0)]
    assert ensemble.read_vae(0) is None


def test_codes_of_different_data(tmp_path: Path) -> None:
    mean, grid = np.zeros((1000, 2)), exact.factor_grid()
    files = {
        "whole": {"mean": mean, "logvar": mean, "factors": grid},
        "part": {"mean": mean[:500], "logvar": mean[:500], "factors": grid[:500]},
        "reversed": {"mean": mean, "logvar": mean, "factors": grid[::-1]},
        "named": {"mean": mean, "logvar": mean, "factors": grid, "factor_names": np.array(["x", "y", "z"])},
        "diverged": {"mean": mean * np.nan, "logvar": mean, "factors": grid},
    }
    for name, arrays in files.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    for name, sentence in (
        ("part", "models of different data"),
        ("named", "models of different data"),
        ("reversed", "different samples, or of the same samples in another order"),
        ("diverged", "The posteriors hold NaN"),
    ):
        with pytest.raises(IfpError, match=sentence):
            models_of_codes([read_codes(tmp_path / f"{file}.npz") for file in ("whole", name)], points=100)
    with pytest.raises(IfpError, match=r"1001 points are asked for and whole holds 1,000 samples"):
        models_of_codes([read_codes(tmp_path / "whole.npz")], points=1001)


def test_models_of_different_data_are_refused_and_other_images_are_said(data: FactorDataset, tmp_path: Path) -> None:
    def trained_on(name: str, checksum: str) -> Path:
        return write_run(
            tmp_path / name, 1, sigma2_of_step={150: exact.SIGMA2}, step_T=STEP_T, beta_T=BETA_T,
            kl_nats_STD=KL_NATS_STD, data=(name, checksum),
        )  # fmt: skip

    grid, other = trained_on("grid", data.checksum()), trained_on("other", "of another file")
    assert collected([grid], data).notes == ()
    (note,) = collected([other], data).notes
    assert note == f"The models were trained on other and are compared on images of {data.name}."
    with pytest.raises(
        IfpError, match=r"grid/seed-0 was trained on grid and other/seed-0 on other: models of different"
    ):
        collected([grid, other], data)


def test_mistakes_are_one_sentence(run: Path, data: FactorDataset, tmp_path: Path) -> None:
    (model,) = write_models(tmp_path / "one", 1)
    diverged = exact.write_components(tmp_path / "diverged.pt")
    stored = torch.load(diverged)
    stored["state_dict"]["encoder.1.weight"].fill_(float("nan"))
    torch.save(stored, diverged)
    with pytest.raises(IfpError, match=r"diverged\.pt: The posteriors hold NaN or infinite"):
        collected([model, diverged], data)
    with pytest.raises(IfpError, match=r"step-000150\.pt is named twice, as cooled/seed-1 and cooled/seed-1"):
        collected([run, run / "seed-1"], data)
    with pytest.raises(IfpError, match="once for each model, got 1 for 2"):
        collected([model, diverged], data, betas=[1.0])
    with pytest.raises(IfpError, match="beta must be a positive number"):
        collected([model], data, betas=[0.0])
    with pytest.raises(IfpError, match=r"1001 points are asked for and .* holds 1,000 images; `points` must be 1000"):
        collect_models([model], data, points=1001)
    with pytest.raises(IfpError, match="points must be a whole number of at least 16"):
        collect_models([model], data, points=15)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(run, unfinished)
    standing = {"0": {"status": "running"}, "1": None}
    (unfinished / "run.json").write_text(json.dumps({"format": "ifp-train", "seeds": standing}))
    with pytest.raises(IfpError, match="holds no network that is trained to its end"):
        list_trainings([unfinished])
    shutil.copytree(run, tmp_path / "damaged")
    np.savez(tmp_path / "damaged" / "records.npz", **{"0_step": [1], "0_beta": [1.0, 2.0], "0_kl_nats": [[0.0]]})
    with pytest.raises(IfpError, match=r"records.npz.*length of the axis T"):
        list_trainings([tmp_path / "damaged"])
