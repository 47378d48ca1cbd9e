"""Models in several files: shards by their index or by their names, an encoder's file beside a decoder's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.readings.candidates import Candidates, load_candidates
from ifp.checkpoints.source import ReadingOptions
from ifp.errors import IfpError

from ..arrays.wrapped import Arrays, part, state
from ..files import writers

SHARD = "model-0000{}-of-00002.safetensors"
INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return state()


def read(path: Path, position: int = -1) -> Candidates:
    return load_candidates(locate(path).files[position], ReadingOptions())


def is_whole(found: Candidates, arrays: Arrays) -> bool:
    vae = found.vaes[0]
    first = next(iter(vae.encoder.parameters())).detach().numpy()
    return vae.decoder is not None and not vae.unused and np.array_equal(first, arrays["encoder.conv1.weight"])


def write_shards(folder: Path, arrays: Arrays, index: bool = True, pattern: str = SHARD) -> Path:
    names = list(arrays)
    halves = names[::2], names[1::2]
    for number, half in enumerate(halves, start=1):
        part_of = {name: arrays[name] for name in half}
        if pattern.endswith("safetensors"):
            writers.write_safetensors(folder / pattern.format(number), part_of)
        else:
            torch.save(
                {name: torch.from_numpy(array) for name, array in part_of.items()}, folder / pattern.format(number)
            )
    if index:
        places = {name: pattern.format(number) for number, half in enumerate(halves, start=1) for name in half}
        (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return folder


def test_shards_are_read_by_their_index_or_by_their_names(arrays: Arrays, tmp_path: Path) -> None:
    write_shards(tmp_path, arrays)
    torch.save({"state": {}, "param_groups": []}, tmp_path / "optimizer.bin")
    for path in (tmp_path, tmp_path / INDEX, tmp_path / SHARD.format(1), tmp_path / SHARD.format(2)):
        assert is_whole(read(path), arrays)
        assert read(path).container == "safetensors, 2 files"
    (tmp_path / INDEX).unlink()
    for path in (tmp_path, tmp_path / SHARD.format(2)):
        assert is_whole(read(path), arrays)


def test_shards_of_torch_are_read_too(arrays: Arrays, tmp_path: Path) -> None:
    write_shards(tmp_path, arrays, index=False, pattern="pytorch_model-0000{}-of-00002.bin")
    assert is_whole(read(tmp_path), arrays)


def test_a_lone_shard_is_named_as_one(arrays: Arrays, tmp_path: Path) -> None:
    write_shards(tmp_path, arrays)
    (tmp_path / SHARD.format(1)).unlink()
    words = r"index of a model in 2 shards, of which model-00001-of-00002\.safetensors is missing; put all shards"
    for path in (tmp_path, tmp_path / INDEX, tmp_path / SHARD.format(2)):
        with pytest.raises(IfpError, match=words):
            locate(path)
    (tmp_path / INDEX).unlink()
    words = r"is shard 2 of 2 of a model, and model-00001-of-00002\.safetensors is not beside it; put all shards"
    for path in (tmp_path, tmp_path / SHARD.format(2)):
        with pytest.raises(IfpError, match=words):
            locate(path)


@pytest.mark.parametrize(
    ("weight_map", "words"),
    [
        ({"a": "../secret.safetensors"}, r"names the shard '\.\./secret\.safetensors', which is no file beside it"),
        ({"a": "/etc/passwd"}, "which is no file beside it"),
        ({"a": ".."}, "which is no file beside it"),
        ({"a": "a" * 10_000}, r"names the shard 'a{200}\.\.\.', which is no file beside it"),
        ({"a": "ä" * 150}, "is missing; put all shards beside it"),
        ({"a": 3}, "its weight_map should name a file for each array"),
        ([], "is no index of shards"),
        ({f"a{n}": f"{n}.safetensors" for n in range(2000)}, "names 2000 shards, and at most 1000 are read"),
        (
            {"encoder.conv1.weight": SHARD.format(1), "gone": SHARD.format(1)},
            "names arrays that no shard holds .gone.;",
        ),
    ],
)
def test_an_index_is_not_trusted(weight_map: object, words: str, arrays: Arrays, tmp_path: Path) -> None:
    write_shards(tmp_path, arrays)
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(IfpError, match=words):
        read(tmp_path / INDEX)


def test_shards_of_two_models_are_refused(arrays: Arrays, tmp_path: Path) -> None:
    for number in (1, 2):
        writers.write_safetensors(tmp_path / SHARD.format(number), arrays)
    with pytest.raises(IfpError, match="holds arrays that another shard holds too"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        ("encoder.pt", "decoder.pt"), ("vae_enc.pth", "vae_dec.pth"), ("netEncoder_final.pt", "netDecoder_final.pt"),
        ("Encoder.bin", "Decoder.bin"),
    ],
)  # fmt: skip
def test_an_encoder_is_read_with_the_decoder_beside_it(
    encoder: str, decoder: str, arrays: Arrays, tmp_path: Path
) -> None:
    for name, role in ((encoder, "encoder"), (decoder, "decoder")):
        torch.save({key: torch.from_numpy(array) for key, array in part(arrays, role).items()}, tmp_path / name)
    torch.save({"state": {}, "param_groups": []}, tmp_path / "optimizer.pt")
    for path in (tmp_path, tmp_path / encoder, tmp_path / decoder):
        assert is_whole(read(path), arrays)
    (tmp_path / decoder).unlink()
    for path in (tmp_path, tmp_path / encoder):
        assert read(path).vaes[0].decoder is None


def test_a_series_of_encoders_and_decoders(arrays: Arrays, tmp_path: Path) -> None:
    for step in (9, 10):
        for role in ("encoder", "decoder"):
            content = {key: torch.from_numpy(array) for key, array in part(arrays, role).items()}
            torch.save({"model_state_dict": content, "epoch": step}, tmp_path / f"{role}_{step}.pt")
    files = locate(tmp_path).files
    assert [(file.path.name, file.step_from_name) for file in files] == [("encoder_9.pt", 9), ("encoder_10.pt", 10)]
    assert is_whole(read(tmp_path), arrays)
    assert read(tmp_path, 0).step == 9
