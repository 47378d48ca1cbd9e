"""disent, erow, pythae, AntixK, disentanglement_lib: files of each are recognised and rebuilt as their networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.families import antixk, disent, erow, erow_groups, google, pythae
from ifp.checkpoints.families.registry import families, recognise
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError

from . import family_files_b as files
from .family_files_b import EXAMPLES, LATENTS, Example

OURS = {module.FAMILY.name: module.FAMILY for module in (disent, erow, erow_groups, pythae, antixk, google)}
SECOND = ("erow old leaky", "groups scaled")
"""Examples whose right reading is the second candidate."""
KNOWN_HEADS = {  # the layers that give means and log variances
    "erow old": ("encode.net.11",),
    "erow fc": ("encode.fc",),
    "erow new": ("encode.net.11",),
    "erow new 128": ("encode.net.13",),
    "erow dense": ("encode.net.5",),
    "disent conv": ("_encoder.model.11",),
    "disent norm": ("_encoder.model.15",),
    "pythae dense": ("encoder.embedding", "encoder.log_var"),
    "pythae mnist": ("encoder.embedding", "encoder.log_var"),
    "antixk": ("fc_mu", "fc_var"),
    "google conv": ("encoder/means", "encoder/log_var"),
    "google dense": ("encoder/dense", "encoder/dense_1"),
}


@pytest.fixture(scope="module")
def examples() -> dict[str, Example]:
    return {name: make() for name, make in EXAMPLES.items()}


def candidates(example: Example | Source, **options: Any) -> list[Vae]:
    source = example if isinstance(example, Source) else example.source()
    vaes = recognise(source).build(source, ReadingOptions(**options))
    return [vae.to(torch.device("cpu")) for vae in vaes]


def images_for(image_shape: tuple[int, int, int]) -> torch.Tensor:
    return torch.rand(3, *image_shape, generator=torch.Generator().manual_seed(1))


def said(vae: Vae, what: str) -> tuple[str, str]:
    (found,) = [(a.value, a.source) for a in vae.assumptions if a.what == what]
    return found


@torch.inference_mode()
def encoded(vae: Vae, x: torch.Tensor) -> torch.Tensor:
    return torch.cat(vae.encode(x), dim=1)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_is_rebuilt_as_its_network(name: str, examples: dict[str, Example]) -> None:
    example = examples[name]
    found = candidates(example)
    vae = found[name in SECOND]
    assert (vae.image_shape, vae.num_latents, vae.unused) == (example.image_shape, example.latents, ())
    x, z = images_for(example.image_shape), torch.randn(3, example.latents, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        theirs = example.encode(x)
        torch.testing.assert_close(encoded(vae, x), theirs, rtol=1e-4, atol=1e-5)
        assert vae.decoder is not None, said(vae, "decoder")
        torch.testing.assert_close(vae.decode(z), example.decode(z), rtol=1e-4, atol=1e-5)
        # a mistake must be able to show: the answers depend on images and codes
        assert theirs[:, : example.latents].std(dim=0).max() > 1e-3
        assert example.decode(z).std(dim=0).max() > 1e-3
        assert torch.isfinite(vae.reconstruction_nats(x, z)).all()
        for other in found:
            assert other.decoder is not None
            alike = [torch.allclose(encoded(other, x), theirs, atol=1e-4)]
            alike.append(torch.allclose(other.decode(z), example.decode(z), atol=1e-4))
            assert other is vae or not all(alike), other.assumptions


@pytest.mark.parametrize("name", EXAMPLES)
def test_only_its_own_family_takes_the_file(name: str, examples: dict[str, Example]) -> None:
    source = examples[name].source()
    assert [family.name for family in families().values() if family.recognises(source)] == [examples[name].family]


@pytest.mark.parametrize(
    "name", ["erow new", "groups added", "disent norm", "pythae mnist", "antixk", "google training"]
)
def test_a_file_in_its_container(name: str, tmp_path: Path, examples: dict[str, Example]) -> None:
    example = examples[name]
    source = unwrap(read_contents(files.write(tmp_path, example)), example.config)
    assert set(source.weights) == set(example.weights)
    x = images_for(example.image_shape)
    torch.testing.assert_close(encoded(candidates(source)[0], x), encoded(candidates(example)[0], x))


@pytest.mark.parametrize("name", KNOWN_HEADS)
def test_a_known_head_reads_as_it_was_set(name: str, examples: dict[str, Example]) -> None:
    example, layers = examples[name], KNOWN_HEADS[name]
    mean = np.arange(LATENTS, dtype=np.float32) + 0.5
    values = np.split(np.concatenate([mean, -mean - 1]), len(layers))
    weight, bias = ("/kernel", "/bias") if example.family == "google" else (".weight", ".bias")
    changes = {f"{layer}{bias}": value for layer, value in zip(layers, values, strict=True)}
    changes |= {f"{layer}{weight}": np.zeros_like(example.weights[f"{layer}{weight}"]) for layer in layers}
    got_mean, got_logvar = candidates(example.source(**changes))[0].encode(images_for(example.image_shape))
    np.testing.assert_allclose(got_mean.detach(), np.tile(mean, (3, 1)), atol=1e-6)
    np.testing.assert_allclose(got_logvar.detach(), np.tile(-mean - 1, (3, 1)), atol=1e-6)


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
    family, options = OURS[example.family], ReadingOptions(activation="relu", pixel_mean=0.0)
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
    for family in OURS.values():
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


def test_what_belongs_to_nothing_is_listed(examples: dict[str, Example]) -> None:
    for name in ("erow new", "disent conv", "pythae mnist", "antixk", "google conv"):
        (vae, *_) = candidates(examples[name].source(**{"somewhere.else": np.ones(2)}))
        assert vae.unused == ("somewhere.else",)
    (vae,) = candidates(examples["google training"])
    assert said(vae, "left aside") == ("54 arrays of the optimiser, 1 array of the discriminator", "the file")


def test_candidates_name_what_the_weights_leave_open(examples: dict[str, Example]) -> None:
    def readings(name: str, what: str, **options: Any) -> list[tuple[str, str]]:
        return [said(vae, what) for vae in candidates(examples[name], **options)]

    mixed = "relu in the encoder, leaky_relu in the decoder"
    assert readings("erow old", "activation") == [(name, "a guess") for name in ("relu", "leaky_relu", mixed)]
    assert readings("erow old", "activation", activation="tanh") == [("tanh", "an option")]
    for name in ("erow normalised", "erow fc", "erow new", "erow dense"):
        assert readings(name, "activation") == [("relu", "the code base")]
    assert readings("groups 2021-04", "activation") == [("leaky_relu", "a guess"), ("relu", "a guess")]
    assert readings("groups 2021-04", "stage") == [("2", "the code base")] * 2
    assert readings("groups 2021", "stage") == [("2", "a guess")]
    assert readings("groups 2021", "stage", stage=1) == [("1", "an option")]
    assert readings("groups 2022-05", "stage") == [("1", "the file")]
    assert readings("groups 2022-05", "projection") == [("logvar + W2", "the code base")]
    assert readings("groups added", "projection") == [("logvar + W2", "a guess"), ("logvar x exp(W2)", "a guess")]
    assert readings("groups first", "stage") == [("0", "the file")]
    assert len(readings("groups first", "stage")) == 1
    assert {value for value, _ in readings("disent norm", "activation")} == {"leaky_relu", "swish", "relu"}
    losses = [value for value, _ in readings("disent conv", "likelihood")]
    assert losses[:2] == ["gaussian: the squared error", "bernoulli"]
    assert readings("disent conv", "likelihood")[1][1] == "a guess"
    scaled = [value for value, _ in readings("disent conv", "input")][::2]
    assert scaled[0] == "pixels in [0, 1]"
    assert ["dSprites" in value or "smallNORB" in value for value in scaled] == [False, True, True]


@pytest.mark.parametrize("stage", [-1, 4])
def test_a_stage_that_is_not_there(stage: int, examples: dict[str, Example]) -> None:
    with pytest.raises(IfpError, match="from 0 to the number of groups, 3"):
        candidates(examples["groups added"], stage=stage)


def test_relu_in_the_encoder_and_leaky_relu_in_the_decoder(examples: dict[str, Example]) -> None:
    """erow at commit c875207: the plain encoder's third candidate."""
    x, z = images_for((1, 64, 64)), torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(2))
    relu, leaky, mixed = candidates(examples["erow old"])
    with torch.inference_mode():
        assert torch.equal(encoded(mixed, x), encoded(relu, x))
        assert torch.equal(mixed.decode(z), leaky.decode(z))
        assert not torch.allclose(mixed.decode(z), relu.decode(z), atol=1e-4)
    without = {name: None for name in examples["erow old"].weights if name.startswith("decode.")}
    assert len(candidates(examples["erow old"].source(**without))) == 2


def test_groups_after_the_stage_give_the_prior(examples: dict[str, Example]) -> None:
    x = images_for((1, 64, 64))
    mean, logvar = candidates(examples["groups added"], stage=0)[0].encode(x)
    assert not mean[:, 2:].any()
    assert not logvar[:, 2:].any()
    assert mean[:, :2].std() > 0


STANDARD = {
    "dataset": {"meta": {"vis_mean": [0.25], "vis_std": [0.5]}, "transform": {"mean": "${dataset.meta.vis_mean}"}}
}
OF_SUMS = {"framework": {"name": "betavae", "cfg": {"beta": 4, "recon_loss": "bce", "loss_reduction": "mean_sum"}}}


def test_disent_sees_standardised_images() -> None:
    config = {
        **STANDARD,
        "settings": {"framework": {"beta": 0.0316, "recon_loss": "mse", "loss_reduction": "mean"}},
        "framework": {"name": "betavae", "cfg": {"beta": "${settings.framework.beta}"}},
    }
    example = files.disent("conv", config=config)
    (vae,) = candidates(example)
    x = images_for((1, 64, 64))
    with torch.inference_mode():
        torch.testing.assert_close(encoded(vae, x), example.encode((x - 0.25) / 0.5), rtol=1e-4, atol=1e-5)
        z = torch.ones(2, LATENTS)
        torch.testing.assert_close(vae.decode(z), example.decode(z) * 0.5 + 0.25, rtol=1e-4, atol=1e-5)
    assert said(vae, "input")[1] == "the file"
    # 0.0316 x 4096 pixels / 4 latents beside errors of standardised pixels, 4 times as large as those in [0, 1]
    assert vae.beta == pytest.approx(0.0316 * 4096 / 4 * 0.25)
    scaled, _ = candidates(files.disent("conv"), pixel_mean=0.25, pixel_std=0.5)
    assert said(scaled, "input")[1] == "an option"
    torch.testing.assert_close(encoded(scaled, x), encoded(vae, x))


def test_disent_scales_each_channel_by_its_own_numbers() -> None:
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 2.0]
    example = files.disent("conv", channels=3, config={"dataset": {"meta": {"vis_mean": mean, "vis_std": std}}})
    vae, _ = candidates(example)
    x = images_for((3, 64, 64))
    shift, scale = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (mean, std))
    with torch.inference_mode():
        torch.testing.assert_close(encoded(vae, x), example.encode((x - shift) / scale), rtol=1e-4, atol=1e-5)
        z = torch.ones(2, LATENTS)
        torch.testing.assert_close(vae.decode(z), example.decode(z) * scale + shift, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("example", "likelihood", "beta"),
    [
        (files.erow("new", config={"vae.beta": 4}), "bernoulli", 4.0),
        (files.erow("new", config={"deft1.betas": [70, 30]}), "bernoulli", None),
        (files.erow_dense(), "gaussian", 4.0),
        (files.google("conv"), "bernoulli", 6.0),
        (files.pythae_dense(), "gaussian", 4.0),
        (files.pythae_dense({"name": "BetaVAEConfig", "beta": 2.0, "reconstruction_loss": "bce"}), "bernoulli", 2.0),
        (files.pythae_dense({"name": "FactorVAEConfig", "reconstruction_loss": "mse"}), "gaussian", 2.0),
        (files.pythae_dense({"name": "BetaTCVAEConfig", "beta": 2.0}), "gaussian", None),
        (files.antixk(), "gaussian", None),
        (
            files.antixk(
                config={
                    "model_params": {"name": "BetaVAE", "beta": 10.0, "loss_type": "H"},
                    "exp_params": {"kld_weight": 0.00025},
                }
            ),
            "gaussian",
            10 * 0.00025 * 12288,
        ),
        (files.disent("conv", config=OF_SUMS), "bernoulli", 4.0),
    ],
)  # fmt: skip
def test_likelihood_and_beta_in_our_units(example: Example, likelihood: str, beta: float | None) -> None:
    for vae in candidates(Source(Path("x"), "torch zip", example.weights, example.config)):
        assert vae.likelihood == likelihood
        assert said(vae, "likelihood")[0].startswith(likelihood)
        assert vae.beta is None if beta is None else vae.beta == pytest.approx(beta)


def test_the_loss_of_a_gin_file_is_seen(tmp_path: Path, examples: dict[str, Example]) -> None:
    example = examples["erow new"]
    torch.save({name: torch.from_numpy(array) for name, array in example.weights.items()}, tmp_path / "model.pt")
    for loss, likelihood in (("l2_loss", "gaussian"), ("bernoulli_loss", "bernoulli")):
        (tmp_path / "train.gin").write_text(f"reconstruction_loss.loss_fn = @{loss}\nvae.beta = 4.\n")
        (file,) = locate(tmp_path).files
        (vae,) = candidates(unwrap(read_contents(file.path), file.config))
        assert (vae.likelihood, vae.beta, said(vae, "likelihood")[1]) == (likelihood, 4.0, "the file")


def renamed(example: Example, old: str, new: str) -> Source:
    weights = {name.replace(old, new): array for name, array in example.weights.items()}
    return Source(Path("model.pt"), "torch zip", weights, example.config)


def test_models_without_gaussian_posteriors_are_refused(examples: dict[str, Example]) -> None:
    def refused(source: Source, words: str) -> None:
        with pytest.raises(IfpError, match=words):
            candidates(source)

    half = {"_encoder.model.11.weight": np.ones((LATENTS, 24)), "_encoder.model.11.bias": np.ones(LATENTS)}
    refused(examples["disent conv"].source(**half), "autoencoder without variances.*--codes")
    laplace = files.disent("conv", config={"framework": {"cfg": {"latent_distribution": "laplace"}}})
    refused(laplace.source(), "laplace latents")
    instance = {f"_encoder.model.{n}.{part}": None for n in (1, 4, 7, 10) for part in ("weight", "bias")}
    refused(examples["disent norm"].source(**instance), "instance normalisation")
    refused(renamed(examples["pythae mnist"], "log_var", "log_concentration"), "von Mises-Fisher")
    refused(examples["pythae mnist"].source(**{"quantizer.embeddings": np.ones((2, 2))}), "codebook")
    without = {"encoder.log_var.weight": None, "encoder.log_var.bias": None}
    refused(examples["pythae dense"].source(**without), "autoencoder without variances")
    own = Source(
        Path("model.pt"), "torch zip", {"encoder.trunk.weight": np.ones((2, 2))}, examples["pythae dense"].config
    )
    refused(own, r"encoder\.pkl.*never unpickled.*--encoder")
    unnormalised = {f"encoder.layers.{n}.1.{part}": None for n in range(4) for part in ("weight", "bias")}
    refused(examples["pythae mnist"].source(**unnormalised), r"encoder\.pkl")
    refused(examples["pythae mnist"].source(**{"encoder.layers.0.1.running_mean": None}), "running_mean")
    refused(examples["antixk"].source(**{"encoder.0.1.running_var": None}), "running_var")
    for name, words in (("vq_layer.embedding.weight", "discrete"), ("fc_z.weight", "categorical")):
        refused(examples["antixk"].source(**{name: np.ones((2, 2))}), words)
    refused(examples["erow new"].source(**{"encode.head.weight": np.ones((2, 2))}), "ConvEncoder")


REFUSED_OF_PYTHAE = [
    ("VAE_LinNF_Config", {"net.0.w": np.ones((1, 4))}, "normalising flow"),
    ("VAE_IAF_Config", {"iaf_flow.net.0.net.0.weight": np.ones((4, 4))}, "inverse autoregressive flow"),
    ("PoincareVAEConfig", {"_pz_mu": np.ones((1, 4)), "_pz_logvar": np.ones((1, 1))}, "Poincare ball"),
    ("HVAEConfig", {"eps_lf": np.ones(1), "beta_zero_sqrt": np.ones(1)}, "Hamiltonian steps move .HVAE"),
    ("RHVAEConfig", {"metric.diag.weight": np.ones((4, 4)), "lbd": np.ones(1)}, "Riemannian Hamiltonian"),
    ("SVAEConfig", {}, "von Mises-Fisher"),
    ("VQVAEConfig", {}, "codebook"),
    ("WAE_MMD_Config", {}, "autoencoder without variances"),
]


@pytest.mark.parametrize(("name", "arrays", "words"), REFUSED_OF_PYTHAE, ids=[row[0] for row in REFUSED_OF_PYTHAE])
def test_models_of_pythae_with_other_posteriors_are_refused_by_class_and_by_arrays(
    name: str, arrays: dict[str, np.ndarray], words: str, examples: dict[str, Example]
) -> None:
    plain = examples["pythae dense"]
    named = Source(Path("model.pt"), "torch zip", plain.weights, {**plain.config, "name": name})
    with pytest.raises(IfpError, match=f"{words}.*--codes"):
        candidates(named)
    if arrays:
        with pytest.raises(IfpError, match=f"{words}.*--codes"):
            candidates(plain.source(**arrays))


def test_a_class_of_pythae_that_is_not_known_is_a_guess(examples: dict[str, Example]) -> None:
    plain = examples["pythae dense"]
    for name, words in (("IWAEConfig", "weighs by importance"), ("OurVAEConfig", "OurVAEConfig is not known")):
        (vae,) = candidates(Source(Path("model.pt"), "torch zip", plain.weights, {**plain.config, "name": name}))
        assert words in said(vae, "posterior")[0]
    (vae,) = candidates(plain)
    assert not [entry for entry in vae.assumptions if entry.what == "posterior"]


def test_every_family_refuses_an_autoencoder_by_its_decoder(examples: dict[str, Example]) -> None:
    """As many rows in the last layer as the decoder takes codes: means alone, of an even number of latents."""
    for name, (head, *more) in KNOWN_HEADS.items():
        if more or name.startswith("disent"):  # separate layers have variances by their names; disent has its own test
            continue
        example = examples[name]
        means = {f"{head}.{part}": example.weights[f"{head}.{part}"][: example.latents] for part in ("weight", "bias")}
        with pytest.raises(IfpError, match=f"autoencoder without variances.* {example.latents} rows.*--codes"):
            candidates(example.source(**means))


def test_a_learnt_prior_is_said(examples: dict[str, Example]) -> None:
    for name, array in (("pythae mnist", "pseudo_inputs.0.weight"), ("antixk", "embed_pseudo.0.weight")):
        (vae,) = candidates(examples[name].source(**{array: np.ones((2, 2))}))
        assert "VampPrior" in said(vae, "prior")[0]
        assert vae.unused == ()


def test_another_output_activation_leaves_no_decoder() -> None:
    (vae,) = candidates(files.erow("new", config={"reconstruction_loss.activation": "tanh"}))
    assert vae.decoder is None
    assert "tanh" in said(vae, "decoder")[0]
