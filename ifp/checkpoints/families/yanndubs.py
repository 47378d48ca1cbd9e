"""YannDubs/disentangling-vae: the network of Burgess et al. 2018, four 4x4 convolutions and three linear layers.

Facts: disvae/models/{encoders,decoders,losses}.py and disvae/utils/modelIO.py of that repository. `specs.json` beside
the file says how it was trained.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.assemble import (
    Habits,
    ImageShape,
    Training,
    assemble,
    beta_said,
    beta_unknown,
    hidden_activation,
    plain_number,
)
from ifp.checkpoints.chain import ChainBuilder, image_side
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Assumption, Vae

COSTS = {
    "bernoulli": "bernoulli",
    "gaussian": "gaussian: 255 x the squared error",
    "laplace": "laplace: 3 x the absolute error",
}


def _recognises(source: Source) -> bool:
    return len(source.shape("encoder.mu_logvar_gen.weight")) == 2 and len(source.shape("encoder.lin2.weight")) == 2


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    activation = hidden_activation(options, "relu")
    encoder, image_shape = burgess_encoder(source, activation)
    encoder.linear("encoder.mu_logvar_gen")
    return [
        assemble(
            FAMILY.title,
            source,
            options,
            encoder,
            image_shape,
            lambda chain: burgess_decoder(chain, activation),
            Habits(head="interleaved", output="probabilities"),
            lambda shape, latents: _training(source, shape, latents),
        )
    ]


def burgess_encoder(source: Source, activation: str) -> tuple[ChainBuilder, ImageShape]:
    """The encoder up to its last layer but one, and the images it takes; `dent` has the same one."""
    larger = "encoder.conv_64.weight" in source.weights  # 64 pixels a side, else 32
    layers = ["conv1", "conv2", "conv3"] + ["conv_64"] * larger
    probe = ChainBuilder(source.weights, (), set())
    features = int(probe.take("encoder.lin1.weight", 2).shape[1])
    first, last = probe.take("encoder.conv1.weight", 4), probe.take(f"encoder.{layers[-1]}.weight", 4)
    side = image_side(features, int(last.shape[0]), [(4, 2, 1)] * len(layers), "'encoder.lin1'")
    image_shape = (int(first.shape[1]), side, side)
    encoder = ChainBuilder(source.weights, image_shape, set())
    for layer in layers:
        encoder.conv(f"encoder.{layer}", 2, 1).activation(activation)
    encoder.flatten().linear("encoder.lin1").activation(activation).linear("encoder.lin2").activation(activation)
    return encoder, image_shape


def burgess_decoder(chain: ChainBuilder, activation: str) -> None:
    """Codes to pixels in (0, 1); `dent` has the same one."""
    for layer in ("lin1", "lin2", "lin3"):
        chain.linear(f"decoder.{layer}").activation(activation)
    chain.reshape(chain.shape[0] // 16, 4, 4)
    larger = "decoder.convT_64.weight" in chain.weights
    for layer in ["convT_64"] * larger + ["convT1", "convT2"]:
        chain.conv_transpose(f"decoder.{layer}", 2, 1).activation(activation)
    chain.conv_transpose("decoder.convT3", 2, 1).activation("sigmoid")


def likelihood_said(said: object) -> tuple[str, Assumption]:
    """Of training, from the setting `rec_dist`: the code base's default where nothing says."""
    if isinstance(said, str) and said in COSTS:
        return said, Assumption("likelihood", COSTS[said], "the file")
    return "bernoulli", Assumption("likelihood", "bernoulli", "the code base")


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    config = source.config
    likelihood, about = likelihood_said(config.get("rec_dist"))
    convention, loss = f"yanndubs-{likelihood}", config.get("loss")

    def said(key: str, note: str = "") -> tuple[float | None, Assumption]:
        return beta_said(plain_number(config, key), key, convention, image_shape, latents, note)

    if loss == "betaH":
        beta = said("betaH_B")
    elif loss == "btcvae":
        beta = said("btcvae_B", "; it weighs the total correlation alone")
    elif loss == "VAE":
        beta = beta_said(1.0, "loss VAE: beta", convention, image_shape, latents)
    elif loss == "factor":
        note = f"; the total correlation weighs {config.get('factor_G')!r} more"
        beta = beta_said(1.0, "loss factor: beta", convention, image_shape, latents, note)
    elif loss == "betaB":
        beta = beta_unknown(
            f"none: the KL was held at a capacity that rose to C = {config.get('betaB_finC')!r} nats", "the file"
        )
    else:
        beta = beta_unknown("not said (no specs.json with a loss that is known)", "the file")
    return Training(likelihood, about, *beta)


FAMILY = Family("yanndubs", "YannDubs/disentangling-vae", _recognises, _build)
