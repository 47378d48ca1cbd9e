"""Files of YannDubs, dent, rtqichen, 1Konny and amir-abdi are recognised and rebuilt as the networks in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.families.registry import families, recognise
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import HEADS
from ifp.errors import IfpError

from .code_bases import network_files
from .code_bases.named_networks import LATENTS
from .code_bases.network_files import FILES
from .reading_files import build, images_for, said, source_at, with_array, without_layer

SourceOfFile = Callable[[str], Source]
ALONE = ("encoder.conv_z.weight", "encoder.conv_z.bias")
"""Arrays of the encoder that its code saves and never uses."""


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_rebuilt_as_its_network(name: str, legacy: bool, tmp_path: Path) -> None:
    network, kind = network_files.make(name), FILES[name]
    path = network_files.write(tmp_path, name, network, _use_new_zipfile_serialization=not legacy)
    source = source_at(path)
    assert recognise(source).name == kind.family
    vae = build(source)
    assert (vae.image_shape, vae.num_latents) == (kind.image_shape, LATENTS)
    x = images_for(FILES[name].image_shape)
    with torch.inference_mode():
        for ours, theirs in zip(vae.encode(x), network.encode(x), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
        z = torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(2))
        assert vae.decoder is not None
        torch.testing.assert_close(vae.decode(z), network.decode(z), rtol=0, atol=1e-5)
        # a mistake must be able to show: neither answer may be constant
        assert network.encode(x)[0].std() > 1e-3
        assert network.decode(z).std(dim=0).max() > 1e-5
    assert vae.unused == (tuple(sorted(ALONE)) if name == "rtqichen mlp" else ())


@pytest.mark.parametrize("name", FILES)
def test_a_known_head_reads_as_it_was_set_and_not_otherwise(name: str, tmp_path: Path) -> None:
    network = network_files.with_known_head(name, network_files.make(name))
    source = source_at(network_files.write(tmp_path, name, network))
    mean = torch.arange(LATENTS).expand(3, -1) + 0.5
    for head in HEADS:
        got_mean, got_logvar = build(source, head=head).encode(images_for(FILES[name].image_shape))
        right = head == network.head
        assert torch.allclose(got_mean, mean, atol=1e-6) == right
        assert torch.allclose(got_logvar, -(mean + 0.5), atol=1e-6) == right
    assert said(build(source), "head") == (network.head, "the code base")
    assert said(build(source, head=network.head), "head") == (network.head, "an option")


@pytest.mark.parametrize("name", FILES)
def test_no_other_family_takes_the_file(name: str, source_of_file: SourceOfFile) -> None:
    source = source_of_file(name)
    assert [family.name for family in families().values() if family.recognises(source)] == [FILES[name].family]


@pytest.mark.parametrize("kind", FILES)
def test_options_go_before_habits(kind: str, source_of_file: SourceOfFile) -> None:
    source = source_of_file(kind)
    x = images_for(FILES[kind].image_shape)
    plain = build(source)
    assert said(plain, "activation") == ("relu", "the code base")
    assert said(plain, "input") == ("pixels in [0, 1]", "the code base")
    leaky = build(source, activation="leaky_relu")
    assert said(leaky, "activation") == ("leaky_relu", "an option")
    assert not torch.equal(leaky.encode(x)[0], plain.encode(x)[0])
    scaled = build(source, pixel_mean=0.25, pixel_std=0.5)
    assert said(scaled, "input") == ("(pixel - 0.25) / 0.5", "an option")
    torch.testing.assert_close(scaled.encode(x)[0], plain.encode((x - 0.25) / 0.5)[0])
    for options in ({"activation": "maxout"}, {"pixel_std": 0.0}, {"head": "thirds"}):
        with pytest.raises(IfpError):
            build(source, **options)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("yanndubs 64", "encoder.conv2"),
        ("yanndubs 64", "encoder.lin1"),
        ("yanndubs 64", "encoder.mu_logvar_gen"),
        ("dent montero_small", "encoder.conv4"),
        ("dent chen_mlp", "encoder.fc2"),
        ("rtqichen mlp", "encoder.fc3"),
        ("rtqichen conv", "encoder.conv5"),
        ("1konny H", "encoder.8"),
        ("1konny B", "encoder.11"),
        ("amir-abdi conv", "encoder.main.6"),
        ("amir-abdi deep", "encoder.main.5"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(kind: str, name: str, source_of_file: SourceOfFile) -> None:
    source = source_of_file(kind)
    weight = source.weights[f"{name}.weight"]
    family = recognise(source)
    wider = with_array(source, f"{name}.weight", np.concatenate([weight, weight], axis=1))
    for broken in (wider, without_layer(source, name)):
        with pytest.raises(ShapeMismatch, match=name.replace(".", r"\.")):
            family.build(broken, ReadingOptions())


@pytest.mark.parametrize("kind", FILES)
def test_every_array_of_the_encoder_is_needed(kind: str, source_of_file: SourceOfFile) -> None:
    source = source_of_file(kind)
    family = recognise(source)
    for name in source.weights:
        if name.startswith("encoder.") and name not in ALONE and not name.endswith("num_batches_tracked"):
            weights = {key: value for key, value in source.weights.items() if key != name}
            with pytest.raises(ShapeMismatch):
                family.build(Source(source.path, source.container, weights, source.config), ReadingOptions())


@pytest.mark.parametrize("kind", FILES)
def test_an_encoder_with_more_than_is_read_is_refused(kind: str, source_of_file: SourceOfFile) -> None:
    source = source_of_file(kind)
    more = with_array(source, "encoder.attention.weight", np.ones((2, 2), np.float32))
    with pytest.raises(ShapeMismatch, match=r"no place for: encoder\.attention\.weight"):
        recognise(source).build(more, ReadingOptions())


@pytest.mark.parametrize("kind", FILES)
def test_a_decoder_that_does_not_fit_is_left_out_and_said(kind: str, source_of_file: SourceOfFile) -> None:
    source = source_of_file(kind)
    name = next(key for key in reversed(source.weights) if key.startswith("decoder.") and key.endswith(".weight"))
    x = images_for(FILES[kind].image_shape)
    for broken in (
        with_array(source, name, np.ones((1, 1, 1), np.float32)),
        with_array(source, "decoder.more", np.ones(1)),
    ):
        vae = build(broken)
        assert vae.decoder is None
        assert said(vae, "decoder")[0].startswith("not read: ")
        assert set(vae.unused) >= {key for key in source.weights if key.startswith("decoder.")}
        assert torch.equal(vae.encode(x)[0], build(source).encode(x)[0])


@pytest.mark.parametrize("kind", [kind for kind, file in FILES.items() if not file.head.endswith("head_mu")])
def test_a_head_cut_to_its_means_is_an_autoencoder(kind: str, source_of_file: SourceOfFile) -> None:
    """As many rows as the decoder takes codes, odd or even: no half of them is a variance."""
    source = source_of_file(kind)
    for part in ("weight", "bias"):
        name = f"{FILES[kind].head}.{part}"
        source = with_array(source, name, source.weights[name][: network_files.LATENTS])
    with pytest.raises(IfpError, match=r"autoencoder without variances: .* 5 rows for 5 latents.*ifp\.Codes"):
        build(source)


@pytest.mark.parametrize("kind", [kind for kind, file in FILES.items() if not file.head.endswith("head_mu")])
@pytest.mark.parametrize(
    ("rows", "codes", "words"), [(4, 4, "JointVAE"), (0, 2, "2 conditions"), (4, 0, "4 rows more")]
)
def test_a_decoder_of_other_codes_is_refused_with_both_numbers(
    kind: str, rows: int, codes: int, words: str, source_of_file: SourceOfFile
) -> None:
    """JointVAE's classes behind the means and variances; a label beside the codes; more in the head than is known."""
    source = source_of_file(kind)
    for part in ("weight", "bias"):
        array = source.weights[f"{FILES[kind].head}.{part}"]
        source = with_array(source, f"{FILES[kind].head}.{part}", np.concatenate([array, array[:rows]]))
    width = LATENTS + 2 * kind.endswith("sbd")  # which gives the decoder two coordinates besides
    name, axis = next(
        (name, int(array.shape[0] != width))
        for name, array in source.weights.items()
        if "decoder." in name and array.ndim > 1 and width in array.shape[:2]
    )
    array = source.weights[name]
    source = with_array(source, name, np.concatenate([array, array.take(range(codes), axis)], axis))
    counts = rf"has {2 * LATENTS + rows} rows, .* of {LATENTS + rows // 2} latents, .* takes {LATENTS + codes} codes"
    with pytest.raises(
        IfpError,
        match=rf"{counts}.*{words}.*ifp\.Codes|gives {2 * LATENTS + rows} .* takes {LATENTS + codes}, not half",
    ):
        build(source)
