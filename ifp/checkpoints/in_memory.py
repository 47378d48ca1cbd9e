"""Models that are already in memory: an nn.Module with `encode`, or any function images -> (mean, logvar).

Shapes: N images, D latents, C H W of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ifp.checkpoints.posteriors import Sample, encode_images
from ifp.checkpoints.returned import NoPosteriorError, posterior_of
from ifp.checkpoints.run_records import Record
from ifp.errors import IfpError
from ifp.system.progress import Progress

TAKES = (
    "a model must be the path of a checkpoint or of a folder of them, an nn.Module with a method encode, a function "
    "images -> (mean, logvar), or ifp.Codes"
)

PAIR = "(mean, logvar), each [images, latents]"
RETURN = f"return {PAIR}"
"""What an encoder that returned something else is to do."""


def is_encoder(model: Any) -> bool:
    """Whether images can be handed to it: it has a method `encode`, or can be called itself."""
    return callable(getattr(model, "encode", None)) or callable(model)


def name_of(model: Any) -> str:
    """What to call a model in memory: its class or its function.

    >>> name_of(nn.Linear(2, 2)), name_of(lambda images: images)
    ('Linear', 'encoder')
    """
    named = getattr(model, "__name__", "")
    if named.isidentifier():
        return str(named)
    return "encoder" if named or (callable(model) and not isinstance(model, nn.Module)) else type(model).__name__


def encode_in_memory(
    model: Any, sample: Sample, progress: Progress, *, name: str, device: str = "auto", called: str = ""
) -> Record:
    """The codes that a model in memory gives of the sample's images, float tensors [N, C, H, W] in [0, 1].

    An nn.Module is asked in evaluation mode, in its own precision and on its own device, and is left in the mode in
    which it was. A function gets tensors on `device`; "auto" is the CPU.

    Parameters
    ----------
    called : what errors call it; "The encoder NAME" if empty.

    Raises
    ------
    IfpError : no encoder; or it fails, or returns something else than mean and logvar, [N, D] each.
    """
    if not is_encoder(model):
        raise IfpError(f"{TAKES[0].upper()}{TAKES[1:]}; got {type(model).__name__}.")
    called = called or f"The encoder {name}"
    if isinstance(model, type):
        raise IfpError(f"{called} is a class; give an object of it, {name}(...) with its weights.")
    has_encode = callable(getattr(model, "encode", None))
    encode, remedy = (model.encode if has_encode else model), RETURN
    if _is_module(model) and not has_encode:
        called += " has no method encode, and its forward"
        remedy = f"add a method encode that returns {PAIR}, or give a function that does"
    first = next((part for part in model.parameters() if part.is_floating_point()), None) if _is_module(model) else None
    where = torch.device("cpu" if device == "auto" else device) if first is None else first.device
    latents: set[int] = set()

    def checked(images: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = _posteriors(encode, images if first is None else images.to(first.dtype), called, remedy)
        latents.add(mean.shape[1])
        if len(latents) > 1:
            raise IfpError(f"{called} gives {min(latents)} latents for some images, {max(latents)} for others.")
        return mean, logvar

    with _evaluating(model):
        mean_ND, logvar_ND = encode_images(checked, sample.images_NCHW, where, progress)
    reader = f"an nn.Module in memory ({type(model).__name__})" if _is_module(model) else "a function of the user's own"
    return Record(name, None, sample.codes(mean_ND, logvar_ND), reader=reader)


def _posteriors(encode: Callable[[Tensor], Any], images: Tensor, called: str, remedy: str) -> tuple[Tensor, Tensor]:
    """What the encoder returns of a batch, as two tensors [B, D]; `remedy` ends the sentence on anything else."""
    try:
        returned = encode(images)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise IfpError(
            f"{called} failed on images of shape {list(images.shape)} ({type(error).__name__}: {error}); "
            f"take a float tensor [N, C, H, W] in [0, 1], and {remedy}."
        ) from error
    try:
        mean, logvar = posterior_of(returned, len(images))
    except NoPosteriorError as error:
        raise IfpError(f"{called} returned {error}; {remedy}.") from error
    if mean.ndim != 2 or mean.shape != logvar.shape or len(mean) != len(images):
        raise IfpError(
            f"{called} must return mean and logvar of shape [{len(images)}, latents], got "
            f"{list(mean.shape)} and {list(logvar.shape)}; {remedy}."
        )
    return mean, logvar


def _is_module(model: Any) -> bool:
    return isinstance(model, nn.Module)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Dropout and batch statistics would make codes depend on chance and on the batch; every part's mode comes back."""
    modes = [(part, part.training) for part in model.modules()] if _is_module(model) else []
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
