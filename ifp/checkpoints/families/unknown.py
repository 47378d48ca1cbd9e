"""Describes a model that no family recognises: what its names show it to be, the nearest family, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from ifp.checkpoints.source import Source, Weights
from ifp.errors import IfpError
from ifp.system.printable import listed, shortened

OTHERWISE = (
    "for any other model give `model='package.module:function'`, a function that returns mean and logvar, "
    "or its codes as ifp.Codes(mean, logvar)"
)
CODES_OF_DISCRETE = (
    "give the vectors that its codes stand for as mean with a constant logvar such as -10 as ifp.Codes(mean, "
    "logvar), which measures the factors (the KL then says nothing)"
)
"""What to do with models whose codes are discrete."""
_ENCODER = "give `model='package.module:function'`, a function of yours that loads it and returns mean and logvar"
"""What to do with models that another library can run."""
_REPARAMETRISED = r"parametrizations\.\w+\.original|weight_orig$|weight_v$"
"""Matches the names of arrays from which weight or spectral normalisation computes the weights."""
_KINDS: tuple[tuple[str, str, str], ...] = (
    (r"\.ATTRIBUTES/VARIABLE_VALUE$", "a checkpoint of Keras or TensorFlow 2, whose names do not say how its layers "
     "follow each other", f"{_ENCODER} (docs/diagnosis.md shows one for Keras)"),
    (r"codebook|quantize|\bvq|vq_|_vq\b|embed_avg|cluster_size", "a vector-quantised model: its codes are discrete, "
     "without a mean and a variance", CODES_OF_DISCRETE),
    (_REPARAMETRISED, "a model with weight or spectral normalisation, whose "
     "arrays are not the weights themselves", "take it off before saving (remove_parametrizations of "
     "torch.nn.utils.parametrize, remove_weight_norm, remove_spectral_norm)"),
    (r"quant_conv\.", "an autoencoder of a latent diffusion model, whose latents are maps", f"{_ENCODER}, flat or "
     "averaged over the map"),
    (r"pixel_?cnn|masked_?conv|wavenet|causal|\.mask$|\bwte\b|\bwpe\b|weight_hh_l", "a model with an autoregressive or "
     "recurrent part", f"only its encoder is needed: {_ENCODER}"),
    (r"_packed_params|\.zero_point$", "a model quantised to whole numbers", "save it before quantisation"),
)  # fmt: skip
"""Kinds of models that are not read: a pattern in the names of their arrays, what they are, and what to do."""
_TYPICAL = (
    ("yanndubs", "encoder.conv1 encoder.conv2 encoder.conv3 encoder.lin1 encoder.lin2 encoder.mu_logvar_gen"),
    ("dent", "encoder.conv1 encoder.conv2 encoder.conv3 encoder.lin1 encoder.lin2 encoder.dist_statistics"),
    ("dent", "encoder.conv1 encoder.conv2 encoder.conv3 encoder.conv4 encoder.lin encoder.dist_statistics"),
    ("erow_groups", "encode.encoders.0.net.0 encode.encoders.0.net.2 encode.encoders.1.net.0 encode.encoders.1.net.2"),
    ("erow", "encode.net.0 encode.net.2 encode.net.4 encode.net.6 encode.net.9 encode.net.11"),
    (
        "disent",
        "_encoder.model.0 _encoder.model.2 _encoder.model.4 _encoder.model.6 _encoder.model.9 _encoder.model.11",
    ),
    ("amir-abdi", "encoder.main.0 encoder.main.2 encoder.main.4 encoder.main.6 encoder.main.8 encoder.main.13"),
    ("antixk", "encoder.0.0 encoder.1.0 encoder.2.0 encoder.3.0 encoder.4.0 fc_mu fc_var"),
    ("pythae", "encoder.layers.0.0 encoder.layers.1.0 encoder.embedding encoder.log_var"),
    ("rtqichen", "encoder.fc1 encoder.fc2 encoder.fc3 encoder.conv_z prior_params"),
    ("rtqichen", "encoder.conv1 encoder.bn1 encoder.conv2 encoder.bn2 encoder.conv5 encoder.conv_z prior_params"),
    ("1konny", "encoder.0 encoder.2 encoder.4 encoder.6 encoder.8 encoder.11"),
    ("google", "encoder/e1 encoder/e2 encoder/e3 encoder/e4 encoder/e5 means log_var"),
)
"""Typical encoders of the families: the family and the names of the layers."""
_NEAR = 0.5
"""Minimum share of the layers of a typical encoder that a model must have to be called near the family."""
_SHOWN_NAMES = 6
"""Maximum number of names in a message."""


def no_family(source: Source, titles: dict[str, str]) -> IfpError:
    """The error for a model of none of the families, whose `titles` are given by name."""
    arrays = f"its arrays are called {_with_shapes(source.weights)}"
    for pattern, kind, remedy in _KINDS:
        if _has(source.weights, pattern):
            return IfpError(f"{source.path} looks like {kind}; {remedy} ({arrays}).")
    difference = _difference(source.weights, titles)
    return IfpError(
        f"{source.path} is of none of the families read here ({', '.join(titles)}): {arrays}{difference}; {OTHERWISE}."
    )


def is_reparametrised(weights: Weights) -> bool:
    """Whether the arrays are those from which weight or spectral normalisation computes the weights."""
    return _has(weights, _REPARAMETRISED)


def _has(weights: Weights, pattern: str) -> bool:
    return any(re.search(pattern, name, re.IGNORECASE) for name in weights)


def _with_shapes(weights: Weights) -> str:
    shown = [f"{shortened(name)} {list(array.shape)}" for name, array in islice(weights.items(), _SHOWN_NAMES)]
    more = f" and {len(weights) - _SHOWN_NAMES} more" if len(weights) > _SHOWN_NAMES else ""
    return ", ".join(shown) + more


def nearness(weights: Weights) -> float:
    """The share of the layers of the nearest typical encoder that a model has."""
    return _nearest(weights)[0]


def _nearest(weights: Weights) -> tuple[float, str, list[str]]:
    """The nearest typical encoder: the share of its layers that the model has, its family, and its layers."""
    layers = {_layer(name) for name in weights}
    encoders = [(family, typical.split()) for family, typical in _TYPICAL]
    shares = [
        (sum(layer in layers for layer in typical) / len(typical), family, typical) for family, typical in encoders
    ]
    return max(shares, key=lambda row: row[0])


def _difference(weights: Weights, titles: dict[str, str]) -> str:
    """A clause on the nearest family and the layers that differ; "" if no family is near."""
    share, family, typical = _nearest(weights)
    if share < _NEAR:
        return ""
    layers = dict.fromkeys(_layer(name) for name in weights)
    missing = [layer for layer in typical if layer not in layers]
    others = [layer for layer in layers if layer not in typical and layer.startswith(_beginnings(typical))]
    clause = f"; {titles[family]} comes nearest"
    if missing:
        clause += f", but {listed(missing, _SHOWN_NAMES)} {'is' if len(missing) == 1 else 'are'} not there"
    if others:
        clause += (
            f"; beside its usual layers there {'is' if len(others) == 1 else 'are'} {listed(others, _SHOWN_NAMES)}"
        )
    return clause


def _beginnings(typical: Iterable[str]) -> tuple[str, ...]:
    return tuple({re.split(r"[./]", layer)[0] for layer in typical})


def _layer(name: str) -> str:
    return re.sub(r"^module/|[./](weight|bias|kernel)$", "", name)
