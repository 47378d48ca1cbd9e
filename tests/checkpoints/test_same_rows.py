"""Files of the same cells in another order are compared cell by cell: by their names, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ifp
from ifp.checkpoints.cells import read_cells
from ifp.datasets import hdf5_file
from ifp.errors import IfpError

from .test_cells import BATCH, CELLS, TEXT, TYPE, write

ORDER = np.random.default_rng(1).permutation(CELLS)
NAMES = np.array([f"c{at}" for at in range(CELLS)], object)


def reordered(file: Any, order: np.ndarray = ORDER) -> None:
    """The cells of `write` with all that belongs to them in another order."""
    for name in (
        "obs/_index",
        "obs/cell_type/codes",
        "obs/batch/codes",
        "obsm/scvi_latent_qzm",
        "obsm/scvi_latent_qzv",
    ):
        file[name][...] = file[name][:][order]


def named(*names: str) -> Callable[[Any], None]:
    """`reordered`, with other names for the first cells."""

    def change(file: Any) -> None:
        reordered(file)
        file["obs/_index"][: len(names)] = np.array(names, object)

    return change


def nmi(first: Any, second: Any) -> np.ndarray:
    return ifp.channels([first, second], points=CELLS, hotspots=False).similarity.nmi_CC


def within_types() -> np.ndarray:
    """An order that leaves the type of each place as it is: the factor shows nothing of it."""
    order = np.arange(CELLS)
    for kind in range(3):
        places = np.flatnonzero(kind == TYPE)
        order[places] = np.random.default_rng(2).permutation(places)
    return order


@pytest.mark.parametrize("order", [ORDER, within_types()])
@pytest.mark.parametrize("factors", [[], ["cell_type"]])
def test_cells_in_another_order_are_compared_by_their_names(
    tmp_path: Path, order: np.ndarray, factors: list[str]
) -> None:
    a = read_cells(write(tmp_path / "a.h5ad"), factors)
    b = read_cells(write(tmp_path / "b.h5ad", change=lambda file: reordered(file, order)), factors)
    np.testing.assert_allclose(nmi(a, b), nmi(a, a))
    said: list[str] = []
    ifp.channels([a, b], points=CELLS, hotspots=False, say=said.append)
    assert any("of 90 cells stood elsewhere than in model 0; they were put into its order" in text for text in said)
    asked: dict[str, Any] = {"permutations": 20, "bootstraps": 20, "joint": False, "metrics": "none"}
    compared: Any = ifp.diagnose([a, b], **asked)
    np.testing.assert_array_equal(compared[1].run.last.codes.mean_ND, a.mean_ND)


def text_elsewhere(file: Any) -> None:
    """Names in the column that `_index` of obs names."""
    names = file["obs/_index"][:]
    del file["obs/_index"]
    file["obs"].create_dataset("barcode", data=names, dtype=TEXT)
    file["obs"].attrs["_index"] = "barcode"


def fixed(file: Any) -> None:
    del file["obs/_index"]
    file["obs/_index"] = NAMES.astype("S")


def oldest(file: Any) -> None:
    del file["obs"]
    table = np.zeros(CELLS, [("index", "S4"), ("batch", "i1")])
    table["index"], table["batch"] = NAMES.astype("S"), BATCH
    file["obs"] = table


@pytest.mark.parametrize("layout", [text_elsewhere, fixed, oldest])
def test_names_of_cells_in_every_layout(tmp_path: Path, layout: Callable[[Any], None]) -> None:
    names = read_cells(write(tmp_path / "a.h5ad", change=layout)).row_names_N
    assert names is not None
    np.testing.assert_array_equal(names, NAMES)


def test_other_cells_are_not_compared(tmp_path: Path) -> None:
    a = read_cells(write(tmp_path / "a.h5ad"))
    other = read_cells(write(tmp_path / "b.h5ad", change=named("new")))
    with pytest.raises(IfpError, match=r"different cells by their names: 1 are in the second alone .*'new'"):
        nmi(a, other)
    with pytest.raises(IfpError, match="different cells"):
        ifp.diagnose([a, other])
    twice = [
        read_cells(write(tmp_path / f"{at}.h5ad", change=change)) for at, change in enumerate((doubled, doubled_moved))
    ]
    with pytest.raises(IfpError, match="names that occur twice leave open"):
        nmi(*twice)


def doubled(file: Any) -> None:
    file["obs/_index"][...] = np.array(["c0", *NAMES[:-1]], object)


def doubled_moved(file: Any) -> None:
    doubled(file)
    reordered(file)


def test_cells_without_a_value_leave_their_names_with_them(tmp_path: Path) -> None:
    def some_missing(file: Any) -> None:
        file["obs/cell_type/codes"][4:7] = -1

    names = read_cells(write(tmp_path / "a.h5ad", change=some_missing), ["cell_type"]).row_names_N
    np.testing.assert_array_equal(names, np.delete(NAMES, [4, 5, 6]))


def test_names_too_long_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_file, "_MOST_PADDED", 1000)
    with pytest.raises(IfpError, match="far too long"):
        read_cells(write(tmp_path / "a.h5ad", change=named("n" * 20)))


def unlabelled(*places: int) -> Callable[[Any], None]:
    """`reordered`, after which cells of these places have no type."""

    def change(file: Any) -> None:
        reordered(file)
        codes = file["obs/cell_type/codes"][:]
        codes[list(places)] = -1
        file["obs/cell_type/codes"][...] = codes

    return change


def test_cells_without_a_value_in_one_file_are_said_to_be_so(tmp_path: Path) -> None:
    whole = read_cells(write(tmp_path / "a.h5ad"), "cell_type")
    part = read_cells(write(tmp_path / "b.h5ad", change=unlabelled(4, 5, 6)), "cell_type")
    other = read_cells(write(tmp_path / "c.h5ad", change=unlabelled(7)), "cell_type")
    with pytest.raises(IfpError, match=r"3 cells are left out in .* alone, because they have no cell_type there; give"):
        nmi(part, whole)
    with pytest.raises(IfpError, match=r"3 cells are left out in .* alone, because they have no cell_type there; give"):
        ifp.diagnose([whole, part])
    with pytest.raises(IfpError, match=r"3 cells are left out in .*, and 1 cell is left out in .* it has no cell_type"):
        nmi(part, other)
    strange = read_cells(write(tmp_path / "d.h5ad", change=named("new")), "cell_type")
    with pytest.raises(IfpError, match="hold different cells by their names"):
        nmi(part, strange)


def test_cells_of_the_same_name_and_another_type(tmp_path: Path) -> None:
    def wrong(file: Any) -> None:
        reordered(file)
        codes = file["obs/cell_type/codes"][:]
        codes[:2] = (codes[:2] + 1) % 3
        file["obs/cell_type/codes"][...] = codes

    def fewer(file: Any) -> None:
        file["obs/cell_type/codes"][...] = file["obs/cell_type/codes"][:] % 2

    a, b, c = (
        read_cells(write(tmp_path / f"{at}.h5ad", change=change), "cell_type")
        for at, change in enumerate((reordered, wrong, fewer))
    )
    for compared in (nmi, lambda *both: ifp.diagnose(both)):
        with pytest.raises(IfpError, match=r"2 cells of the same name have another cell_type in .*; correct"):
            compared(a, b)
        with pytest.raises(IfpError, match=r"have the same names .* but not the same cell_type: it has 2 values"):
            compared(a, c)
