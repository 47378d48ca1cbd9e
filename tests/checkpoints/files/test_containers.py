"""A file is known by its content, and what is often taken for a checkpoint is named, with a remedy."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from ifp.checkpoints.files.containers import sniff
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import locate
from ifp.errors import IfpError

from .writers import write_zip


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "is empty"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "web page"),
        (b"seed: 3\n", "not a checkpoint of a known kind"),
    ],
)
def test_other_files_are_named(tmp_path: Path, head: bytes, words: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(head)
    with pytest.raises(IfpError, match=words):
        sniff(path)
    with pytest.raises(IfpError, match=words):
        read_contents(path)


def test_folder_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match="is a folder"):
        read_contents(tmp_path)
    with pytest.raises(IfpError, match="does not exist"):
        read_contents(tmp_path / "missing.pt")


def test_npz_and_other_zips_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", mean=np.zeros(3))
    with pytest.raises(IfpError, match=r"\.npz.*ifp\.Codes"):
        read_contents(tmp_path / "codes.npz")
    with pytest.raises(IfpError, match="not a checkpoint"):
        read_contents(write_zip(tmp_path / "source.zip", {"main.py": b""}))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            b"\x08\x09\x12\x07pytorch\x1a\x052.1.0",
            "ONNX model, .* with onnxruntime in a function of yours .*`model=",
        ),
        (b"\x08\x07\x12\x07tf2onnx", "ONNX model"),
        (b"\x08\x06:\xff\x03", "ONNX model"),
        (b"\x08\x01\x12\xbb\xe6\x02", r"SavedModel's graph .* with TensorFlow in a function of yours .*`model="),
        (b"\x89HDF\r\n\x1a\n", r"HDF5 file \(Keras, h5py\).* with Keras in a function of yours .*`model="),
        (b"\x08\xff\x12", "not a checkpoint of a known kind"),
    ],
)
def test_files_of_other_libraries_are_named(head: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(head + bytes(600))
    with pytest.raises(IfpError, match=words):
        sniff(tmp_path / "file")


def test_a_keras_archive_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    with pytest.raises(IfpError, match=r"is a Keras model.*`model="):
        locate(tmp_path / "model.keras")
