"""Event files of TensorBoard, read back by its own reader: numbers of records.csv, pictures of the decoder."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

import ifp
from ifp.cli import main
from ifp.system import event_files
from ifp.system.event_files import EventLog, tiled

SMALL = {
    "preset": "quick", "architecture": "mlp", "steps": 20, "records": 2, "hidden": 8, "latents": 3, "batch": 8,
    "seeds": 2, "learning_rate": 1e-3,
}  # fmt: skip


def read_back(folder: Path) -> Any:
    """The reader of TensorBoard, which needs the extra."""
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra ifp[tensorboard] is not installed"
    )
    found = reader.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    return found.Reload()


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found = read_back(folder)
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_a_training_is_logged_as_it_is_recorded(bars_npz: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra ifp[tensorboard] is not installed")
    out = tmp_path / "run"
    ifp.train(f"npz:{bars_npz}", out=out, log="tensorboard", **SMALL)
    records = pd.read_csv(out / "records.csv")
    for seed in (0, 1):
        logged, rows = scalars(out / "tensorboard" / f"seed-{seed}"), records[records["seed"] == seed]
        for tag, column in [
            ("kl_nats_of_latent/2", "kl_nats_2"), ("recon_nats", "recon_nats"), ("beta", "beta"),
            ("nmi1/place", "posterior_nmi1_place"), ("nmi2/width", "posterior_nmi2_width"), ("kl_nats", "kl_nats"),
        ]:  # fmt: skip
            assert [step for step, _ in logged[tag]] == [10, 20]
            np.testing.assert_allclose([value for _, value in logged[tag]], rows[column], rtol=1e-6)
    (first, _) = read_back(out / "tensorboard" / "seed-0").Images("traversals")
    picture = np.asarray(Image.open(io.BytesIO(first.encoded_image_string)))
    assert picture.shape == (3 * 8, 9 * 12)
    # the middle value of each latent is the prior's mean: the same picture in every row
    middle = picture.reshape(3, 8, 9, 12)[:, :, 4]
    np.testing.assert_array_equal(middle[0], middle[1])


def test_a_training_of_gans_shows_its_codes_moving(bars_npz: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra ifp[tensorboard] is not installed")
    out = tmp_path / "run"
    ifp.train(f"npz:{bars_npz}", "infogan", out=out, log="tensorboard", **{**SMALL, "seeds": 1, "steps": 4})
    (first, last) = read_back(out / "tensorboard" / "seed-0").Images("traversals")
    assert (first.step, last.step) == (2, 4)
    picture = np.asarray(Image.open(io.BytesIO(last.encoded_image_string)))
    assert picture.shape == (3 * 8, 9 * 12)
    cells = picture.reshape(3, 8, 9, 12)
    # the middle value is 0 for each code, so that all rows meet in one picture
    np.testing.assert_array_equal(cells[0][:, 4], cells[1][:, 4])


def test_records_made_without_a_log_are_logged_by_the_next_call(bars_npz: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra ifp[tensorboard] is not installed")
    out = tmp_path / "run"
    ifp.train(f"npz:{bars_npz}", out=out, **{**SMALL, "seeds": 1})
    ifp.train(f"npz:{bars_npz}", out=out, log="tensorboard", **SMALL)
    assert {step for seed in (0, 1) for step, _ in scalars(out / "tensorboard" / f"seed-{seed}")["beta"]} == {10, 20}


def test_what_comes_after_an_interruption_takes_the_place_of_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra ifp[tensorboard] is not installed")
    for first, value in ((0, 1.0), (20, 2.0)):
        log = EventLog(tmp_path / "log")
        for step in range(first, first + 40, 10):
            log.write(step, {"beta": value, "seed": 3, "recon_nats": float("nan")})
        log.close()
        event_files.time.sleep(0.01)  # the name of an event file holds its time
    assert scalars(tmp_path / "log") == {"beta": [(0, 1.0), (10, 1.0), (20, 2.0), (30, 2.0), (40, 2.0), (50, 2.0)]}


def test_traversals_are_rows_of_latents_and_columns_of_values() -> None:
    images = np.zeros((2, 3, 3, 4, 5))
    images[1, 2, 0, 3, 4] = 1  # latent 1, value 2, red, the last pixel
    picture = tiled(images)
    assert picture.shape == (8, 15, 3)
    assert np.argwhere(picture).tolist() == [[7, 14, 0]]


def test_without_the_extra_nothing_is_begun(bars_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)
    words = ["train", "--dataset", f"npz:{bars_npz}", "--log", "tensorboard", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert done.stderr == (
        "Error: --log tensorboard needs the package tensorboard; install it: pip install 'ifp[tensorboard]'.\n"
    )
    for call in (lambda: ifp.train(f"npz:{bars_npz}", out=tmp_path / "run", log="tensorboard"),
                 lambda: ifp.Recorder(f"npz:{bars_npz}", out=tmp_path / "run", log="tensorboard")):  # fmt: skip
        with pytest.raises(ifp.IfpError, match="needs the package tensorboard"):
            call()
    with pytest.raises(ifp.IfpError, match="Unknown log 'wandb': allowed are tensorboard"):
        ifp.train(f"npz:{bars_npz}", out=tmp_path / "run", log="wandb")
    assert not (tmp_path / "run").exists()
    monkeypatch.undo()
    if event_files.find_spec("tensorboard") is not None:
        with pytest.raises(ifp.IfpError, match="need a folder that stays"):
            ifp.train(f"npz:{bars_npz}", log="tensorboard")
