"""rtqichen/beta-tcvae: betas, and distributions that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ifp.errors import IfpError

from .code_bases import network_files
from .code_bases.rtqichen import rtqichen_file
from .reading_files import build, said, source_of


@pytest.mark.parametrize(
    ("arguments", "beta", "words"),
    [
        ({}, 6.0, "total correlation alone"),
        ({"tcvae": False}, 6.0, "beta = 6"),
        ({"tcvae": False, "beta_anneal": True}, 6.0, "raised from 0"),
        ({"exclude_mutinfo": True}, None, "mutual information"),
    ],
)
def test_beta_of_rtqichen(arguments: dict[str, Any], beta: float | None, words: str, tmp_path: Path) -> None:
    state = network_files.make("rtqichen mlp").state_dict()
    vae = build(source_of(rtqichen_file(state, **arguments), tmp_path / "checkpt-0000.pth"))
    assert vae.beta == beta
    assert words in said(vae, "beta")[0]


@pytest.mark.parametrize(("dist", "words"), [("laplace", "Laplace posteriors"), ("flow", "learned prior")])
def test_other_distributions_of_rtqichen_are_refused(dist: str, words: str, tmp_path: Path) -> None:
    state = network_files.make("rtqichen mlp").state_dict()
    source = source_of(rtqichen_file(state, dist=dist), tmp_path / "checkpt-0000.pth")
    with pytest.raises(IfpError, match=words):
        build(source)
