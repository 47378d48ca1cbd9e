"""What `ifp channels` compares: models without labels, of other code bases, codes, and functions of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ...checkpoints import exact_vaes as exact
from ...checkpoints.families.code_bases import array_files, network_files
from ...fingerprints.ensembles import turned
from .command import channels, done, table


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
        konny, google, "--dataset", f"npz:{tmp_path / 'bars.npz'}", "--no-hotspots", "--by", "space",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads((tmp_path / "out" / "channels.json").read_text())["about"]["settings"]["points"] == 40
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


def test_posteriors_of_cells_are_compared(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py, of the extra hdf5, is not installed")
    kind = np.arange(300) % 3
    for name in ("a", "b"):
        with h5py.File(tmp_path / f"{name}.h5ad", "w") as file:
            file["obs/_index"], file["obs/kind"] = np.arange(300), kind
            file["obsm/latent_qzm"] = (kind[:, None] - 1.0) * 2
            file["obsm/latent_qzv"] = np.full((300, 1), 0.01)
    files = [word for name in ("a", "b") for word in ("--codes", tmp_path / f"{name}.h5ad")]
    done(*files, "--factors", "kind", "--no-hotspots", "--points", 300, out=tmp_path / "out")
    about = json.loads((tmp_path / "out" / "channels.json").read_text())["about"]
    assert about["dataset"]["name"] == "cells of AnnData files"
    channels_found = table(tmp_path / "out", "channels")
    # three posteriors that do not overlap: log2 of 3 bits
    np.testing.assert_allclose(channels_found["information_bits"].iloc[:2], np.log2(3), atol=1e-3)


def test_messages_about_codes_call_rows_what_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("a", 40), ("b", 50)):
        np.savez(tmp_path / f"{name}.npz", mean=rng.normal(size=(count, 2)), logvar=np.zeros((count, 2)))
    a, b = (("--codes", tmp_path / f"{name}.npz") for name in "ab")
    for given, words in (
        ((*a, *a, "--points", 50), "a holds 40 samples"),
        ((*a, *b), "a holds codes of 40 samples without factors, b of 50 samples without factors"),
        ((*a, *a, "--mean-key", "x"), "--factors, --bins, --mean-key and --variance-key are for .h5ad files"),
    ):
        result = channels(*given, "--no-hotspots", "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert words in result.stderr
        assert "image" not in result.stderr
