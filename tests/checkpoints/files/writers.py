"""Writes small files in every container that checkpoints come in, for the tests to read back."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
TABLE_MAGIC = 0xDB4775248B80FB57
TENSORFLOW_DTYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}
SAFETENSORS_DTYPES = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64", "bool": "BOOL"}
RESTART_INTERVAL = 16


def write_torch_zip(path: Path, obj: Any, **options: Any) -> Path:
    """What torch.save writes since torch 1.6."""
    torch.save(obj, path, **options)
    return path


def write_torch_legacy(path: Path, obj: Any, **options: Any) -> Path:
    """What torch.save wrote before torch 1.6: pickles one after the other, then the raw storages."""
    torch.save(obj, path, _use_new_zipfile_serialization=False, **options)
    return path


def write_zip(path: Path, entries: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """Any zip archive."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def write_torch_zip_of_pickle(path: Path, pickled: bytes, storages: Mapping[str, bytes] | None = None) -> Path:
    """A torch zip around a hand-made pickle and the raw bytes of its storages."""
    entries = {"archive/data.pkl": pickled, "archive/byteorder": b"little", "archive/version": b"3\n"}
    return write_zip(path, entries | {f"archive/data/{key}": data for key, data in (storages or {}).items()})


def write_export_of_torch_2_6(path: Path, state_dict: Mapping[str, torch.Tensor]) -> Path:
    """The layout of torch.export.save up to torch 2.7: the weights are a torch file inside the zip."""
    inner = io.BytesIO()
    torch.save(dict(state_dict), inner)
    entries = {"version": b"8.4", "serialized_exported_program.json": b"{}", "serialized_constants.pt": b""}
    return write_zip(path, entries | {"serialized_state_dict.pt": inner.getvalue()})


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """8 bytes with the header's length, a JSON header, the raw arrays."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, array in arrays.items():
        raw = array.tobytes()
        header[name] = {
            "dtype": SAFETENSORS_DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
    return path


def write_tensor_bundle(prefix: Path, arrays: Mapping[str, np.ndarray], shards: int = 1) -> Path:
    """TensorFlow's checkpoint format: PREFIX.index and PREFIX.data-0000k-of-0000n; returns the index's path.

    The index is one LevelDB table: a data block of sorted keys, an empty metaindex block, an index block, a footer.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    data = [b""] * shards
    entries = [("", _field(1, shards) + _field(3, _field(1, 1)))]  # BundleHeaderProto
    for number, (name, array) in enumerate(sorted(arrays.items())):
        shard, raw = number % shards, array.tobytes()
        shape = b"".join(_field(2, _field(1, size)) for size in array.shape)
        entry = _field(1, TENSORFLOW_DTYPES[array.dtype.name]) + _field(2, shape)
        entry += _field(3, shard) + _field(4, len(data[shard])) + _field(5, len(raw))
        entry += _varint(6 << 3 | 5) + struct.pack("<I", masked_crc32c(raw))
        entries.append((name, entry))
        data[shard] += raw
    for shard, raw in enumerate(data):
        Path(f"{prefix}.data-{shard:05d}-of-{shards:05d}").write_bytes(raw)
    return write_bundle_index(Path(f"{prefix}.index"), entries)


def write_bundle_index(path: Path, entries: list[tuple[str, bytes]]) -> Path:
    """A LevelDB table of the given keys and values."""
    table = b""
    handles = []
    last = entries[-1][0] if entries else ""
    for block in (_block(entries), _block([])):
        handles.append(_varint(len(table)) + _varint(len(block)))
        table += _with_trailer(block)
    index = _block([(last, handles[0])])
    handles.append(_varint(len(table)) + _varint(len(index)))
    table += _with_trailer(index)
    footer = (handles[1] + handles[2]).ljust(40, b"\0") + struct.pack("<Q", TABLE_MAGIC)
    path.write_bytes(table + footer)
    return path


def masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), bit by bit, rotated and shifted as LevelDB stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _block(entries: list[tuple[str, bytes]]) -> bytes:
    """Keys share their prefix with the key before, except at the restarts."""
    block, restarts, previous = b"", [], b""
    for number, (name, value) in enumerate(entries):
        key, shared = name.encode(), 0
        if number % RESTART_INTERVAL == 0:
            restarts.append(len(block))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        block += _varint(shared) + _varint(len(key) - shared) + _varint(len(value)) + key[shared:] + value
        previous = key
    restarts = restarts or [0]
    return block + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def _with_trailer(block: bytes) -> bytes:
    return block + b"\0" + struct.pack("<I", masked_crc32c(block + b"\0"))


def _varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _field(number: int, value: int | bytes) -> bytes:
    """One protocol-buffer field: a whole number or a nested message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


class _RebuildTensor:
    """Pickles as a call of torch._utils._rebuild_tensor_v2 with the given numbers, true or not."""

    def __init__(self, numel: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...], key: str) -> None:
        self.label = ("storage", torch.FloatStorage, key, "cpu", numel)
        self.numbers = offset, size, stride

    def __reduce__(self) -> tuple[Any, ...]:
        return torch._utils._rebuild_tensor_v2, (_StorageLabel(self.label), *self.numbers, False, {})


class _StorageLabel:
    def __init__(self, label: tuple[Any, ...]) -> None:
        self.label = label


class _TensorPickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, protocol: int, legacy: bool) -> None:
        super().__init__(stream, protocol)
        self.more = (None,) if legacy else ()

    def persistent_id(self, obj: Any) -> Any:
        return (*obj.label, *self.more) if isinstance(obj, _StorageLabel) else None


def pickled_tensor(
    numel: int,
    offset: int = 0,
    size: tuple[int, ...] = (4,),
    stride: tuple[int, ...] = (1,),
    *,
    key: str = "0",
    legacy: bool = False,
) -> bytes:
    """The pickle {"weight": tensor} of a file whose storage `key` is said to hold `numel` float32."""
    stream = io.BytesIO()
    _TensorPickler(stream, 2, legacy).dump({"weight": _RebuildTensor(numel, offset, size, stride, key)})
    return stream.getvalue()


def write_legacy_of_pickle(path: Path, pickled: bytes, storages: Mapping[str, tuple[int, bytes]]) -> Path:
    """A legacy torch file around a hand-made pickle; `storages` gives the count that is stated and the raw bytes."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(LEGACY_MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps(system, 2), pickled]
    parts.append(pickle.dumps(list(storages), 2))
    parts += [struct.pack("<q", count) + raw for count, raw in storages.values()]
    path.write_bytes(b"".join(parts))
    return path
