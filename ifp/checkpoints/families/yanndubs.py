"""YannDubs/disentangling-vae: the network of Burgess et al. 2018, four 4 x 4 convolutions and three linear layers.

`specs.json` beside the file states how the model was trained.

Source: disvae/models/{encoders,decoders,losses}.py and disvae/utils/modelIO.py of that repository.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import TC_ALONE, Beta, Training, held_at, no_beta, stated_beta
from ifp.checkpoints.vae import Vae
from ifp.theory.conventions import CONVENTIONS

LIKELIHOODS = ("bernoulli", "gaussian", "laplace")
"""The values of the setting `rec_dist`."""
HABITS = Habits(head="interleaved", output="probabilities")
"""Also used by the dent family."""


def _recognises(source: Source) -> bool:
    return len(source.shape("encoder.mu_logvar_gen.weight")) == 2 and len(source.shape("encoder.lin2.weight")) == 2


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    (activation,) = hidden_activations(options, "relu")
    encoder, images = burgess_encoder(source, activation.value)
    encoder.linear("encoder.mu_logvar_gen")
    return [
        assemble(
            FAMILY.title, source, options, encoder, images, activation,
            lambda chain: burgess_decoder(chain, activation.value), HABITS, _training,
        )
    ]  # fmt: skip


def burgess_encoder(source: Source, activation: str) -> tuple[ChainBuilder, Images]:
    """The encoder without its last layer, and the images that it takes; also used by the dent family."""
    larger = "encoder.conv_64.weight" in source.weights  # for images of 64 x 64 pixels, otherwise 32 x 32
    layers = [(f"encoder.{name}", 2, 1) for name in ["conv1", "conv2", "conv3"] + ["conv_64"] * larger]
    images = convolved_image(source.weights, layers, "encoder.lin1", kernel=4, user=source.image_shape)
    encoder = ChainBuilder(source.weights, images.shape, set())
    for layer in layers:
        encoder.conv(*layer).activation(activation)
    encoder.flatten().linear("encoder.lin1").activation(activation).linear("encoder.lin2").activation(activation)
    return encoder, images


def burgess_decoder(chain: ChainBuilder, activation: str) -> None:
    """Add the layers of the decoder, from codes to pixels in (0, 1); also used by the dent family."""
    for layer in ("lin1", "lin2", "lin3"):
        chain.linear(f"decoder.{layer}").activation(activation)
    chain.reshape(chain.shape[0] // 16, 4, 4)
    larger = "decoder.convT_64.weight" in chain.weights
    for layer in ["convT_64"] * larger + ["convT1", "convT2"]:
        chain.conv_transpose(f"decoder.{layer}", 2, 1).activation(activation)
    chain.conv_transpose("decoder.convT3", 2, 1).activation("sigmoid")


def stated_likelihood(setting: object) -> tuple[str, str]:
    """The likelihood of training by the setting `rec_dist`, and where it is from; without it, the default."""
    is_stated = isinstance(setting, str) and setting in LIKELIHOODS
    return (str(setting), "the file") if is_stated else ("bernoulli", "the code base")


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    config = source.config
    likelihood, likelihood_source = stated_likelihood(config.get("rec_dist"))
    convention, loss = f"yanndubs-{likelihood}", config.get("loss")

    def stated(key: str, note: str = "") -> Beta:
        return stated_beta(number_at(config, key), key, convention, image_shape, latents, note)

    if loss == "betaH":
        beta = stated("betaH_B")
    elif loss == "btcvae":
        beta = stated("btcvae_B", TC_ALONE)
    elif loss == "VAE":
        beta = stated_beta(1.0, "loss VAE: beta", convention, image_shape, latents)
    elif loss == "factor":
        note = f"; the total correlation weighs {config.get('factor_G')!r} more"
        beta = stated_beta(1.0, "loss factor: beta", convention, image_shape, latents, note)
    elif loss == "betaB":
        beta = held_at(number_at(config, "betaB_finC"))
    else:
        beta = no_beta("not stated (no specs.json with a loss that is known)")
    return Training(likelihood, likelihood_source, beta, CONVENTIONS[convention].weight)


FAMILY = Family("yanndubs", "YannDubs/disentangling-vae", _recognises, _build)
