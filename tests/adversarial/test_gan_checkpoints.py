"""Checkpoints of our GANs as `ifp diagnose` reads them: codes, their scale, and the information bound."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import ifp
from ifp.adversarial.evaluation import record
from ifp.adversarial.folder import by_network
from ifp.adversarial.networks import GanNetworks
from ifp.adversarial.trainer import GanTrainer, fresh_gan
from ifp.analysis.metrics.topology import topology
from ifp.checkpoints.decoding import decoder_of, drawn_latents
from ifp.checkpoints.encoded_runs import read_last
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.datasets.base import FactorDataset
from ifp.training.evaluation import make_evaluation
from tests.adversarial.conftest import gan_setup


def read(path: Path) -> Vae:
    return read_last(locate(path), ReadingOptions())


def own_file(path: Path, networks: GanNetworks, arrays: dict[str, Tensor]) -> Path:
    about = {"format": "ifp-gan", "image_shape": list(networks.image_shape), "latents": networks.codes}
    params = {"num_z": networks.noise, "num_con_c": networks.codes, "num_dis_c": 0}
    torch.save({**by_network(arrays), "params": params, "hyper_parameters": about, "global_step": 7}, path)
    return path


def all_images(two_bars: FactorDataset) -> np.ndarray:
    """Every image twice."""
    return np.concatenate(
        [two_bars.render(np.array([[a, b]]), np.zeros(1, dtype=int)) for a in range(6) for b in range(6)] * 2
    )


def forget(parameters: dict[str, Tensor]) -> None:
    """Make Q give the codes' own mean and variance whatever it sees."""
    for name in ("netQ.lin_mu.weight", "netQ.lin_mu.bias", "netQ.lin_var.weight"):
        parameters[name].zero_()
    parameters["netQ.lin_var.bias"].fill_(-math.log(3))


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_our_own_files_give_the_codes_of_the_trainer(
    tmp_path: Path, two_bars: FactorDataset, architecture: str
) -> None:
    setup = gan_setup(two_bars, architecture=architecture, hidden=32, options={"complex_codes": 2, "info_weight": 1.0})
    state = fresh_gan(setup.config, setup.objective, setup.networks, 0)
    trainer = GanTrainer(setup.config, setup.objective, setup.networks, setup.images(), 0, state)
    trainer.run(20)
    arrays = {name: value.detach() for name, value in trainer.arrays.items()}
    vae = read(own_file(tmp_path / "gan.pt", setup.networks, arrays))
    images = torch.rand(6, 64)
    mean, logvar = setup.networks.posterior(arrays, setup.networks.features(arrays, images))
    found = vae.encode(images.view(6, 1, 8, 8))
    torch.testing.assert_close(found[0], math.sqrt(3) * mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1], logvar + math.log(3), rtol=1e-4, atol=1e-5)
    latents = torch.randn(6, setup.networks.codes + setup.networks.noise)
    codes, noise = torch.erf(latents[:, :2] / math.sqrt(2)), latents[:, 2:]
    assert vae.generator is not None
    drawn = setup.networks.generate(arrays, noise, codes).reshape(6, 1, 8, 8)
    torch.testing.assert_close(vae.generator(latents), drawn, rtol=1e-4, atol=1e-5)
    evaluation = make_evaluation(two_bars, setup.config, trainer.images, lambda *_: None)
    recorded = record(evaluation, trainer, None, None)
    assert recorded is not None
    assert vae.code_bounds is not None
    # 2,048 and 1,000 images: an NLL spreads by about 1 nat over codes
    assert vae.code_bounds() == pytest.approx(recorded.bound_nats, abs=4 * math.sqrt(1 / 1000 + 1 / 2048))


def test_a_head_that_knows_nothing_is_collapsed(tmp_path: Path, two_bars: FactorDataset) -> None:
    """Unscaled it would be active, with 0.216 nat in every code."""
    networks = GanNetworks((1, 8, 8), "mlp", 32, codes=2, noise=2, complex_codes=0)
    parameters, buffers = networks.initial(torch.Generator().manual_seed(0))
    forget(parameters)
    path = own_file(tmp_path / "blank.pt", networks, parameters | buffers)
    images = all_images(two_bars)
    result = ifp.diagnose(path, images, images=72)
    latents = result.latents()
    assert list(latents["status"]) == ["collapsed", "collapsed"]
    assert latents["kl_nats"].abs().max() < 1e-6
    # the mean over 1,000 codes of c^2 spreads by sqrt(4/45/1000), times 3/2
    assert latents["bound_nats"].to_numpy() == pytest.approx([-0.176485] * 2, abs=4 * 1.5 * math.sqrt(4 / 45 / 1000))
    assert result.results.code_bounds_nats == pytest.approx(list(latents["bound_nats"]))


def test_a_generator_has_directions_and_a_topology(tmp_path: Path, two_bars: FactorDataset) -> None:
    """Of a generator that draws a bar for each code and ignores its noise, the codes are the directions."""
    networks = GanNetworks((1, 8, 8), "mlp", 16, codes=2, noise=1, complex_codes=0)
    parameters, buffers = networks.initial(torch.Generator().manual_seed(0))
    # units see one code each, and each half of the image the units of one code
    first, second = torch.zeros(16, 3), torch.eye(16)
    first[:8, 1] = first[8:, 2] = 4.0
    last = torch.zeros(64, 16)
    places = torch.linspace(-3, 3, 8)
    units = torch.exp(-((places[:, None] - places) ** 2) / 2)
    last[:32, :8] = last[32:, 8:] = units.repeat(4, 1)
    parameters |= {
        "netG.lin1.weight": first, "netG.lin1.bias": places.repeat(2), "netG.lin2.weight": second,
        "netG.lin2.bias": torch.zeros(16), "netG.lin3.weight": last, "netG.lin3.bias": -2 * torch.ones(64),
    }  # fmt: skip
    for layer in ("bn_lin1", "bn_lin2"):
        parameters |= {f"netG.{layer}.weight": torch.ones(16), f"netG.{layer}.bias": torch.zeros(16)}
    forget(parameters)
    path = own_file(tmp_path / "bars.pt", networks, parameters | buffers)
    images = all_images(two_bars)
    found = ifp.directions(path, images, count=2, images=72, steps=6, restarts=0, batch=24, batches=2, device="cpu")
    assert (found.noise, found.latents) == (1, (0, 1))
    assert [np.shape(found.directions[kind])[1] for kind in ("found", "random")] == [3, 3]
    assert np.abs(found.directions["found"][:, 2]).max() < 1e-6  # the noise is ignored, and no leading direction
    assert set(found.table().query("kind == 'found'")["nearest_latent"]) == {0, 1}
    assert found.mean("found") < found.mean("random")
    vae, known = read(path), ifp.Codes(np.random.default_rng(0).normal(size=(72, 2)), np.full((72, 2), -3.0))
    draw = partial(drawn_latents, vae, known, seed=0)
    score = topology(known, decoder_of(vae, "cpu"), topology="lite", batch=24, repeats=2, draw=draw)
    assert draw(24, 2).shape == (2, 24, 3)
    assert score.value < score.random_value
    assert found.notes()[0].startswith("Latents are a generator's, of N(0, 1): its 2 codes c = 2 Phi(z) - 1, and its 1")
