"""What other projects' losses do with their beta: one `Convention` per project and setting.

A project's loss, averaged over images, is `weight * cost + kld_weight * b * KL`, where the cost (BCE, SE or L1) is a
sum over pixels or their mean, and the KL a sum over latents or their mean. `ifp.theory.beta_units` converts.

Sources: each project's loss; the normalised beta is Higgins et al. 2017, appendix A.6 (beta_norm = beta * M / N with M
latents and N pixels).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ifp.errors import IfpError, unknown_name

LIKELIHOOD_OF = {"BCE": "bernoulli", "SE": "gaussian", "L1": "laplace"}


@dataclass(frozen=True)
class Convention:
    """What one project's loss does with its beta.

    project : the repository or paper, and the setting.
    cost : "BCE", "SE" or "L1".
    weight : what the cost is multiplied by.
    mean_pixels, mean_latents : whether the cost is a mean over pixels, the KL a mean over latents.
    kld_weight : a constant beside beta that the user may have changed; None where there is none.
    note : when the number does not mean what it seems to.
    """

    project: str
    cost: str
    weight: float = 1.0
    mean_pixels: bool = False
    mean_latents: bool = False
    kld_weight: float | None = None
    note: str = ""

    @property
    def likelihood(self) -> str:
        """Of the cost, as in `CanonicalBeta`."""
        return LIKELIHOOD_OF[self.cost]

    @property
    def needs(self) -> tuple[str, ...]:
        """What the conversion must be told: "shape", "latents", both or neither."""
        return ("shape",) * self.mean_pixels + ("latents",) * self.mean_latents

    @property
    def loss(self) -> str:
        """The loss in words, sums understood: 'SE / (C H W) + beta x KL / latents'."""
        cost = self.cost if self.weight == 1 else f"{self.weight:g} {self.cost}"
        kl = "beta x KL" if self.kld_weight is None else f"beta x {self.kld_weight:g} KL"
        return f"{cost}{' / (C H W)' * self.mean_pixels} + {kl}{' / latents' * self.mean_latents}"

    @property
    def formula(self) -> str:
        """Our beta (SE: at sigma = sqrt(1/2)) from theirs, in words: 'beta x C H W / latents'."""
        return self.spelled("beta", "C H W", "latents", None)

    def spelled(self, value: str, pixels: str, latents: str, kld_weight: float | None) -> str:
        """The formula with these words or numbers in it."""
        weight = self.kld_weight if kld_weight is None else kld_weight
        parts = [value]
        if weight is not None:
            parts.append(f"x {weight:g}")
        if self.weight != 1:
            parts.append(f"/ {self.weight:g}" if self.weight > 1 else f"x {1 / self.weight:g}")
        return " ".join([*parts, *[f"x {pixels}"] * self.mean_pixels, *[f"/ {latents}"] * self.mean_latents])

    def factor(self, pixels: int = 1, latents: int = 1, kld_weight: float | None = None) -> float:
        """Our beta for each 1 of theirs; what `needs` does not name is not used."""
        weight = (self.kld_weight or 1.0) if kld_weight is None else kld_weight
        return weight / self.weight * (pixels if self.mean_pixels else 1) / (latents if self.mean_latents else 1)


_CAPACITY = "Holds for beta, not for the gamma of its capacity loss (gamma |KL - C|)."
_TC = "In its TC-VAE loss beta weighs the total correlation alone, which is another pressure."
_WEIGHTS = "Its beta is w_kld where w_recon is 1, and w_kld / w_recon elsewhere."
_HALF = "pythae halved the squared error in 0.1.2: pythae-mse from there on, pythae-mse-0.1.1 before."
_KLD_WEIGHT = (
    "kld_weight is 0.00025 in its configurations and 1 in its validation; others set batch size / data set size."
)
_STANDARDISED = (
    "If its images were standardised, (x - mean) / std, our beta for images in [0, 1] is std^2 times as much."
)

CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "disentanglement-lib-bernoulli": Convention("google-research/disentanglement_lib", "BCE"),
        "disentanglement-lib-l2": Convention("google-research/disentanglement_lib, l2_loss", "SE"),
        "erow-bernoulli": Convention("erow/disentanglement_lib (DEFT)", "BCE"),
        "erow-l2": Convention("erow/disentanglement_lib (DEFT), l2_loss", "SE"),
        "yanndubs-bernoulli": Convention("YannDubs/disentangling-vae", "BCE", note=f"{_CAPACITY} {_TC}"),
        "yanndubs-gaussian": Convention("YannDubs/disentangling-vae", "SE", 255, note=f"{_CAPACITY} {_TC}"),
        "yanndubs-laplace": Convention("YannDubs/disentangling-vae", "L1", 3, note=f"{_CAPACITY} {_TC}"),
        "dent-bernoulli": Convention("facebookresearch/disentangling-correlated-factors", "BCE", note=_TC),
        "dent-gaussian": Convention("facebookresearch/disentangling-correlated-factors", "SE", 255, note=_TC),
        "dent-laplace": Convention("facebookresearch/disentangling-correlated-factors", "L1", 3, note=_TC),
        "1konny-bernoulli": Convention("1Konny/Beta-VAE, objective H (dSprites)", "BCE", note=_CAPACITY),
        "1konny-gaussian": Convention("1Konny/Beta-VAE, objective H (chairs, CelebA)", "SE", note=_CAPACITY),
        "amir-abdi": Convention("amir-abdi/disentanglement-pytorch", "BCE", note=_WEIGHTS),
        "rtqichen": Convention("rtqichen/beta-tcvae", "BCE", note=_TC),
        "pythae-mse": Convention("pythae 0.1.2 and later, mse", "SE", 0.5, note=_HALF),
        "pythae-mse-0.1.1": Convention("pythae up to 0.1.1, mse", "SE", note=_HALF),
        "pythae-bce": Convention("pythae, bce", "BCE"),
        "antixk": Convention(
            "AntixK/PyTorch-VAE, BetaVAE of type H", "SE", mean_pixels=True, kld_weight=0.00025, note=_KLD_WEIGHT
        ),
        "disent-mean": Convention(
            "nmichlo/disent, loss_reduction mean", "SE", mean_pixels=True, mean_latents=True, note=_STANDARDISED
        ),
        "disent-mean-bce": Convention("nmichlo/disent, mean, bce", "BCE", mean_pixels=True, mean_latents=True),
        "disent-mean-sum": Convention("nmichlo/disent, loss_reduction mean_sum", "SE", note=_STANDARDISED),
        "disent-mean-sum-bce": Convention("nmichlo/disent, mean_sum, bce", "BCE"),
        "higgins-normalised": Convention(
            "Higgins et al. 2017, beta_norm", "BCE", mean_pixels=True, mean_latents=True,
            note="The factor is the same for any likelihood summed over pixels.",
        ),
    }
)  # fmt: skip
"""Name -> what that loss does. `factor` converts; `formula` says how."""


def find_convention(name: str, called: str = "family", also: Iterable[str] = ()) -> Convention:
    """The convention of this name; IfpError, which calls it so, with the nearest names when there is none.

    `also` are names beside those of conventions that are allowed where it is asked for, for the error alone.
    """
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    several = [known for known in CONVENTIONS if known.startswith(f"{name.lower()}-")]
    if several:
        raise IfpError(f"{name!r} has several losses: choose {', '.join(several[:-1])} or {several[-1]}.")
    raise unknown_name(called, name, [*also, *CONVENTIONS])
