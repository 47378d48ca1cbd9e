"""The experiments: valid settings, a trial that runs to its tables, and kept figures that are those of the tables."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from ifp.objectives.deft_pressures import PRESSURES
from ifp.objectives.registry import make_objective
from ifp.training.config import TrainConfig

FOLDER = Path(__file__).parents[1] / "experiments" / "deft_vs_baselines"
MODULES = ("configurations", "images", "measure", "run", "draw")
CLOSED_FORM = [41.5, 22.2, 1.0]


@pytest.fixture
def experiment(load_experiment: Callable[[Path, Sequence[str]], dict[str, ModuleType]]) -> dict[str, ModuleType]:
    """The experiment's modules by name."""
    return load_experiment(FOLDER, MODULES)


@pytest.mark.parametrize("name", ["small", "paper"])
def test_both_scales_are_trainings_that_can_begin(name: str, experiment: dict[str, ModuleType]) -> None:
    module = experiment["configurations"]
    scale = module.SCALES[name]
    for size in (scale, module.with_steps(scale, 7)):
        found = module.configurations(size, "sprites", CLOSED_FORM)
        assert set(module.SHIFTED) < set(found)
        for config in found.values():
            stored = json.loads(json.dumps(config.to_json()))
            assert TrainConfig.from_json(stored).digest() == config.digest()
            make_objective(config.objective, **config.options).check(config.latents, config.steps)
            assert config.seeds >= 3
        deft = [config for config in found.values() if config.objective == "deft"]
        assert {config.options["mode"] for config in deft} == {"rate", "scale", "freeze"}
        assert {c.options["gamma"] for c in deft if c.options["mode"] == "rate"} == {0, 0.1, 0.3, 0.5, 1}
    # the small images hold a quarter of the pixels
    betas = module.configurations(scale, "sprites", CLOSED_FORM)["deft-rate"].options["betas"]
    assert [beta * {"small": 4, "paper": 1}[name] for beta in betas] == list(PRESSURES["sprites"].betas)


def test_a_trial_trains_and_measures(
    experiment: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, scale = experiment["run"], experiment["configurations"].SCALES["small"]
    # few images, contexts and seeds, the costly measure at the end alone, and a thread in the place of processes
    sparse = {"shape": 1, "scale": 2, "orientation": 14, "posX": 4, "posY": 4}
    monkeypatch.setattr(experiment["images"], "VALUES", sparse)
    one_seed = replace(scale, training={**scale.training, "seeds": 1}, measured_images=1000)
    monkeypatch.setitem(run.SCALES, "small", one_seed)
    monkeypatch.setattr(run, "METHODS", ())
    anneal = run.anneal.main
    few = ["--contexts", "4"]
    monkeypatch.setattr(run.anneal, "main", lambda given, **more: anneal([*given, *few], **more))
    monkeypatch.setattr(run, "ProcessPoolExecutor", lambda jobs, context: ThreadPoolExecutor(jobs))
    out = tmp_path / "trial"
    arguments = ["run.py", "--scale", "small", "--steps", "2", "--jobs", "1", "--device", "cpu", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--only", "beta"])
    run.main()
    measures = pd.read_csv(out / "measures.csv")
    assert list(measures["configuration"].unique()) == ["beta"]
    assert measures["step"].tolist() == [1, 2]
    assert measures[["recon_nats", "nmi1_histogram", "mig"]].notna().all(axis=None)
    assert measures["dci-fast"].notna().tolist() == [False, True]
    assert set(json.loads((out / "machine.json").read_text())["minutes"]) == {"beta"}
    assert str(tmp_path) not in (out / "settings.json").read_text()


def test_the_kept_figures_are_drawn_from_the_kept_tables(
    experiment: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FOLDER / "results" / "small"
    for name in ("measures.csv", "shifts.csv"):
        shutil.copy(kept / name, tmp_path)
    monkeypatch.setattr(sys, "argv", ["draw.py", str(tmp_path)])
    experiment["draw"].main()
    names = sorted(path.name for path in (kept / "figures").iterdir())
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == names
    for name in ["summary.csv", *(f"figures/{name}" for name in names if name.endswith(".csv"))]:
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / name), pd.read_csv(kept / name), rtol=1e-3)
