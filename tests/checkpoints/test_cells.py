"""Posteriors of cells from AnnData files: every layout of columns, refusals, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ifp
from ifp.checkpoints import cells
from ifp.checkpoints.cells import CellOptions, read_cells
from ifp.checkpoints.custom import read_codes
from ifp.errors import IfpError

h5py = pytest.importorskip("h5py", reason="h5py, of the extra hdf5, is not installed")
CELLS, LATENTS = 90, 3
TYPE, BATCH = np.arange(CELLS) % 3, np.arange(CELLS) % 2
SIZE = np.arange(CELLS) / CELLS
TEXT = h5py.string_dtype()


def matrices(count: int = CELLS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, LATENTS)).astype(np.float32), rng.uniform(0.01, 1, (count, LATENTS)).astype("f4")


def categorical(obs: Any, name: str, codes: np.ndarray, categories: Any) -> None:
    """A column as AnnData 0.7 and later write it."""
    group = obs.create_group(name)
    group.attrs["encoding-type"] = "categorical"
    group["codes"] = codes.astype(np.int8)
    kept = np.asarray(categories)
    group.create_dataset("categories", data=kept.astype(object) if kept.dtype.kind == "U" else kept,
                         dtype=TEXT if kept.dtype.kind == "U" else None)  # fmt: skip


def write(path: Path, *, change: Callable[[Any], None] = lambda file: None, count: int = CELLS) -> Path:
    """A file as scvi-tools 1.4 leaves it in its minified mode, by AnnData 0.12."""
    mean, variance = matrices(count)
    with h5py.File(path, "w") as file:
        obs = file.create_group("obs")
        obs.attrs["_index"] = "_index"
        obs.create_dataset("_index", data=np.array([f"c{at}" for at in range(count)], object), dtype=TEXT)
        if count == CELLS:
            categorical(obs, "cell_type", TYPE, ["B", "NK", "T"])
            categorical(obs, "batch", BATCH, ["one", "zwei \u00e4"])
            obs["size"], obs["donor"] = SIZE, np.arange(CELLS) % 5
        file["obsm/scvi_latent_qzm"], file["obsm/scvi_latent_qzv"] = mean, variance
        change(file)
    return path


def test_posteriors_and_categories(tmp_path: Path) -> None:
    codes = ifp.read_cells(write(tmp_path / "a.h5ad"), ["cell_type", "batch"])
    mean, variance = matrices()
    np.testing.assert_array_equal(codes.mean_ND, mean.astype(float))
    np.testing.assert_allclose(codes.logvar_ND, np.log(variance.astype(float)), rtol=1e-15)
    assert (codes.factor_names, codes.factor_sizes) == (("cell_type", "batch"), (3, 2))
    np.testing.assert_array_equal(codes.factors_NF, np.stack([TYPE, BATCH], axis=1))


def older(file: Any) -> None:
    """Columns as AnnData 0.7 first wrote them: codes that refer to a list beside all columns."""
    del file["obs/cell_type"]
    file["obs/cell_type"] = TYPE.astype(np.int8)
    file.create_dataset("obs/__categories/cell_type", data=np.array(["B", "NK", "T"], object), dtype=TEXT)
    file["obs/cell_type"].attrs["categories"] = file["obs/__categories/cell_type"].ref


def oldest(file: Any) -> None:
    """Columns as AnnData 0.6 wrote them: one table, and categories among the unstructured things."""
    del file["obs"]
    table = np.zeros(CELLS, [("index", "S4"), ("cell_type", "i1"), ("batch", "S8")])
    table["cell_type"], table["batch"] = TYPE, np.array([b"one", b"two"])[BATCH]
    file["obs"] = table
    file.create_dataset("uns/cell_type_categories", data=np.array(["B", "NK", "T"], object), dtype=TEXT)


def plain(file: Any) -> None:
    """Text and bool without categories."""
    del file["obs/cell_type"], file["obs/batch"]
    file.create_dataset("obs/cell_type", data=np.array(["B", "NK", "T"], object)[TYPE], dtype=TEXT)
    file["obs/batch"] = BATCH.astype(bool)


@pytest.mark.parametrize("layout", [older, oldest, plain])
def test_every_layout_of_columns_says_the_same(tmp_path: Path, layout: Callable[[Any], None]) -> None:
    codes = read_cells(write(tmp_path / "a.h5ad", change=layout), ["cell_type", "batch"])
    np.testing.assert_array_equal(codes.factors_NF, np.stack([TYPE, BATCH], axis=1))


def test_cells_without_a_category_are_left_out_with_a_word(tmp_path: Path) -> None:
    def some_missing(file: Any) -> None:
        file["obs/cell_type/codes"][4:7] = -1
        group = file.create_group("obs/count")
        group["values"], group["mask"] = BATCH, np.arange(CELLS) == 8

    said: list[str] = []
    codes = read_cells(write(tmp_path / "a.h5ad", change=some_missing), ["cell_type", "count"], say=said.append)
    assert said == [
        "a.h5ad: cells without a value of cell_type, which are left out: 3.",
        "a.h5ad: cells without a value of count, which are left out: 1.",
    ]
    kept = np.delete(np.arange(CELLS), [4, 5, 6, 8])
    np.testing.assert_array_equal(codes.mean_ND, matrices()[0][kept].astype(float))
    np.testing.assert_array_equal(codes.factors_NF[:, 0], TYPE[kept])


def test_numbers_are_put_into_bins_of_equally_many_cells(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad")
    codes = read_cells(path, ["cell_type", "size", "donor"], bins={"size": 3})
    assert codes.factor_sizes == (3, 3, 5)
    np.testing.assert_array_equal(codes.factors_NF[:, 1], np.arange(CELLS) // 30)
    assert read_cells(path, ["cell_type", "size", "donor"], bins=2).factor_sizes == (3, 2, 2)
    with pytest.raises(IfpError, match=r"'size' .* holds numbers \(90 different ones\); .*size:5"):
        read_cells(path, "size")
    with pytest.raises(IfpError, match=r"'cell_type' .* holds categories"):
        read_cells(path, "cell_type", bins={"cell_type": 2})
    with pytest.raises(IfpError, match="'size', which is not among the factors"):
        read_cells(path, "cell_type", bins={"size": 2})


def test_other_keys_and_none(tmp_path: Path) -> None:
    def more(file: Any) -> None:
        file["obsm/drvi_latent_qzm"], file["obsm/drvi_latent_qzv"] = np.zeros((CELLS, 2)), np.ones((CELLS, 2))
        file["obsm/X_pca"] = np.zeros((CELLS, 2))
        file.create_group("obsm/graph").attrs["encoding-type"] = "csr_matrix"
        file["obsm/negative"] = np.full((CELLS, LATENTS), -1.0)

    path = write(tmp_path / "a.h5ad", change=more)
    with pytest.raises(IfpError, match=r"several keys .*: drvi_latent_qzm, scvi_latent_qzm; name one as `mean_key`"):
        read_cells(path)
    drvi = read_cells(path, mean_key="drvi_latent_qzm", variance_key="drvi_latent_qzv")
    assert drvi.num_latents == 2
    both = {"mean_key": "scvi_latent_qzm", "variance_key": "scvi_latent_qzv"}
    for changed, match in (
        ({"mean_key": "qzm"}, "`mean_key` must be a key of obsm"),
        ({"mean_key": "graph"}, r"obsm\['graph'\] .* is sparse"),
        ({"variance_key": "X_pca"}, r"shapes \[90, 3\] and \[90, 2\]"),
        ({"variance_key": "negative"}, "variances .* must be positive, got -1"),
    ):
        with pytest.raises(IfpError, match=match):
            read_cells(path, **(both | changed))


def test_of_many_cells_a_sample_is_taken_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST_CELLS", 60)
    said: list[str] = []
    first, again, other = (
        read_cells(write(tmp_path / "a.h5ad"), "cell_type", seed=seed, say=said.append) for seed in (0, 0, 1)
    )
    assert said[0] == "a.h5ad: 60 of 90 cells, drawn by seed 0."
    assert len(first) == len(np.unique(first.mean_ND, axis=0)) == 60
    np.testing.assert_array_equal(first.mean_ND, again.mean_ND)
    assert (first.mean_ND != other.mean_ND).any()
    # each row of codes with its own factor
    row_of = {tuple(row): at for at, row in enumerate(matrices()[0].astype(float))}
    np.testing.assert_array_equal(first.factors_NF[:, 0], [TYPE[row_of[tuple(row)]] for row in first.mean_ND])


def no_codes(file: Any) -> None:
    file["obs/cell_type/codes"][0] = 3


def short_column(file: Any) -> None:
    del file["obs/cell_type/codes"]
    file["obs/cell_type/codes"] = TYPE[:50]


def huge(file: Any) -> None:
    del file["obsm/scvi_latent_qzm"]
    file.create_dataset("obsm/scvi_latent_qzm", (2**40, LATENTS), np.float32, chunks=(1000, LATENTS))


def elsewhere(file: Any) -> None:
    del file["obs/cell_type"]
    file["obs/cell_type"] = h5py.ExternalLink("other.h5", "/x")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (no_codes, "no numbers of its categories"),
        (short_column, r"shape \[50\] for 90 cells"),
        (huge, "claims the shape"),
        (elsewhere, "leads elsewhere"),
        (lambda file: file.pop("obs/cell_type"), "Unknown column of a.h5ad 'cell_type': allowed are batch"),
        (lambda file: file.pop("obsm/scvi_latent_qzm"), "no key that ends in latent_qzm .*return_dist=True"),
        (lambda file: file.pop("obsm"), "no obsm"),
        (lambda file: file.pop("obs"), "no obs"),
    ],
)
def test_damage_is_one_sentence(tmp_path: Path, change: Callable[[Any], None], match: str) -> None:
    path = write(tmp_path / "a.h5ad", change=change)
    with pytest.raises(IfpError, match=match) as caught:
        read_cells(path, "cell_type")
    assert "\n" not in str(caught.value)


def test_texts_whose_heap_would_never_end_are_refused(tmp_path: Path) -> None:
    """Free space of no size keeps the HDF5 library, in which no limit of time holds, looking for the next object."""
    path = write(tmp_path / "a.h5ad")
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL")
    end = at + int.from_bytes(content[at + 8 : at + 16], "little")
    place = at + 16
    while int.from_bytes(content[place : place + 2], "little"):  # to the free space at the end
        place += 16 + -(-int.from_bytes(content[place + 8 : place + 16], "little") // 8) * 8
    assert place + int.from_bytes(content[place + 8 : place + 16], "little") == end
    for size in (0, 8, end - place + 8):
        content[place + 8 : place + 16] = size.to_bytes(8, "little")
        path.write_bytes(content)
        with pytest.raises(IfpError, match="the sizes in its heap of texts do not agree; ") as caught:
            read_cells(path, "cell_type")
        assert "\n" not in str(caught.value)


def test_lists_that_are_neither_texts_nor_sequences_are_refused(tmp_path: Path) -> None:
    """One byte of the type of a column of text; the HDF5 library crashes when it reads such a column."""
    path = write(tmp_path / "a.h5ad")
    text_type = bytes.fromhex("19 01 01 00 10 00 00 00")
    content = path.read_bytes()
    assert text_type in content
    path.write_bytes(content.replace(text_type, b"\x19\x05" + text_type[2:]))
    with pytest.raises(ifp.IfpError, match=r"The array 'obs/.*' of .* holds neither numbers nor texts"):
        ifp.read_cells(path, "cell_type")


def test_a_text_that_claims_more_than_the_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad")
    with h5py.File(path) as file:
        start = file["obs/cell_type/categories"].id.get_offset()
    content = path.read_bytes()
    path.write_bytes(content[:start] + b"\xff\xff\xff\x7f" + content[start + 4 :])
    with pytest.raises(ifp.IfpError, match=r"a text in 'obs/cell_type/categories' claims 2,147,483,647 bytes"):
        ifp.read_cells(path, "cell_type")


def test_no_hdf5_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.h5ad").write_bytes(b"nothing of the kind")
    with pytest.raises(IfpError, match="damaged or no HDF5 file"):
        read_cells(tmp_path / "a.h5ad")
    with pytest.raises(IfpError, match="no file"):
        read_cells(tmp_path / "b.h5ad")


def test_codes_of_either_kind_and_their_options(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad").rename(tmp_path / "cells.h5")  # known by its first bytes
    record = read_codes(path, CellOptions(factors=("cell_type",)))
    assert (record.label, record.codes.factor_names) == ("cells", ("cell_type",))
    np.savez(tmp_path / "codes.npz", mean=np.zeros((60, 2)), logvar=np.zeros((60, 2)))
    read_codes(tmp_path / "codes.npz", CellOptions())
    with pytest.raises(IfpError, match=r"for \.h5ad files"):
        read_codes(tmp_path / "codes.npz", CellOptions(factors=("cell_type",)))


def test_sentences_speak_of_cells(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", change=lambda file: file["obs"].create_dataset("one", data=np.zeros(CELLS, int)))
    codes = ifp.read_cells(path, ["cell_type", "one"])
    found = ifp.diagnose(codes, permutations=20, bootstraps=20, joint=False)
    said = f"{found.verdict()} {found.how_read()} {codes!r}"
    assert "image" not in said
    assert "pixels" not in said
    for words in ("one has one value in these cells", "These are 90 cells", "of 90 cells they are mostly bias"):
        assert words in said


def test_arrays_of_a_file_are_samples(tmp_path: Path) -> None:
    mean, variance = matrices()
    np.savez(tmp_path / "codes.npz", mean=mean, logvar=np.log(variance))
    assert repr(read_codes(tmp_path / "codes.npz").codes) == "<Codes: 90 samples, 3 latents, no factors>"


def test_names_of_columns_and_keys_stay_on_one_line(tmp_path: Path) -> None:
    def broken(file: Any) -> None:
        file["obs/line\nbreak"], file["obsm/line\nbreak"] = SIZE, np.zeros((CELLS, 2))

    path, said = write(tmp_path / "a.h5ad", change=broken), list[str]()
    read_cells(path, say=said.append)
    assert "line\\nbreak" in said[0]
    for options in ({"factors": "nope"}, {"mean_key": "nope"}):
        with pytest.raises(IfpError) as refused:
            read_cells(path, **options)  # type: ignore[arg-type]
        assert "line\\nbreak" in str(refused.value)
        assert "\n" not in str(refused.value)
