"""amir-abdi and 1Konny: files that do not state how they were trained, and other models that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ifp.checkpoints.source import Source
from ifp.errors import IfpError

from .code_bases import network_files
from .code_bases.amir_abdi import amir_conv, amir_file
from .code_bases.named_networks import Network
from .reading_files import build, said, source_of

SourceOfFile = Callable[[str], Source]


@pytest.mark.parametrize("kind", ["1konny H", "1konny B", "amir-abdi conv", "amir-abdi padless"])
def test_where_nothing_says_how_a_file_was_trained(kind: str, source_of_file: SourceOfFile) -> None:
    vae = build(source_of_file(kind))
    assert (vae.beta, said(vae, "beta")) == (None, ("not stated", "the file"))
    gaussian = kind == "1konny H"  # of three channels
    assert vae.likelihood == ("gaussian" if gaussian else "bernoulli")
    assert said(vae, "likelihood")[1] == "the code base"


@pytest.mark.parametrize("padless", [False, True])
def test_an_autoencoder_of_amir_abdi_is_refused(padless: bool, tmp_path: Path) -> None:
    network: Network = amir_conv(1, padless, rows=6, decoded=6)
    source = source_of(amir_file(network.state_dict()), tmp_path / "last")
    with pytest.raises(IfpError, match=r"autoencoder without variances: .* 6 rows for 6 latents"):
        build(source)
    half = source_of(amir_file(network.encoder.state_dict(prefix="encoder.")), tmp_path / "last")
    assert said(build(half), "latents") == ("3 (no decoder to tell a VAE from an autoencoder)", "a guess")


def test_a_conditional_vae_of_amir_abdi_is_refused(tmp_path: Path) -> None:
    state = network_files.make("amir-abdi conv").state_dict()
    source = source_of(amir_file({**state, "tiler.main.0.weight": torch.ones(64, 1)}), tmp_path / "last")
    with pytest.raises(IfpError, match="conditional"):
        build(source)
