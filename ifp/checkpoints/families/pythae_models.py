"""The models of pythae: which of them are read, by the class in their settings and by the names of their arrays.

Other networks than those that pythae ships are known to it only through encoder.pkl, which is code and is never
unpickled.
"""

from __future__ import annotations

from ifp.checkpoints.families.sequential import numbered_blocks
from ifp.checkpoints.families.unknown import CODES_OF_DISCRETE
from ifp.checkpoints.settings_values import word_at
from ifp.checkpoints.source import Source, Weights
from ifp.checkpoints.vae import Assumption
from ifp.errors import IfpError

MEAN, LOGVAR = "encoder.embedding", "encoder.log_var"
"""The layers that give the means and the log variances."""
KERNEL = 4
"""Width of every convolution in the encoders."""
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
"""Models that are refused: what their posterior is, and the beginnings of array names that none of the models listed
before them has. The class in model_config.json is the name of the model and "Config", with or without an underscore
between them."""
_GAUSSIAN = (
    "VAE", "BetaVAE", "DisentangledBetaVAE", "FactorVAE", "BetaTCVAE", "VAMP", "MSSSIM_VAE", "INFOVAE_MMD", "VAEGAN",
    "Adversarial_AE",
)  # fmt: skip
"""Models whose posterior is the Gaussian that their encoder gives."""
_PROPOSALS = ("IWAE", "MIWAE", "PIWAE", "CIWAE")
"""Models trained by an importance-weighted bound, whose posterior is not the Gaussian that their encoder gives."""
_CODES_ALONE = ("AE", "WAE_MMD", "RAE_L2", "RAE_GP")
"""Models whose encoder gives a code and no variance."""


def refuse_other_posteriors(source: Source) -> None:
    """Raise IfpError unless the encoder is one that pythae ships and gives Gaussian posteriors."""
    weights, name = source.weights, str(source.config.get("name", ""))
    model = name.removesuffix("Config").removesuffix("_")
    has_both_heads = f"{MEAN}.weight" in weights and f"{LOGVAR}.weight" in weights
    for refused, (what, beginnings) in _REFUSED.items():
        if model == refused or (beginnings and any(array.startswith(beginnings) for array in weights)):
            raise IfpError(
                f"{source.path} has {what}, and only Gaussian latents, as the encoder gives them, are read here; "
                + (
                    f"{CODES_OF_DISCRETE}."
                    if "discrete" in what
                    else "give codes of your own as ifp.Codes(mean, logvar)."
                )
            )
    if model in _CODES_ALONE or (f"{MEAN}.weight" in weights and not has_both_heads):
        raise IfpError(
            f"{source.path} is an autoencoder without variances{f' ({name})' if name else ''}; "
            "give its codes as ifp.Codes(mean, logvar)."
        )
    if not has_both_heads or not _is_shipped(weights):
        raise IfpError(
            f"{source.path} has an encoder of its own, which pythae keeps in encoder.pkl: that is arbitrary code and "
            "is never unpickled; give `model='package.module:function'`, which returns mean and logvar, or "
            "its codes as ifp.Codes(mean, logvar)."
        )


def about_posterior(source: Source) -> tuple[Assumption, ...]:
    """A note on the posterior if the class is not one of those whose encoder gives it; () otherwise."""
    name = word_at(source.config, "name") or ""
    model = name.removesuffix("Config").removesuffix("_")
    if not model or model in _GAUSSIAN:
        return ()
    if model in _PROPOSALS:
        return (Assumption("posterior", f"the proposals of {model}, which its bound weighs by importance", "the file"),)
    return (Assumption("posterior", f"Gaussian, as in the VAE; the class {name} is not known", "a guess"),)


def _is_shipped(weights: Weights) -> bool:
    """Whether the encoder has only the kinds of layers that the shipped networks have."""
    blocks = numbered_blocks(weights, "encoder.layers")
    if not blocks:
        return False
    shapes = [weights[f"{block}.0.weight"].shape for block in blocks]
    expected = {f"{block}.{part}" for block in blocks for part in ("0", "1")} | {MEAN, LOGVAR}
    layers = {name.rpartition(".")[0] for name in weights if name.startswith("encoder.")}
    linear = all(len(shape) == 2 for shape in shapes)
    convolutional = all(len(shape) == 4 and shape[-1] == KERNEL for shape in shapes)
    normalised = all(f"{block}.1.weight" in weights for block in blocks)
    return layers <= expected and (linear or (convolutional and normalised))
