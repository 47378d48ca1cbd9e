"""`ifp train` as a user runs it: results, resuming after SIGKILL, a full disk, and one sentence for every mistake."""

from __future__ import annotations

import csv
import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

import ifp
from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.cli import CONTEXT_SETTINGS, LazyGroup
from ifp.cli.train import train as train_command

FAST = ["--architecture", "mlp", "--hidden", "32", "--latents", "4", "--batch", "32", "--steps", "60", "--records", "6"]
DEFT = ["--dataset", "BARS", "--objective", "deft"]
TOPDIS = ["--dataset", "BARS", "--objective", "topdis", "--option", "topology=lite", "--option"]
GROUP = """
import click
from ifp.cli import CONTEXT_SETTINGS, LazyGroup
commands = {"train": ("ifp.cli.train:train", "")}
LazyGroup("ifp", commands_at=commands, context_settings=CONTEXT_SETTINGS)()
"""


@pytest.fixture(scope="module")
def bars(bars_npz: Path) -> str:
    return f"npz:{bars_npz}"


def train(*args: str) -> Result:
    group = LazyGroup(
        "ifp", commands_at={"train": ("ifp.cli.train:train", "")}, context_settings=CONTEXT_SETTINGS
    )  # fmt: skip
    return CliRunner().invoke(group, ["train", *args])


def process(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", GROUP, "train", *args]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def table(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "records.csv").read_text().splitlines()))


def test_a_run_prints_a_table_and_writes_its_files(bars: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = train("--dataset", bars, *FAST, "--seeds", "2", "--option", "beta=2", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "NMI1" in result.stdout
    assert "\x1b" not in result.output
    assert "images in the memory of cpu" in result.stderr
    about = json.loads((out / "run.json").read_text())
    assert (about["format"], about["status"]) == ("ifp-train", "finished")
    assert about["seeds"] == {"0": {"status": "finished", "step": 60}, "1": {"status": "finished", "step": 60}}
    assert about["objective"]["options"]["beta"] == 2
    rows = table(out)
    assert [(row["seed"], row["step"]) for row in rows[:7]] == [
        *(("0", str(step)) for step in range(10, 70, 10)), ("1", "10"),
    ]  # fmt: skip
    assert 0 <= float(rows[-1]["nmi2_place"]) <= float(rows[-1]["nmi1_place"]) <= 1
    assert (out / "seed-1" / "step-000060.pt").is_file()
    again = train("--dataset", bars, *FAST, "--seeds", "2", "--option", "beta=2", "--out", str(out))
    assert again.exit_code == 0
    assert "2 of 2 networks are done" in again.stderr


def test_json_is_all_that_stdout_holds(bars: str, tmp_path: Path) -> None:
    result = train(
        "--dataset", bars, *FAST, "--objective", "annealed", "--json", "--quiet", "--out", str(tmp_path / "r")
    )
    found = json.loads(result.stdout)
    assert result.stderr == ""
    assert found["finished"] == [0]
    assert found["images_per_second"] > 0
    assert found["records"][0]["beta"] is None  # the annealed objective has no pressure
    assert found["records"][0]["step"] == 60


def test_a_config_runs_again(bars: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    correlated = ["--correlate", "width,place", "--sigma", "0.3"]
    assert train("--dataset", bars, *FAST, *correlated, "--out", str(first)).exit_code == 0
    assert train("--config", str(first / "run.json"), "--out", str(second)).exit_code == 0
    for name in ("records.npz", "records.csv", "seed-0/step-000060.pt"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert json.loads((second / "run.json").read_text())["config"]["correlate"] == [["width", "place", 0.3]]


def test_a_dry_run_says_the_cost_and_writes_nothing(bars: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = train("--dataset", bars, *FAST, "--seeds", "3", "--dry-run", "--json", "--out", str(out))
    cost = json.loads(result.stdout)
    assert (cost["networks"], cost["steps"], cost["image_bytes"]) == (3, 60, 18 * 96)
    assert cost["seconds"] > 0
    assert not out.exists()
    assert "images per second" in train("--dataset", bars, *FAST, "--dry-run").stdout


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_goes_on_to_the_same_bits(bars: str, tmp_path: Path) -> None:
    long = ["--dataset", bars, *FAST[:-4], "--steps", "900", "--records", "18", "--seeds", "2", "--quiet"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert train(*long, "--out", str(whole)).exit_code == 0
    with process(*long, "--out", str(cut)) as running:
        deadline = time.monotonic() + 60
        while not (cut / "records.csv").exists():
            assert time.monotonic() < deadline
            assert running.poll() is None, running.stderr.read() if running.stderr else ""
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    assert table(cut)[-1]["step"] != "900"
    result = train(*[arg for arg in long if arg != "--quiet"], "--out", str(cut))
    assert result.exit_code == 0
    assert "going on with seed" in result.stderr
    for name in ("records.npz", "records.csv", "seed-0/step-000900.pt", "seed-1/step-000900.pt"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    assert not list(cut.rglob("*.partial"))


def test_a_file_that_cannot_be_written_is_one_sentence(bars: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the write fails half-way."""

    out = tmp_path / "run"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        result = train("--dataset", bars, *FAST, "--quiet", "--out", str(out))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert f"cannot be saved in {out}" in result.stderr
    assert not list(out.rglob("*.partial"))
    assert train("--dataset", bars, *FAST, "--out", str(out)).exit_code == 0


def test_when_all_diverge_the_exit_code_is_1(bars: str, tmp_path: Path) -> None:
    extreme = ["--likelihood", "gaussian", "--pixel-sigma", "1e-30"]
    result = train("--dataset", bars, *FAST, *extreme, "--out", str(tmp_path / "run"))
    assert result.exit_code == 1
    assert "Seed 0 diverged" in result.stderr
    assert "diverged" in result.stdout


def test_pressures_come_from_an_annealing_run(bars: str, tmp_path: Path) -> None:
    annealed = tmp_path / "annealed"
    annealed.mkdir()
    (annealed / "pressures.csv").write_text("stage,beta,factors\n1,7.5,place\n2,1.0,width\n")
    about = {
        "config": {}, "ifp_version": ifp.__version__, "likelihood": "bernoulli",
        "dataset": {"name": bars, "image_shape": [1, 8, 12], "factor_names": ["width", "place"]},
    }  # fmt: skip
    (annealed / "run.json").write_text(json.dumps(about))
    deft = ["--dataset", bars, *FAST, "--objective", "deft", "--pressures-from", str(annealed)]
    assert train(*deft, "--out", str(tmp_path / "run")).exit_code == 0
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["objective"]["options"]["betas"] == [7.5, 1.0]
    assert about["config"]["pressures_from"] == str(annealed)
    assert sorted({(row["stage"], row["beta"]) for row in table(tmp_path / "run")}) == [("0", "7.5"), ("1", "1.0")]
    trained = tmp_path / "run"  # a training finds no pressures
    refused = train(*deft[:-1], str(trained), "--out", str(tmp_path / "refused"))
    assert (refused.exit_code, "which finds no pressures" in refused.stderr) == (2, True)
    for wrong, said in ((["--likelihood", "gaussian"], "likelihood bernoulli"), (["--option", "betas=2,1"], "exclude")):
        refused = train(*deft, *wrong, "--out", str(tmp_path / "refused"))
        assert (refused.exit_code, said in refused.stderr) == (2, True)
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "No data set is named"),
        (["--dataset", "sprits"], "did you mean 'sprites'"),
        (["--dataset", "BARS", "--objective", "deftt"], "did you mean 'deft'"),
        (["--dataset", "BARS", "--option", "gama=3"], "Unknown option of beta"),
        (["--dataset", "BARS", "--option", "beta"], "NAME=VALUE"),
        (["--dataset", "BARS", "--option", "beta=high"], "must be a number"),
        (["--dataset", "BARS", "--objective", "deft", "--option", "betas=1,4"], "below the one before"),
        (
            ["--dataset", "BARS", "--objective", "deft", "--option", "betas=4,1", "--option", "group_size=3"],
            "4 latents",
        ),
        (
            ["--dataset", "BARS", "--objective", "deft", "--pressures-from", "nowhere"],
            "There is no folder nowhere",
        ),
        (["--dataset", "BARS", "--objective", "infogan", "--pressures-from", "nowhere"], "A GAN takes no pressures"),
        (["--dataset", "BARS", "--objective", "factor", "--pressures-from", "nowhere"], "factor takes none"),
        (["--dataset", "BARS", "--objective", "infogan", "--option", "tc=foo"], "Unknown tc of infogan 'foo'"),
        ([*TOPDIS, "delay=1"], "topdis with delay 1 has no step with its term in 60 steps"),
        ([*TOPDIS, "gamma=1", "--batch", "2"], "batch must be at least 3 for topdis"),
        ([*TOPDIS, "shift=.3", "--batch", "3"], "topdis: shift must be below 0.282 with a batch of 3, got 0.3"),
        ([*TOPDIS, "longest=-1"], "topdis: longest must be a whole number of at least 0, got -1"),
        (["--dataset", "BARS", "--architecture", "conv"], "--architecture mlp"),
        (["--dataset", "BARS", "--correlate", "width"], "two factors and one comma"),
        (["--dataset", "BARS", "--correlate", "width,widht"], "did you mean 'width'"),
        (["--dataset", "BARS", "--preset", "locatello"], "did you mean 'locatello2019'"),
        (["--dataset", "BARS", "--device", "tpu"], "device must be"),
        (["--dataset", "BARS", "--threads", "0"], "threads must be"),
        (["--dataset", "BARS", "--precision", "bfloat16"], "cuda"),
        (["--config", "missing.json"], "cannot be read as JSON"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(args: list[str], message: str, bars: str, tmp_path: Path) -> None:
    given = [bars if arg == "BARS" else arg for arg in args]
    defaults = FAST if "BARS" in args else []
    result = train(*defaults, *given, "--out", str(tmp_path / "run"))
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_factors_cannot_be_correlated_where_there_are_none(tmp_path: Path, rng: np.random.Generator) -> None:
    np.savez(tmp_path / "plain.npz", images=rng.integers(256, size=(9, 8, 8), dtype=np.uint8))
    plain = f"npz:{tmp_path / 'plain.npz'}"
    result = train("--dataset", plain, *FAST, "--correlate", "a,b", "--out", str(tmp_path / "run"))
    assert result.exit_code == 2
    assert "has no factors" in result.stderr
    result = train("--dataset", plain, *FAST, "--out", str(tmp_path / "run"))
    assert result.exit_code == 0
    assert "nmi1" not in (tmp_path / "run" / "records.csv").read_text()


def test_every_option_shows_its_default() -> None:
    context = click.Context(train_command, show_default=True)  # as the group's settings say
    options = [param for param in train_command.params if isinstance(param, click.Option)]
    for option in options:
        text = (option.get_help_record(context) or ("", ""))[1]
        assert option.is_flag or "[default:" in text or option.name == "config_file", option.name


def test_nmi_of_a_code_that_is_the_factor_is_1_and_of_a_constant_factor_0() -> None:
    factors_NF = np.stack([np.arange(40) % 4, np.zeros(40, dtype=int)], axis=1)
    mean_ND = np.stack([factors_NF[:, 0] * 2.0, np.zeros(40)], axis=1)
    np.testing.assert_allclose(histogram_nmi(mean_ND, factors_NF, (4, 3)), [[1, 0], [0, 0]], atol=1e-12)
