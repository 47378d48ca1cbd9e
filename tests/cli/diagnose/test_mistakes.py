"""Mistakes in the arguments of `ifp diagnose`: one sentence, exit code 2, nothing left behind."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ifp.cli import main

from ...checkpoints import exact_vaes as exact
from ...checkpoints.files.hostile_files import hostile_files
from .command import FAST, check_mistake

MISTAKES = [
    ([], "Nothing to diagnose is named"),
    (["{model}"], "No data set is named"),
    (["{model}", "--dataset", "sprits"], "Unknown dataset 'sprits'"),
    (["{model}", "--dataset", "npz:missing.npz"], "missing.npz"),
    (["{model}", "--dataset", "npz:{tmp}/wider.npz"], "takes images of shape (1, 3, 6)"),
    (["{model}", "--dataset", "{grid}", "--codes", "x.npz"], "PATH and --codes exclude each other"),
    (["{model}", "--dataset", "{grid}", "--encoder", "a:b"], "PATH and --encoder exclude each other"),
    (["--codes", "x.npz", "--dataset", "{grid}"], "brings its own factors"),
    (["--codes", "{tmp}/x.npz"], "There is no file"),
    (["--codes", "{model}"], "has no array of numbers 'mean'"),
    (["{tmp}/missing.pt", "--dataset", "{grid}"], "There is no file or folder"),
    (["{tmp}/empty", "--dataset", "{grid}"], "holds no checkpoint"),
    (["{tmp}/two", "--dataset", "{grid}"], "holds 2 runs"),
    (["{tmp}/latents", "--dataset", "{grid}"], "different numbers of latents"),
    (["{tmp}/diverged.pt", "--dataset", "{grid}"], "NaN or infinite"),
    (["{tmp}/cut.pt", "--dataset", "{grid}"], "cut short"),
    (["{tmp}/script.pt", "--dataset", "{grid}"], "of none of the families"),
    (["{tmp}/hostile/zip_reduce_system", "--dataset", "{grid}"], "asks its reader to call"),
    (["{tmp}/hostile/encoder.pkl", "--dataset", "{grid}"], "plain Python pickle"),
    (["{tmp}/hostile/tar", "--dataset", "{grid}"], "tar archive"),
    (["{tmp}/hostile/zip_module", "--dataset", "{grid}"], "whole module of the class"),
    (["{model}", "--dataset", "{tmp}/few.npz"], "write npz:"),
    (["{model}", "--dataset", "npz:{tmp}/few.npz"], "holds 49 images and at least 50 are needed"),
    (["{model}", "--dataset", "{grid}", "--family", "betavae"], "Unknown family 'betavae'"),
    (["{model}", "--dataset", "{grid}", "--family", "yanndubs"], "cannot be rebuilt"),
    (["{model}", "--dataset", "{grid}", "--activation", "maxout"], "Unknown activation 'maxout'"),
    (["{model}", "--dataset", "{grid}", "--head", "thirds"], "Unknown head 'thirds'"),
    (["{model}", "--dataset", "{grid}", "--variance", "sigma"], "Unknown variance 'sigma'"),
    (["{model}", "--dataset", "{grid}", "--stage", "-1"], "stage must be"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "0"], "two numbers"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "0,0"], "STD positive"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "nan,1"], "both finite"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "0,inf"], "both finite"),
    (["{model}", "--dataset", "{grid}", "--metrics", "migs"], "Unknown metric 'migs'"),
    (["{model}", "--dataset", "{grid}", "--width", "journal"], "width must be"),
    (["{model}", "--dataset", "{grid}", "--format", "eps"], "Unknown figure format 'eps'"),
    (["{model}", "--dataset", "{grid}", "--format", "none,pdf"], "none stands alone"),
    (["{model}", "--dataset", "{grid}", "--format", ","], "--format must name"),
    (["{model}", "--dataset", "{grid}", "--name", "beta-VAE"], "--name must be a letter, = and a name"),
    (["{model}", "--dataset", "{grid}", "--name", "B=DEFT"], "names a model that is not there: model A alone is given"),
    (["{model}", "--dataset", "{grid}", "--images", "49"], "images must be a whole number of at least 50"),
    (["{model}", "--dataset", "{grid}", "--permutations", "19"], "permutations must be"),
    (["{model}", "--dataset", "{grid}", "--bootstraps", "0"], "bootstraps must be"),
    (["{model}", "--dataset", "{grid}", "--device", "cuda:7"], "device must be"),
    (["{model}", "--dataset", "{grid}", "--background", "x.png"], "background"),
]


@pytest.fixture(scope="module")
def mistaken(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a user can name wrongly."""
    folder = tmp_path_factory.mktemp("mistaken")
    for name in ("empty", "two/a", "two/b", "latents", "hostile"):
        (folder / name).mkdir(parents=True)
    for name in ("a", "b"):
        shutil.copy(model, folder / "two" / name / "model.pt")
    shutil.copy(model, folder / "latents" / "step-1.pt")
    stored = torch.load(model)
    for name in ("encoder.mean.weight", "encoder.mean.bias", "encoder.logvar.weight", "encoder.logvar.bias"):
        stored["state_dict"][name] = stored["state_dict"][name][..., :3]
    stored["state_dict"]["decoder.0.weight"] = stored["state_dict"]["decoder.0.weight"][:3]
    torch.save(stored, folder / "latents" / "step-2.pt")
    stored = torch.load(model)
    stored["state_dict"]["encoder.1.weight"].fill_(float("nan"))
    torch.save(stored, folder / "diverged.pt")
    whole = model.read_bytes()
    (folder / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old files are read all the same
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(folder / "script.pt"))
    np.savez(folder / "few.npz", images=exact.grid_images()[:49], factors=exact.factor_grid()[:49])
    np.savez(folder / "wider.npz", images=np.full((1000, 3, 7), 99, np.uint8), factors=exact.factor_grid())
    hostile_files(folder / "hostile", folder / "sentinel")
    yield folder
    assert not (folder / "sentinel").exists()


@pytest.mark.parametrize(("args", "sentence"), MISTAKES, ids=[" ".join(args) for args, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_code_2(
    args: list[str], sentence: str, model: Path, grid: str, mistaken: Path, tmp_path: Path
) -> None:
    filled = [arg.format(model=model, grid=grid, tmp=mistaken) for arg in args]
    out = tmp_path / "out"
    check_mistake(CliRunner().invoke(main, ["diagnose", *FAST, *filled, "--quiet", "--out", str(out)]), sentence, out)
