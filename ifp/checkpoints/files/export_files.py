"""Reads the weights of TorchScript and torch.export archives as plain tensors; their code and graphs are ignored."""

from __future__ import annotations

import io
import re
from typing import IO, Any

import numpy as np

from ifp.checkpoints.files.archives import Archive
from ifp.checkpoints.files.limits import MAX_DIRECTORY_BYTES, SAVE_WEIGHTS, Budget, Unreadable
from ifp.checkpoints.files.plain_data import Foreign
from ifp.checkpoints.files.tensors import ITEM_BYTES, Storage, outline_tensor, read_tensors
from ifp.checkpoints.files.torch_files import outline_zip
from ifp.system.json_text import parse_json

_SCALAR_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool",
    13: "bfloat16", 28: "uint16", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""The number types of torch.export (its ScalarType); the numbers 9 to 11 are complex types, which are not read."""
_STRIDED_LAYOUT = 7
_CONFIG = re.compile(r"data/weights/(.+)_(?:weights|model_param)_config\.json")
_NESTED = re.compile(r"data/weights/.+\.pt|(?:.*/)?serialized_state_dict\.pt")


def read_torchscript(archive: Archive) -> tuple[dict[str, np.ndarray], set[str]]:
    """The parameters and buffers of a scripted or traced module by dotted name, and the names of its classes.

    Raises
    ------
    Unreadable : if the archive is of torch 1.3 or older, or damaged.
    """
    if archive.size("data.pkl") is None:
        raise Unreadable("is a TorchScript archive of torch 1.3 or older", "save it anew with torch 1.4 or newer")
    outline = outline_zip(archive)
    foreign, tree = outline.check(), outline.plain()
    arrays: dict[str, np.ndarray] = {}
    _collect(tree, "", arrays)
    return arrays, foreign


def _collect(module: object, prefix: str, arrays: dict[str, np.ndarray]) -> None:
    if isinstance(module, Foreign) and isinstance(module.state, dict):
        for name, value in module.state.items():
            if isinstance(value, np.ndarray):
                arrays[f"{prefix}{name}"] = value
            else:
                _collect(value, f"{prefix}{name}.", arrays)


def read_exported(archive: Archive) -> tuple[dict[str, np.ndarray], set[str]]:
    """The state dict of a torch.export archive (.pt2).

    Torch 2.9 and newer write each storage as raw bytes, with names, types and shapes in a JSON file. Older versions
    write a torch file inside the archive.

    Raises
    ------
    Unreadable : if the archive holds machine code (AOTInductor), several models or no weights, or if sizes do not fit.
    """
    if any(name.endswith((".so", ".cubin")) or "data/aotinductor/" in name for name in archive.names):
        raise Unreadable(
            "is an AOTInductor package, whose weights are inside machine code",
            "save the model's weights before compiling it, with torch.save(model.state_dict(), 'weights.pt')",
        )
    weights = [name for name in archive.names if _CONFIG.fullmatch(name) or _NESTED.fullmatch(name)]
    if len(weights) != 1:
        raise Unreadable(
            f"is a torch.export archive with the weights of {len(weights)} models, and exactly 1 is read",
            SAVE_WEIGHTS,
        )
    (entry,) = weights
    return _from_config(archive, entry) if _CONFIG.fullmatch(entry) else _from_torch_file(archive.read(entry))


def _from_torch_file(data: bytes) -> tuple[dict[str, np.ndarray], set[str]]:
    stream: IO[bytes] = io.BytesIO(data)
    outline = outline_zip(Archive(stream, len(data)))
    foreign, tree = outline.check(), outline.plain()
    if not isinstance(tree, dict):
        raise Unreadable("is a torch.export archive whose weights are not a state dict")
    return {str(name): value for name, value in tree.items() if isinstance(value, np.ndarray)}, foreign


def _from_config(archive: Archive, config: str) -> tuple[dict[str, np.ndarray], set[str]]:
    folder = config.rsplit("/", 1)[0]
    budget = Budget(sum(archive.size(name) or 0 for name in archive.names))
    storages: dict[str, Storage] = {}
    outlines, foreign = {}, set()
    for name, payload in parse_json(archive.read(config, MAX_DIRECTORY_BYTES))["config"].items():
        meta = payload["tensor_meta"]
        dtype = _SCALAR_TYPES.get(meta["dtype"]) if meta else None
        if payload["use_pickle"] or dtype is None or meta["layout"] != _STRIDED_LAYOUT:
            foreign.add(f"the weight {name}, which is not a plain tensor")
            continue
        key = f"{folder}/{payload['path_name']}"
        size = archive.size(key)
        if size is None or size % ITEM_BYTES[dtype]:
            raise Unreadable(f"is a torch.export archive in which the weight {name!r} is missing or damaged")
        storage = storages.setdefault(key, Storage(key, "uint8", size))
        offset, shape, stride = meta["storage_offset"], meta["sizes"], meta["strides"]
        outlines[name] = outline_tensor(
            storage, dtype, _integer(offset), [*map(_integer, shape)], [*map(_integer, stride)], budget
        )
    arrays = read_tensors(outlines.values(), lambda storage: archive.read(storage.key))
    return {name: arrays[outline] for name, outline in outlines.items()}, foreign


def _integer(size: dict[str, Any]) -> object:
    return size["as_int"]
