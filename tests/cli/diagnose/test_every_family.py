"""`ifp diagnose` of one file of every family."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.adversarial.folder import by_network
from ifp.adversarial.networks import GanNetworks
from ifp.checkpoints.families.registry import families

from ...checkpoints import exact_vaes as exact
from ...checkpoints.families.code_bases import array_files, network_files
from .command import done

FIRST = {
    "yanndubs": "yanndubs 32", "dent": "dent chen_mlp", "rtqichen": "rtqichen mlp", "1konny": "1konny B",
    "amir-abdi": "amir-abdi shallow",
}  # fmt: skip


SECOND = {
    "erow": "erow dense", "erow_groups": "groups added", "disent": "disent dense", "pythae": "pythae dense",
    "antixk": "antixk tc", "google": "google conv",
}  # fmt: skip


def labelled_images(path: Path, image_shape: tuple[int, int, int]) -> str:
    """1,000 images: a bright bar at 10 places, of 10 brightnesses, on 10 backgrounds."""
    factors = np.stack(np.meshgrid(range(10), range(10), range(10), indexing="ij"), axis=-1).reshape(-1, 3)
    channels, rows, columns = image_shape
    images = np.empty((len(factors), rows, columns, channels), dtype=np.uint8)
    images[:] = 8 * factors[:, 2, None, None, None]
    for image, (place, brightness, _) in zip(images, factors, strict=True):
        image[:, place * columns // 10 : (place + 1) * columns // 10] = 100 + 15 * brightness
    np.savez(path, images=images, factors=factors, factor_names=np.array(["place", "brightness", "ground"]))
    return f"npz:{path}"


def write_of_family(family: str, folder: Path) -> tuple[Path, tuple[int, int, int], int]:
    """The file, the image shape and the number of latents."""
    if family == "ifp":
        return exact.write_components(folder / "model.pt"), exact.IMAGE_SHAPE, exact.LATENTS
    if family == "infogan":
        networks = GanNetworks((1, 16, 16), "conv", 32, codes=3, noise=2, complex_codes=0)
        parameters, buffers = networks.initial(torch.Generator().manual_seed(0))
        content = {**by_network(parameters | buffers), "params": {"num_z": 2, "num_con_c": 3, "num_dis_c": 0}}
        torch.save(content, folder / "model_final")
        return folder / "model_final", networks.image_shape, networks.codes
    if family in FIRST:
        kind = network_files.FILES[FIRST[family]]
        network = network_files.make(FIRST[family])
        with torch.no_grad():
            network.state_dict()[f"{kind.head}.weight"].mul_(2)
        return network_files.write(folder, FIRST[family], network), kind.image_shape, network_files.LATENTS
    example = array_files.EXAMPLES[SECOND[family]]()
    example.weights["of.nobody"] = np.ones(2, np.float32)
    if family == "pythae":
        (folder / "model_config.json").write_text(json.dumps(example.config))
    return array_files.write(folder, example), example.image_shape, example.latents


@pytest.mark.parametrize("family", families())
def test_one_file_of_every_family_in_one_command(family: str, tmp_path: Path) -> None:
    path, image_shape, latents = write_of_family(family, tmp_path)
    data = labelled_images(tmp_path / "data.npz", image_shape)
    # random weights hold no model of the images
    content = done(path, "--dataset", data, "--images", "100", "--anyway", out=tmp_path / "out")
    checkpoint = content["about"]["checkpoint"]
    assert checkpoint["family"] == families()[family].title
    assert (checkpoint["image_shape"], checkpoint["latents"]) == (list(image_shape), latents)
    said = {entry["what"]: entry for entry in checkpoint["assumptions"]}
    assert len(said) == len(checkpoint["assumptions"])
    assert set(said) >= {"head", "variance", "activation", "input", "likelihood", "beta"}
    for entry in said.values():
        assert entry["value"]
        assert entry["source"] in {
            "the file", "the shapes", "the code base", "an option", "the self-test", "a guess",
        }  # fmt: skip
    if family in SECOND:
        assert checkpoint["unused_arrays"] == ["of.nobody"]
    assert checkpoint["self_test"]["readings"]
    if family == "infogan":  # no decoder
        assert np.isfinite(checkpoint["code_bounds_nats"]).all()
    else:
        assert np.isfinite(checkpoint["reconstruction_nats"]["value"])
