"""A refused command leaves nothing behind, and the corrected one takes the same folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ifp.cli import main
from ifp.errors import IfpError
from ifp.system.out_folder import (
    CHANNELS,
    DIAGNOSIS,
    FIGURES,
    SHIFT,
    ResultKind,
    check_finished,
    no_folder_if_refused,
    result_folder,
    writing_result,
)


def refuse(path: Path, *names: str, error: type[BaseException] = IfpError) -> None:
    def work() -> None:
        with no_folder_if_refused(path):
            for name in names:
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_text("{}")
            raise error("no")

    with pytest.raises(error):
        work()


ENDED = 2**22 + 1
"""Above the largest number of a process."""


def test_a_new_folder_goes_with_the_parents_made_for_it(tmp_path: Path) -> None:
    refuse(tmp_path / "a" / "b", "run.json", "seed-0/run.json")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_of_the_users_stays_and_is_empty(tmp_path: Path) -> None:
    refuse(tmp_path, "run.json", "seed-0/run.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", ["trace.npz", "seed-0/step-000010.pt", ".resume/seed-0.pt"])
def test_results_stay(tmp_path: Path, kept: str) -> None:
    refuse(tmp_path / "run", "run.json", kept)
    assert (tmp_path / "run" / kept).is_file()
    assert (tmp_path / "run" / "run.json").is_file()


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("before")
    refuse(tmp_path, "seed-0/run.json")
    assert (tmp_path / "run.json").read_text() == "before"


def test_only_a_refusal_takes_a_folder_away(tmp_path: Path) -> None:
    refuse(tmp_path / "run", "run.json", error=KeyboardInterrupt)
    assert (tmp_path / "run" / "run.json").is_file()


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "ramp.npz"
    values = np.arange(96 * 64).reshape(96, 8, 8).astype(np.uint8)
    np.savez(path, images=values, factors=np.arange(96)[:, None] % 4)
    return f"npz:{path}"


def ifp(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


QUICK = ("anneal", "--quiet", "--method", "closed-form", "--format", "none")
SMALL = ("--quiet", "--architecture", "mlp", "--hidden", "16", "--latents", "4", "--steps", "10")


@pytest.mark.parametrize(
    ("command", "wrong", "right"),
    [
        (("train", *SMALL, "--records", "2", "--objective", "factor"), ("--batch", "1"), ("--batch", "32")),
        (QUICK, ("--contexts", "2"), ("--contexts", "1")),
        (QUICK, ("--factor", "color"), ("--factor", "factor_0")),
        (QUICK, ("--likelihood", "gaussian", "--sigma", "0"),
         ("--likelihood", "gaussian", "--sigma", "1")),
    ],
)  # fmt: skip
def test_the_corrected_command_takes_the_folder(
    ramp: str, tmp_path: Path, command: tuple[str, ...], wrong: tuple[str, ...], right: tuple[str, ...]
) -> None:
    out = tmp_path / "runs" / "one"
    refused = ifp(*command, "--dataset", ramp, "--out", str(out), *wrong)
    assert refused.exit_code == 2, refused.output
    assert list(tmp_path.iterdir()) == []
    assert ifp(*command, "--dataset", ramp, "--out", str(out), *right).exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("anneal", "--whole", "--quiet", "--dataset", "DATA", "--records", "10", "--steps", "5"),
        ("diagnose", "missing.pt", "--dataset", "DATA"),
        ("diagnose", "--codes", "DATA"),
        ("channels", "missing.pt", "--dataset", "DATA"),
        ("shift", "missing.pt", "missing.pt", "--dataset", "DATA"),
        ("plot", "missing"),
    ],
)
def test_refused_commands_leave_nothing(ramp: str, tmp_path: Path, command: tuple[str, ...]) -> None:
    arguments = [ramp if word == "DATA" else word for word in command]
    refused = ifp(*arguments, "--out", str(tmp_path / "runs" / "one"))
    assert refused.exit_code == 2, refused.output
    assert list(tmp_path.iterdir()) == []


def test_a_refused_export_leaves_nothing(tmp_path: Path) -> None:
    refused = ifp("data", "export", "toys", str(tmp_path / "new" / "toys.npz"), "--nuisance", "99", "--quiet")
    assert refused.exit_code == 2, refused.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "there"),
    [
        (DIAGNOSIS, []), (DIAGNOSIS, ["codes/a.npz", ".nmi.1.partial.csv"]),
        (DIAGNOSIS, ["diagnosis.json", "notes.txt"]),
        (DIAGNOSIS, ["1-a/diagnosis.json", "runs.csv"]), (SHIFT, ["probes/baseline-0.npz"]), (SHIFT, ["shift.json"]),
        (CHANNELS, ["channels.json"]), (FIGURES, ["nmi.pdf", "paper.tex"]), (None, []),
    ],
)  # fmt: skip
def test_results_go_into_a_folder_of_their_kind(tmp_path: Path, kind: ResultKind | None, there: list[str]) -> None:
    write(tmp_path, there)
    assert result_folder(str(tmp_path), kind) == tmp_path
    assert result_folder(tmp_path / "new" / "er", kind) == tmp_path / "new" / "er"


@pytest.mark.parametrize(
    ("kind", "there"),
    [
        (DIAGNOSIS, ["nmi.csv"]), (DIAGNOSIS, ["run.json"]), (DIAGNOSIS, ["codes/a.npz", "nmi.csv"]),
        (DIAGNOSIS, ["model/diagnosis.json", "nmi.csv"]),
        (SHIFT, ["diagnosis.json"]), (CHANNELS, ["channels.csv"]), (None, ["anything"]),
        (FIGURES, ["channels.json", "figures/structure.pdf"]),
    ],
)  # fmt: skip
def test_results_go_into_no_other_folder(tmp_path: Path, kind: ResultKind | None, there: list[str]) -> None:
    write(tmp_path, there)
    with pytest.raises(IfpError, match="choose a new"):
        result_folder(tmp_path, kind)


@pytest.mark.parametrize("kind", [DIAGNOSIS, SHIFT, CHANNELS])
def test_a_result_that_was_cut_short_is_written_again(tmp_path: Path, kind: ResultKind) -> None:
    def cut_short() -> None:
        with writing_result(tmp_path, kind):
            write(tmp_path, ["first.csv", f".second.{ENDED}-1.partial.csv"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    with pytest.raises(IfpError, match="cut short; run the same command again"):
        check_finished(tmp_path)
    for other in {DIAGNOSIS, SHIFT, CHANNELS} - {kind}:
        with pytest.raises(IfpError, match="something else than"):
            result_folder(tmp_path, other)
    with writing_result(tmp_path, kind):
        write(tmp_path, ["first.csv", kind.markers[0]])
    check_finished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"first.csv", kind.markers[0], "checksums.json"}


@pytest.mark.parametrize("path", [None, 5, "", b"runs"])
def test_what_is_no_path_is_no_folder(path: object) -> None:
    with pytest.raises(IfpError, match="out must be the path of a folder"):
        result_folder(path, name="out")


def test_a_path_through_a_file_is_no_folder(tmp_path: Path) -> None:
    write(tmp_path, ["file"])
    with pytest.raises(IfpError, match="is a file; choose another name"):
        result_folder(tmp_path / "file" / "inside")


def write(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")


def test_a_diagnosis_replaces_nothing_in_a_folder_of_others(tmp_path: Path) -> None:
    position = np.arange(100) % 4
    mean = np.stack([position / 1.2 - 1.3, np.zeros(100)], axis=1)
    np.savez(tmp_path / "codes.npz", mean=mean, logvar=np.full((100, 2), -4.0), factors=position[:, None])
    write(tmp_path, ["other/nmi.csv"])
    command = ("diagnose", "--codes", str(tmp_path / "codes.npz"), "--no-joint", "--quiet", "--format", "none")
    refused = ifp(*command, "--out", str(tmp_path / "other"))
    assert refused.exit_code == 2
    assert "holds something else than a diagnosis" in refused.stderr
    assert [path.read_text() for path in (tmp_path / "other").iterdir()] == ["precious"]
    for _ in range(2):  # again over its own folder
        assert ifp(*command, "--out", str(tmp_path / "new")).exit_code == 0
