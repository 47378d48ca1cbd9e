"""The short programs of the documents, as they are written there: each runs from an empty folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def snippet(document: str, heading: str) -> str:
    """The first block of Python below a heading of a document."""
    _, _, rest = (ROOT / document).read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    found = re.search(r"```python\n(.*?)```", rest.partition("\n## ")[0], flags=re.DOTALL)
    assert found is not None, f"{document} has no Python below {heading!r}"
    return found[1]


def run(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run a program in an empty folder; the names it defined."""
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    exec(compile(code, "snippet", "exec"), names)
    return names


def test_train_deft_and_its_baseline_and_shift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(snippet("docs/training.md", "From Python"), tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert "1 pair of models on arrays, probe heat from beta 1 to 300; melting points: x " in said
    assert (tmp_path / "shift.png").stat().st_size > 0
    assert names["deft"].config.options["betas"] == [10, 1]  # type: ignore[attr-defined]


def test_anneal_arrays_and_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(snippet("docs/annealing.md", "From Python"), tmp_path, monkeypatch)
    assert "exact" in capsys.readouterr().out
    assert repr(names["result"]).startswith("<Annealing: arrays, bernoulli likelihood, 1 factor, freezing at beta ")
    assert [label.get_text() for label in names["ax"].get_yticklabels()] == ["length\n$n = 1$"]  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []
