"""Progress: plain lines in a log, a bar on a terminal, nothing when quiet."""

from __future__ import annotations

import io

import pytest
from rich.progress import Progress

from ifp.cli.progress import LineReporter, StageProgress, progress


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_5_percent_or_30_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    reporter = LineReporter(1000, "Work", stream, clock)
    said = []
    for done in range(1, 201):  # 2 s a step: 5 % takes 100 s
        clock.now += 2
        before = stream.tell()
        reporter.update(done)
        if stream.tell() > before:
            said.append(done)
    assert said == list(range(15, 201, 15))  # every 30 s
    stream, clock = io.StringIO(), Clock()
    reporter = LineReporter(1000, "Work", stream, clock)
    for done in range(1, 1001):  # 0.1 s a step: 5 % takes 5 s
        clock.now += 0.1
        reporter.update(done)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 20
    assert lines[0] == "Work: 50 of 1,000 (5 %), 1 min 35 s left"
    assert lines[-1] == "Work: 1,000 of 1,000 (100 %) in 1 min 40 s"


def test_what_an_earlier_call_did_is_not_in_the_pace() -> None:
    """Resumed at 300 of 1,000, 0.1 s a step: 600 are left at 400."""
    stream, clock = io.StringIO(), Clock()
    reporter = LineReporter(1000, "Work", stream, clock)
    reporter.update(300)
    for done in range(301, 401):
        clock.now += 0.1
        reporter.update(done)
    reporter.say()
    assert stream.getvalue().splitlines()[-1] == "Work: 400 of 1,000 (40 %), 1 min 0 s left"
    slow = LineReporter(10, "Slow", stream, clock)  # its first news is of work that it did
    clock.now += 60
    slow.update(1)
    assert stream.getvalue().splitlines()[-1] == "Slow: 1 of 10 (10 %), 9 min 0 s left"


def test_a_bar_of_a_resumed_run_begins_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    update = Progress.update
    monkeypatch.setattr(Progress, "update", lambda self, *a, **k: made.append(self) or update(self, *a, **k))
    with progress(1000, "Work", stream=Terminal()) as step:
        step(300)
        (task,) = made[0].tasks
        assert (task.completed, len(task._progress)) == (300, 0)


def test_a_log_is_not_flooded_by_a_fast_job() -> None:
    stream = io.StringIO()
    with progress(100, "Fast", stream=stream) as step:
        for done in range(101):
            step(done)
    assert stream.getvalue() == "Fast: 100 of 100 (100 %) in 0 s\n"


def test_a_job_without_news_says_nothing() -> None:
    stream = io.StringIO()
    with progress(100, "Idle", stream=stream):
        pass
    assert stream.getvalue() == ""


def test_total_and_text_may_change() -> None:
    stream = io.StringIO()
    with progress(1, "First", stream=stream) as step:
        step.update(30, 60, "Second")
    assert stream.getvalue().startswith("Second: 30 of 60 (50 %)")


def test_quiet_says_nothing_even_on_a_terminal() -> None:
    stream = Terminal()
    with progress(10, "Quiet", quiet=True, stream=stream) as step:
        step(10)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    with progress(10, "Bar", stream=stream) as step:
        step(5)
        step(10, 20, "Longer")
    assert "Longer" in stream.getvalue()
    assert "10/20" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_bar_keeps_its_numbers_however_long_the_text(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    text = "Annealing 200 members of posX, posY and orientation, 64 x 64"
    with progress(100_000, text, stream=stream) as step:
        step(4321)
    assert "4321/100000" in stream.getvalue()
    assert "-:--:--" in stream.getvalue()
    assert (text in stream.getvalue()) == (width == 200)


def test_a_stage_without_work_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress() as stages:
        stages.update("Everything is there", 0, 0)
    assert capsys.readouterr().err == ""


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with progress(10, "Bar", stream=stream) as step:
        step(10)
    assert "\x1b[3" not in stream.getvalue()  # no foreground colour
    assert "\x1b[9" not in stream.getvalue()
