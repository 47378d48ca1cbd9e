"""Models without Gaussian posteriors are refused by name, and classes of pythae that are not known are a guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ifp.checkpoints.source import Source
from ifp.errors import IfpError

from .code_bases.array_networks import LATENTS, Example
from .code_bases.disent import disent
from .reading_files import candidates, renamed, said


def test_models_without_gaussian_posteriors_are_refused(examples: dict[str, Example]) -> None:
    def refused(source: Source, words: str) -> None:
        with pytest.raises(IfpError, match=words):
            candidates(source)

    half = {"_encoder.model.11.weight": np.ones((LATENTS, 24)), "_encoder.model.11.bias": np.ones(LATENTS)}
    refused(examples["disent conv"].source(**half), r"autoencoder without variances.*ifp\.Codes")
    laplace = disent("conv", config={"framework": {"cfg": {"latent_distribution": "laplace"}}})
    refused(laplace.source(), "laplace latents")
    instance = {f"_encoder.model.{n}.{part}": None for n in (1, 4, 7, 10) for part in ("weight", "bias")}
    refused(examples["disent norm"].source(**instance), "instance normalisation")
    refused(renamed(examples["pythae mnist"], "log_var", "log_concentration"), "von Mises-Fisher")
    refused(examples["pythae mnist"].source(**{"quantizer.embeddings": np.ones((2, 2))}), "codebook")
    without = {"encoder.log_var.weight": None, "encoder.log_var.bias": None}
    refused(examples["pythae dense"].source(**without), "autoencoder without variances")
    own = Source(
        Path("model.pt"), "torch zip", {"encoder.trunk.weight": np.ones((2, 2))}, examples["pythae dense"].config
    )
    refused(own, r"encoder\.pkl.*never unpickled.*`model=")
    unnormalised = {f"encoder.layers.{n}.1.{part}": None for n in range(4) for part in ("weight", "bias")}
    refused(examples["pythae mnist"].source(**unnormalised), r"encoder\.pkl")
    refused(examples["pythae mnist"].source(**{"encoder.layers.0.1.running_mean": None}), "running_mean")
    refused(examples["antixk"].source(**{"encoder.0.1.running_var": None}), "running_var")
    for name, words in (("vq_layer.embedding.weight", "discrete"), ("fc_z.weight", "categorical")):
        refused(examples["antixk"].source(**{name: np.ones((2, 2))}), words)
    refused(examples["erow new"].source(**{"encode.head.weight": np.ones((2, 2))}), "ConvEncoder")


REFUSED_OF_PYTHAE = [
    ("VAE_LinNF_Config", {"net.0.w": np.ones((1, 4))}, "normalising flow"),
    ("VAE_IAF_Config", {"iaf_flow.net.0.net.0.weight": np.ones((4, 4))}, "inverse autoregressive flow"),
    ("PoincareVAEConfig", {"_pz_mu": np.ones((1, 4)), "_pz_logvar": np.ones((1, 1))}, "Poincare ball"),
    ("HVAEConfig", {"eps_lf": np.ones(1), "beta_zero_sqrt": np.ones(1)}, "Hamiltonian steps move .HVAE"),
    ("RHVAEConfig", {"metric.diag.weight": np.ones((4, 4)), "lbd": np.ones(1)}, "Riemannian Hamiltonian"),
    ("SVAEConfig", {}, "von Mises-Fisher"),
    ("VQVAEConfig", {}, "codebook"),
    ("WAE_MMD_Config", {}, "autoencoder without variances"),
]


@pytest.mark.parametrize(("name", "arrays", "words"), REFUSED_OF_PYTHAE, ids=[row[0] for row in REFUSED_OF_PYTHAE])
def test_models_of_pythae_with_other_posteriors_are_refused_by_class_and_by_arrays(
    name: str, arrays: dict[str, np.ndarray], words: str, examples: dict[str, Example]
) -> None:
    plain = examples["pythae dense"]
    named = Source(Path("model.pt"), "torch zip", plain.weights, {**plain.config, "name": name})
    with pytest.raises(IfpError, match=rf"{words}.*ifp\.Codes"):
        candidates(named)
    if arrays:
        with pytest.raises(IfpError, match=rf"{words}.*ifp\.Codes"):
            candidates(plain.source(**arrays))


def test_a_class_of_pythae_that_is_not_known_is_a_guess(examples: dict[str, Example]) -> None:
    plain = examples["pythae dense"]
    for name, words in (("IWAEConfig", "weighs by importance"), ("OurVAEConfig", "OurVAEConfig is not known")):
        (vae,) = candidates(Source(Path("model.pt"), "torch zip", plain.weights, {**plain.config, "name": name}))
        assert words in said(vae, "posterior")[0]
    (vae,) = candidates(plain)
    assert not [entry for entry in vae.assumptions if entry.what == "posterior"]
