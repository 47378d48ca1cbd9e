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
    assert repr(names["result"]).startswith(
        "<Annealing: arrays, bernoulli likelihood, 1 factor, exact freezing at beta "
    )
    assert [label.get_text() for label in names["ax"].get_yticklabels()] == ["length\n$n = 1$"]  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def test_a_module_in_memory_is_diagnosed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(snippet("docs/diagnosis.md", "A model in memory"), tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert said.startswith("- ")
    assert str(names["result"]) in said
    assert list(names["result"].table()["factor"]) == ["shape", "scale", "orientation", "posX", "posY"]  # type: ignore[attr-defined]
    assert (tmp_path / "nmi.png").stat().st_size > 0
    assert (tmp_path / "runs" / "vae" / "diagnosis.json").exists()


def test_two_models_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(snippet("docs/diagnosis.md", "Two models"), tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert said.startswith("- centres and turned differ in what they hold of ")
    assert "posX: the best latent holds less in turned" in said
    assert "posY: the second latent holds more in turned" in said
    assert (tmp_path / "difference.png").stat().st_size > 0


def test_metrics_of_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    names = run(snippet("docs/diagnosis.md", "Metrics of arrays"), tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert said.startswith(f"<Mig {float(names['score']):.4g}> 0.99")  # type: ignore[arg-type]
    assert "<Modularity " in said


def test_a_loop_of_ones_own_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(snippet("docs/own_loop.md", "A loop with a recorder"), tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert said.startswith("<RecordingResult: recording of a loop on arrays, 3 records to step 300, 4 latents, ")
    assert "Over the series" in said or "- " in said
    records = names["recorder"].result().records()  # type: ignore[attr-defined]
    assert records["beta"].tolist() == [4, 1, 1]
    assert records["recon_nats"].notna().all()
    assert (tmp_path / "runs" / "mine" / "codes" / "step-000300.npz").is_file()
