"""Files that lie, that are cut short, or that ask to be run: one sentence each, nothing executed, memory under 1 GB.

The files are made here and read in one child process, which reports what became of each and the most memory it held.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from .writers import (
    pickled_tensor,
    write_export_of_torch_2_6,
    write_legacy_of_pickle,
    write_safetensors,
    write_tensor_bundle,
    write_torch_legacy,
    write_torch_zip,
    write_torch_zip_of_pickle,
    write_zip,
)

MOST_MEMORY_BYTES = 1e9
RAW = np.arange(4, dtype=np.float32).tobytes()
PROTOCOL_2, STOP = b"\x80\x02", b"."

# Reads every file named on its input; torch, which is most of the memory, is imported by ifp itself.
READER = """
import json, resource, sys
from pathlib import Path
from ifp.checkpoints.contents import read_contents
from ifp.errors import IfpError

def most_memory():
    try:  # ru_maxrss would count what the parent held when it started this process
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

before, outcomes = most_memory(), {}
for path in json.load(sys.stdin):
    try:
        contents = read_contents(Path(path))
        outcomes[path] = "read", f"{contents.container}, {contents.reader}, {list(contents.foreign)}"
    except IfpError as error:
        outcomes[path] = "refused", str(error)
    except BaseException as error:
        outcomes[path] = "crashed", repr(error)[:300]
json.dump({"outcomes": outcomes, "before": before, "after": most_memory()}, sys.stdout)
"""


def read_all(paths: list[Path]) -> tuple[dict[str, tuple[str, str]], float]:
    """(what happened, in which words) by file name, and the child's peak memory in bytes."""
    child = subprocess.run(
        [sys.executable, "-c", READER], input=json.dumps([str(path) for path in paths]), text=True,
        capture_output=True, check=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    report = json.loads(child.stdout)
    assert child.stderr == ""
    return {Path(path).name: tuple(outcome) for path, outcome in report["outcomes"].items()}, report["after"]


def assert_one_sentence(message: str, path: Path) -> None:
    """The path, what is wrong, and what to do, in one line with one full stop at its end."""
    rest = message.removeprefix(str(path))
    assert rest != message
    assert "\n" not in message
    assert rest.endswith(".")
    assert ". " not in rest
    assert 30 < len(rest) < 500, message


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


def write_torchscript(path: Path) -> Path:
    with warnings.catch_warnings(action="ignore"):  # torch.jit is deprecated, and its files remain
        torch.jit.script(torch.nn.Linear(3, 2)).save(path)
    return path


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
    add_pickle("itself", PROTOCOL_2 + b"]q\0h\0a.", "nested deeper")
    add_pickle("laughs", doubled(60), "shared parts")
    add_pickle("memo", PROTOCOL_2 + b"Nr\xff\xff\xff\x7f.", "")
    add_pickle("many_instructions", PROTOCOL_2 + b"N0" * 1_500_000 + b"N.", "instructions")
    add_pickle("text_length", PROTOCOL_2 + b"X\xff\xff\xff\x7fab.", "damaged pickle")
    add_pickle("bytes_length", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fab.", "damaged pickle")
    add_pickle("digits", PROTOCOL_2 + b"I" + b"9" * 100_000 + b"\n" + STOP, "damaged pickle")
    add_pickle("long", PROTOCOL_2 + b"\x8b\x00\x00\x10\x00" + b"\x7f" * 2**20 + STOP, "whole number of")
    add_pickle("empty_stack", PROTOCOL_2 + b"R.", "damaged pickle")
    add_pickle("no_stop", PROTOCOL_2 + b"N", "damaged pickle")
    add("pickle_too_long", write_torch_zip_of_pickle, "at most", PROTOCOL_2 + bytes(70 * 2**20))
    add("many_entries", write_zip, "entries", {f"a/{n}": b"" for n in range(100_001)})
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
        ("short_size_lie", (3, 3), "'0'"),
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
    add("zip_module", write_torch_zip, "class .*test_hostile.Module.*state_dict", Module(2, 2))
    add("legacy_module", write_torch_legacy, "class .*test_hostile.Module.*state_dict", Module(2, 2))
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
    add("st_deep", write_safetensors_header, "damaged", '{"w":' * 100_000)
    add("st_not_json", write_safetensors_header, "damaged", "{" * 10)
    return attacks


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The hostile files, what became of each, the peak memory, and the file that any execution would create."""
    folder = tmp_path_factory.mktemp("hostile")
    sentinel = tmp_path_factory.mktemp("sentinel") / "executed"
    attacks = hostile_files(folder, sentinel)
    outcomes, memory = read_all([path for path, _ in attacks.values()])
    return attacks, outcomes, memory, sentinel


def test_each_hostile_file_gets_its_sentence(attacked: Any) -> None:
    attacks, outcomes, _, _ = attacked
    assert len(attacks) > 100
    for name, (path, words) in attacks.items():
        what, message = outcomes[name]
        if words:
            assert what == "refused", (name, message)
            assert_one_sentence(message, path)
            assert re.search(words, message), (name, message)
        else:
            assert what == "read", (name, message)


def test_nothing_is_executed(attacked: Any) -> None:
    _, _, _, sentinel = attacked
    assert not sentinel.exists()


def test_the_attack_is_real(tmp_path: Path) -> None:
    """Python's own unpickler would have created the file."""
    pickle.loads(pickle.dumps(Calls(os.system, f"touch {tmp_path / 'executed'}")))
    pickle.loads(calls_by_name("os", "system", f"touch {tmp_path / 'by_name'}", "STACK_GLOBAL") + STOP)
    assert (tmp_path / "executed").exists()
    assert (tmp_path / "by_name").exists()


def test_memory_stays_under_a_gigabyte(attacked: Any) -> None:
    _, _, memory, _ = attacked
    assert memory < MOST_MEMORY_BYTES


def write_exported(path: Path) -> Path:
    exported = torch.export.export(torch.nn.Linear(3, 2), (torch.zeros(1, 3),))
    torch.export.save(exported, path.with_suffix(".pt2"))
    return path.with_suffix(".pt2")


def test_files_cut_short_at_every_percent(tmp_path: Path) -> None:
    state = {"encoder": torch.nn.Linear(30, 20).state_dict(), "epoch": 3}
    arrays = {f"encoder/e{n}/kernel": np.ones((n, 4), np.float32) for n in range(1, 20)}
    whole = {
        "zip": write_torch_zip(tmp_path / "zip", state),
        "legacy": write_torch_legacy(tmp_path / "legacy", state),
        "script": write_torchscript(tmp_path / "script"),
        "export": write_exported(tmp_path / "export"),
        "old_export": write_export_of_torch_2_6(tmp_path / "old_export", {"w": torch.ones(9)}),
        "safetensors": write_safetensors(tmp_path / "safetensors", arrays),
        "bundle": write_tensor_bundle(tmp_path / "bundle", arrays),
    }
    cuts: list[Path] = []
    for name, path in whole.items():
        data = path.read_bytes()
        for percent in range(101):
            suffix = ".index" if name == "bundle" else ""
            cut = tmp_path / f"{name}_at_{percent}{suffix}"
            cut.write_bytes(data[: len(data) * percent // 100])
            cuts.append(cut)
            if name == "bundle":
                (tmp_path / f"{name}_at_{percent}.data-00000-of-00001").write_bytes(
                    (tmp_path / "bundle.data-00000-of-00001").read_bytes()
                )
    bundle = whole["bundle"].read_bytes()
    shard = (tmp_path / "bundle.data-00000-of-00001").read_bytes()
    for percent in range(100):
        cut = tmp_path / f"shard_at_{percent}.index"
        cut.write_bytes(bundle)
        Path(f"{tmp_path}/shard_at_{percent}.data-00000-of-00001").write_bytes(shard[: len(shard) * percent // 100])
        cuts.append(cut)
    outcomes, memory = read_all(cuts)
    for cut in cuts:
        what, message = outcomes[cut.name]
        assert what == ("read" if "_at_100" in cut.name else "refused"), (cut.name, message)
        if what == "refused":
            assert_one_sentence(message, cut)
    assert memory < MOST_MEMORY_BYTES


def test_random_damage_never_crashes(tmp_path: Path, rng: np.random.Generator) -> None:
    """1,200 files of every container with a few bytes changed: read or refused, nothing else."""
    state = {"w": torch.ones(3), "args": Calls(dict, [("a", 1)])}
    whole = [
        write_torch_zip(tmp_path / "zip", state),
        write_torch_legacy(tmp_path / "legacy", state),
        write_torchscript(tmp_path / "script"),
        write_export_of_torch_2_6(tmp_path / "export", {"w": torch.ones(3)}),
        write_safetensors(tmp_path / "safetensors", {"w": np.ones(3, np.float32)}),
        write_tensor_bundle(tmp_path / "bundle", {"w": np.ones(3, np.float32)}),
    ]
    damaged = []
    for path in whole:
        for trial in range(200):
            data = bytearray(path.read_bytes())
            for place in rng.integers(len(data), size=rng.integers(1, 4)):
                data[place] = rng.integers(256)
            damaged.append(raw(tmp_path / f"{path.stem}_{trial}", bytes(data)))
    outcomes, memory = read_all(damaged)
    for path in damaged:
        what, message = outcomes[path.name]
        assert what in ("read", "refused"), (path.name, message)
        if what == "refused":
            assert_one_sentence(message, path)
    assert memory < MOST_MEMORY_BYTES
