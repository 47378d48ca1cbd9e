"""The packed grid's file: whole or absent, and never trusted when it is damaged."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets.cache import PackedGrid, build_grid, cache_folder, open_grid
from ifp.errors import IfpError

SHAPE = (1, 4, 8)
BLOCKS, PER_BLOCK = 5, 3


def block(number: int) -> np.ndarray:
    """Images as bool [PER_BLOCK, 4, 8]."""
    return np.random.default_rng(number).random((PER_BLOCK, 4, 8)) < 0.5


def packed_block(number: int) -> np.ndarray:
    return np.packbits(block(number).reshape(PER_BLOCK, -1), axis=1)


def build(path: Path) -> PackedGrid:
    return build_grid(path, "some images", SHAPE, BLOCKS, packed_block, PER_BLOCK)


def reopen(path: Path, identity: str = "some images") -> PackedGrid | None:
    return open_grid(path, identity, BLOCKS * PER_BLOCK, SHAPE)


def test_images_come_back(tmp_path: Path) -> None:
    expected = np.concatenate([block(number) for number in range(BLOCKS)])[:, None] * np.uint8(255)
    for grid in (build(tmp_path / "a.grid"), reopen(tmp_path / "a.grid")):
        assert grid is not None
        np.testing.assert_array_equal(grid.images(np.arange(15)), expected)
        np.testing.assert_array_equal(grid.images(np.array([14, 2])), expected[[14, 2]])
        assert not grid.packed_NP.flags.writeable
        with pytest.raises(IndexError):
            grid.images(np.array([15]))
    assert os.listdir(tmp_path) == ["a.grid"]


def damaged_files(whole: bytes) -> dict[str, bytes]:
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    header = bytearray(whole)
    header[0] ^= 1
    return {
        "empty": b"",
        "short": whole[:-1],
        "long": whole + b"\0",
        "header only": whole[:100],
        "bit flipped": bytes(flipped),
        "magic": bytes(header),
        "header lost": bytes(4096) + whole[4096:],
    }


@pytest.mark.parametrize("damage", list(damaged_files(bytes(5000))))
def test_damaged_files_are_not_opened(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.grid"
    build(path)
    path.write_bytes(damaged_files(path.read_bytes())[damage])
    assert reopen(path) is None
    build(path)
    assert reopen(path) is not None


def test_other_images_or_no_file_are_not_opened(tmp_path: Path) -> None:
    assert reopen(tmp_path / "a.grid") is None
    build(tmp_path / "a.grid")
    assert reopen(tmp_path / "a.grid", "other images") is None


def test_a_stopped_build_leaves_nothing(tmp_path: Path) -> None:
    def stop(text: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_grid(tmp_path / "a.grid", "some images", SHAPE, BLOCKS, packed_block, PER_BLOCK, stop)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IfpError, match="set IFP_CACHE to a folder with room"):
        build(tmp_path / "file" / "a.grid")


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("IFP_CACHE")
    assert cache_folder().name == "ifp"
