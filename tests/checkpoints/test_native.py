"""Our own checkpoints: what was trained is what is read, by our reader and by PyTorch's safe loader."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ifp.checkpoints.families.ours import FAMILY
from ifp.checkpoints.native import save_vae
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, PixelStatistics


def source_of(path: Path) -> Source:
    stored = torch.load(path, weights_only=True)
    weights = {name: tensor.numpy() for name, tensor in stored["state_dict"].items()}
    return Source(path, "torch zip", weights, stored["hyper_parameters"], stored["global_step"])


def statistics(pixels: int) -> PixelStatistics:
    mean_P = torch.linspace(0.1, 0.9, pixels)
    return PixelStatistics(torch.ones(pixels), mean_P, torch.logit(mean_P), scale=2.0)


@pytest.mark.parametrize(("name", "said"), [("beta-tc", True), ("beta", False)])
def test_what_the_beta_of_an_objective_weighs(name: str, said: bool, tmp_path: Path) -> None:
    """beta-tc keeps the weight of the whole KL as the file's beta, and its own beta among the objective's options."""
    network = MlpNetwork(hidden=8, latents=4)
    parameters = network.initial(statistics(90), torch.Generator().manual_seed(0))
    about = {"objective": {"name": name, "options": {"beta": 6.0}}}
    shape = {"image_shape": (3, 6, 5), "latents": 4, "likelihood": "bernoulli"}
    save_vae(tmp_path / "a.pt", parameters, beta=1.0, step=7, **shape, **about)
    (vae,) = FAMILY.build(source_of(tmp_path / "a.pt"), ReadingOptions())
    (entry,) = [entry for entry in vae.assumptions if entry.what == "beta"]
    assert ("objective's beta = 6 the total correlation alone" in entry.value) == said
    assert vae.beta == 1


@pytest.mark.parametrize(("step", "capacity"), [(500, 12.5), (2000, 25.0)])
def test_the_capacity_of_an_annealed_vae_is_that_of_its_step(step: int, capacity: float, tmp_path: Path) -> None:
    network = MlpNetwork(hidden=8, latents=4)
    parameters = network.initial(statistics(90), torch.Generator().manual_seed(0))
    about = {"objective": {"name": "annealed", "options": {"c_max": 25.0, "threshold_steps": 1000}}}
    shape = {"image_shape": (3, 6, 5), "latents": 4, "likelihood": "bernoulli"}
    save_vae(tmp_path / "a.pt", parameters, beta=math.nan, step=step, **shape, **about)
    (vae,) = FAMILY.build(source_of(tmp_path / "a.pt"), ReadingOptions())
    assert (vae.beta, vae.capacity_nats) == (None, capacity)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_a_saved_member_is_read_back(kind: str, tmp_path: Path) -> None:
    shape = (1, 64, 64) if kind == "conv" else (3, 6, 5)
    pixels = int(np.prod(shape))
    network = ConvNetwork(shape, 4) if kind == "conv" else MlpNetwork(hidden=8, latents=4)
    generator = torch.Generator().manual_seed(0)
    parameters = network.initial(statistics(pixels), generator)
    for name in parameters:  # fresh members are at the collapsed state: nothing would be tested
        if name not in ("mean_P", "input_scale_P", "output_scale"):
            parameters[name] = parameters[name] + 0.1 * torch.randn(parameters[name].shape, generator=generator)
    path = tmp_path / "step-7.pt"
    save_vae(path, parameters, image_shape=shape, latents=4, likelihood="gaussian", sigma=0.5, beta=3.0, step=7, seed=1)
    source = source_of(path)
    assert FAMILY.recognises(source)
    assert source.config["seed"] == 1
    (vae,) = FAMILY.build(source, ReadingOptions())
    stacked = {name: value[None] for name, value in parameters.items()}
    x = torch.rand(5, *shape, generator=generator)
    mean, logvar = network.encode(stacked, x.flatten(1)[None])
    found = vae.encode(x)
    torch.testing.assert_close(found[0], mean[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1], logvar[0], rtol=1e-4, atol=1e-5)
    decoded = network.decode(stacked, mean)[0].reshape(5, *shape)
    torch.testing.assert_close(vae.decode(mean[0]), decoded, rtol=1e-4, atol=1e-4)
    assert vae.unused == ()
    assert vae.beta == pytest.approx(3.0 * 2 * 0.5**2)  # on the squared error
    assert not list(tmp_path.glob("*.partial"))


def save(path: Path, value: float = 0.0) -> None:
    save_vae(
        path, {"w": torch.full((9,), value)}, image_shape=(1, 3, 3), latents=1, likelihood="bernoulli", beta=1, step=0
    )


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
ZIP_WRITER = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 128 vs 22")


@pytest.mark.parametrize(
    ("failing", "error", "reason"),
    [
        ("torch.save", NO_SPACE, "No space left on device"),
        ("torch.save", ZIP_WRITER, "the disk may be full"),
        ("os.fsync", NO_SPACE, "No space left on device"),  # after the bytes were handed over
        ("os.replace", PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "Permission denied"),
    ],
)
def test_a_full_disk_is_one_sentence_and_leaves_the_file_before(
    failing: str, error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    path = tmp_path / "vae.pt"
    save(path, 1.0)
    before = path.read_bytes()
    monkeypatch.setattr(failing, fail)
    with pytest.raises(IfpError, match=rf"vae\.pt cannot be written \({reason}\)"):
        save(path, 2.0)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["vae.pt"]
    assert path.read_bytes() == before
    save(path, 2.0)
    assert torch.load(path, weights_only=True)["state_dict"]["w"].tolist() == [2.0] * 9


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    save(tmp_path / "missing" / "vae.pt")
    assert [path.name for path in (tmp_path / "missing").iterdir()] == ["vae.pt"]


@pytest.mark.parametrize(("name", "reason"), [("file/vae.pt", "File exists"), ("folder", "Is a directory")])
def test_an_unwritable_path_is_one_sentence(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IfpError, match=rf"cannot be written \({reason}.*\); make room"):
        save(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_last_sigmoid_is_taken_off_without_changing_the_model() -> None:
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)), nn.Sigmoid())
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(4, 4))
    vae = Vae("test", encoder, decoder, 2, (1, 2, 2), "halves", output="probabilities")
    bare = vae.ending_in_logits()
    z, x = torch.randn(5, 2), torch.rand(5, 1, 2, 2).round()
    torch.testing.assert_close(bare.decode(z), vae.decode(z))
    torch.testing.assert_close(bare.reconstruction_nats(x, z), vae.reconstruction_nats(x, z))
    for one in (vae, bare):  # saturated: the cost is large, its gradient finite
        cost = one.reconstruction_nats(x, z * 1e4).sum()
        assert all(torch.isfinite(g).all() for g in torch.autograd.grad(cost, list(decoder.parameters())))
