"""AnnealTrace: joining, selecting and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ifp.errors import IfpError
from ifp.trace import AnnealTrace, closed_form_trace


def trace(
    members: int = 2, records: int = 3, latents: int = 1, factor: str = "posX", method: str = "train"
) -> AnnealTrace:
    grid = np.arange(members * records * latents, dtype=float).reshape(members, records, latents)
    return AnnealTrace(
        factor_M=np.array([factor] * members),
        context_MF=np.arange(2 * members).reshape(members, 2),
        seed_M=np.zeros(members, dtype=int),
        method_M=np.array([method] * members),
        direction_M=np.array(["cool"] * members),
        status_M=np.array(["ok"] * members),
        n_images_M=np.full(members, 32),
        beta_closed_form_M=np.full(members, 10.0),
        beta_upper_M=np.full(members, 11.0),
        beta_MT=np.linspace(20, 5, records) * np.ones((members, 1)),
        recon_nats_MT=grid.sum(2),
        kl_nats_MTD=grid,
    )


def test_file_gives_the_same_trace_and_the_same_bytes(tmp_path: Path) -> None:
    first = trace()
    first.save(tmp_path / "a.npz")
    again = AnnealTrace.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.kl_nats_MTD, first.kl_nats_MTD)
    assert again.labels() == first.labels()
    again.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_joining_pads_records_with_nan_and_missing_latents_with_nothing() -> None:
    joined = AnnealTrace.concatenate([trace(records=3, latents=1), trace(records=5, latents=2, factor="posY")])
    assert joined.kl_nats_MTD.shape == (4, 5, 2)
    np.testing.assert_array_equal(joined.total_kl_nats_MT[:2, :3], trace().total_kl_nats_MT)
    assert np.isnan(joined.total_kl_nats_MT[:2, 3:]).all()
    assert np.isnan(joined.beta_MT[0, 3:]).all()


def test_select_keeps_rows_and_arrays_are_read_only() -> None:
    chosen = trace().select(np.array([False, True]))
    assert len(chosen) == 1
    assert chosen.labels()[0][1] == (2, 3)
    with pytest.raises(ValueError, match="read-only"):
        chosen.beta_MT[0, 0] = 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_damaged_file_is_one_sentence(tmp_path: Path, share: float) -> None:
    trace().save(tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(IfpError, match="cannot be read"):
        AnnealTrace.load(tmp_path / "a.npz")


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match="There is no"):
        AnnealTrace.load(tmp_path / "a.npz")


def test_a_trace_of_before_nuisances_is_read(tmp_path: Path) -> None:
    trace = closed_form_trace(["a", "b"], [(-1, 0), (0, -1)], [3, 3], np.ones(2), np.ones(2))
    trace.save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as stored:
        arrays = {name: stored[name] for name in stored.files if name != "nuisance_M"}
    np.savez(tmp_path / "old.npz", **arrays)
    assert AnnealTrace.load(tmp_path / "old.npz").nuisance_M.tolist() == [-1, -1]
    known = trace.with_nuisances({("b", (0, -1)): 7})
    known.save(tmp_path / "known.npz")
    assert AnnealTrace.load(tmp_path / "known.npz").nuisance_M.tolist() == [-1, 7]
    assert AnnealTrace.concatenate([trace, known]).select(np.array([3, 0])).nuisance_M.tolist() == [7, -1]


def test_tampered_arrays_are_refused_or_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    made = trace()
    made.save(path)
    with np.load(path) as held:
        whole = dict(held)
    refused = 0
    for name, value in whole.items():
        for changed in (value[:-1], value[None], np.array(3), np.full(value.shape, np.datetime64("2020")),
                        value.astype("S8"), np.full(value.shape, np.nan), np.full(value.shape, -5)):  # fmt: skip
            np.savez(path, **{**whole, name: changed})
            try:
                AnnealTrace.load(path)
            except IfpError:
                refused += 1
    assert refused >= 6 * len(whole) - 6
