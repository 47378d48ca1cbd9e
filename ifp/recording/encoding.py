"""RecordedModel: how a user's model is asked for the posteriors of the sample, and for images of codes.

Shapes: N images, B images of a batch, C H W of an image, D latents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ifp.checkpoints.in_memory import name_of
from ifp.checkpoints.posteriors import BATCH
from ifp.checkpoints.returned import NoPosteriorError, posterior_of, told
from ifp.errors import IfpError, counted
from ifp.likelihood import as_likelihood
from ifp.recording.config import RecordConfig
from ifp.recording.untouched import bare, untouched

RETURN = (
    "return (mean, logvar), each [images, latents], give a function that does, or say `head` and `variance` of what "
    "it returns"
)
_TINY = 1e-37
FEW = 2
"""Images on which the ways to ask a model are tried."""


@dataclass(frozen=True)
class WayToAsk:
    """One way to ask a model: its name in words, and the call."""

    name: str
    call: Callable[[Tensor], Any]


class RecordedModel:
    """A user's model between two of its steps.

    Parameters
    ----------
    model : an nn.Module with `encode`, an `encoder` or a forward that returns a posterior; or a function.
    image_shape : (C, H, W).

    Raises
    ------
    IfpError : it can be none of these.
    """

    def __init__(self, model: Any, config: RecordConfig, image_shape: tuple[int, int, int]) -> None:
        self.model, self._config, self._image_shape = bare(model), config, image_shape
        if isinstance(self.model, type) or not (callable(self.model) or callable(getattr(self.model, "encode", None))):
            got = f"the class {self.model.__name__}" if isinstance(self.model, type) else f"a {type(model).__name__}"
            raise IfpError(f"A recorder takes an nn.Module or a function images -> (mean, logvar), got {got}.")
        self.name = name_of(self.model)
        first = None
        if isinstance(self.model, nn.Module):
            first = next((part for part in self.model.parameters() if part.is_floating_point()), None)
        self.device = torch.device("cpu") if first is None else first.device
        self.dtype = torch.float32 if first is None else first.dtype

    def ways(self) -> list[WayToAsk]:
        """The ways to ask it, the likeliest first."""
        encode, encoder = getattr(self.model, "encode", None), getattr(self.model, "encoder", None)
        ways = [WayToAsk("encode", encode)] if callable(encode) else []
        if isinstance(self.model, nn.Module):
            ways += [WayToAsk("encoder", encoder)] if isinstance(encoder, nn.Module) else []
            return [*ways, WayToAsk("forward", self.model)]
        return ways or [WayToAsk("", self.model)]

    def posteriors(self, images_NCHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log variance, float64 [N, D], of uint8 images; the model is left as it was.

        Raises
        ------
        IfpError : it fails, or what it returns is no posterior.
        """
        with untouched(self.model):
            means, logvars = [], []
            way = self._way(self.as_seen(images_NCHW[:FEW]))
            for start in range(0, len(images_NCHW), BATCH):
                mean, logvar = self._ask(way, self.as_seen(images_NCHW[start : start + BATCH]))
                means.append(mean.detach().cpu().double().numpy())
                logvars.append(logvar.detach().cpu().double().numpy())
        widths = {mean.shape[1] for mean in means}
        if len(widths) > 1:
            raise IfpError(f"{self.name} gives {min(widths)} latents for some images, {max(widths)} for others.")
        return np.concatenate(means), np.concatenate(logvars)

    def as_seen(self, images_BCHW: np.ndarray) -> Tensor:
        """Images as the model takes them: scaled and laid out as the user said, on its device, in its precision."""
        x = torch.from_numpy(images_BCHW).to(self.device).to(self.dtype).div_(255)
        mean, std = (
            torch.tensor(numbers, device=self.device, dtype=self.dtype).view(1, -1, 1, 1)
            for numbers in (self._config.pixel_mean, self._config.pixel_std)
        )
        x = (x - mean) / std
        if self._config.layout == "NHWC":
            return x.permute(0, 2, 3, 1).contiguous()
        return x.flatten(1) if self._config.layout == "flat" else x

    def _way(self, x: Tensor) -> WayToAsk:
        """The first way that gives a posterior; raises IfpError with what the first one gave where none does."""
        ways, errors = self.ways(), []
        for way in ways:
            if len(ways) == 1:
                return way
            try:
                self._ask(way, x)
            except IfpError as error:
                errors.append(error)
            else:
                return way
        raise errors[0]

    def _ask(self, way: WayToAsk, x: Tensor) -> tuple[Tensor, Tensor]:
        called = f"{self.name}.{way.name}" if way.name else self.name
        try:
            returned = way.call(x)
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            raise IfpError(
                f"{called} failed on images of shape {list(x.shape)} ({type(error).__name__}: {error}); say by "
                "the recorder's arguments layout and scale what it takes."
            ) from error
        try:
            mean, logvar = posterior_of(
                returned, len(x), head=self._config.head or None, variance=self._config.variance
            )
        except NoPosteriorError as error:
            raise IfpError(f"{called} returned {error}; {RETURN}.") from error
        if mean.ndim != 2 or mean.shape != logvar.shape or len(mean) != len(x) or not mean.shape[1]:
            raise IfpError(
                f"{called} must return mean and logvar of shape [{len(x)}, latents], got {list(mean.shape)} and "
                f"{list(logvar.shape)}; {RETURN}."
            )
        return mean, logvar

    def reconstruction_nats(self, decode: Callable[[Tensor], Any], images_NCHW: np.ndarray, z_ND: np.ndarray) -> float:
        """The mean cost of these images given these codes, nats per image, by the likelihood that the user said."""
        likelihood, costs = as_likelihood(self._config.likelihood, self._config.sigma), []
        with untouched(self.model, decode):
            for start in range(0, len(images_NCHW), BATCH):
                images = torch.from_numpy(images_NCHW[start : start + BATCH]).float().div_(255)
                out = self._decoded(decode, z_ND[start : start + BATCH]).flatten(1)
                if self._config.output == "probabilities" and likelihood.name == "bernoulli":
                    x = images.flatten(1)
                    cost = -x * out.clamp_min(_TINY).log() - (1 - x) * (1 - out).clamp_min(_TINY).log()
                    costs.append(cost.sum(1).numpy())
                    continue
                if self._config.output == "logits" and likelihood.name == "gaussian":
                    out = out.sigmoid()
                costs.append(likelihood.summed_cost(out, images.flatten(1)).numpy())
        return float(np.concatenate(costs).mean())

    def drawn(self, decode: Callable[[Tensor], Any], z_ND: np.ndarray) -> np.ndarray:
        """What `decode` draws for these codes, float32 [N, C, H, W] in [0, 1]."""
        with untouched(self.model, decode):
            out = self._decoded(decode, z_ND)
        if self._config.output == "logits":
            out = out.sigmoid()
        return np.asarray(out.nan_to_num().clamp(0, 1).numpy())

    def _decoded(self, decode: Callable[[Tensor], Any], z_ND: np.ndarray) -> Tensor:
        """What `decode` gives, float32 [N, C, H, W]: logits, or pixels on the scale of [0, 1]."""
        z = torch.from_numpy(z_ND).to(self.device).to(self.dtype)
        name = name_of(decode)
        try:
            out = decode(z)
            out = getattr(out, "sample", out) if not isinstance(out, Tensor) else out
            out = torch.as_tensor(out).detach().cpu().float()
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            raise IfpError(
                f"decode ({name}) failed on codes of shape {list(z.shape)} ({type(error).__name__}: {error}); give a "
                "function of codes [images, latents] that returns images, or leave it out."
            ) from error
        channels, rows, columns = self._image_shape
        if out.numel() != len(z) * channels * rows * columns:
            raise IfpError(
                f"decode ({name}) gave an array of shape {list(out.shape)}, not {counted(len(z), 'image')} of "
                f"{self._image_shape}; give a function that returns images."
            )
        if self._config.layout == "NHWC":
            out = out.reshape(len(z), rows, columns, channels).permute(0, 3, 1, 2)
        out = out.reshape(len(z), channels, rows, columns)
        if self._config.output == "values":
            mean, std = (
                torch.tensor(numbers, device=out.device, dtype=out.dtype).view(1, -1, 1, 1)
                for numbers in (self._config.pixel_mean, self._config.pixel_std)
            )
            return out * std + mean
        if self._config.output == "probabilities" and (out.min() < 0 or out.max() > 1):
            raise IfpError(
                f"decode ({name}) gave values from {float(out.min()):.3g} to {float(out.max()):.3g}, which are no "
                "probabilities; say output='logits', or output='values' and likelihood='gaussian' for pixels on the "
                "scale of the model's input."
            )
        return out


def decode_of(model: Any, decode: Any) -> Callable[[Tensor], Any] | None:
    """The function that a user's `decode` stands for; True is the model's own `decode`, or its `decoder`.

    Raises
    ------
    IfpError : there is none, or it cannot be called.
    """
    if decode is None or decode is False:
        return None
    if decode is True:
        model = bare(model)
        found = getattr(model, "decode", None) or getattr(model, "decoder", None)
        if not callable(found):
            raise IfpError(
                f"{name_of(model)} has no method decode and no decoder; give a function of codes as decode, or leave "
                "it out."
            )
        return found
    if not callable(decode):
        raise IfpError(f"decode must be a function of codes [images, latents], or True, got {told(decode)}.")
    return decode
