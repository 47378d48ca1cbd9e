"""The likelihood by the gin settings of disentanglement_lib, of google or of erow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.settings_values import word_at


def stated_likelihood(config: Mapping[str, Any]) -> str | None:
    """The likelihood by the name of the loss, which ends in "bernoulli_loss" or "l2_loss"; None without one."""
    loss = word_at(config, "reconstruction_loss.loss_fn") or ""
    return "gaussian" if "l2" in loss else "bernoulli" if "bernoulli" in loss else None


def check_output(config: Mapping[str, Any]) -> None:
    """Raise ShapeMismatch unless the decoder gives logits, which is the default."""
    output = word_at(config, "reconstruction_loss.activation")
    if output not in (None, "logits"):
        raise ShapeMismatch(f"Its reconstruction_loss.activation is {output!r}, and only 'logits' is read.")
