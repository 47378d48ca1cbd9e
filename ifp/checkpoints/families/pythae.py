"""pythae (benchmark_VAE): its default fully connected networks, and the convolutional ones it ships for benchmarks.

Other networks are known to pythae only through encoder.pkl, which is code and is never unpickled.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.sequential import numbered_blocks
from ifp.checkpoints.families.unknown import CODES_OF_DISCRETE
from ifp.checkpoints.rebuild.assemble import Habits, assemble, learnt_prior, set_aside
from ifp.checkpoints.rebuild.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image, flat_image, stated_image
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import lookup, number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Beta, Training, no_beta, stated_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError
from ifp.theory.beta_units import CONVENTIONS

_KERNEL, _STRIDE, _PADDING = 4, 2, 1  # of every convolution in the encoders
_DECODERS = {  # kernel -> side of the first grid, and (stride, padding, output padding) of each transposed convolution
    3: (4, ((2, 1, 0), (2, 1, 1), (2, 1, 1))),  # MNIST
    4: (8, ((2, 1, 0), (2, 1, 1), (1, 2, 0))),  # CIFAR
    5: (8, ((2, 2, 0), (2, 1, 0), (2, 2, 1), (1, 1, 0))),  # CelebA
}
_MEAN, _LOGVAR = "encoder.embedding", "encoder.log_var"
_BESIDE = ("discriminator.", "pseudo_inputs.")
_MIXTURE_PRIOR = "pseudo_inputs."
_PLAIN = ("VAEConfig", "FactorVAEConfig")
"""Models whose KL has the weight 1; FactorVAE adds its total correlation."""
_REFUSED = {
    "VAE_LinNF": ("a posterior that a normalising flow bends (VAE_LinNF)", ("net.",)),
    "VAE_IAF": ("a posterior that an inverse autoregressive flow bends (VAE_IAF)", ("iaf_flow.",)),
    "PoincareVAE": ("latents on a Poincare ball (PoincareVAE)", ("_pz_mu", "_pz_logvar")),
    "RHVAE": ("a posterior that Riemannian Hamiltonian steps move (RHVAE)", ("metric.", "temperature", "lbd")),
    "HVAE": ("a posterior that Hamiltonian steps move (HVAE)", ("eps_lf", "beta_zero_sqrt")),
    "SVAE": ("von Mises-Fisher latents (SVAE)", ("encoder.log_concentration.",)),
    "HRQVAE": ("discrete codes (a codebook)", ()),
    "VQVAE": ("discrete codes (a codebook)", ("quantizer.",)),
}
"""Model -> what its posterior is, and how the names of arrays begin that no model before it here has. Its class in
model_config.json is the model's name and "Config", with or without an underscore between."""
_GAUSSIAN = (
    "VAE", "BetaVAE", "DisentangledBetaVAE", "FactorVAE", "BetaTCVAE", "VAMP", "MSSSIM_VAE", "INFOVAE_MMD", "VAEGAN",
    "Adversarial_AE",
)  # fmt: skip
_PROPOSALS = ("IWAE", "MIWAE", "PIWAE", "CIWAE")
"""Models that are trained by an importance-weighted bound, whose posterior is not the Gaussian of their encoder."""
_CODES_ALONE = ("AE", "WAE_MMD", "RAE_L2", "RAE_GP")
"""Models whose encoder gives a code and no variance."""
_HABITS = Habits(output="probabilities", about_head=", of the two layers embedding and log_var", named_head=True)


def _recognises(source: Source) -> bool:
    names = source.weights
    shipped = f"{_MEAN}.weight" in names and any(name.startswith("encoder.layers.") for name in names)
    named = str(source.config.get("name", "")).endswith("Config") and "latent_dim" in source.config
    return shipped or (named and any(name.startswith("encoder.") for name in names))


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    _refuse_what_cannot_be_read(source)
    weights = source.weights
    (activation,) = hidden_activations(options, "relu")
    images = _images(source)
    encoder = ChainBuilder(weights, images.shape, set())
    blocks = numbered_blocks(weights, "encoder.layers")
    if weights[f"{blocks[0]}.0.weight"].ndim == 2:
        encoder.flatten()
        for block in blocks:
            encoder.linear(f"{block}.0").activation(activation.value)
    else:
        for block in blocks:
            encoder.conv(f"{block}.0", _STRIDE, _PADDING).batch_norm(f"{block}.1").activation(activation.value)
        encoder.flatten()
    encoder.stacked_linear([_MEAN, _LOGVAR])
    return [
        assemble(
            FAMILY.title, set_aside(source, _BESIDE), options, encoder, images, activation,
            lambda chain: _decode(chain, activation.value), _HABITS, _training,
            notes=(*learnt_prior(source, _MIXTURE_PRIOR), *_about_posterior(source)),
        )
    ]  # fmt: skip


def _refuse_what_cannot_be_read(source: Source) -> None:
    weights, name = source.weights, str(source.config.get("name", ""))
    model = name.removesuffix("Config").removesuffix("_")
    is_shipped = f"{_MEAN}.weight" in weights and f"{_LOGVAR}.weight" in weights
    for refused, (what, beginnings) in _REFUSED.items():
        if model == refused or (beginnings and any(array.startswith(beginnings) for array in weights)):
            raise IfpError(
                f"{source.path} has {what}, and only Gaussian latents, as the encoder gives them, are read here; "
                + (f"{CODES_OF_DISCRETE}." if "discrete" in what else "give codes of your own with --codes file.npz.")
            )
    if model in _CODES_ALONE or (f"{_MEAN}.weight" in weights and not is_shipped):
        raise IfpError(
            f"{source.path} is an autoencoder without variances{f' ({name})' if name else ''}; "
            "give its codes with --codes file.npz."
        )
    if not is_shipped or not _is_known(weights):
        raise IfpError(
            f"{source.path} has an encoder of its own, which pythae keeps in encoder.pkl: that is arbitrary code and "
            "is never unpickled; give --encoder package.module:function, which returns mean and logvar, or "
            "--codes file.npz."
        )


def _about_posterior(source: Source) -> tuple[Assumption, ...]:
    """What is to be known of the posterior where the class is not one of those whose encoder gives it."""
    name = word_at(source.config, "name") or ""
    model = name.removesuffix("Config").removesuffix("_")
    if not model or model in _GAUSSIAN:
        return ()
    if model in _PROPOSALS:
        return (Assumption("posterior", f"the proposals of {model}, which its bound weighs by importance", "the file"),)
    return (Assumption("posterior", f"Gaussian, as in the VAE; the class {name} is not known", "a guess"),)


def _is_known(weights: Weights) -> bool:
    """Whether the encoder has only layers of the kinds that the shipped networks have."""
    blocks = numbered_blocks(weights, "encoder.layers")
    if not blocks:
        return False
    shapes = [weights[f"{block}.0.weight"].shape for block in blocks]
    known = {f"{block}.{part}" for block in blocks for part in ("0", "1")} | {_MEAN, _LOGVAR}
    theirs = {name.rpartition(".")[0] for name in weights if name.startswith("encoder.")}
    linear = all(len(shape) == 2 for shape in shapes)
    convolutional = all(len(shape) == 4 and shape[-1] == _KERNEL for shape in shapes)
    normalised = all(f"{block}.1.weight" in weights for block in blocks)
    return theirs <= known and (linear or (convolutional and normalised))


def _images(source: Source) -> Images:
    """From the file's input_dim where it is an image's and fits, else from the shapes."""
    layers = [f"{block}.0" for block in numbered_blocks(source.weights, "encoder.layers")]
    first = source.shape(f"{layers[0]}.weight")
    stated = lookup(source.config, "input_dim")
    if len(first) == 2:
        return flat_image(source.weights, layers[0], stated, user=source.image_shape)
    said = stated_image(stated)
    if said is not None and said.shape[0] == first[1]:
        return said
    return convolved_image(
        source.weights, [(layer, _STRIDE, _PADDING) for layer in layers], _MEAN, user=source.image_shape
    )


def _decode(chain: ChainBuilder, activation: str) -> None:
    weights = chain.weights
    # a single linear layer stands in a block of its own in two of the networks and alone in the others
    first = "decoder.layers.0.0" if "decoder.layers.0.0.weight" in weights else "decoder.layers.0"
    chain.linear(first)
    rest = numbered_blocks(weights, "decoder.layers", first=1)
    if not rest:
        raise ShapeMismatch("The array 'decoder.layers.1.0.weight' is missing.")
    shape = weights[f"{rest[0]}.0.weight"].shape
    if len(shape) == 2:
        for block in rest:
            chain.activation(activation).linear(f"{block}.0")
        chain.activation("sigmoid")
        return
    side, steps = _DECODERS.get(shape[-1], (0, ()))
    if len(steps) != len(rest):
        raise ShapeMismatch(
            f"{len(rest)} blocks that begin with {rest[0] + '.0'!r} {list(shape)} are no shipped decoder."
        )
    chain.reshape(int(shape[0]), side, side)
    for block, (stride, padding, output_padding) in zip(rest, steps, strict=True):
        chain.conv_transpose(f"{block}.0", stride, padding, output_padding)
        if block != rest[-1]:
            chain.batch_norm(f"{block}.1").activation(activation)
    chain.activation("sigmoid")


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    loss = word_at(source.config, "reconstruction_loss")
    likelihood, convention = ("bernoulli", "pythae-bce") if loss == "bce" else ("gaussian", "pythae-mse")
    beta = _beta(source, convention, image_shape, latents)
    whose = "the code base" if loss is None else "the file"
    return Training(likelihood, whose, beta, CONVENTIONS[convention].weight)


def _beta(source: Source, convention: str, image_shape: ImageShape, latents: int) -> Beta:
    name = word_at(source.config, "name") or ""
    note = "" if convention == "pythae-bce" else "; half of it for pythae up to 0.1.1, which did not halve its errors"
    if name in _PLAIN:
        return stated_beta(1.0, f"{name}: beta", convention, image_shape, latents, note)
    if name == "BetaVAEConfig":
        return stated_beta(number_at(source.config, "beta"), "beta", convention, image_shape, latents, note)
    return no_beta(f"not one weight of the KL in {name}" if name else "not said (no model_config.json with a name)")


FAMILY = Family("pythae", "pythae (benchmark_VAE)", _recognises, _build)
