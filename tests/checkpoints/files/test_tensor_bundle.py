"""TensorFlow checkpoints: round trips, and damage of every kind."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from ifp.checkpoints.files.containers import sniff
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.files.crc32c import crc32c, masked_crc32c
from ifp.errors import IfpError

from . import writers
from .writers import write_bundle_index, write_tensor_bundle

HEADER = ("", bytes([8, 1]))  # one shard


@pytest.fixture
def arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Forty variables, so that names share prefixes and blocks have several restarts."""
    shapes = {f"encoder/e{n}/{part}": (n, 3) for n in range(1, 20) for part in ("kernel", "bias")}
    variables = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return variables | {
        "global_step": np.array(300000),
        "double": rng.normal(size=4),
        "e": np.zeros((0, 3), np.float32),
    }


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-{shards:05d}"])
def test_round_trip(tmp_path: Path, arrays: dict[str, np.ndarray], shards: int, suffix: str) -> None:
    prefix = tmp_path / "variables" / "variables"
    write_tensor_bundle(prefix, arrays, shards)
    path = Path(f"{prefix}{suffix.format(shards=shards)}")
    contents = read_contents(path)
    assert sniff(path) == contents.container == "TensorFlow bundle"
    assert contents.path == path
    assert isinstance(contents.tree, dict)
    assert sorted(contents.tree) == sorted(arrays)
    for name, array in arrays.items():
        dtype = np.float32 if array.dtype.kind == "f" else array.dtype
        np.testing.assert_array_equal(contents.tree[name], array.astype(dtype), strict=True)


def entry(dtype: int = 1, shape: tuple[int, ...] = (2,), shard: int = 0, offset: int = 0, size: int = 8) -> bytes:
    dims = b"".join(writers._field(2, writers._field(1, length)) for length in shape)
    checksum = writers._varint(6 << 3 | 5) + masked_crc32c(bytes(8)).to_bytes(4, "little")
    fields = {1: dtype, 2: dims, 3: shard, 4: offset, 5: size}
    return b"".join(writers._field(number, value) for number, value in fields.items()) + checksum


def test_the_entries_below_are_read_when_they_are_true(tmp_path: Path) -> None:
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(8))
    index = write_bundle_index(tmp_path / "m.index", [HEADER, ("w", entry())])
    tree = read_contents(index).tree
    assert isinstance(tree, dict)
    np.testing.assert_array_equal(tree["w"], np.zeros(2, np.float32), strict=True)


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        (entry(offset=1), "reaches beyond the end"),
        (entry(offset=2**63), "reaches beyond the end"),
        (entry(size=2**40, shape=(2**38,)), "reaches beyond the end"),
        (entry(shape=(3,)), "the shape"),
        (entry(shape=(2**20, 2**20, 2**20)), "the shape"),
        (entry(shape=(2**63, 2)), "whole numbers"),
        (entry(shape=(1,) * 40 + (2,)), "41 axes"),
        (entry(shard=1), "without its data file number 1"),
        (entry(dtype=99), "a type that is not read"),
        (entry()[:-5] + b"\x35\0\0\0\0", "the checksum of the variable .* is wrong"),
        (entry()[:-3], "reaches beyond its message"),
        (b"\x08" + b"\xff" * 12, "does not end"),
        (b"\x0b", "unknown type"),
    ],
)
def test_lying_entries(tmp_path: Path, variable: bytes, words: str) -> None:
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(8))
    index = write_bundle_index(tmp_path / "m.index", [HEADER, ("w", variable)])
    with pytest.raises(IfpError, match=words) as caught:
        read_contents(index)
    assert "\n" not in str(caught.value)


def test_text_entries_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(8))
    index = write_bundle_index(tmp_path / "m.index", [HEADER, ("graph", entry(dtype=7)), ("w", entry())])
    contents = read_contents(index)
    assert isinstance(contents.tree, dict)
    assert list(contents.tree) == ["w"]
    assert contents.foreign == ("graph",)


def test_overlapping_variables_do_not_multiply(tmp_path: Path) -> None:
    """A file of 4 MiB in which 1,000 variables claim the same bytes."""
    numbers = 2**20
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(4 * numbers))
    same = entry(shape=(numbers,), size=4 * numbers)
    index = write_bundle_index(tmp_path / "m.index", [HEADER, *((f"w{n:04d}", same) for n in range(1000))])
    with pytest.raises(IfpError, match="far more than it holds"):
        read_contents(index)


def test_every_flipped_byte_of_an_index_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(8))
    index = write_bundle_index(tmp_path / "m.index", [HEADER, ("w", entry())])
    whole = index.read_bytes()
    # unread: the empty block of metadata (8 bytes and a trailer), and in the footer its place and the padding
    metadata = whole.index(writers._with_trailer(writers._block([])))
    footer = len(whole) - 48
    unread = {*range(metadata, metadata + 13), footer, footer + 1, *range(footer + 4, footer + 40)}
    for place in set(range(len(whole))) - unread:
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        index.write_bytes(damaged)
        with pytest.raises(IfpError):
            read_contents(index)


def test_missing_shard(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    index = write_tensor_bundle(tmp_path / "m", arrays)
    (tmp_path / "m.data-00000-of-00001").unlink()
    with pytest.raises(IfpError, match="one folder"):
        read_contents(index)


class TestChecksum:
    def test_known_answers(self) -> None:
        """RFC 3720, appendix B.4."""
        assert crc32c(bytes(32)) == 0x8A9136AA
        assert crc32c(b"\xff" * 32) == 0x62A8AB43
        assert crc32c(bytes(range(32))) == 0x46DD794E

    @pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 5120, 10000])
    def test_lanes_agree_with_one_bit_at_a_time(self, rng: np.random.Generator, length: int) -> None:
        data = rng.bytes(length)
        assert masked_crc32c(data) == writers.masked_crc32c(data)
        assert length == 0 or crc32c(data) != zlib.crc32(data)  # another polynomial
