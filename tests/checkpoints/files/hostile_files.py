"""Makes the files of an attacker, each with the words by which it must be refused."""

from __future__ import annotations

import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .writers import (
    pickled_tensor,
    write_legacy_of_pickle,
    write_torch_legacy,
    write_torch_zip,
    write_torch_zip_of_pickle,
    write_zip,
)

RAW = np.arange(4, dtype=np.float32).tobytes()
PROTOCOL_2, STOP = b"\x80\x02", b"."


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def calls_by_name(module: str, name: str, argument: str, opcodes: str = "GLOBAL") -> bytes:
    """A pickle that calls module.name(argument), with the two ways to name it."""
    text = b"X" + struct.pack("<I", len(argument)) + argument.encode()
    if opcodes == "GLOBAL":
        named = f"c{module}\n{name}\n".encode()
    else:
        named = b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)) + b"\x93"
    return b"\x80\x04" + named + text + b"\x85R"


def nested(depth: int) -> bytes:
    return PROTOCOL_2 + b"]" * depth + b"a" * (depth - 1) + STOP


def doubled(times: int) -> bytes:
    """A list of two references to a list of two references, and so on: 2^times values in a few bytes."""
    steps = [bytes((0x71, place, 0x5D, 0x28, 0x68, place, 0x68, place, 0x65)) for place in range(times)]
    return PROTOCOL_2 + b"]" + b"".join(steps) + STOP  # BINPUT, EMPTY_LIST, MARK, BINGET twice, APPENDS


def patch_directory(path: Path, entry: str, sizes: tuple[int | None, int | None]) -> Path:
    """Rewrite the (compressed, unpacked) sizes that a zip's table of contents states for an entry."""
    data = bytearray(path.read_bytes())
    start = data.rindex(entry.encode(), 0, data.rindex(b"PK\5\6")) - 46
    assert data[start : start + 4] == b"PK\1\2"
    for offset, size in zip((20, 24), sizes, strict=True):
        if size is not None:
            data[start + offset : start + offset + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


class Module(torch.nn.Linear):
    """Stands for a user's own class, whose code is not there when the file is read."""


def write_tar(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "storages")
    return path


def write_bomb(path: Path) -> Path:
    """Zeros that deflate packs 1,000-fold, as a storage that the pickle states truly."""
    numbers = 50_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickled_tensor(numbers, size=(numbers,)))
        with archive.open("a/data/0", "w") as entry:
            for _ in range(200):
                entry.write(bytes(4 * numbers // 200))
    return path


def write_safetensors_header(path: Path, header: str) -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + RAW)
    return path


def raw(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def hostile_files(folder: Path, sentinel: Path) -> dict[str, tuple[Path, str]]:
    """Name of the attack -> the file, and words that its refusal must hold ("" where it is read as inert data)."""
    shell = f"touch {sentinel}"
    python = f"open({str(sentinel)!r}, 'w')"
    attacks: dict[str, tuple[Path, str]] = {}

    def add(name: str, write: Callable[..., Path], words: str, *args: Any) -> None:
        attacks[name] = write(folder / name, *args), words

    def add_pickle(name: str, pickled: bytes, words: str) -> None:
        """The same pickle in both of torch's containers."""
        attacks[f"zip_{name}"] = write_torch_zip_of_pickle(folder / f"zip_{name}", pickled, {"0": RAW}), words
        attacks[f"legacy_{name}"] = write_legacy_of_pickle(folder / f"legacy_{name}", pickled, {}), words

    # calls
    system = {"state_dict": {"w": torch.ones(2)}, "x": Calls(os.system, shell)}
    add("zip_reduce_system", write_torch_zip, "asks its reader to call", system)
    add("legacy_reduce_system", write_torch_legacy, "asks its reader to call", system)
    add("zip_reduce_eval", write_torch_zip, "call builtins.eval", {"x": Calls(eval, python)})
    add("legacy_reduce_exec", write_torch_legacy, "call builtins.exec", {"x": Calls(exec, python)})
    add("plain_pickle", raw, "plain Python pickle", pickle.dumps(system["x"]))
    add("encoder.pkl", raw, "plain Python pickle", pickle.dumps(Module(2, 2)))
    for opcodes in ("GLOBAL", "STACK_GLOBAL"):
        add_pickle(f"system_{opcodes}", calls_by_name("os", "system", shell, opcodes) + STOP, "call os.system")
        through = calls_by_name("torch.serialization", "os.system", shell, opcodes) + STOP
        add_pickle(f"system_through_{opcodes}", through, "serialization.os.system")
    dropped = calls_by_name("os", "system", shell) + b"0}" + STOP
    add_pickle("system_dropped", dropped, "call os.system")
    add_pickle("instance", b"(X\x01\x00\x00\x00aios\nsystem\n.", "call os.system")
    add_pickle(
        "build_on_function", PROTOCOL_2 + b"ctorch._utils\n_rebuild_tensor_v2\nN}(X\x08\0\0\0__code__K\x01u\x86b.", ""
    )
    add_pickle("build_dunder", PROTOCOL_2 + b"ccollections\nOrderedDict\n)R}(X\x05\0\0\0itemsK\x01ub.", "")
    add_pickle("name_with_line_breaks", b"\x80\x04\x8c\x04a\n\x1b[\x8c\x01b\x93)R.", "is not a valid name")
    add_pickle("extension_code", PROTOCOL_2 + b"\x82\x01.", "instruction EXT1")
    add_pickle("buffer", b"\x80\x05\x97.", "instruction NEXT_BUFFER")
    add_pickle("persistent_text", b"Pwhatever\n.", "refers to something outside it")
    add_pickle(
        "persistent_system",
        PROTOCOL_2 + b"(X\x07\0\0\0storagecos\nsystem\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ.",
        "unknown type",
    )
    add_pickle("bytearray", PROTOCOL_2 + b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "")
    add_pickle("untyped_storage", PROTOCOL_2 + b"ctorch.storage\nUntypedStorage\nJ\xff\xff\xff\x7f\x85R.", "")
    # sizes, counts and depth
    add_pickle("deep", nested(100_000), "nested deeper")
    add_pickle("deep_key", PROTOCOL_2 + b"})" + b"\x85" * 100_000 + b"Ns.", "")
    deep_set = b"c__builtin__\nset\n](" + b")" + b"\x85" * 200_000 + b"e\x85R0"
    add_pickle("deep_set", PROTOCOL_2 + deep_set + b"N.", "")
    add_pickle("deep_objects", PROTOCOL_2 + b"ca\nb\n" * 30_000 + b"N" + b"\x85R" * 30_000 + STOP, "nested deeper")
    add_pickle("itself", PROTOCOL_2 + b"]q\0h\0a.", "nested deeper")
    add("laughs", write_torch_zip_of_pickle, "shared parts", doubled(60))
    add_pickle("memo", PROTOCOL_2 + b"Nr\xff\xff\xff\x7f.", "")
    add("many_instructions", write_torch_zip_of_pickle, "instructions", PROTOCOL_2 + b"N0" * 1_000_001 + b"N.")
    add_pickle("text_length", PROTOCOL_2 + b"X\xff\xff\xff\x7fab.", "damaged pickle")
    add_pickle("bytes_length", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fab.", "damaged pickle")
    add_pickle("digits", PROTOCOL_2 + b"I" + b"9" * 100_000 + b"\n" + STOP, "damaged pickle")
    add_pickle("long", PROTOCOL_2 + b"\x8b\x00\x00\x10\x00" + b"\x7f" * 2**20 + STOP, "whole number of")
    add_pickle("empty_stack", PROTOCOL_2 + b"R.", "damaged pickle")
    add_pickle("no_stop", PROTOCOL_2 + b"N", "damaged pickle")
    add("pickle_too_long", write_torch_zip_of_pickle, "at most", PROTOCOL_2 + bytes(33 * 2**20))
    add("many_entries", write_zip, "entries", {f"a/{n}": b"" for n in range(20_001)})
    # tensors and storages
    true = {"numel": 4, "offset": 0, "size": (4,), "stride": (1,)}
    lies: dict[str, tuple[dict[str, Any], str]] = {
        "numel": ({"numel": 10**12}, "storage '0'"),
        "numel_short": ({"numel": 3}, "storage '0'|reaches element"),
        "numel_negative": ({"numel": -4}, "whole numbers"),
        "size": ({"size": (5,)}, "reaches element 4 of a storage of 4"),
        "size_huge": ({"size": (10**12,)}, "reaches element"),
        "size_negative": ({"size": (-4,)}, "whole numbers"),
        "size_of_bits": ({"size": (2**200,)}, "whole numbers"),
        "offset": ({"offset": 1}, "reaches element"),
        "offset_negative": ({"offset": -1}, "whole numbers"),
        "stride": ({"stride": (2,)}, "reaches element"),
        "stride_negative": ({"stride": (-1,)}, "whole numbers"),
        "stride_missing": ({"stride": ()}, "do not match"),
        "expanded": ({"size": (10**12,), "stride": (0,)}, "far more than it holds"),
        "expanded_twice": ({"size": (10**6, 10**6), "stride": (0, 0)}, "far more than it holds"),
        "empty_but_huge": ({"size": (0, 10**12), "stride": (1, 1)}, "far more than it holds"),
        "axes": ({"size": (1,) * 70, "stride": (1,) * 70}, "70 axes"),
        "not_whole": ({"size": (4.0,)}, "whole numbers"),
    }
    for name, (lie, words) in lies.items():
        add(f"zip_{name}", write_torch_zip_of_pickle, words, pickled_tensor(**true | lie), {"0": RAW})
        legacy = pickled_tensor(**true | lie, legacy=True)
        words = words.replace("'0'", "'0'|cut short|states both")
        add(f"legacy_{name}", write_legacy_of_pickle, words, legacy, {"0": (4, RAW)})
    honest = pickled_tensor(**true)
    add("zip_no_storage", write_torch_zip_of_pickle, "without the entry", honest)
    add("zip_parent", write_torch_zip_of_pickle, "without the entry", pickled_tensor(**true, key="../../0"), {"0": RAW})
    for name, stated in {"count": 10**12, "count_negative": -1, "count_short": 3}.items():
        legacy = pickled_tensor(**true, legacy=True)
        add(f"legacy_{name}", write_legacy_of_pickle, "states both 4 and", legacy, {"0": (stated, RAW)})
    add(
        "legacy_no_storage",
        write_legacy_of_pickle,
        "does not hold the storages",
        pickled_tensor(**true, legacy=True),
        {},
    )
    # archives
    add("bomb", write_bomb, "far more than it holds")
    for name, sizes, words in (
        ("size_lie", (None, 2**31), "states two sizes"),
        ("both_sizes_lie", (2**31, 2**31), "far more than it holds"),
        ("short_size_lie", (3, 3), "'data/0'"),
    ):
        add(name, write_torch_zip_of_pickle, words, honest, {"0": RAW})
        patch_directory(folder / name, "archive/data/0", sizes)
    add(
        "deflated_size_lie",
        write_zip,
        "damaged",
        {"a/data.pkl": honest, "a/data/0": bytes(10**6)},
        zipfile.ZIP_DEFLATED,
    )
    patch_directory(folder / "deflated_size_lie", "a/data/0", (None, 16))
    two = {"a/data.pkl": honest, "a/DATA.pkl": calls_by_name("os", "system", shell) + STOP}
    add("two_pickles", write_zip, "same name", two)
    add("tar", write_tar, "tar archive")
    # whole modules
    add("zip_module", write_torch_zip, "class .*hostile_files.Module.*state_dict", Module(2, 2))
    add("legacy_module", write_torch_legacy, "class .*hostile_files.Module.*state_dict", Module(2, 2))
    # other containers
    machine_code = {"m/archive_format": b"pt2", "m/data/aotinductor/model/k.wrapper.so": b"\x7fELF"}
    add("machine_code.pt2", write_zip, "AOTInductor", machine_code)
    add("no_weights.pt2", write_zip, "weights of 0 models", {"m/archive_format": b"pt2"})
    for name, lie in {"sizes": {"sizes": [{"as_int": 10**12}]}, "strides": {"strides": [{"as_int": -1}]}}.items():
        meta = {
            "dtype": 7,
            "sizes": [{"as_int": 4}],
            "strides": [{"as_int": 1}],
            "storage_offset": {"as_int": 0},
            "layout": 7,
        }
        config = {"config": {"w": {"path_name": "weight_0", "use_pickle": False, "tensor_meta": meta | lie}}}
        entries = {"m/archive_format": b"pt2", "m/data/weights/weight_0": RAW}
        entries["m/data/weights/m_weights_config.json"] = json.dumps(config).encode()
        add(f"{name}.pt2", write_zip, "reaches element|whole numbers", entries)
    tensor = '{"w": {"dtype": "F32", "shape": %s, "data_offsets": %s}}'
    add("st_offsets", write_safetensors_header, "beyond its end", tensor % ("[4]", "[0, 1600]"))
    add("st_negative", write_safetensors_header, "whole numbers", tensor % ("[4]", "[-16, 0]"))
    add("st_shape", write_safetensors_header, "reaches element", tensor % ("[1000000000000]", "[0, 16]"))
    add(
        "st_name",
        write_safetensors_header,
        "beyond its end",
        (tensor % ("[4]", "[0, 99]")).replace('"w"', '"\\n\\u001b"'),
    )
    add("st_deep", write_safetensors_header, "damaged", '{"w":' * 100_000)
    add("st_not_json", write_safetensors_header, "damaged", "{" * 10)
    return attacks
