"""Runs at work, read off their folders: numbers, time left, when a run has ended, and that nothing is written."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import ifp
from ifp.analysis.freezing.points import freezing_points
from ifp.analysis.watching import study
from ifp.cli import main
from ifp.cli import watch as command
from ifp.errors import IfpError, IfpWarning
from ifp.system.at_work import LOCKS, is_at_work
from ifp.system.sole_worker import sole_worker
from ifp.training.records import TrainRecord, TrainRecords

FACTORS = ("place", "width")
RUNS = Path(__file__).parents[2] / "data" / "format-0"
NOW = 1.8e9
"""When the folders are looked at, seconds since 1970."""


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "now", lambda: NOW)
    monkeypatch.setattr(study, "is_at_work", lambda folder: True)


def at(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(NOW + seconds, datetime.timezone.utc).isoformat(timespec="seconds")


def record(step: int, scale: float = 1.0, stage: int = 0) -> TrainRecord:
    nmi = np.array([[0.1, 0.0], [0.2, 0.7], [0.9, 0.3]]) * scale
    return TrainRecord(step, 30.0 / step, stage, 50.0 - scale, np.array([0.05, 1.5, 2.5]) * scale, nmi, nmi)


def write_run(folder: Path, records: dict[int, list[TrainRecord]], **about: Any) -> Path:
    """The folder of a training whose process began 100 seconds before its last record, which is 5 seconds old."""
    held = TrainRecords(FACTORS)
    held.of_seed = records
    folder.mkdir(parents=True, exist_ok=True)
    if any(records.values()):
        held.save(folder)
    content = {
        "format": "ifp-train", "status": "running", "config": {"steps": 30, "records": 3},
        "dataset": {"name": "bars", "image_shape": [1, 8, 12], "factor_names": list(FACTORS)},
        "seeds": {str(s): {"status": "running", "step": of[-1].step if of else 0} for s, of in records.items()},
        "this_call": {"begun": at(-105), "done_before": 0, "units": 30 * len(records)},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(content | about))
    for path in folder.iterdir():
        os.utime(path, (NOW - 5, NOW - 5))
    return folder


def watch(*words: object) -> Any:
    return CliRunner().invoke(main, ["watch", *map(str, words)])


def test_a_finished_run_without_its_curves_or_records_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(RUNS / "anneal", tmp_path / "curves")
    (tmp_path / "curves" / "trace.npz").unlink()
    write_run(tmp_path / "records", {0: [record(30)]}, status="finished")
    (tmp_path / "records" / "records.npz").unlink()
    for name, file in (("curves", "trace.npz"), ("records", "records.npz")):
        with pytest.raises(IfpError, match=f"has finished, but its {name} are missing: there is no .*{file}"):
            ifp.watch(tmp_path / name)


def test_the_state_is_that_of_the_last_record(tmp_path: Path) -> None:
    state = ifp.watch(write_run(tmp_path / "run", {0: [record(10), record(20, stage=1)], 1: [record(10, 0.5)]}))
    assert state.headline() == "ifp train on bars: running, 30 of 60 (50 %) steps"
    table = state.table()
    assert table["step"].tolist() == [20, 10]
    assert table["beta"].tolist() == [1.5, 3.0]
    assert table["kl_nats"].tolist() == pytest.approx([4.05, 2.025])
    assert table["active_latents"].tolist() == [2, 2]
    np.testing.assert_array_equal(table["stage"], [1, np.nan])
    assert state.latents(0)["latent"].tolist() == [2, 1, 0]
    assert state.latents(0)["factor"].tolist() == ["place", "width", "place"]
    assert state.factors(1).to_dict("records") == [
        {"factor": "place", "nmi1": pytest.approx(0.45), "latent1": 2, "nmi2": pytest.approx(0.1), "latent2": 1},
        {"factor": "width", "nmi1": pytest.approx(0.35), "latent1": 1, "nmi2": pytest.approx(0.15), "latent2": 2},
    ]


def test_the_time_left_is_by_the_pace_of_this_call(tmp_path: Path) -> None:
    # 20 of 60 steps in 100 seconds, the last of them 5 seconds ago: 200 - 5; resumed after 10 of them: 400 - 5
    run = write_run(tmp_path / "run", {0: [record(10)], 1: [record(10)]})
    assert ifp.watch(run).seconds_left == pytest.approx(195)
    about = json.loads((run / "run.json").read_text())
    about["this_call"]["done_before"] = 10
    write_run(run, {0: [record(10)], 1: [record(10)]}, this_call=about["this_call"])
    assert ifp.watch(run).seconds_left == pytest.approx(395)
    assert ifp.watch(write_run(tmp_path / "new", {0: [], 1: []})).seconds_left is None
    assert ifp.watch(write_run(tmp_path / "old", {0: [record(10)]}, this_call=None)).seconds_left is None


def test_cooling_and_heating_are_one_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {0: [record(30)]}, status="finished")
    write_run(run / "heat", {0: [record(10)]})
    state = ifp.watch(run)
    assert state.headline() == "ifp anneal of a whole data set on bars: running, 40 of 60 (67 %) steps"
    assert [network.name for network in state.networks] == ["cooling seed 0", "heating seed 0"]
    # of the heating run's own steps: 10 of 30 in 100 seconds
    assert state.seconds_left == pytest.approx(195)


WHOLE = {"whole": ["cool", "heat"]}


@pytest.mark.parametrize("heated", [False, True])
def test_a_whole_data_set_that_was_stopped_between_its_parts_has_not_finished(
    heated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cooling says that it is finished; heating had not begun, or nothing was measured yet."""
    monkeypatch.setattr("ifp.training.whole_run.is_at_work", lambda folder: False)
    run = write_run(tmp_path / "run", {0: [record(30)]}, status="finished", **WHOLE)
    if heated:
        write_run(run / "heat", {0: [record(30)]}, status="finished")
    state = ifp.watch(run)
    done = "60 of 60 (100 %)" if heated else "30 of 60 (50 %)"
    assert state.headline() == f"ifp anneal of a whole data set on bars: stopped, {done} steps"
    assert state.networks[0].name == "cooling seed 0"
    assert "The same command goes on with it." in watch(run, "--once").stdout
    (run / "joint_edges.csv").touch()  # written before the codes are measured
    with pytest.warns(IfpWarning, match=r"has not finished \(status stopped\).* The same command goes on with it"):
        told = ifp.table(run, format="csv")
    assert told.splitlines()[0].endswith("status,run_status")
    with pytest.raises(IfpError, match="an annealing of a whole data set that has not finished"):
        ifp.suggest(run)
    monkeypatch.setattr("ifp.training.whole_run.is_at_work", lambda folder: True)
    assert ifp.watch(run).status == "running"
    (run / "whole.json").touch()
    assert ifp.watch(run).status == "finished"


def test_while_cooling_the_time_left_is_that_of_heating_too(tmp_path: Path) -> None:
    # 10 of 60 steps in 100 seconds, the last of them 5 seconds ago
    run = write_run(tmp_path / "run", {0: [record(10)]}, **WHOLE)
    state = ifp.watch(run)
    assert state.headline() == "ifp anneal of a whole data set on bars: running, 10 of 60 (17 %) steps"
    assert state.seconds_left == pytest.approx(495)


def test_of_a_stopped_run_no_network_is_in_training(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {0: [record(10)], 1: [record(30)]}, status="stopped")
    about = json.loads((run / "run.json").read_text())
    about["seeds"]["1"]["status"] = "finished"
    (run / "run.json").write_text(json.dumps(about))
    assert ifp.watch(run).table()["status"].tolist() == ["stopped", "finished"]
    with pytest.warns(IfpWarning, match="has not finished"):
        rows = list(csv.DictReader(io.StringIO(ifp.table(run, format="csv"))))
    assert [row["status"] for row in rows] == ["stopped", "finished"]


@pytest.mark.filterwarnings("ignore:.*has not finished")
@pytest.mark.parametrize("read", [ifp.table, ifp.plot, ifp.report])
def test_a_training_before_its_first_record_is_told_how_to_go_on(read: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {0: []}, status="stopped")
    with pytest.raises(IfpError, match="a training without any record yet; run the same command again"):
        read(run)
    write_run(run / "seed-0", {}, format="ifp-vae")
    with pytest.raises(IfpError, match="one network of a training; give the folder of the training, "):
        read(run / "seed-0")


def test_nobody_at_work_is_given_no_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", {0: [record(10)]})
    monkeypatch.setattr(study, "is_at_work", lambda folder: False)
    assert ifp.watch(run).seconds_left is None
    said = watch(run, "--once").stdout
    assert "time left" not in said
    assert "last change 5 s ago; no process of this machine is at work here. The same command goes on with it." in said
    monkeypatch.setattr("ifp.analysis.figures.unfinished.is_at_work", lambda folder: False)
    with pytest.warns(IfpWarning, match=r"status running, but no process of this machine works on it.*goes on"):
        ifp.table(run)


def test_curves_of_traversals_are_counted_with_their_freezing_points(
    synthetic: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    trace = synthetic.sprites_like_trace(rng, factors=("posX", "shape"), contexts=4)
    call = {"begun": at(-100), "done_before": 0, "units": 100}
    out = synthetic.write_run(tmp_path / "run", trace, status="running", this_call=call)
    for path in out.iterdir():
        os.utime(path, (NOW, NOW))
    state = ifp.watch(out)
    points = freezing_points(trace, threshold_nats=0.1, factor_names=list(synthetic.FACTORS))
    exact = points[(points["method"] == "exact") & (points["direction"] == "equilibrium")]
    assert state.headline() == "ifp anneal on sprites: running, 40 of 100 (40 %) curves"
    assert state.table().set_index("factor")["curves"].to_dict() == {
        "shape": 20, "scale": 0, "orientation": 0, "posX": 20, "posY": 0,
    }  # fmt: skip
    for factor in ("posX", "shape"):
        median = exact.loc[exact["factor"] == factor, "beta_ifp"].median()
        assert state.table().set_index("factor")["exact"][factor] == pytest.approx(median)
    assert state.seconds_left == pytest.approx(150)
    assert re.search(r"posX +20 +\d+", watch(out, "--once").stdout)


def test_nothing_is_written_into_the_folder(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {0: [record(10)]})

    def contents() -> dict[str, tuple[int, bytes]]:
        return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in run.rglob("*") if p.is_file()}

    before, of_folder = contents(), run.stat().st_mtime_ns
    assert watch(run, "--once").exit_code == 0
    assert json.loads(watch(run, "--json").stdout)["networks"][0]["latents"][0]["latent"] == 2
    assert (contents(), run.stat().st_mtime_ns) == (before, of_folder)


def test_the_view_has_every_number_and_no_control_code(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {0: [record(10, stage=1)]}, doubts={"constant": "The KL is the same."})
    done = watch(run, "--once")
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    for words in (
        r"seed 0 +running +10 +3 +1 +49\.00 +4\.05 +2",
        r"2 +2\.500 +#{24} +place +0\.900",
        r"0 +0\.050 .* - +-",
        r"width +0\.700 +1 +0\.300 +2",
        "time left: about 3 min 15 s",
        "The KL is the same",
    ):
        assert re.search(words, done.stdout), words


def test_half_written_folders_are_shown_as_far_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "PAUSE_SECONDS", 0)
    run = write_run(tmp_path / "run", {0: []})
    (run / ".records.1-1.partial.npz").write_bytes(b"PK")
    assert "no record yet" in watch(run, "--once").stdout
    held = TrainRecords(FACTORS)
    held.of_seed = {0: [record(10)]}
    held.save(run)
    whole = (run / "records.npz").read_bytes()
    (run / "records.npz").write_bytes(whole[: len(whole) // 2])
    done = watch(run, "--once")
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: .*records\.npz cannot be read .*; watch it again.*\n", done.stderr)
    # the writer ends between two attempts
    attempts = iter(range(3))
    read = study.read_own_arrays

    def late(path: Path, *rest: Any) -> Any:
        if next(attempts, None) is None:
            path.write_bytes(whole)
        return read(path, *rest)

    monkeypatch.setattr(study, "read_own_arrays", late)
    assert ifp.watch(run).networks[0].step == 10


@pytest.mark.parametrize("terminal", [False, True])
def test_the_view_ends_with_the_run(terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", {0: [record(10)]})
    looks = iter(
        [
            lambda: write_run(run, {0: [record(10), record(20)]}),
            lambda: write_run(run, {0: [record(10), record(20), record(30)]}, status="finished"),
        ]
    )
    screen = io.StringIO()
    if terminal:
        console = Console(file=screen, force_terminal=True, width=100)
        monkeypatch.setattr(command, "stdout_console", lambda: console)
    monkeypatch.setattr(command.time, "sleep", lambda seconds: next(looks)())
    monkeypatch.setattr(command, "LOG_SECONDS", 0.0)
    done = watch(run)
    assert done.exit_code == 0, done.output
    said = screen.getvalue() if terminal else done.stdout
    places = [
        said.index(f"{status}, {step} of 30") for status, step in (("running", 10), ("running", 20), ("finished", 30))
    ]
    assert places == sorted(places)


def test_a_run_that_was_left_ends_the_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", {0: [record(10)]})
    monkeypatch.setattr(study, "is_at_work", lambda folder: False)
    assert not ifp.watch(run).ended  # 5 seconds old: it may be about to begin
    for path in run.iterdir():
        os.utime(path, (NOW - 1000,) * 2)
    done = watch(run)
    assert done.exit_code == 0
    assert "left by its process" in done.stdout
    assert "it is not finished. The same command goes on with it." in done.stdout
    assert re.search(r"seed 0 +left +10", done.stdout)
    monkeypatch.setattr(study, "is_at_work", lambda folder: True)
    assert not ifp.watch(run).ended


def test_a_run_that_diverged_was_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", {0: [record(10)]}, status="diverged")
    monkeypatch.setattr(study, "is_at_work", lambda folder: False)
    for path in run.iterdir():
        os.utime(path, (NOW - 1000,) * 2)
    state = ifp.watch(run)
    assert state.ended
    assert ": diverged, 10 of 30" in state.headline()


@pytest.mark.skipif(not LOCKS.exists(), reason="only Linux lists locks in /proc/locks")
def test_a_process_at_work_is_seen(tmp_path: Path) -> None:
    with sole_worker(tmp_path):
        assert is_at_work(tmp_path)
    assert is_at_work(tmp_path) is False
    assert is_at_work(tmp_path / "nowhere") is None


@pytest.mark.parametrize("names", [["place"], ["place", "width", "width"]])
def test_records_of_other_factors_than_the_run_names_are_refused(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "PAUSE_SECONDS", 0.0)
    dataset = {"name": "bars", "image_shape": [1, 8, 12], "factor_names": names}
    write_run(tmp_path, {0: [record(10)]}, dataset=dataset)
    with pytest.raises(IfpError, match=f"is of 2 factors, and run.json names {len(names)}: they are of two runs"):
        ifp.watch(tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("NOWHERE",), "There is no folder"),
        (("EMPTY",), "holds no run.json yet"),
        (("SEED",), "is one network of a run; watch the folder of the run"),
        (("OTHER",), "is no run that can be watched"),
        (("RUN", "--every", "0"), "--every must be a number of seconds"),
        (("RUN", "--network", "-1"), "--network must be a whole number"),
        (("RUN", "--network", "1"), "has 1 network; --network must be below that"),
        (("ANNEALING", "--network", "7"), "has no networks to choose from; leave --network out"),
    ],
)
def test_mistakes_are_one_sentence(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("NOWHERE", "EMPTY", "RUN", "SEED", "OTHER")}
    places["ANNEALING"] = Path(__file__).parents[2] / "data" / "format-0" / "anneal"
    places["EMPTY"].mkdir()
    write_run(places["RUN"], {0: [record(10)]})
    write_run(places["SEED"], {}, format="ifp-vae")
    write_run(places["OTHER"], {}, format="something")
    done = watch(*(places.get(word, word) for word in words))
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
