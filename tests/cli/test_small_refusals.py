"""What used to be accepted without a word, or refused without saying what to do: each is one sentence now."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ifp.analysis.joint.report import why_nothing_froze
from ifp.cli import main

WHERE = np.stack(np.meshgrid(range(4), range(3), indexing="ij"), axis=-1).reshape(-1, 2)


def write(path: Path, *names: str, count: int = 12) -> str:
    """A bar in 4 rows and of 3 widths, its two factors named."""
    images = np.zeros((12, 8, 8), np.uint8)
    for number, (row, width) in enumerate(WHERE):
        images[number, row, : 4 + width] = 255
    np.savez(path, images=images[:count], factors=WHERE[:count], factor_names=np.array(names))
    return f"npz:{path}"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("data") / "bars.npz", "row", "width")


def ifp(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def says(result: Result, code: int, words: str) -> None:
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    if code == 2:
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.strip().splitlines()) == 1


ANNEAL = ("anneal", "--method", "closed-form", "--dataset", "BARS")
WHOLE = ("anneal", "--whole", "--method", "closed-form", "--dataset", "BARS")


@pytest.mark.parametrize("method", [(), ("--whole",), ("--whole", "--method", "multi-rate")])
def test_a_factor_to_hold_is_looked_for_before_anything_slow(
    bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: tuple[str, ...]
) -> None:
    for slow in ("freezing.study.plan_cells", "joint.plan.whole_config", "joint.response_plan.response_config"):
        monkeypatch.setattr(f"ifp.analysis.{slow}", None)
    result = ifp("anneal", *method, "--dataset", bars, "--hold", "nope", "--out", str(tmp_path / "run"), "--quiet")
    says(result, 2, "Unknown factor 'nope': allowed are row, width")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((*ANNEAL, "--factor", "row", "--factor", "row"),
         "The factor 'row' is named twice; name each factor to test once"),
        ((*ANNEAL, "--seed", "-1"), "seed must be a whole number of at least 0, got -1"),
        ((*WHOLE, "--seed", "-1"), "seed must be a whole number of at least 0, got -1"),
        (("train", "--dataset", "BARS", "--seed", "-1"), "seed must be a whole number of at least 0, got -1"),
        (("diagnose", "a.pt", "--dataset", "BARS", "--seed", "-1"),
         "seed must be a whole number of at least 0, got -1"),
        (("data", "export", "BARS", "new.npz", "--seed", "-1"), "seed must be a whole number of at least 0, got -1"),
        ((*ANNEAL, "--sigma", "0.5"), "add --likelihood gaussian, or leave --sigma out"),
        ((*WHOLE, "--sigma", "0.5"), "add --likelihood gaussian, or leave --sigma out"),
        (("train", "--dataset", "BARS", "--pixel-sigma", "0.5"),
         "add --likelihood gaussian, or leave --pixel-sigma out"),
        ((*ANNEAL, "--label", "row=a", "--label", "row=a"), "The factor 'row' is labelled twice"),
        ((*WHOLE, "--label", "row=a", "--label", "row=b"),
         "The factor 'row' is labelled twice, 'a' and 'b'; label it once"),
        ((*ANNEAL, "--label", "row=width"), "The factors 'row' and 'width' would both be called 'width'"),
        ((*ANNEAL, "--label", "row=\x1b[2J"), "The label of 'row' holds a control character"),
        ((*ANNEAL, "--order", ""),
         "The order names no factor; give those that come first (row, width), or leave it out"),
        ((*WHOLE, "--order", "rows"), "Unknown factor 'rows': allowed are row, width; did you mean 'row'?"),
        ((*ANNEAL, "--factor", "row", "--order", "width"), "Unknown factor 'width': allowed are row"),
        ((*ANNEAL, "--contexts", "0"),
         "contexts must be a whole number of at least 1, got 0; leave it out for the default"),
        ((*ANNEAL, "--beta-max", "1", "--beta-min", "2"), "must be above beta_min 2; exchange them, or leave one out"),
    ],
)  # fmt: skip
def test_settings_that_say_nothing_or_contradict(
    bars: str, tmp_path: Path, command: tuple[str, ...], words: str
) -> None:
    where = () if command[0] == "data" else ("--out", str(tmp_path / "run"))
    says(ifp(*(bars if word == "BARS" else word for word in command), *where), 2, words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["anneal", "train", "diagnose", "channels", "shift", "plot"])
@pytest.mark.parametrize(
    ("where", "words"),
    [("afile", "and it is a file; choose another name"), ("/proc/no", "choose a folder of your own")],
)  # fmt: skip
def test_every_command_looks_at_its_folder_first(tmp_path: Path, command: str, where: str, words: str) -> None:
    (tmp_path / "afile").write_text("mine")
    given = {"plot": ["missing"], "diagnose": ["a.pt"], "channels": ["a.pt"], "shift": ["a.pt", "b.pt"]}
    says(ifp(command, *given.get(command, []), "--out", str(tmp_path / where)), 2, words)
    assert (tmp_path / "afile").read_text() == "mine"


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", " ", "", "bell\a", "a\u2028b"])
def test_names_that_do_not_print_are_refused(tmp_path: Path, name: str) -> None:
    result = ifp("anneal", "--dataset", write(tmp_path / "d.npz", name, "width"), "--out", str(tmp_path / "run"))
    says(result, 2, "must be not empty, nor blank, nor with line breaks or control characters")
    assert result.stderr.strip().isprintable()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (None, "numpy.savez(path, images=..., factors=..., factor_names=...), see docs/own_data.md"),
        (np.zeros((0, 8, 8), np.uint8), "holds no image and at least 2 are needed; save all images in one array"),
        (np.full((1, 8, 8), 9, np.uint8), "holds 1 image and at least 2 are needed; save all images in one array"),
        (np.full((5, 64), 9, np.uint8), "reshape flat ones with"),
    ],
)  # fmt: skip
def test_files_of_images_that_are_none(tmp_path: Path, images: np.ndarray | None, words: str) -> None:
    np.savez(tmp_path / "d.npz", **({} if images is None else {"images": images}))
    says(ifp("anneal", "--dataset", f"npz:{tmp_path / 'd.npz'}"), 2, words)


def test_an_empty_file_is_told_what_it_should_hold(tmp_path: Path) -> None:
    (tmp_path / "zero.npz").touch()
    words = "save it anew with numpy.savez"
    says(ifp("anneal", "--dataset", f"npz:{tmp_path / 'zero.npz'}"), 2, words)


def test_a_random_nuisance_of_data_without_one_is_said(bars: str, tmp_path: Path) -> None:
    options = ("--nuisance", "random", "--out", str(tmp_path / "run"))
    result = ifp(*(bars if word == "BARS" else word for word in ANNEAL), *options)
    says(result, 0, "has none, so that --nuisance random changes nothing.")


def test_a_run_in_which_all_is_flat_leaves_no_folder(tmp_path: Path) -> None:
    images = np.full((12, 4, 4), 7, np.uint8)
    np.savez(tmp_path / "d.npz", images=images, factors=WHERE)
    result = ifp("anneal", "--dataset", f"npz:{tmp_path / 'd.npz'}", "--out", str(tmp_path / "run"))
    says(result, 1, "Nothing can freeze: in each of the 7 traversals all images are equal; choose other factors")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def finished(bars: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of closed-form edges with its figures."""
    run = tmp_path_factory.mktemp("finished") / "run"
    assert ifp(*(bars if word == "BARS" else word for word in ANNEAL), "--out", str(run)).exit_code == 0
    return run


def test_a_table_of_the_curves_needs_no_word(finished: Path) -> None:
    clean = ifp("plot", str(finished), "--format", "pdf")
    assert clean.exit_code == 0
    assert clean.stderr == ""


@pytest.mark.parametrize("damage", ["cut", "another", "binary", "shorter"])
def test_a_table_that_is_not_of_the_curves_is_said(finished: Path, tmp_path: Path, damage: str) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    path = run / "freezing_points.csv"
    text = path.read_text()
    changed = {"cut": text[:40], "another": text.replace("row", "col"), "shorter": text[: text.index("\n", 200)]}
    path.write_bytes(b"\x00\xff" * 9 if damage == "binary" else changed[damage].encode())
    result = ifp("plot", str(run), "--format", "pdf")
    assert result.exit_code == 0, result.output
    words = "freezing_points.csv is damaged, or of another run or an earlier version of ifp than trace.npz"
    assert result.stderr.count(words) == 1
    assert len(result.stderr.strip().splitlines()) == 1


def test_what_is_said_where_nothing_froze_is_what_the_figure_shows() -> None:
    rows = [("cool", 9.0, 0.2, 0.05), ("cool", 1.0, 0.02, 0.03), ("heat", 1.0, 0.02, 0.03), ("heat", 9.0, 0.3, 0.0)]
    curves = pd.DataFrame(rows, columns=["direction", "beta", "kl_nats_0", "kl_nats_1"]).assign(seed=0)
    words = "reached 0.1 nats by the end of cooling (0.03 there, at beta 1; the largest 0.3, at beta 9 while heating)"
    assert words in why_nothing_froze(curves, 0.1)
    assert why_nothing_froze(curves, 0.03) == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("anneal toy", "`ifp anneal` takes no argument 'toy'; did you mean '--dataset toys'?"),
        ("anneal nonsense", "`ifp anneal` takes no argument 'nonsense'; a data set is given by --dataset NAME."),
        ("train sprites more", "`ifp train` takes no argument 'sprites'; did you mean '--dataset sprites'?"),
        ("diagnose toys", "'toys' is a data set and no file here; give '--dataset toys' beside the models."),
        ("channels toys a b", "'toys' is a data set and no file here; give '--dataset toys' beside the models."),
        ("directions toys", "'toys' is a data set and no file here; give '--dataset toys' beside the models."),
        ("shift toys sprites", "'toys' is a data set and no file here; give '--dataset toys' beside the models."),
    ],
)
def test_a_data_set_that_is_given_bare(words: str, said: str) -> None:
    says(ifp(*words.split()), 2, said)


def test_images_without_labels_are_one_traversal(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.tri(5, 8)[:, :, None] * np.ones(3))
    found = ifp("anneal", "--dataset", f"npz:{tmp_path / 'a.npz'}", "--method", "closed-form", "--dry-run")
    assert "All images are one traversal, along " in found.stderr, found.output
