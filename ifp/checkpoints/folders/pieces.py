"""Models in several files: shards of one set of arrays, or an encoder and a decoder in a file each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ifp.checkpoints.arrays.weight_sets import DECODER, ENCODER
from ifp.checkpoints.files.containers import sniff
from ifp.checkpoints.files.contents import Contents, read_contents
from ifp.checkpoints.files.limits import MAX_ENTRIES, MAX_FILE_BYTES
from ifp.checkpoints.folders.settings_files import read_json
from ifp.errors import IfpError
from ifp.system.printable import listed, printable

Pieces = tuple[tuple[str, Path], ...]
"""Pairs of a role and a file: "encoder" and "decoder", or "" for shards, whose arrays keep their names."""
INDEX = ".index.json"
"""The suffix of an index of shards, as Hugging Face's libraries write it."""
_SHARD = re.compile(r"(.+)-(\d{1,5})-of-(\d{1,5})(\.(?:safetensors|bin|pt|pth|ckpt))")
"""Matches the name of a shard: stem, number, count and suffix."""
_MAX_SHARDS = 1000
"""Maximum number of shards of one model."""
_MAX_NAME = 200
"""Maximum number of characters in the name of a shard."""
_SHOWN_NAMES = 5
"""Maximum number of names in a message."""


def pieces_of(path: Path) -> Pieces:
    """The files of the model to which the file `path` belongs, () if the file holds a whole model.

    Raises
    ------
    IfpError : if some shards are missing, or if an index of shards is not valid.
    """
    if path.name.endswith(INDEX):
        return tuple(("", shard) for shard in _indexed(path))
    if match := _SHARD.fullmatch(path.name):
        return tuple(("", shard) for shard in _shards(path, match))
    return split_pieces(path, path.parent.iterdir())


def split_pieces(path: Path, beside: Iterable[Path]) -> Pieces:
    """The encoder's and the decoder's file if `path` is one of them and exactly one of `beside` is the other.

    Apart from the word for their role both must have the same name. Returns () otherwise.
    """
    for role, other, pattern, opposite in (
        ("encoder", "decoder", ENCODER, DECODER),
        ("decoder", "encoder", DECODER, ENCODER),
    ):
        if not pattern.search(path.name):
            continue
        rest = pattern.sub("", path.name, count=1)
        partners = [
            file for file in beside if opposite.search(file.name) and opposite.sub("", file.name, count=1) == rest
        ]
        if len(partners) == 1 and partners[0].is_file():
            pair = {role: path, other: partners[0]}
            return (("encoder", pair["encoder"]), ("decoder", pair["decoder"]))
        return ()
    return ()


def shard_groups(files: Iterable[Path]) -> list[Path]:
    """The models in shards among `files`: their indices or, if there are none, the first shard of each model."""
    files = list(files)
    indices = [path for path in files if path.name.endswith(INDEX) and "weight_map" in read_json(path)]
    if indices:
        return indices
    groups: dict[str, Path] = {}
    for path in files:
        if match := _SHARD.fullmatch(path.name):
            groups.setdefault(f"{match[1]}{match[3]}{match[4]}", path)
    return list(groups.values())


def read_pieces(path: Path, pieces: Pieces) -> Contents:
    """The contents of the files of one model together.

    The arrays of shards are put into one dict; an encoder and a decoder lie under the keys "encoder" and "decoder".

    Raises
    ------
    IfpError : if a file cannot be read, two shards hold the same array, or the index names arrays that no shard holds.
    """
    parts = [(role, read_contents(piece)) for role, piece in pieces]
    tree: dict[object, object] = {}
    for role, part in parts:
        if role:
            tree[role] = part.tree
            continue
        if not isinstance(part.tree, dict):
            raise IfpError(f"{part.path} is named as a shard but holds no dictionary of arrays; get it again.")
        if tree.keys() & part.tree.keys():
            twice = listed(sorted(map(str, tree.keys() & part.tree.keys())), _SHOWN_NAMES)
            raise IfpError(
                f"{part.path} holds arrays that another shard holds too ({twice}); they are not of one model, get them "
                "again."
            )
        tree |= part.tree
    if path.name.endswith(INDEX):
        promised = set(_weight_map(path))
        if missing := sorted(promised - set(map(str, tree))):
            raise IfpError(
                f"{path} names arrays that no shard holds ({listed(missing, _SHOWN_NAMES)}); get the shards again."
            )
    containers = sorted({part.container for _, part in parts})
    foreign = sorted({name for _, part in parts for name in part.foreign})
    return Contents(path, f"{' and '.join(containers)}, {len(parts)} files", parts[0][1].reader, tree, tuple(foreign))


def _indexed(path: Path) -> list[Path]:
    names = list(dict.fromkeys(_weight_map(path).values()))
    if len(names) > _MAX_SHARDS:
        raise IfpError(
            f"{path} names {len(names)} shards, and at most {_MAX_SHARDS} are read; join them into one file."
        )
    for name in names:
        if Path(name).name != name or name in ("", ".", "..") or len(name) > _MAX_NAME:
            shown = name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}..."
            raise IfpError(
                f"{path} names the shard {shown!r}, which is no file beside it; put all shards in one folder."
            )
    missing = [name for name in names if not _is_file(path.parent / name)]
    if missing:
        raise IfpError(
            f"{path} is the index of a model in {len(names)} shards, of which {listed(missing, _SHOWN_NAMES)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; put all shards beside it."
        )
    return _checked([path.parent / name for name in names])


def _is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file system takes is of none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _weight_map(path: Path) -> dict[str, str]:
    content = read_json(path).get("weight_map")
    if not isinstance(content, dict) or not content or len(content) > MAX_ENTRIES:
        raise IfpError(f"{path} is no index of shards: it should hold a weight_map of array names to files.")
    if not all(isinstance(name, str) for name in content.values()):
        raise IfpError(f"{path} is no index of shards: its weight_map should name a file for each array.")
    return content


def _shards(path: Path, match: re.Match[str]) -> list[Path]:
    index = path.with_name(f"{match[1]}{match[4]}{INDEX}")
    if index.is_file():
        return _indexed(index)
    count, digits = int(match[3]), len(match[2])
    if not 0 < count <= _MAX_SHARDS:
        raise IfpError(f"{path} is named as one of {count} shards, and 1 to {_MAX_SHARDS} are read.")
    first = 0 if path.with_name(f"{match[1]}-{0:0{digits}}-of-{match[3]}{match[4]}").is_file() else 1
    shards = [
        path.with_name(f"{match[1]}-{number:0{digits}}-of-{match[3]}{match[4]}")
        for number in range(first, first + count)
    ]
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise IfpError(
            f"{path} is shard {int(match[2])} of {count} of a model, and {listed(missing, _SHOWN_NAMES)} "
            f"{'is' if len(missing) == 1 else 'are'} not beside it; put all shards, and their index if there is one "
            f"({printable(index.name)}), in one folder and name that."
        )
    return _checked(shards)


def _checked(shards: Sequence[Path]) -> list[Path]:
    total = sum(shard.stat().st_size for shard in shards)
    if total > MAX_FILE_BYTES:
        raise IfpError(
            f"The {len(shards)} shards beside {shards[0]} have {total / 2**30:.1f} GiB, and at most "
            f"{MAX_FILE_BYTES // 2**30} are read."
        )
    for shard in shards:
        sniff(shard)
    return list(shards)
