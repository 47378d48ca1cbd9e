"""The group `ifp`: light to start, exit codes, one line instead of a traceback."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from ifp.cli import COMMANDS, main
from ifp.errors import IfpError, NothingFroze, bad_value


def ifp(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-c", "from ifp.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["--version"], ["--version", "--json"], ["data", "list"]])
def test_light_commands_import_nothing_heavy(words: list[str]) -> None:
    code = f"""
import sys
from ifp.cli import main
main({words!r}, standalone_mode=False)
heavy = {{"torch", "matplotlib", "pandas", "scipy", "seaborn"}} & set(sys.modules)
assert not heavy, heavy
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_help_lists_every_command_without_importing_it() -> None:
    code = """
import sys
from ifp.cli import COMMANDS, main
main(["--help"], standalone_mode=False)
assert not [at for at, _ in COMMANDS.values() if at.split(":")[0] in sys.modules]
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in ran.stdout
        assert line in ran.stdout


def test_versions() -> None:
    from ifp import __version__

    plain = CliRunner().invoke(main, ["--version"])
    assert plain.exit_code == 0
    assert plain.output.splitlines()[0] == f"ifp {__version__}"
    found = json.loads(CliRunner().invoke(main, ["--version", "--json"]).stdout)
    assert found["ifp"] == __version__
    assert {"python", "torch", "numpy", "pillow"} <= set(found)
    alone = CliRunner().invoke(main, ["--json"])
    assert alone.exit_code == 2
    assert "--version" in alone.stderr


def test_an_unknown_command_and_option() -> None:
    for words in (["aneal"], ["--vresion"], ["data", "lst"]):
        ran = ifp(*words)
        assert ran.returncode == 2
        assert "Traceback" not in ran.stderr
        assert not ran.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["anneal", "--metod", "exact"], "Error: `ifp anneal` has no option '--metod'; did you mean '--method'?"),
        (["anneal", "--contexts", "two"], "Error: Invalid value for '--contexts': 'two' is not a valid integer."),
        (["data", "lst"], "Error: Unknown command 'lst': allowed are list, describe, get, check, export; did you mean"),
        # it was no slip of the keyboard: other commands have it
        (
            ["train", "--format", "none"],
            "Error: `ifp train` has no option '--format'; that is an option of `ifp anneal`, ",
        ),
        (["--vresion"], "Error: `ifp` has no option '--vresion'; did you mean '--version'?"),
        (["anneel"], "Error: Unknown command 'anneel': allowed are"),
        (["data", "get"], "Error: Missing argument 'NAME'."),
    ],
)
def test_what_click_refuses_is_one_sentence_too(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, words, prog_name="ifp")
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("raised", "exit_code", "said"),
    [
        (bad_value("contexts", 0, "at least 1"), 2, "Error: contexts must be at least 1, got 0.\n"),
        (
            NothingFroze("Nothing froze: the KL stayed below 0.1 nat."),
            1,
            "Nothing froze: the KL stayed below 0.1 nat.\n",
        ),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (click.Abort(), 130, "Interrupted.\n"),
        (MemoryError(), 2, "Error: The memory does not suffice; "),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
            2,
            "Error: The memory does not suffice; ",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/runs"), 2, "Error: /runs: Permission denied; "),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "Error: No space left on device; "),
        (IfpError("3 files are missing:\n  a\n  b"), 2, "Error: 3 files are missing:\n  a\n  b\n"),
    ],
)
def test_what_a_user_can_act_on(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException, exit_code: int, said: str
) -> None:
    ran = invoke_raising(monkeypatch, raised)
    assert ran.exit_code == exit_code
    assert ran.stderr.startswith(said)
    assert ran.stderr.count("\n") == max(1, said.count("\n"))
    assert not ran.stdout


def test_a_clean_up_that_stumbles_after_ctrl_c_is_still_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    stumble = ValueError("Can't close the file")
    stumble.__context__ = RuntimeError("first")
    stumble.__context__.__context__ = KeyboardInterrupt()
    ran = invoke_raising(monkeypatch, stumble)
    assert (ran.exit_code, ran.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize("raised", [RuntimeError("ours"), AssertionError(), OSError("no file, no disk")])
def test_our_own_faults_keep_their_traceback(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> None:
    assert invoke_raising(monkeypatch, raised).exception is raised


def invoke_raising(monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> click.testing.Result:
    @click.command()
    def fail() -> None:
        raise raised

    module = ModuleType("commands_of_this_test")
    module.fail = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "fail", (f"{module.__name__}:fail", "Fails."))
    return CliRunner().invoke(main, ["fail"])
