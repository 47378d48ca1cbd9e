"""How many codes a decoder takes, compared with the latents of the encoder.

A decoder that takes as many codes as the encoder's last layer has rows belongs to an autoencoder without variances; one
that takes another number than there are latents, to a model with discrete latents or conditions.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch, WidthMismatch
from ifp.checkpoints.source import Weights
from ifp.errors import IfpError

Decode = Callable[[ChainBuilder], object]
"""Adds the layers of a decoder to a chain that starts at the codes, (D,), up to the image, flat or not."""


def takes_codes(weights: Weights, width: int, decode: Decode) -> bool:
    """Whether the first layer of the decoder takes codes of this width, whatever comes after it."""
    chain = ChainBuilder(weights, (width,), set())
    with suppress(IfpError):
        decode(chain)
    return chain.learnt


def codes_taken(weights: Weights, latents: int, decode: Decode) -> int:
    """How many codes the first layer of the decoder takes; `latents` if there is no such layer."""
    chain = ChainBuilder(weights, (latents,), set())
    try:
        decode(chain)
    except WidthMismatch as error:
        taken = latents + error.excess
        if taken > 0 and not chain.learnt and takes_codes(weights, taken, decode):
            return taken
    except ShapeMismatch:
        pass
    return latents


def other_codes(rows: int, taken: int) -> str:
    """What a model may be whose decoder takes `taken` codes and whose encoder's last layer has `rows` rows, in words.

    >>> other_codes(rows=20, taken=12)
    'it may have discrete latents beside Gaussian ones, as JointVAE does (8 Gaussian ones and 4 rows of classes), or \
the decoder may be given 2 conditions besides'
    """
    more = taken - rows // 2
    if more < 0:
        return f"the last layer may hold more than means and variances ({-2 * more} rows more)"
    conditions = f"the decoder may be given {more} conditions besides"
    if taken >= rows:
        return conditions
    return (
        f"it may have discrete latents beside Gaussian ones, as JointVAE does ({rows - taken} Gaussian ones and "
        f"{2 * taken - rows} rows of classes), or {conditions}"
    )
