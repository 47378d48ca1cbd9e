"""Round trips: what was written in each container is what is read from it, with nothing imported or run."""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
import types
import warnings
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.files.containers import sniff
from ifp.checkpoints.files.contents import INERT, WEIGHTS_ONLY, Contents, Foreign, read_contents
from ifp.checkpoints.files.torch_files import outline_legacy
from ifp.errors import IfpError

from .conftest import Small
from .writers import (
    write_export_of_torch_2_6,
    write_safetensors,
    write_torch_legacy,
    write_torch_zip,
    write_zip,
)

WRITERS = {"torch zip": write_torch_zip, "legacy torch": write_torch_legacy}


@pytest.fixture(params=list(WRITERS))
def container(request: pytest.FixtureRequest) -> str:
    return request.param


def tensors() -> dict[str, torch.Tensor]:
    """Every layout and number type that a state dict may hold."""
    whole = torch.arange(24, dtype=torch.float32) / 7
    return {
        "plain": whole.reshape(2, 3, 4).clone(),
        "transposed": whole.reshape(4, 6).t(),
        "view": whole[5:9],
        "every second": whole[1::2],
        "expanded": torch.tensor([1.5, 2.5]).expand(3, 2),
        "permuted": torch.arange(120.0).reshape(2, 3, 4, 5).permute(3, 1, 0, 2),
        "half": whole.half(),
        "bfloat16": whole.bfloat16(),
        "double": whole.double(),
        "beyond float32": torch.tensor([1e300], dtype=torch.float64),
        "int64": torch.arange(-3, 3),
        "uint8": torch.arange(5, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "uint16": torch.tensor([1, 65535], dtype=torch.uint16),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
    }


def expected(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def assert_same(tree: object, state: dict[str, Any]) -> None:
    assert isinstance(tree, dict)
    assert list(tree) == list(state)
    for name, tensor in state.items():
        array = tree[name]
        np.testing.assert_array_equal(array, expected(tensor), strict=True, err_msg=name)
        assert array.flags.c_contiguous, name
        assert array.flags.owndata or array.base is not None, name


class TestTorchFiles:
    def test_state_dict_is_read_by_torch(self, tmp_path: Path, container: str) -> None:
        state = tensors()
        if container == "legacy torch":
            del state["uint16"]  # torch writes it in this container, and fails to read it
        path = WRITERS[container](tmp_path / "any.name", OrderedDict(state))
        contents = read_contents(path)
        assert (contents.container, contents.reader, contents.foreign) == (container, WEIGHTS_ONLY, ())
        assert sniff(path) == container
        assert type(contents.tree) is dict
        assert_same(contents.tree, state)

    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    def test_inert_reader_reads_the_same(self, tmp_path: Path, container: str, protocol: int) -> None:
        state = tensors()
        path = WRITERS[container](
            tmp_path / "m", {"state_dict": state, "args": argparse.Namespace(beta=4.0)}, pickle_protocol=protocol
        )
        contents = read_contents(path)
        assert (contents.reader, contents.foreign) == (INERT, ("argparse.Namespace",))
        assert isinstance(contents.tree, dict)
        assert_same(contents.tree["state_dict"], state)
        args = contents.tree["args"]
        assert isinstance(args, Foreign)
        assert (args.class_name, args.args, args.state) == ("argparse.Namespace", (), {"beta": 4.0})

    def test_plain_values(self, tmp_path: Path, container: str) -> None:
        values = {
            "epoch": 3, "lr": 1e-3, "name": "vae", "none": None, "flag": True, "list": [1, (2, "x")], 7: "seven",
            "dtype": torch.bfloat16, "size": torch.Size([2, 3]), "device": torch.device("cpu"), "set": {5},
            "parameter": torch.nn.Parameter(torch.ones(2)),
        }  # fmt: skip
        contents = read_contents(WRITERS[container](tmp_path / "m", values))
        tree = contents.tree
        assert isinstance(tree, dict)
        assert (contents.reader, contents.foreign) == (WEIGHTS_ONLY, ())
        np.testing.assert_array_equal(tree.pop("parameter"), np.ones(2, np.float32), strict=True)
        assert tree == {
            "epoch": 3, "lr": 1e-3, "name": "vae", "none": None, "flag": True, "list": [1, (2, "x")], 7: "seven",
            "dtype": "torch.bfloat16", "size": (2, 3), "device": "cpu", "set": [5],
        }  # fmt: skip

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_what_trainers_keep_beside_the_weights(self, tmp_path: Path, container: str, protocol: int) -> None:
        values = {
            "score": np.float64(0.25),
            "steps": np.int64(-7),
            "metadata": defaultdict(dict, a=1),
            "folder": pathlib.PurePosixPath("runs/1"),
            "bytes": b"\x00\xff",
            "complex": torch.ones(2, dtype=torch.complex64),
            "callbacks": {argparse.Namespace: {"best": 1}},
        }
        tree = read_contents(WRITERS[container](tmp_path / "m", values, pickle_protocol=protocol)).tree
        assert isinstance(tree, dict)
        assert (tree["score"], tree["steps"], tree["metadata"]) == (0.25, -7, {"a": 1})
        assert type(tree["score"]) is float
        assert tree["callbacks"] == {"argparse.Namespace": {"best": 1}}
        assert (tree["folder"].class_name, tree["folder"].args) == ("pathlib.PurePosixPath", ("runs", "1"))
        assert tree["bytes"].class_name == "builtins.bytes"
        assert tree["complex"].class_name == "a tensor of complex64 numbers"

    def test_a_class_that_no_longer_exists(self, tmp_path: Path, container: str) -> None:
        module = types.ModuleType("a_package_of_2019")

        class Settings(dict):  # type: ignore[type-arg]
            pass

        Settings.__module__, Settings.__qualname__ = module.__name__, "Settings"
        module.Settings = Settings  # type: ignore[attr-defined]
        settings = Settings(beta=4)
        settings.note = "kept"  # type: ignore[attr-defined]
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, module.__name__, module)
            path = WRITERS[container](tmp_path / "m", {"hyper_parameters": settings, "w": torch.ones(1)})
        contents = read_contents(path)
        assert module.__name__ not in sys.modules
        assert contents.foreign == ("a_package_of_2019.Settings",)
        assert isinstance(contents.tree, dict)
        foreign = contents.tree["hyper_parameters"]
        assert (foreign.state, foreign.items) == ({"note": "kept"}, (("beta", 4),))
        np.testing.assert_array_equal(contents.tree["w"], [1])

    def test_tied_tensors_are_read_once(self, tmp_path: Path, container: str) -> None:
        shared = torch.ones(3)
        for extra in ({}, {"args": argparse.Namespace()}):
            tree = read_contents(WRITERS[container](tmp_path / "m", {"a": shared, "b": shared, **extra})).tree
            assert isinstance(tree, dict)
            assert tree["a"] is tree["b"]

    def test_arrays_are_independent_of_the_file(self, tmp_path: Path, container: str) -> None:
        path = WRITERS[container](tmp_path / "m", {"a": torch.ones(3)})
        tree = read_contents(path).tree
        path.unlink()
        assert isinstance(tree, dict)
        tree["a"] += 1
        np.testing.assert_array_equal(tree["a"], [2, 2, 2])


@pytest.mark.parametrize("name", ["VAE", "betaB", "betaH", "btcvae"])
def test_public_checkpoints_by_both_readers(fixtures_dir: Path, name: str) -> None:
    path = fixtures_dir / "public-checkpoints" / f"{name}_dsprites" / "model.pt"
    contents = read_contents(path)
    assert (contents.container, contents.reader, contents.foreign) == ("legacy torch", WEIGHTS_ONLY, ())
    with path.open("rb") as stream:
        inert = outline_legacy(stream, path.stat().st_size).plain()
    assert isinstance(contents.tree, dict)
    assert isinstance(inert, dict)
    assert list(contents.tree) == list(inert)
    assert contents.tree["encoder.mu_logvar_gen.weight"].shape == (20, 256)
    for key, array in contents.tree.items():
        np.testing.assert_array_equal(array, inert[key], strict=True)


class TestArchives:
    def test_torchscript(self, tmp_path: Path) -> None:
        module = Small().eval()
        with warnings.catch_warnings(action="ignore"):  # torch.jit is deprecated, and its files remain
            torch.jit.script(module).save(tmp_path / "m")
        contents = read_contents(tmp_path / "m")
        assert (contents.container, contents.reader) == ("TorchScript", INERT)
        assert any(name.endswith(".Linear") for name in contents.foreign)
        assert isinstance(contents.tree, dict)
        # TorchScript keeps the unsaved buffer too
        assert_same_set(contents, dict(module.state_dict()) | {"unsaved": torch.zeros(2)})

    def test_torch_export(self, exported: tuple[Small, Path]) -> None:
        module, path = exported
        contents = read_contents(path)
        assert (contents.container, contents.reader, contents.foreign) == ("torch.export", INERT, ())
        assert_same_set(contents, dict(module.state_dict()))

    def test_torch_export_of_older_versions(self, tmp_path: Path) -> None:
        contents = read_contents(write_export_of_torch_2_6(tmp_path / "m.pt2", tensors()))
        assert contents.container == "torch.export"
        assert_same_set(contents, tensors())

    def test_safetensors(self, tmp_path: Path) -> None:
        arrays = {
            "a": np.arange(6, dtype=np.float32).reshape(2, 3),
            "h": np.ones(2, np.float16),
            "n": np.array(3),
            "b": np.array([True, False]),
            "e": np.zeros((0, 2), np.float32),
        }
        contents = read_contents(write_safetensors(tmp_path / "m", arrays))
        assert contents.container == "safetensors"
        assert_same_set(contents, {name: torch.from_numpy(array) for name, array in arrays.items()})

    def test_safetensors_whose_first_byte_is_that_of_a_pickle(self, tmp_path: Path) -> None:
        path = write_safetensors(tmp_path / "m", {"a": np.ones(2, np.float32)})
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        padding = (0x80 - length) % 0x100
        path.write_bytes(
            (length + padding).to_bytes(8, "little") + data[8 : 8 + length] + b" " * padding + data[8 + length :]
        )
        assert path.read_bytes()[0] == 0x80
        assert_same_set(read_contents(path), {"a": torch.ones(2)})

    def test_rezipped_torch_file(self, tmp_path: Path) -> None:
        """Somebody unpacked the file and packed it again, with compression and under another folder."""
        state = {"a": torch.rand(100)}
        with zipfile.ZipFile(write_torch_zip(tmp_path / "m", state)) as archive:
            entries = {f"other/{name.split('/', 1)[1]}": archive.read(name) for name in archive.namelist()}
        contents = read_contents(write_zip(tmp_path / "again", entries, zipfile.ZIP_DEFLATED))
        assert_same_set(contents, state)


def assert_same_set(contents: Contents, state: dict[str, Any]) -> None:
    assert isinstance(contents.tree, dict)
    assert sorted(contents.tree) == sorted(state)
    assert_same({name: contents.tree[name] for name in state}, state)


@pytest.mark.parametrize("foreign", [False, True])
def test_a_flipped_bit_is_refused_by_both_readers(tmp_path: Path, foreign: bool) -> None:
    """One bit of a bias moves a KL, and torch's reader does not compare the checksums of its own files."""
    path = tmp_path / "weights.pt"
    hyper = {"hyper_parameters": np.random.default_rng(0)} if foreign else {}
    torch.save({"encoder.bias": torch.full((5,), 1.5), **hyper}, path)
    data = bytearray(path.read_bytes())
    data[data.index(np.float32(1.5).tobytes()) + 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IfpError, match=r"is damaged: the bytes of its entry 'data/0' do not match their checksum; get"):
        read_contents(path)


@pytest.mark.parametrize("foreign", [False, True])
def test_a_file_written_without_checksums_is_read(tmp_path: Path, foreign: bool) -> None:
    path = tmp_path / "weights.pt"
    hyper = {"hyper_parameters": np.random.default_rng(0)} if foreign else {}
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"encoder.bias": torch.full((5,), 1.5), **hyper}, path)
    finally:
        torch.serialization.set_crc32_options(True)
    tree = read_contents(path).tree
    assert isinstance(tree, dict)
    np.testing.assert_array_equal(tree["encoder.bias"], np.full(5, 1.5, np.float32))


def test_a_legacy_file_whose_list_of_storages_names_another_is_one_sentence(tmp_path: Path) -> None:
    """PyTorch answers with an AssertionError, which a million damaged files found."""
    path = tmp_path / "weights.pt"
    torch.save({"encoder.bias": torch.arange(4.0)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    key = re.findall(rb"\d{8,}", data)[-1]
    at = data.rindex(key)
    other = bytes(b"0123456789"[(digit - 47) % 10] for digit in key)
    path.write_bytes(data[:at] + other + data[at + len(key) :])
    with pytest.raises(IfpError, match="does not hold the storages that it refers to"):
        read_contents(path)
