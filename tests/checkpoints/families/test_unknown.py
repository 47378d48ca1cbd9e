"""What cannot be read is named, with the arrays' shapes, the nearest family, what differs, and a remedy that works."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ifp.checkpoints.families.registry import families, no_family, recognise
from ifp.checkpoints.source import Source
from ifp.errors import IfpError

from ..arrays.wrapped import Arrays, opened, state, under
from .code_bases import network_files
from .code_bases.array_files import EXAMPLES


def source(arrays: Arrays) -> Source:
    return Source(Path("run/model.pt"), "torch zip", arrays)


def arrays(*names: str) -> Arrays:
    return {name: np.zeros((2, 3)) for name in names}


@pytest.mark.parametrize("name", [*network_files.FILES, *EXAMPLES])
def test_the_nearest_family_of_a_familys_own_arrays_is_that_family(name: str) -> None:
    found = source(state(name))
    message = str(no_family(found))
    near = re.search(r"; ([^;]+) comes nearest", message)
    title = recognise(found).title
    if near is not None:  # a small or normalised network of a family may be near none
        assert near[1] == title
    else:
        assert any(
            word in name for word in ("norm", "fc", "dense", "linear", "groups", "deep", "shallow", "mlp", "stac")
        )


def test_each_family_has_an_example_that_it_is_nearest_to() -> None:
    titles = {family.name: family.title for family in families().values()}
    messages = [str(no_family(source(state(name)))) for name in [*network_files.FILES, *EXAMPLES]]
    for name, title in titles.items():
        if name not in ("ifp", "infogan"):  # ours says in a setting what it is, and GANs have tests of their own
            assert any(f"; {title} comes nearest" in message for message in messages), name


def test_a_known_model_with_normalised_weights_is_named_as_one() -> None:
    normalised = {re.sub(r"conv1\.weight$", "conv1.weight_orig", name): array for name, array in state().items()}
    with pytest.raises(IfpError, match=r"weight or spectral normalisation.*take it off before saving"):
        opened(normalised)


def test_shapes_stand_beside_names_and_what_differs_is_said() -> None:
    fork = {name.replace("mu_logvar_gen", "head"): array for name, array in state().items()}
    with pytest.raises(IfpError) as error:
        opened({"net": under("vae.", fork)})
    message = str(error.value)
    assert "encoder.conv1.weight [32, 3, 4, 4]" in message
    assert f"and {len(fork) - 6} more" in message
    assert "YannDubs/disentangling-vae comes nearest, but encoder.mu_logvar_gen is not there; " in message
    assert "; beside its usual layers there is encoder.head; for any other model give" in message
    assert message.endswith(
        "give `model='package.module:function'`, a function that returns mean and logvar, or its codes as "
        "ifp.Codes(mean, logvar)."
    )
    with pytest.raises(IfpError) as error:
        opened(arrays("trunk.0.weight", "trunk.2.weight"))
    assert "comes nearest" not in str(error.value)
    assert "trunk.0.weight [2, 3], trunk.2.weight [2, 3]; for any other model" in str(error.value)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("encoder.0.weight", "quantizer.embedding.weight"), r"vector-quantised model: .* as ifp\.Codes"),
        (("encoder.0.weight", "_vq_vae._embedding.weight"), "vector-quantised model"),
        (("vq_layer.embed_avg", "vq_layer.cluster_size", "enc.0.weight"), "vector-quantised model"),
        (("encoder.conv_in.weight", "quant_conv.weight", "post_quant_conv.weight"), "latent diffusion .*`model="),
        (
            ("pixelcnn.layers.0.weight", "encoder.a.weight"),
            r"autoregressive or recurrent part; only its encoder is needed",
        ),
        (("rnn.weight_hh_l0", "rnn.weight_ih_l0"), "autoregressive or recurrent part"),
        (("transformer.wte.weight", "transformer.wpe.weight"), "autoregressive or recurrent part"),
        (("model/layer-0/kernel/.ATTRIBUTES/VARIABLE_VALUE",) * 1, "Keras or TensorFlow 2, .*`model="),
        (
            ("encoder.0.parametrizations.weight.original0", "encoder.0.bias"),
            "weight or spectral normalisation.*take it off",
        ),
        (("encoder.conv1.weight_orig", "encoder.conv1.weight_u"), "weight or spectral normalisation"),
    ],
)
def test_what_a_model_is_is_said_with_a_remedy(names: tuple[str, ...], words: str) -> None:
    with pytest.raises(IfpError, match=words):
        opened(arrays(*names))
