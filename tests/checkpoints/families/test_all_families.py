"""Every family says the same things of its models in the same words, and is as strict as the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.families.registry import families, recognise
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.native import save_vae
from ifp.checkpoints.rebuild.image_shapes import convolved_image, flat_image, square_side
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import HEADS, OUTPUTS, Vae
from ifp.errors import IfpError
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, PixelStatistics

from .code_bases import network_files
from .code_bases.array_files import EXAMPLES

USUAL = ["head", "variance", "activation", "input", "likelihood", "image shape", "latents", "beta", "decoder"]
SourceNamed = Callable[[str], Source]
SOURCES = {"the file", "the shapes", "the code base", "an option", "a guess"}


def ours(kind: str, folder: Path) -> Source:
    shape = (1, 64, 64) if kind == "ifp conv" else (3, 6, 5)
    pixels = int(np.prod(shape))
    network = ConvNetwork(shape, 4) if kind == "ifp conv" else MlpNetwork(hidden=8, latents=4)
    mean_P = torch.linspace(0.1, 0.9, pixels)
    statistics = PixelStatistics(torch.ones(pixels), mean_P, torch.logit(mean_P), scale=2.0)
    parameters = network.initial(statistics, torch.Generator().manual_seed(0))
    path = folder / "step-7.pt"
    save_vae(path, parameters, image_shape=shape, latents=4, likelihood="gaussian", sigma=0.5, beta=3.0, step=7)
    return unwrap(read_contents(path), {})


@pytest.fixture(scope="session")
def source_named(tmp_path_factory: pytest.TempPathFactory) -> SourceNamed:
    """The source of each of ALL, made once."""

    @cache
    def make(name: str) -> Source:
        if name.startswith("ifp"):
            return ours(name, tmp_path_factory.mktemp("ours"))
        if name in EXAMPLES:
            return EXAMPLES[name]().source()
        weights = {key: tensor.numpy() for key, tensor in network_files.make(name).state_dict().items()}
        return Source(Path("model.pt"), "torch zip", weights)

    return make


ALL = ("ifp conv", "ifp mlp", *network_files.FILES, *EXAMPLES)


def test_no_family_is_forgotten(source_named: SourceNamed) -> None:
    # the files of infogan hold four networks and no decoder: test_infogan.py
    assert {recognise(source_named(name)).name for name in ALL} == set(families()) - {"infogan"}


def test_nothing_is_recognised_in_an_empty_or_foreign_source() -> None:
    foreign = {"layer.0.weight": np.zeros((3, 3), np.float32), "encoder.weight": np.zeros((), np.float32)}
    for weights in ({}, foreign):
        source = Source(Path("x"), "torch zip", weights)
        assert [family.name for family in families().values() if family.recognises(source)] == []


@pytest.mark.parametrize("name", ALL)
def test_the_same_things_are_said_in_the_same_words(name: str, source_named: SourceNamed) -> None:
    source = source_named(name)
    for vae in recognise(source).build(source, ReadingOptions()):
        said = {assumption.what: assumption for assumption in vae.assumptions}
        assert list(said)[: len(USUAL)] == USUAL
        assert len(said) == len(vae.assumptions)
        assert {assumption.source for assumption in vae.assumptions} <= SOURCES
        assert all(assumption.value.isprintable() for assumption in vae.assumptions)
        agree(vae, {what: assumption.value for what, assumption in said.items()})


def agree(vae: Vae, said: dict[str, str]) -> None:
    """What is said is what the model does."""
    assert said["head"].split(",")[0] == vae.head in HEADS
    assert said["variance"] == vae.variance
    assert said["likelihood"].split(":")[0] == vae.likelihood
    assert said["image shape"].split(",")[0] == " x ".join(map(str, vae.image_shape))
    assert said["latents"].split(" ")[0] == str(vae.num_latents)
    assert (vae.beta is None) == (not said["beta"][0].isdigit())
    if vae.beta is not None:
        assert float(said["beta"].split(" ")[0].rstrip(";")) == pytest.approx(vae.beta, rel=1e-4)
    words = dict(zip(OUTPUTS, ("logits", "probabilities", "pixel values"), strict=True))
    assert said["decoder"].startswith(f"gives {words[vae.output]}")


@pytest.mark.parametrize("name", ALL)
def test_options_go_before_habits_and_candidates(name: str, source_named: SourceNamed) -> None:
    source = source_named(name)
    build = recognise(source).build
    options = ReadingOptions(activation="tanh", head="interleaved", pixel_mean=0.25, pixel_std=0.5)
    for vae in build(source, options):
        said = {assumption.what: (assumption.value, assumption.source) for assumption in vae.assumptions}
        assert said["activation"] == ("tanh", "an option")
        assert said["head"] == ("interleaved", "an option")
        assert said["input"] == ("(pixel - 0.25) / 0.5", "an option")
        assert (vae.head, vae.pixel_mean, vae.pixel_std) == ("interleaved", 0.25, 0.5)
    for wrong in (
        ReadingOptions(activation="maxout"),
        ReadingOptions(head="thirds"),
        ReadingOptions(pixel_std=0.0),
        ReadingOptions(pixel_mean=float("nan")),
    ):
        with pytest.raises(IfpError):
            build(source, wrong)


def beginnings(source: Source) -> tuple[str, str]:
    """How the names of an encoder's and a decoder's arrays begin."""
    pairs = (("encode.", "decode."), ("_encoder.", "_decoder."), ("encoder/", "decoder/"), ("encoder.", "decoder."))
    names = [name.removeprefix("module/") for name in source.weights]
    return next(pair for pair in pairs if any(name.startswith(pair[0]) for name in names))


@pytest.mark.parametrize("name", ALL)
def test_an_array_too_many_is_refused_and_named(name: str, source_named: SourceNamed) -> None:
    source = source_named(name)
    family, module = recognise(source), "module/" * any(array.startswith("module/") for array in source.weights)
    encoder, decoder = beginnings(source)

    def with_one_more(array: str) -> Source:
        return replace(source, weights={**source.weights, f"{module}{array}more\x1b": np.ones(2, np.float32)})

    with pytest.raises(IfpError) as error:
        family.build(with_one_more(encoder), ReadingOptions())
    assert str(error.value).isprintable()
    if name.split()[0] != "pythae":  # refused for a network of its own, in other words
        assert f"no place for: {encoder}more\\x1b." in str(error.value)
    for vae in family.build(with_one_more(decoder), ReadingOptions()):
        (about,) = [assumption.value for assumption in vae.assumptions if assumption.what == "decoder"]
        assert vae.decoder is None
        assert about == f"not read: The decoder has arrays that this reader has no place for: {decoder}more\\x1b."


@pytest.mark.parametrize("name", ALL)
def test_a_layer_without_its_bias_is_another_network(name: str, source_named: SourceNamed) -> None:
    source = source_named(name)
    family, (_, decoder) = recognise(source), beginnings(source)
    unused = {"encoder.conv_z.bias"} if name == "rtqichen mlp" else set()
    biases = [array for array in source.weights if array.endswith("bias") and array not in unused]
    aside = ("discriminator", "Adam")
    for bias in biases:
        if any(word in bias for word in aside):
            continue
        broken = replace(source, weights={key: array for key, array in source.weights.items() if key != bias})
        if bias.removeprefix("module/").startswith((decoder, "final_layer.", "decoder_input.")) and name != "ifp mlp":
            assert all(vae.decoder is None for vae in family.build(broken, ReadingOptions(activation="relu"))), bias
        else:
            with pytest.raises(ShapeMismatch):
                family.build(broken, ReadingOptions(activation="relu"))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("erow new", {"vae.beta": 10**400}),
        ("google conv", {"vae.beta": -1}),
        ("pythae dense", {"name": "BetaVAEConfig", "beta": float("nan")}),
        ("antixk", {"model_params.name": "VanillaVAE", "exp_params.kld_weight": 0}),
        ("disent conv", {"framework.name": "vae", "dataset.meta.vis_mean": 0, "dataset.meta.vis_std": 1e300}),
        ("disent conv", {"framework.name": "vae", "dataset.meta.vis_mean": 0.5, "dataset.meta.vis_std": 10**400}),
        ("ifp mlp", {"beta": "four"}),
        ("ifp mlp", {"sigma": 1e-200}),
        ("ifp mlp", {"sigma": 1e200}),
        ("ifp mlp", {"sigma": 1e150, "beta": 1e10}),
    ],
)
def test_numbers_that_cannot_be_say_nothing(name: str, config: dict[str, object], source_named: SourceNamed) -> None:
    source = source_named(name)
    source = replace(source, config={**source.config, **config})
    for vae in recognise(source).build(source, ReadingOptions()):
        # cross entropies know no scaling of pixels, and an endless one is not used
        unscaled = vae.likelihood == "bernoulli" or config.get("dataset.meta.vis_std") == 10**400
        known = name == "disent conv" and unscaled
        assert (vae.beta is None) != known


def test_a_layer_with_an_endless_number_is_refused(source_named: SourceNamed) -> None:
    source = source_named("erow new")
    more = replace(source, weights={**source.weights, f"encode.net.{'9' * 5000}.weight": np.ones((2, 2))})
    with pytest.raises(ShapeMismatch, match="no place for"):
        recognise(more).build(more, ReadingOptions())


def test_a_single_grey_value_is_an_image_and_none_is_not() -> None:
    assert square_side(1, 1, "fc") == 1
    for features, channels in ((0, 1), (0, 0), (2, 1), (12, 4 * 12)):
        with pytest.raises(ShapeMismatch, match="'fc'"):
            square_side(features, channels, "fc")
    for stated, shape in (
        ([3, 2, 6], (3, 2, 6)),
        ([3, 2, 5], (1, 6, 6)),
        ("362", (1, 6, 6)),
        ([3, 12, True], (1, 6, 6)),
    ):
        assert flat_image({"fc.weight": np.ones((2, 36))}, "fc", stated).shape == shape
    with pytest.raises(ShapeMismatch, match="'fc' takes 35 values"):
        flat_image({"fc.weight": np.ones((2, 35))}, "fc")
    with pytest.raises(ShapeMismatch, match="no convolution before 'fc'"):
        convolved_image({}, [], "fc")
    with pytest.raises(ShapeMismatch, match="'conv' should be 4 x 4 pixels"):
        convolved_image({"conv.weight": np.ones((2, 1, 4, 3))}, [("conv", 2, 1)], "fc", kernel=4)


def misshapen(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An array of other axes or sizes, some of them 0 or 1."""
    ways = (
        lambda: np.zeros((), np.float32),
        lambda: array[..., None],
        lambda: array.reshape(-1),
        lambda: array[: max(1, len(array) // 2)] if array.ndim else array,
        lambda: np.zeros(array.shape[::-1], np.float32),
        lambda: np.zeros((0,) * array.ndim, np.float32),
        lambda: np.zeros((1,) * array.ndim, np.float32),
    )
    return ways[rng.integers(len(ways))]()


@pytest.mark.parametrize("name", ALL)
def test_whatever_the_shapes_a_model_works_or_one_sentence_says_why_not(
    name: str, source_named: SourceNamed, rng: np.random.Generator
) -> None:
    source = source_named(name)
    family = recognise(source)
    for _ in range(12):
        names = rng.choice(list(source.weights), 2, replace=False)
        changed = {one: misshapen(source.weights[one], rng) for one in names}
        try:
            vaes = family.build(replace(source, weights={**source.weights, **changed}), ReadingOptions())
        except IfpError as error:
            assert str(error).endswith(".")  # noqa: PT017 - either way is right
            continue
        for vae in vaes:
            mean, _ = vae.encode(torch.zeros(2, *vae.image_shape))
            assert mean.shape == (2, vae.num_latents)
            if vae.decoder is not None:
                assert vae.decode(mean).shape == (2, *vae.image_shape)
