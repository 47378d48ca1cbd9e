"""disent, erow, pythae, AntixK and disentanglement_lib: no array can be wrong, missing or too many unnoticed."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.checkpoints.families.registry import families
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions
from ifp.errors import IfpError

from .code_bases.array_files import EXAMPLES, KNOWN_HEADS
from .code_bases.array_networks import Example
from .reading_files import candidates

FAMILIES = {name: families()[name] for name in ("disent", "erow", "erow_groups", "pythae", "antixk", "google")}
"""The families of the examples."""


@pytest.mark.parametrize(
    "name",
    [
        "erow normalised", "erow fc", "erow new", "erow devae", "groups fc", "groups added", "disent conv",
        "disent norm", "disent linear", "pythae dense", "pythae celeba", "antixk tc", "google training", "google dense",
    ],
)  # fmt: skip
def test_no_array_can_be_wrong_unnoticed(name: str, examples: dict[str, Example]) -> None:
    """Whatever array is cut, lengthened, flattened or missing: the encoder's raise, the decoder's leave no decoder."""
    example = examples[name]
    beside = ("projs", "Adam", "beta1", "global_step", "discriminator", "num_batches_tracked", "stage_embed")
    family, options = FAMILIES[example.family], ReadingOptions(activation="relu", pixel_mean=0.0)
    refused: list[tuple[str, bool]] = []
    for array_name, array in example.weights.items():
        if any(word in array_name for word in beside):
            continue
        optional = array_name.endswith(("bias", ".shape"))  # the grid's shape shows in the next layer too
        broken = [array[:-1], array[None], array.reshape(-1)[:0], np.concatenate([array, array]), None]
        for wrong in broken[: -1 if optional else None]:
            source = example.source(**{array_name: wrong})
            is_decoder = array_name.removeprefix("module/").startswith(("decode", "_decode", "final_layer"))
            if is_decoder:
                try:
                    built = family.build(source, options)
                except IfpError as error:  # its first layer: of another width, or an autoencoder
                    refused.append((array_name, "autoencoder" in str(error) or "the decoder takes" in str(error)))
                else:
                    assert all(vae.decoder is None for vae in built), array_name
            else:
                with pytest.raises(IfpError):
                    family.build(source, options)
    assert len({array_name for array_name, _ in refused}) <= 1
    assert all(by_width or array_name == "_decoder.model.0.weight" for array_name, by_width in refused)


@pytest.mark.parametrize(
    ("name", "array", "axis"),
    [
        ("erow old", "encode.net.2.weight", 1),
        ("erow new", "encode.net.8.weight", 1),
        ("groups added", "encode.sub_encoders.1.net.4.weight", 1),
        ("disent conv", "_encoder.model.4.weight", 1),
        ("disent norm", "_encoder.model.1.weight", 0),
        ("pythae celeba", "encoder.layers.2.0.weight", 1),
        ("antixk", "encoder.2.0.weight", 1),
        ("google conv", "encoder/e3/kernel", 2),
    ],
)
def test_a_layer_that_does_not_fit_is_named(name: str, array: str, axis: int, examples: dict[str, Example]) -> None:
    example = examples[name]
    wrong = np.concatenate([example.weights[array]] * 2, axis=axis)
    with pytest.raises(ShapeMismatch, match=array.rpartition("/" if "/" in array else ".")[0].replace(".", r"\.")):
        candidates(example.source(**{array: wrong}))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_family_named_wrongly_is_a_sentence(name: str, examples: dict[str, Example]) -> None:
    source = examples[name].source()
    for family in FAMILIES.values():
        if family.name != examples[name].family:
            with pytest.raises(IfpError):
                family.build(source, ReadingOptions())


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("erow new", "encode.net.20.bias"),
        ("erow new", "encode.attention.weight"),
        ("disent conv", "_encoder.extra.weight"),
        ("pythae mnist", "encoder.attention.weight"),
        ("antixk", "encoder.attention.weight"),
        ("google conv", "encoder/attention/kernel"),
    ],
)
def test_an_encoder_with_more_than_is_read_is_refused(name: str, array: str, examples: dict[str, Example]) -> None:
    with pytest.raises(IfpError):
        candidates(examples[name].source(**{array: np.ones((2, 2), np.float32)}))


def test_every_family_refuses_an_autoencoder_by_its_decoder(examples: dict[str, Example]) -> None:
    """As many rows in the last layer as the decoder takes codes: means alone, of an even number of latents."""
    for name, (head, *more) in KNOWN_HEADS.items():
        if more or name.startswith("disent"):  # separate layers have variances by their names; disent has its own test
            continue
        example = examples[name]
        means = {f"{head}.{part}": example.weights[f"{head}.{part}"][: example.latents] for part in ("weight", "bias")}
        with pytest.raises(IfpError, match=rf"autoencoder without variances.* {example.latents} rows.*ifp\.Codes"):
            candidates(example.source(**means))
