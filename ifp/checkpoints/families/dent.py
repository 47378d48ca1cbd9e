"""facebookresearch/disentangling-correlated-factors (`dent`): five encoders and six decoders, in any combination.

The settings are in the metadata of the file and in `specs.json` beside it, as one flat dict with dotted names.

Source: dent/models/{encoder,decoder}/*.py, dent/losses/*.py and parameters.py of that repository.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.yanndubs import HABITS, burgess_decoder, burgess_encoder, stated_likelihood
from ifp.checkpoints.rebuild.assemble import assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image, flat_image
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import lookup, number_at
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import TC_ALONE, Beta, Training, held_at, no_beta, stated_beta
from ifp.checkpoints.vae import Vae
from ifp.theory.conventions import CONVENTIONS

HEAD = "encoder.dist_statistics"
"""The last layer of every encoder."""


class SpatialBroadcast(nn.Module):
    """Codes [N, D] -> [N, D + 2, H, W]: at every pixel the code, and the row and column of the pixel from -1 to 1.

    Source: Watters et al. 2019, arXiv 1901.07017.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        grid = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
        self.register_buffer("grid_2HW", torch.stack(grid))

    def forward(self, z_ND: Tensor) -> Tensor:
        grid_2HW = self.get_buffer("grid_2HW")
        z_NDHW = z_ND[:, :, None, None].expand(-1, -1, *grid_2HW.shape[1:])
        return torch.cat([z_NDHW, grid_2HW.expand(len(z_ND), -1, -1, -1)], dim=1)


def _recognises(source: Source) -> bool:
    return len(source.shape(f"{HEAD}.weight")) == 2


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    (activation,) = hidden_activations(options, "relu")
    encoder, images = _encoder(source, activation.value)
    encoder.linear(HEAD)
    return [
        assemble(
            FAMILY.title, source, options, encoder, images, activation,
            lambda chain: _decode(chain, activation.value, images.shape), HABITS, _training,
        )
    ]  # fmt: skip


def _encoder(source: Source, activation: str) -> tuple[ChainBuilder, Images]:
    """The encoder without its last layer: `burgess` has lin1, `chen_mlp` fc1, the others 4 or 5 convolutions."""
    if "encoder.lin1.weight" in source.weights:
        return burgess_encoder(source, activation)
    if "encoder.fc1.weight" in source.weights:
        images = flat_image(
            source.weights, "encoder.fc1", lookup(source.config, "data.img_size"), user=source.image_shape
        )
        encoder = ChainBuilder(source.weights, images.shape, set()).flatten()
        for name in ("fc1", "fc2"):
            encoder.linear(f"encoder.{name}").activation(activation)
        return encoder, images
    layers = [(f"encoder.conv{n}", 2, 1) for n in range(1, 6 if "encoder.conv5.weight" in source.weights else 5)]
    images = convolved_image(source.weights, layers, "encoder.lin", kernel=4, user=source.image_shape)
    encoder = ChainBuilder(source.weights, images.shape, set())
    for layer in layers:
        encoder.conv(*layer).activation(activation)
    encoder.flatten().linear("encoder.lin").activation(activation)
    return encoder, images


def _decode(chain: ChainBuilder, activation: str, image_shape: ImageShape) -> None:
    """One of the decoders `burgess`, `chen_mlp` (tanh) and `sbd`, or two linear layers and 4 or 5 convolutions."""
    if "decoder.lin3.weight" in chain.weights:
        burgess_decoder(chain, activation)
    elif "decoder.net.0.weight" in chain.weights:
        for place in (0, 2, 4):
            chain.linear(f"decoder.net.{place}").activation("tanh")
        chain.linear("decoder.net.6").activation("sigmoid")
    elif "decoder.conv1.weight" in chain.weights:
        chain.layer(SpatialBroadcast(*image_shape[1:]), (chain.shape[0] + 2, *image_shape[1:]))
        for n in range(1, 6):
            chain.conv(f"decoder.conv{n}", 1, 2).activation(activation if n < 5 else "sigmoid")
    else:
        layers = [f"convT{n}" for n in range(1, 6 if "decoder.convT5.weight" in chain.weights else 5)]
        chain.linear("decoder.lin1").activation(activation).linear("decoder.lin2").activation(activation)
        side = image_shape[1] >> len(layers)
        chain.reshape(chain.shape[0] // max(side * side, 1), side, side)
        for layer in layers:
            chain.conv_transpose(f"decoder.{layer}", 2, 1)
            chain.activation(activation if layer != layers[-1] else "sigmoid")


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    config = source.config
    likelihood, likelihood_source = stated_likelihood(config.get("train.rec_dist"))
    convention, loss = f"dent-{likelihood}", config.get("train.loss")

    def stated(key: str, note: str = "") -> Beta:
        return stated_beta(number_at(config, key), key, convention, image_shape, latents, note)

    if loss == "betavae":
        beta = stated("betavae.beta")
    elif loss == "betatcvae":
        beta = stated("betatcvae.beta", TC_ALONE)
    elif loss == "adagvae" and not config.get("adagvae.annealing"):
        beta = stated("adagvae.beta", "; beside the KL of posteriors averaged over pairs of images")
    elif loss == "factorizedsupportvae":
        beta = stated("factorizedsupportvae.beta", "; beside a penalty on the support of the codes")
    elif loss in ("vae", "factorvae"):
        note = f"; the total correlation weighs {config.get('factorvae.gamma')!r} more" if loss == "factorvae" else ""
        beta = stated_beta(1.0, f"loss {loss}: beta", convention, image_shape, latents, note)
    elif loss in ("annealedvae", "adagvae"):
        beta = held_at(number_at(config, f"{loss}.C_fin"))
    elif loss is None:
        beta = no_beta("not stated (no train.loss)")
    else:
        beta = no_beta(f"not known for the loss {loss!r}")
    return Training(likelihood, likelihood_source, beta, CONVENTIONS[convention].weight)


FAMILY = Family("dent", "facebookresearch/disentangling-correlated-factors", _recognises, _build)
