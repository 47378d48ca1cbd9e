"""Source: one checkpoint after its wrapping is off, and what the user said about reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifp.errors import bad_value

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Source:
    """The arrays of one checkpoint under the names that its own code gave them.

    Attributes
    ----------
    path : the file.
    container : how the file was packed ("torch zip", "legacy torch", "TensorFlow bundle", ...).
    weights : name -> array, with the prefixes of trainers and wrappers taken off.
    config : what lies beside or inside the file about the run, plain values only ({} where there is nothing):
        specs.json of YannDubs and dent, dent's metadata, pythae's model_config.json, Lightning's hyper_parameters,
        literal lines of a gin file as {"a.b": value}.
    step : of training, as the file says it (iterations, else epochs), None where it does not.
    place : where in the file the arrays lie ("ema", "model_states.net"), "" where they lie bare.
    renamed : what of their names in the file was changed ("'vae.' taken off"), "" for nothing.
    guessed : whether that is more than prefixes: which part is the encoder, say.
    image_shape : (channels, rows, columns) as the user states it, None where the shapes of the arrays are to say.
    """

    path: Path
    container: str
    weights: Weights
    config: Mapping[str, Any] = field(default_factory=dict)
    step: int | None = None
    place: str = ""
    renamed: str = ""
    guessed: bool = False
    image_shape: tuple[int, int, int] | None = None

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the array `name`, () where there is none."""
        return self.weights[name].shape if name in self.weights else ()


@dataclass(frozen=True)
class ReadingOptions:
    """What the user knows better than the file.

    Parameters
    ----------
    family : the reader to use, where none or more than one recognises the file.
    activation : "relu", "leaky_relu", "tanh" or "elu", where the weights do not say.
    head : how mean and variance lie in the last layer; see `ifp.checkpoints.vae.HEADS`.
    stage : the last active group in an encoder of several groups (erow's FracEncoder), from 0.
    variance : what the last layer gives beside the mean; see `ifp.checkpoints.vae.VARIANCES`.
    pixel_mean, pixel_std : the data were (x - mean) / std in training; None for x in [0, 1].
    weights : which set of weights of a file that holds several ("ema"), by the key under which it lies.
    image_shape : (channels, rows, columns), where the weights leave it open.
    """

    family: str | None = None
    activation: str | None = None
    head: str | None = None
    stage: int | None = None
    pixel_mean: float | None = None
    pixel_std: float | None = None
    weights: str | None = None
    image_shape: tuple[int, int, int] | None = None
    variance: str | None = None


def as_reading(reading: Any) -> ReadingOptions:
    """What a library call's `reading` stands for, None for nothing stated; raises IfpError for anything else."""
    if reading is not None and not isinstance(reading, ReadingOptions):
        raise bad_value("reading", reading, "ifp.ReadingOptions(...), such as ifp.ReadingOptions(head='halves')")
    return reading or ReadingOptions()
