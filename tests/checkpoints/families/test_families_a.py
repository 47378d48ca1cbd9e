"""YannDubs, dent, rtqichen, 1Konny, amir-abdi: files of each are recognised and rebuilt as the networks they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.families.registry import families, recognise
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import HEADS, Vae
from ifp.errors import IfpError

from . import family_files
from .family_files import FILES, LATENTS, Network

PUBLIC = ("VAE", "betaH", "betaB", "btcvae")
ALONE = ("encoder.conv_z.weight", "encoder.conv_z.bias")


def source_at(path: Path) -> Source:
    (file,) = locate(path).files
    return unwrap(read_contents(file.path), file.config)


def source_of(content: Any, path: Path, config: dict[str, Any] | None = None) -> Source:
    torch.save(content, path)
    return unwrap(read_contents(path), config or {})


def build(source: Source, **options: Any) -> Vae:
    (vae,) = recognise(source).build(source, ReadingOptions(**options))
    return vae.to(torch.device("cpu"))


def images_for(name: str, count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, *FILES[name].image_shape, generator=generator)


def said(vae: Vae, what: str) -> tuple[str, str]:
    (found,) = [(a.value, a.source) for a in vae.assumptions if a.what == what]
    return found


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_rebuilt_as_its_network(name: str, legacy: bool, tmp_path: Path) -> None:
    network, kind = family_files.make(name), FILES[name]
    path = family_files.write(tmp_path, name, network, _use_new_zipfile_serialization=not legacy)
    source = source_at(path)
    assert recognise(source).name == kind.family
    vae = build(source)
    assert (vae.image_shape, vae.num_latents) == (kind.image_shape, LATENTS)
    x = images_for(name)
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
    network = family_files.with_known_head(name, family_files.make(name))
    source = source_at(family_files.write(tmp_path, name, network))
    mean = torch.arange(LATENTS).expand(3, -1) + 0.5
    for head in HEADS:
        got_mean, got_logvar = build(source, head=head).encode(images_for(name))
        right = head == network.head
        assert torch.allclose(got_mean, mean, atol=1e-6) == right
        assert torch.allclose(got_logvar, -(mean + 0.5), atol=1e-6) == right
    assert said(build(source), "head") == (network.head, "the code base")
    assert said(build(source, head=network.head), "head") == (network.head, "an option")


@pytest.mark.parametrize("name", FILES)
def test_no_other_family_takes_the_file(name: str, tmp_path: Path) -> None:
    source = source_at(family_files.write(tmp_path, name, family_files.make(name)))
    assert [family.name for family in families().values() if family.recognises(source)] == [FILES[name].family]


def test_nothing_is_recognised_in_an_empty_or_foreign_source() -> None:
    foreign = {"layer.0.weight": np.zeros((3, 3), np.float32), "encoder.weight": np.zeros((), np.float32)}
    for weights in ({}, foreign):
        source = Source(Path("x"), "torch zip", weights)
        assert [family.name for family in families().values() if family.recognises(source)] == []


@pytest.mark.parametrize("model", PUBLIC)
def test_public_checkpoints(model: str, fixtures_dir: Path) -> None:
    vae = build(source_at(fixtures_dir / "public-checkpoints" / f"{model}_dsprites"))
    assert (vae.image_shape, vae.num_latents, vae.unused) == ((1, 64, 64), 10, ())
    assert (vae.head, vae.likelihood, vae.decoder is None) == ("interleaved", "bernoulli", False)
    assert vae.beta == {"VAE": 1.0, "betaH": 4.0, "betaB": None, "btcvae": 6.4}[model]
    value, where = said(vae, "beta")
    assert where == "the file"
    assert {"betaB": "C = 25 nats", "btcvae": "total correlation"}.get(model, "") in value


def wrong(source: Source, name: str, array: np.ndarray) -> Source:
    return Source(source.path, source.container, {**source.weights, name: array}, source.config)


def without(source: Source, layer: str) -> Source:
    weights = {name: array for name, array in source.weights.items() if not name.startswith(f"{layer}.")}
    return Source(source.path, source.container, weights, source.config)


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
def test_a_layer_that_does_not_fit_is_named(kind: str, name: str, tmp_path: Path) -> None:
    source = source_at(family_files.write(tmp_path, kind, family_files.make(kind)))
    weight = source.weights[f"{name}.weight"]
    family = recognise(source)
    wider = wrong(source, f"{name}.weight", np.concatenate([weight, weight], axis=1))
    for broken in (wider, without(source, name)):
        with pytest.raises(ShapeMismatch, match=name.replace(".", r"\.")):
            family.build(broken, ReadingOptions())


@pytest.mark.parametrize("kind", FILES)
def test_every_array_of_the_encoder_is_needed(kind: str, tmp_path: Path) -> None:
    source = source_at(family_files.write(tmp_path, kind, family_files.make(kind)))
    family = recognise(source)
    for name in source.weights:
        if name.startswith("encoder.") and name not in ALONE and not name.endswith("num_batches_tracked"):
            weights = {key: value for key, value in source.weights.items() if key != name}
            with pytest.raises(ShapeMismatch):
                family.build(Source(source.path, source.container, weights, source.config), ReadingOptions())


@pytest.mark.parametrize("kind", FILES)
def test_an_encoder_with_more_than_is_read_is_refused(kind: str, tmp_path: Path) -> None:
    source = source_at(family_files.write(tmp_path, kind, family_files.make(kind)))
    more = wrong(source, "encoder.attention.weight", np.ones((2, 2), np.float32))
    with pytest.raises(ShapeMismatch, match=r"no place for: encoder\.attention\.weight"):
        recognise(source).build(more, ReadingOptions())


@pytest.mark.parametrize("kind", FILES)
def test_a_decoder_that_does_not_fit_is_left_out_and_said(kind: str, tmp_path: Path) -> None:
    source = source_at(family_files.write(tmp_path, kind, family_files.make(kind)))
    name = next(key for key in reversed(source.weights) if key.startswith("decoder.") and key.endswith(".weight"))
    for broken in (wrong(source, name, np.ones((1, 1, 1), np.float32)), wrong(source, "decoder.more", np.ones(1))):
        vae = build(broken)
        assert vae.decoder is None
        assert said(vae, "decoder")[0].startswith("not read: ")
        assert set(vae.unused) >= {key for key in source.weights if key.startswith("decoder.")}
        assert torch.equal(vae.encode(images_for(kind))[0], build(source).encode(images_for(kind))[0])


def test_odd_rows_are_no_means_and_variances(tmp_path: Path) -> None:
    source = source_at(family_files.write(tmp_path, "yanndubs 64", family_files.make("yanndubs 64")))
    odd = wrong(source, "encoder.mu_logvar_gen.weight", np.zeros((9, 256), np.float32))
    odd = wrong(odd, "encoder.mu_logvar_gen.bias", np.zeros(9, np.float32))
    with pytest.raises(ShapeMismatch, match="not a mean and a variance"):
        recognise(odd).build(odd, ReadingOptions())


@pytest.mark.parametrize("kind", FILES)
def test_options_go_before_habits(kind: str, tmp_path: Path) -> None:
    source = source_at(family_files.write(tmp_path, kind, family_files.make(kind)))
    x = images_for(kind)
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
    ("settings", "beta", "words"),
    [
        ({"loss": "VAE"}, 1.0, "loss VAE"),
        ({"loss": "betaH", "betaH_B": 4}, 4.0, "betaH_B"),
        ({"loss": "betaH", "betaH_B": 51, "rec_dist": "gaussian"}, 0.2, "yanndubs-gaussian"),
        ({"loss": "betaH", "betaH_B": 4.5, "rec_dist": "laplace"}, 1.5, "yanndubs-laplace"),
        ({"loss": "btcvae", "btcvae_B": 6}, 6.0, "total correlation alone"),
        ({"loss": "factor", "factor_G": 6}, 1.0, "total correlation weighs 6 more"),
        ({"loss": "betaB", "betaB_finC": 25}, None, "C = 25 nats"),
        ({"loss": "betaH", "betaH_B": "four"}, None, "no number"),
        ({"loss": "betaH", "betaH_B": 10**400}, None, "no number"),
        ({"loss": "betaH", "betaH_B": float("nan")}, None, "no number"),
        ({"loss": "betaH"}, None, "missing"),
        ({"loss": ["betaH"]}, None, "not stated"),
        ({}, None, "not stated"),
    ],
)
def test_beta_of_yanndubs(settings: dict[str, Any], beta: float | None, words: str, tmp_path: Path) -> None:
    network = family_files.make("yanndubs 64")
    source = source_of(network.state_dict(), tmp_path / "model.pt", settings)
    vae = build(source)
    assert vae.beta == (None if beta is None else pytest.approx(beta, rel=1e-12))
    assert words in said(vae, "beta")[0]
    assert vae.likelihood == settings.get("rec_dist", "bernoulli")
    assert said(vae, "likelihood")[1] == ("the file" if "rec_dist" in settings else "the code base")


@pytest.mark.parametrize(
    ("settings", "beta", "words"),
    [
        ({}, 4.0, "betavae.beta"),
        ({"train.loss": "vae"}, 1.0, "loss vae"),
        ({"train.loss": "betatcvae", "betatcvae.beta": 6}, 6.0, "total correlation alone"),
        ({"train.loss": "factorvae", "factorvae.gamma": 6}, 1.0, "weighs 6 more"),
        ({"train.loss": "annealedvae", "annealedvae.C_fin": 25}, None, "C = 25 nats"),
        ({"train.loss": "adagvae", "adagvae.beta": 2, "adagvae.annealing": False}, 2.0, "pairs of images"),
        ({"train.loss": "adagvae", "adagvae.C_fin": 9, "adagvae.annealing": True}, None, "C = 9 nats"),
        ({"train.loss": "factorizedsupportvae", "factorizedsupportvae.beta": 3}, 3.0, "support"),
        ({"train.loss": "something"}, None, "not known"),
        ({"train.rec_dist": "gaussian", "betavae.beta": 255}, 1.0, "dent-gaussian"),
    ],
)
def test_beta_of_dent(settings: dict[str, Any], beta: float | None, words: str, tmp_path: Path) -> None:
    state = family_files.make("dent burgess").state_dict()
    vae = build(source_of(family_files.dent_file(state, **settings), tmp_path / "chkpt.pth.tar"))
    assert vae.beta == beta
    assert words in said(vae, "beta")[0]


def test_the_likelihoods_of_yanndubs_cost_what_they_say(tmp_path: Path) -> None:
    network = family_files.make("yanndubs 64")
    x, z = images_for("yanndubs 64"), torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(3))
    seen = network.decode(z)
    expected = {
        "bernoulli": -(x * seen.log() + (1 - x) * (1 - seen).log()).flatten(1).sum(1),
        "gaussian": ((x - seen) ** 2).flatten(1).sum(1),
        "laplace": (x - seen).abs().flatten(1).sum(1),
    }
    for likelihood, cost in expected.items():
        vae = build(source_of(network.state_dict(), tmp_path / "model.pt", {"rec_dist": likelihood}))
        torch.testing.assert_close(vae.reconstruction_nats(x, z), cost)


@pytest.mark.parametrize(
    ("arguments", "beta", "words"),
    [
        ({}, 6.0, "total correlation alone"),
        ({"tcvae": False}, 6.0, "beta = 6"),
        ({"tcvae": False, "beta_anneal": True}, 6.0, "raised from 0"),
        ({"exclude_mutinfo": True}, None, "mutual information"),
    ],
)
def test_beta_of_rtqichen(arguments: dict[str, Any], beta: float | None, words: str, tmp_path: Path) -> None:
    state = family_files.make("rtqichen mlp").state_dict()
    vae = build(source_of(family_files.rtqichen_file(state, **arguments), tmp_path / "checkpt-0000.pth"))
    assert vae.beta == beta
    assert words in said(vae, "beta")[0]


@pytest.mark.parametrize(("dist", "words"), [("laplace", "Laplace posteriors"), ("flow", "learned prior")])
def test_other_distributions_of_rtqichen_are_refused(dist: str, words: str, tmp_path: Path) -> None:
    state = family_files.make("rtqichen mlp").state_dict()
    source = source_of(family_files.rtqichen_file(state, dist=dist), tmp_path / "checkpt-0000.pth")
    with pytest.raises(IfpError, match=words):
        build(source)


@pytest.mark.parametrize("kind", ["1konny H", "1konny B", "amir-abdi conv", "amir-abdi padless"])
def test_where_nothing_says_how_a_file_was_trained(kind: str, tmp_path: Path) -> None:
    vae = build(source_at(family_files.write(tmp_path, kind, family_files.make(kind))))
    assert (vae.beta, said(vae, "beta")) == (None, ("not stated", "the file"))
    gaussian = kind == "1konny H"  # of three channels
    assert vae.likelihood == ("gaussian" if gaussian else "bernoulli")
    assert said(vae, "likelihood")[1] == "the code base"


@pytest.mark.parametrize("padless", [False, True])
def test_an_autoencoder_of_amir_abdi_is_refused(padless: bool, tmp_path: Path) -> None:
    network: Network = family_files.amir_conv(1, padless, rows=6, decoded=6)
    source = source_of(family_files.amir_file(network.state_dict()), tmp_path / "last")
    with pytest.raises(IfpError, match=r"autoencoder without variances: .* 6 rows for 6 latents"):
        build(source)
    half = source_of(family_files.amir_file(network.encoder.state_dict(prefix="encoder.")), tmp_path / "last")
    assert said(build(half), "latents") == ("3 (no decoder to tell a VAE from an autoencoder)", "a guess")


@pytest.mark.parametrize("kind", [kind for kind, file in FILES.items() if not file.head.endswith("head_mu")])
def test_a_head_cut_to_its_means_is_an_autoencoder(kind: str, tmp_path: Path) -> None:
    """As many rows as the decoder takes codes, odd or even: no half of them is a variance."""
    source = source_at(family_files.write(tmp_path, kind, family_files.make(kind)))
    for part in ("weight", "bias"):
        name = f"{FILES[kind].head}.{part}"
        source = wrong(source, name, source.weights[name][: family_files.LATENTS])
    with pytest.raises(IfpError, match=r"autoencoder without variances: .* 5 rows for 5 latents.*--codes"):
        build(source)


@pytest.mark.parametrize("kind", [kind for kind, file in FILES.items() if not file.head.endswith("head_mu")])
@pytest.mark.parametrize(
    ("rows", "codes", "words"), [(4, 4, "JointVAE"), (0, 2, "2 conditions"), (4, 0, "4 rows more")]
)
def test_a_decoder_of_other_codes_is_refused_with_both_numbers(
    kind: str, rows: int, codes: int, words: str, tmp_path: Path
) -> None:
    """JointVAE's classes behind the means and variances; a label beside the codes; more in the head than is known."""
    source = source_at(family_files.write(tmp_path, kind, family_files.make(kind)))
    for part in ("weight", "bias"):
        array = source.weights[f"{FILES[kind].head}.{part}"]
        source = wrong(source, f"{FILES[kind].head}.{part}", np.concatenate([array, array[:rows]]))
    width = LATENTS + 2 * kind.endswith("sbd")  # which gives the decoder two coordinates besides
    name, axis = next(
        (name, int(array.shape[0] != width))
        for name, array in source.weights.items()
        if "decoder." in name and array.ndim > 1 and width in array.shape[:2]
    )
    array = source.weights[name]
    source = wrong(source, name, np.concatenate([array, array.take(range(codes), axis)], axis))
    counts = rf"has {2 * LATENTS + rows} rows, .* of {LATENTS + rows // 2} latents, .* takes {LATENTS + codes} codes"
    with pytest.raises(
        IfpError, match=f"{counts}.*{words}.*--codes|gives {2 * LATENTS + rows} .* takes {LATENTS + codes}, not half"
    ):
        build(source)


def test_a_conditional_vae_of_amir_abdi_is_refused(tmp_path: Path) -> None:
    state = family_files.make("amir-abdi conv").state_dict()
    source = source_of(family_files.amir_file({**state, "tiler.main.0.weight": torch.ones(64, 1)}), tmp_path / "last")
    with pytest.raises(IfpError, match="conditional"):
        build(source)


def test_images_of_a_flat_encoder(tmp_path: Path) -> None:
    state = family_files.make("dent chen_mlp").state_dict()

    def vae(**settings: Any) -> Vae:
        return build(source_of(family_files.dent_file(state, **settings), tmp_path / "chkpt.pth.tar"))

    assert (vae().image_shape, said(vae(), "image shape")[1]) == ((3, 64, 64), "a guess")
    wide = vae(**{"data.img_size": (3, 32, 128)})
    assert (wide.image_shape, said(wide, "image shape")) == ((3, 32, 128), ("3 x 32 x 128", "the file"))
    assert vae(**{"data.img_size": (3, 32, 32)}).image_shape == (3, 64, 64)
