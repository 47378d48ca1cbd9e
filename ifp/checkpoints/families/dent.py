"""facebookresearch/disentangling-correlated-factors (`dent`): five encoders, six decoders, in any pairing.

Facts: dent/models/{encoder,decoder}/*.py, dent/losses/*.py and parameters.py of that repository. The settings lie in
the file's metadata and in `specs.json` beside it, as one flat dict with dotted names.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ifp.checkpoints.assemble import (
    Habits,
    ImageShape,
    Training,
    assemble,
    beta_said,
    beta_unknown,
    flat_image,
    hidden_activation,
    plain_number,
)
from ifp.checkpoints.chain import ChainBuilder, image_side
from ifp.checkpoints.families.yanndubs import burgess_decoder, burgess_encoder, likelihood_said
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Assumption, Vae

HEAD = "encoder.dist_statistics"


class SpatialBroadcast(nn.Module):
    """Codes [N, D] -> [N, D + 2, H, W]: the code at every pixel, and the pixel's row and column from -1 to 1.

    Watters et al. 2019, arXiv 1901.07017.
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
    activation = hidden_activation(options, "relu")
    encoder, image_shape, notes = _encoder(source, activation)
    encoder.linear(HEAD)
    return [
        assemble(
            FAMILY.title,
            source,
            options,
            encoder,
            image_shape,
            lambda chain: _decode(chain, activation, image_shape),
            Habits(head="interleaved", output="probabilities"),
            lambda shape, latents: _training(source, shape, latents),
            notes=notes,
        )
    ]


def _encoder(source: Source, activation: str) -> tuple[ChainBuilder, ImageShape, tuple[Assumption, ...]]:
    """Up to the last layer but one: `burgess` has lin1, `chen_mlp` fc1, the others 4 or 5 convolutions and lin."""
    if "encoder.lin1.weight" in source.weights:
        return *burgess_encoder(source, activation), ()
    if "encoder.fc1.weight" in source.weights:
        image_shape, note = flat_image(source, "encoder.fc1", "data.img_size")
        encoder = ChainBuilder(source.weights, image_shape, set()).flatten()
        for layer in ("fc1", "fc2"):
            encoder.linear(f"encoder.{layer}").activation(activation)
        return encoder, image_shape, (note,)
    layers = [f"conv{n}" for n in range(1, 6 if "encoder.conv5.weight" in source.weights else 5)]
    probe = ChainBuilder(source.weights, (), set())
    features = int(probe.take("encoder.lin.weight", 2).shape[1])
    channels = int(probe.take(f"encoder.{layers[-1]}.weight", 4).shape[0])
    side = image_side(features, channels, [(4, 2, 1)] * len(layers), "'encoder.lin'")
    image_shape = (int(probe.take(f"encoder.{layers[0]}.weight", 4).shape[1]), side, side)
    encoder = ChainBuilder(source.weights, image_shape, set())
    for layer in layers:
        encoder.conv(f"encoder.{layer}", 2, 1).activation(activation)
    encoder.flatten().linear("encoder.lin").activation(activation)
    return encoder, image_shape, ()


def _decode(chain: ChainBuilder, activation: str, image_shape: ImageShape) -> None:
    """`burgess`, `chen_mlp` (tanh), `sbd` (spatial broadcast), or two linear layers and 4 or 5 convolutions."""
    if "decoder.lin3.weight" in chain.weights:
        burgess_decoder(chain, activation)
    elif "decoder.net.0.weight" in chain.weights:
        for at in (0, 2, 4):
            chain.linear(f"decoder.net.{at}").activation("tanh")
        chain.linear("decoder.net.6").activation("sigmoid").reshape(*image_shape)
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
    likelihood, about = likelihood_said(config.get("train.rec_dist"))
    convention, loss = f"dent-{likelihood}", config.get("train.loss")

    def said(key: str, note: str = "") -> tuple[float | None, Assumption]:
        return beta_said(plain_number(config, key), key, convention, image_shape, latents, note)

    if loss == "betavae":
        beta = said("betavae.beta")
    elif loss == "betatcvae":
        beta = said("betatcvae.beta", "; it weighs the total correlation alone")
    elif loss == "adagvae" and not config.get("adagvae.annealing"):
        beta = said("adagvae.beta", "; beside the KL of posteriors averaged over pairs of images")
    elif loss == "factorizedsupportvae":
        beta = said("factorizedsupportvae.beta", "; beside a penalty on the support of the codes")
    elif loss in ("vae", "factorvae"):
        note = f"; the total correlation weighs {config.get('factorvae.gamma')!r} more" if loss == "factorvae" else ""
        beta = beta_said(1.0, f"loss {loss}: beta", convention, image_shape, latents, note)
    elif loss in ("annealedvae", "adagvae"):
        beta = beta_unknown(
            f"none: the KL was held at a capacity that rose to C = {config.get(f'{loss}.C_fin')!r} nats", "the file"
        )
    elif loss is None:
        beta = beta_unknown("not said (no train.loss)", "the file")
    else:
        beta = beta_unknown(f"not known for the loss {loss!r}", "the file")
    return Training(likelihood, about, *beta)


FAMILY = Family("dent", "facebookresearch/disentangling-correlated-factors", _recognises, _build)
