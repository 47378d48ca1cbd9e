"""A run in a folder: what it writes, how it resumes, what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ifp
from ifp.annealing.chunk_files import read_curves
from ifp.annealing.config import AnnealConfig, preset_config
from ifp.annealing.folder import RunWriter
from ifp.annealing.plan import Cell, plan_cells, plan_keys
from ifp.annealing.resources import Resources
from ifp.annealing.run import run
from ifp.datasets.base import FactorDataset
from ifp.datasets.npz import NpzDataset
from ifp.datasets.toys import Toys
from ifp.errors import IfpError
from ifp.system.devices import check_device
from ifp.system.threads import Stopped
from ifp.trace import AnnealTrace


@pytest.fixture(scope="module")
def dataset(bars_npz: Path) -> NpzDataset:
    return NpzDataset(bars_npz)


def config(**changes: object) -> AnnealConfig:
    small = {"contexts": 3, "steps": 40, "hold_steps": 20, "records": 10, "batch": 12, "hidden": 16}
    return preset_config("standard", dataset="npz:bars", **{**small, **changes})


def anneal(dataset: FactorDataset, settings: AnnealConfig) -> AnnealTrace:
    """The curves of a run in memory."""
    return ifp.anneal(dataset, settings).trace


def start(dataset: NpzDataset, settings: AnnealConfig, path: Path) -> tuple[list[Cell], RunWriter]:
    cells = plan_cells(dataset, settings)
    return cells, RunWriter(path, settings, dataset, plan_keys(cells, settings), "cpu")


def finish(dataset: NpzDataset, settings: AnnealConfig, path: Path, resources: Resources) -> AnnealTrace:
    cells, folder = start(dataset, settings, path)
    folder.open()
    trace = run(cells, settings, folder, resources)
    folder.close("finished")
    return trace


@pytest.fixture(scope="module")
def whole_bytes(dataset: NpzDataset, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The trace of the run of `config(contexts=2)` that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish(dataset, config(contexts=2), folder, Resources(chunk=4))
    return (folder / "trace.npz").read_bytes()


def test_run_holds_every_curve_in_order_and_describes_itself(dataset: NpzDataset, tmp_path: Path) -> None:
    settings = config(seeds=2, contexts=2)
    trace = finish(dataset, settings, tmp_path / "run", Resources(chunk=4))
    assert trace.labels() == plan_keys(plan_cells(dataset, settings), settings)
    assert len(trace) == 4 * (1 + 3 + 2 * 2)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["status"] == "finished"
    assert about["likelihood"] == "bernoulli"
    assert about["dataset"]["image_shape"] == [1, 8, 12]
    assert "KL summed over latents" in about["beta_convention"]
    assert AnnealConfig.from_json(about["config"]) == settings


def test_contexts_know_which_nuisance_they_share() -> None:
    """`toys` has ten instances: of twelve contexts some share one."""
    dataset = Toys()
    settings = preset_config("quick", dataset="toys", method="closed-form", factors=["lighting"], contexts=12)
    trace = anneal(dataset, settings)
    drawn = dataset.sample_traversals("lighting", 12, settings.seed)
    assert trace.nuisance_M.tolist() == [traversal.nuisance[0] % 10 for traversal in drawn]
    assert 1 < len(set(trace.nuisance_M.tolist())) < 12
    assert set(anneal(dataset, replace(settings, nuisance="random")).nuisance_M.tolist()) == {-1}


def test_seeds_and_contexts_differ_and_the_same_seed_is_the_same_run(dataset: NpzDataset, tmp_path: Path) -> None:
    settings = config(method="train", seeds=2, factors=["place"])
    first = finish(dataset, settings, tmp_path / "a", Resources(chunk=8, threads=2))
    again = finish(dataset, settings, tmp_path / "b", Resources(chunk=1))
    other = anneal(dataset, replace(settings, seed=1))
    assert (tmp_path / "a" / "trace.npz").read_bytes() == (tmp_path / "b" / "trace.npz").read_bytes()
    kl = first.total_kl_nats_MT[first.method_M == "train"]
    assert not np.array_equal(kl[0], kl[2])
    assert not np.array_equal(kl, other.total_kl_nats_MT[other.method_M == "train"][:, : kl.shape[1]])
    np.testing.assert_array_equal(again.kl_nats_MTD, first.kl_nats_MTD)


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_interrupted_run_resumes_to_the_same_bytes(
    dataset: NpzDataset, whole_bytes: bytes, tmp_path: Path, stop_after: int
) -> None:
    settings = config(contexts=2)

    class Interrupted(RunWriter):
        chunks = 0

        def add(self, trace: AnnealTrace) -> None:
            if self.chunks == stop_after:
                raise KeyboardInterrupt
            self.chunks += 1
            super().add(trace)

    cells = plan_cells(dataset, settings)
    folder = Interrupted(tmp_path / "cut", settings, dataset, plan_keys(cells, settings), "cpu")
    folder.open()
    with pytest.raises((KeyboardInterrupt, Stopped)):
        run(cells, settings, folder, Resources(chunk=2))
    partial = read_curves(tmp_path / "cut")
    assert 0 < len(partial) < len(plan_keys(cells, settings))

    finish(dataset, settings, tmp_path / "cut", Resources(chunk=4))
    assert (tmp_path / "cut" / "trace.npz").read_bytes() == whole_bytes


def test_finished_run_computes_nothing_again(
    dataset: NpzDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(contexts=1)
    finish(dataset, settings, tmp_path / "run", Resources(chunk=4))
    before = (tmp_path / "run" / "trace.npz").stat().st_mtime_ns

    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("computed again")

    for name in ("trained_curves.anneal_chunk", "exact_curves.exact_annealing", "run.freezing_bounds"):
        monkeypatch.setattr(f"ifp.annealing.{name}", fail)
    finish(dataset, settings, tmp_path / "run", Resources(chunk=4))
    assert (tmp_path / "run" / "trace.npz").stat().st_mtime_ns == before


def test_folder_of_another_run_is_refused_and_left_alone(dataset: NpzDataset, tmp_path: Path) -> None:
    settings = config(method="closed-form")
    finish(dataset, settings, tmp_path / "run", Resources())
    files = {p: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    with pytest.raises(IfpError, match=r"holds another run \(seed 0 there, 1 now\)"):
        start(dataset, replace(settings, seed=1), tmp_path / "run")
    assert {p: p.read_bytes() for p in (tmp_path / "run").iterdir()} == files


def test_folder_of_another_version_is_refused(dataset: NpzDataset, tmp_path: Path) -> None:
    settings = config(method="closed-form")
    finish(dataset, settings, tmp_path / "run", Resources())
    path = tmp_path / "run" / "run.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "ifp_version": "0.0.1"}))
    with pytest.raises(IfpError, match=r"holds a run of ifp 0\.0\.1"):
        start(dataset, settings, tmp_path / "run")


def test_folder_with_other_files_is_refused(dataset: NpzDataset, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(IfpError, match=r"not empty and holds no run\.json"):
        start(dataset, config(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_out_of_memory_halves_the_chunk_once(
    dataset: NpzDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ifp.annealing.trained_curves

    settings = config(method="train", factors=["place"])
    expected = anneal(dataset, settings)
    sizes, said = [], []
    plain = ifp.annealing.trained_curves.anneal_chunk

    def short_of_memory(members, *args, **kwargs):  # type: ignore[no-untyped-def]
        sizes.append(len(members))
        if len(members) > 3:
            raise MemoryError
        return plain(members, *args, **kwargs)

    monkeypatch.setattr(ifp.annealing.trained_curves, "anneal_chunk", short_of_memory)
    cells, folder = start(dataset, settings, tmp_path / "run")
    folder.open()
    trace = run(cells, settings, folder, Resources(chunk=6), say=said.append)
    assert sizes == [6, 3, 3]
    assert any("Out of memory with 6 members per chunk: trying 3" in line for line in said)
    np.testing.assert_array_equal(trace.kl_nats_MTD, expected.kl_nats_MTD)


def test_failing_chunk_is_raised_and_finished_ones_are_kept(
    dataset: NpzDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ifp.annealing.trained_curves.anneal_chunk", lambda *args, **kwargs: 1 / 0)
    settings = config(contexts=1)
    cells, folder = start(dataset, settings, tmp_path / "run")
    folder.open()
    with pytest.raises(ZeroDivisionError):
        run(cells, settings, folder, Resources(chunk=4))
    kept = read_curves(tmp_path / "run")
    assert set(kept.method_M) == {"closed-form", "exact"}


def test_device_that_is_not_there_is_one_sentence() -> None:
    assert check_device("cpu") == "cpu"
    with pytest.raises(IfpError, match=r"device must be auto or one that is on this machine \(cpu"):
        check_device("cuda:99")


def test_conv_refuses_images_it_cannot_take(dataset: NpzDataset) -> None:
    with pytest.raises(IfpError, match="conv network takes images of shape"):
        plan_cells(dataset, config(architecture="conv"))


def test_exact_minimum_is_below_every_network(dataset: NpzDataset) -> None:
    from ifp.exact.lowest import exact_minimum

    more = {"method": "train", "steps": 600, "hold_steps": 300, "records": 12, "contexts": 1, "batch": 24}
    trace = anneal(dataset, config(factors=["place"], **more))
    cells = {(c.factor, c.context): c for c in plan_cells(dataset, config(contexts=1))}
    gaps = []
    for row in np.flatnonzero(trace.method_M == "train"):
        known = np.flatnonzero(np.isfinite(trace.beta_MT[row]))[::4]
        beta = trace.beta_MT[row][known]
        objective = trace.recon_nats_MT[row][known] + beta * trace.total_kl_nats_MT[row][known]
        cell = cells[str(trace.factor_M[row]), tuple(int(v) for v in trace.context_MF[row])]
        gaps.append(objective - exact_minimum(cell.images, beta))
    gap = np.concatenate(gaps)
    # the evaluation's own error: about 256 draws of the reconstruction, which moves by some nats over z
    assert (gap > -1.5).all()
    assert np.quantile(gap, 0.05) > -0.5
    assert np.median(gap) > 0


def test_a_finished_run_is_made_wider(dataset: NpzDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its curves are kept, those of further contexts and seeds are added; steps cannot be, and why is said."""
    narrow, out = config(contexts=1, factors=["place"]), tmp_path / "run"
    wide = replace(narrow, contexts=2, seeds=2)
    before = finish(dataset, narrow, out, Resources(chunk=4))
    added: list[AnnealTrace] = []
    add = RunWriter.add

    def watched(self: RunWriter, trace: AnnealTrace) -> None:
        added.append(trace)
        add(self, trace)

    monkeypatch.setattr(RunWriter, "add", watched)
    found = finish(dataset, wide, out, Resources(chunk=4))
    computed, there = (sum(int((t.method_M != "closed-form").sum()) for t in traces) for traces in (added, [before]))
    assert computed == int((found.method_M != "closed-form").sum()) - there
    expected = anneal(dataset, wide)
    assert found.labels() == expected.labels()
    trained = found.method_M == "train"
    np.testing.assert_array_equal(found.kl_nats_MTD[trained], expected.kl_nats_MTD[trained])
    # exact curves agree to 1e-8 with those of other batches
    np.testing.assert_allclose(found.kl_nats_MTD, expected.kl_nats_MTD, rtol=1e-8, atol=1e-8)
    assert json.loads((out / "run.json").read_text())["config"]["contexts"] == 2
    with pytest.raises(IfpError, match=r"steps 40 there, 80 now\); beta's law is spread over all steps"):
        start(dataset, replace(wide, steps=80), out)
    with pytest.raises(IfpError, match=r"holds another run \(seeds 2 there, 1 now\)"):
        start(dataset, replace(wide, seeds=1), out)
