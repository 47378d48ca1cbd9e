"""The nine synthetic spaces: all 36 NMI and VI and the information of each, by Bhattacharyya fingerprints."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from ifp.fingerprints.build import latent_channels
from ifp.fingerprints.models import Model, Similarity
from ifp.fingerprints.similarity import measure_similarity

from .spaces import INFORMATION_BITS, NAMES, NMI, TRUE_INFORMATION_BITS, TWO_LOOKS_BITS, VI_BITS, nine_spaces

UPPER = np.triu_indices(9, 1)
EXACT, SINGLE = torch.float64, torch.float32
# the known values are rounded to four decimals; single precision is held to three
TOLERANCES = [pytest.param(EXACT, 5.1e-5, id="float64"), pytest.param(SINGLE, 5e-4, id="float32")]


@cache
def similarity(dtype: torch.dtype) -> Similarity:
    models = [Model(name, codes) for name, codes in nine_spaces().items()]
    fingerprints, channels = latent_channels(models, by="space", dtype=dtype)
    return measure_similarity(fingerprints, channels)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_information(dtype: torch.dtype, tolerance: float) -> None:
    found = similarity(dtype)
    np.testing.assert_allclose(found.information_bits_C, INFORMATION_BITS, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.two_looks_bits_C, TWO_LOOKS_BITS, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.entropy_bits_C, found.shared_bits_CC.diagonal(), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_all_36_pairs(dtype: torch.dtype, tolerance: float) -> None:
    found = similarity(dtype)
    assert [channel.name for channel in found.channels] == list(NAMES)
    for nmi_CC in (found.nmi_CC, found.nmi_CC.T):
        np.testing.assert_allclose(nmi_CC[UPPER], NMI, rtol=0, atol=tolerance)
    for vi_bits_CC in (found.vi_bits_CC, found.vi_bits_CC.T):
        np.testing.assert_allclose(vi_bits_CC[UPPER], VI_BITS, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.nmi_CC.diagonal(), 1, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.vi_bits_CC.diagonal(), 0, rtol=0, atol=1e-4)


def test_the_bracket_holds_the_true_information() -> None:
    """Which Monte Carlo knows to 0.007 bits."""
    found = similarity(EXACT)
    assert (found.information_bits_C < np.array(TRUE_INFORMATION_BITS) + 0.01).all()
    assert (found.upper_bits_C > np.array(TRUE_INFORMATION_BITS) - 0.01).all()
    assert (found.upper_bits_C <= found.cap_bits).all()
