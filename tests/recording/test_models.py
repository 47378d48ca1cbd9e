"""What may be handed to a recorder: what code bases return, layouts and scales of images, and wrong inputs."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ifp
from ifp.checkpoints.returned import posterior_of
from ifp.recording.sanity import doubts

from .loops import SmallVae, bars, exact_encode

MEAN, LOGVAR = torch.randn(5, 3), torch.randn(5, 3)
Named = namedtuple("Named", ["z", "mu", "log_var"])


class ModelOutput(OrderedDict[str, Any]):
    """As pythae has it."""


@dataclass
class EncoderOutput:
    """As diffusers has it."""

    latent_dist: Any


RETURNED = {
    "pair": (MEAN, LOGVAR),
    "lists": [MEAN.tolist(), LOGVAR.tolist()],
    "pythae": ModelOutput(embedding=MEAN, log_covariance=LOGVAR),
    "diffusers": EncoderOutput(SimpleNamespace(mean=MEAN[:, :, None, None], logvar=LOGVAR[:, :, None, None])),
    "distribution": torch.distributions.Normal(MEAN, (0.5 * LOGVAR).exp()),
    "independent": torch.distributions.Independent(torch.distributions.Normal(MEAN, (0.5 * LOGVAR).exp()), 1),
    "named tuple": Named(MEAN + 1, MEAN, LOGVAR),
    "variance": {"mean": MEAN, "variance": LOGVAR.exp()},
    "log sigma": {"mu": MEAN, "log_std": LOGVAR / 2},
    "scvi": {"z": MEAN + 1, "qz": torch.distributions.Normal(MEAN, (0.5 * LOGVAR).exp()), "library": MEAN[:, :1]},
    "reconstruction first": (torch.zeros(5, 1, 8, 12), MEAN, LOGVAR),
    "antixk": [torch.zeros(5, 1, 8, 12), torch.zeros(5, 1, 8, 12), MEAN, LOGVAR],
    "yanndubs": (torch.zeros(5, 1, 8, 12), (MEAN, LOGVAR), MEAN + 1),
    "arrays": (MEAN.numpy(), LOGVAR.numpy()),
}


@pytest.mark.parametrize("kind", RETURNED)
def test_a_posterior_is_found_in_what_code_bases_return(kind: str) -> None:
    mean, logvar = posterior_of(RETURNED[kind], 5)
    torch.testing.assert_close(mean, MEAN, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(logvar, LOGVAR, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "returned",
    [None, MEAN, (MEAN,), (MEAN, MEAN, LOGVAR), {"z": MEAN, "logvar": LOGVAR}, {"mu": MEAN}, (1, 2, 3), "ab"],
)
def test_what_leaves_open_which_part_is_the_mean_is_refused(returned: Any) -> None:
    with pytest.raises(ValueError, match=r"a \w+|\d values"):
        posterior_of(returned, 5)


def test_one_tensor_is_split_as_the_user_says() -> None:
    out = torch.stack([LOGVAR / 2, MEAN], 2).flatten(1)
    mean, logvar = posterior_of(out, 5, head="interleaved-variance-first", variance="log sigma")
    assert torch.equal(mean, MEAN)
    assert torch.equal(logvar, LOGVAR)


class Whole(nn.Module):
    """Gives everything in its forward, as most scripts do."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, logvar = exact_encode(x)
        return x, mean * self.scale, logvar


class WithEncoder(nn.Module):
    """As pythae: an encoder with outputs by name, and a forward of other inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Whole()
        self.encoder.forward = lambda x: dict(zip(("embedding", "log_covariance"), exact_encode(x), strict=True))  # type: ignore[method-assign]

    def forward(self, inputs: dict[str, Tensor]) -> None:
        inputs["data"]


def shown(x: Tensor, layout: str, mean: float, std: float) -> Tensor:
    """Images as the user's model sees them, back in [0, 1], [N, C, H, W]."""
    x = x * std + mean
    return x.permute(0, 3, 1, 2) if layout == "NHWC" else x.reshape(-1, 1, 8, 12)


@pytest.mark.parametrize("model", [Whole(), WithEncoder(), nn.DataParallel(Whole())], ids=lambda m: type(m).__name__)
def test_modules_are_asked_by_what_they_have(model: nn.Module, tmp_path: Path) -> None:
    with ifp.Recorder(bars(), out=tmp_path / "run", say=lambda text: None) as recorder:
        record = recorder.update(0, model)
        plain = recorder.update(100, exact_encode)
    assert record is not None
    assert plain is not None
    np.testing.assert_allclose(record.kl_nats, plain.kl_nats, atol=1e-5)


@pytest.mark.parametrize(
    ("layout", "scale", "mean", "std"),
    [
        ("NCHW", "unit", 0.0, 1.0),
        ("NHWC", "symmetric", 0.5, 0.5),
        ("flat", "bytes", 0.0, 1 / 255),
        ("NCHW", (0.13, [0.31]), 0.13, 0.31),
    ],
)
def test_images_are_laid_out_and_scaled_as_the_user_says(
    layout: str, scale: Any, mean: float, std: float, tmp_path: Path
) -> None:
    seen: list[Tensor] = []

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(shown(x, layout, mean, std))
        return exact_encode(seen[-1].round())

    with ifp.Recorder(bars(), out=tmp_path / "run", layout=layout, scale=scale) as recorder:
        recorder.update(0, encode)
        images = recorder.sample.images_NCHW
    torch.testing.assert_close(torch.cat(seen), torch.from_numpy(images) / 255, atol=1e-5, rtol=0)


def test_the_reconstruction_is_that_of_the_likelihood(tmp_path: Path) -> None:
    model = SmallVae()
    nn.init.zeros_(model.net[2].weight), nn.init.zeros_(model.net[2].bias)
    costs = {}
    for output, decode in (("logits", model.decode), ("probabilities", lambda z: model.decode(z).sigmoid())):
        with ifp.Recorder(bars(), out=tmp_path / output, output=output) as recorder:
            record = recorder.update(0, model, decode=decode)
            costs[output] = record.recon_nats if record else None
    # every pixel has the probability 1/2
    assert costs == pytest.approx({"logits": 96 * np.log(2), "probabilities": 96 * np.log(2)}, rel=1e-5)
    with ifp.Recorder(bars(), out=tmp_path / "gaussian", likelihood="gaussian", sigma=0.5, output="values") as recorder:
        record = recorder.update(0, exact_encode, decode=lambda z: torch.full((len(z), 8, 12), 0.5))
    assert record is not None
    assert record.recon_nats == pytest.approx(96 * 0.25 / (2 * 0.25))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"every": 0}, "every must be a whole number of at least 1, got 0"),
        ({"steps": -1}, "steps must be"),
        ({"images": 10}, "images must be a whole number of at least 50"),
        ({"layout": "NCWH"}, "Unknown layout 'NCWH'.*did you mean 'NCHW'"),
        ({"scale": "0-1"}, "Unknown scale"),
        ({"scale": (0.5, 0)}, "scale must be"),
        ({"scale": ([0.5, 0.5], 1.0)}, "scale must be"),
        ({"head": "half"}, "Unknown head"),
        ({"variance": "std"}, "Unknown variance"),
        ({"units": "disnt"}, "Unknown units"),
        ({"output": "pixels"}, "Unknown output"),
        ({"likelihood": "normal"}, "Unknown likelihood"),
        ({"output": "values"}, "which the Bernoulli likelihood needs; give likelihood='gaussian'"),
        ({"log": "wandb"}, "Unknown log 'wandb': allowed are tensorboard"),
        ({"out": 3}, "out must be the path of a folder"),
    ],
)
def test_settings_out_of_range_are_one_sentence_and_leave_no_folder(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ifp.IfpError, match=words):
        ifp.Recorder(bars(), **{"out": tmp_path / "run", **settings})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((SmallVae,), "got the class SmallVae"),
        ((3,), "takes an nn.Module or a function"),
        ((nn.Linear(96, 3),), r"Linear.forward failed on images of shape \[72, 1, 8, 12\].*layout"),
        ((nn.Flatten(),), r"Flatten.forward returned a Tensor; return \(mean, logvar\)"),
        ((lambda x: (x, x),), r"must return mean and logvar of shape \[72, latents\]"),
        ((exact_encode, {"beta": "4"}), "must be numbers, got '4'"),
        ((exact_encode, {"beta": -1}), "beta must be a number of at least 0"),
        ((exact_encode, {"decode": True}), "has no method decode and no decoder"),
        ((exact_encode, {"decode": 3}), "decode must be a function"),
        ((exact_encode, {"decode": lambda z: z}), r"gave an array of shape \[72, 3\], not 72 images"),
        ((exact_encode, {"decode": lambda z: z.new_full((len(z), 96), -3)}), "no probabilities; say output='logits'"),
        ((exact_encode, {"stage": -1}), "stage must be"),
    ],
)
def test_what_cannot_be_recorded_is_one_sentence(given: tuple[Any, ...], words: str, tmp_path: Path) -> None:
    model, options = given[0], given[1] if len(given) > 1 else {}
    with ifp.Recorder(bars(), out=tmp_path / "run") as recorder:
        with pytest.raises(ifp.IfpError, match=words):
            recorder.update(0, model, **options)
        assert recorder.last_step is None


def test_other_recordings_and_other_folders_are_refused(tmp_path: Path) -> None:
    ifp.Recorder(bars(), out=tmp_path / "run").close()
    with pytest.raises(ifp.IfpError, match=r"holds another run .*layout"):
        ifp.Recorder(bars(), out=tmp_path / "run", layout="flat")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(ifp.IfpError, match=r"not empty and holds no run\.json"):
        ifp.Recorder(bars(), out=tmp_path / "other")
    with ifp.Recorder(bars(), out=tmp_path / "latents") as recorder:
        recorder.update(0, exact_encode)
        with pytest.raises(ifp.IfpError, match=r"has 2 latents, and .* holds records of 3"):
            recorder.update(100, lambda x: tuple(part[:, :2] for part in exact_encode(x)))
    with pytest.raises(ifp.IfpError, match="is closed"):
        recorder.update(200, exact_encode)


@pytest.mark.parametrize(
    ("word", "encode"),
    [
        ("constant", lambda x: (torch.ones(len(x), 2), torch.zeros(len(x), 2))),
        ("wide", lambda x: (exact_encode(x)[0], 0.1 + exact_encode(x)[1].exp())),
        ("large", lambda x: (100 * exact_encode(x)[0], exact_encode(x)[1])),
        ("diverged", lambda x: (exact_encode(x)[0] / 0, exact_encode(x)[1])),
        ("diverged", lambda x: (exact_encode(x)[0] + 1e20, exact_encode(x)[1])),
        ("diverged", lambda x: (exact_encode(x)[0], exact_encode(x)[1] + 80)),
    ],
)
def test_plainly_wrong_codes_are_said_once(word: str, encode: Any, tmp_path: Path) -> None:
    said: list[str] = []
    with ifp.Recorder(bars(), out=tmp_path / "run", say=said.append) as recorder:
        for step in (0, 100, 200):
            recorder.update(step, lambda x, step=step: (encode(x)[0] + 1e-6 * step, encode(x)[1]))
        assert next(iter(recorder._folder.about["doubts"])) == word
    assert len(said) == len(set(said))
    assert len(said) == 1


def test_variances_that_overshoot_for_a_while_are_no_doubt(tmp_path: Path) -> None:
    said: list[str] = []
    with ifp.Recorder(bars(), out=tmp_path / "run", say=said.append) as recorder:
        for step, height in ((0, 5.0), (100, 4.5), (200, 0.0), (300, 5.0)):
            recorder.update(step, lambda x, height=height: (exact_encode(x)[0], exact_encode(x)[1] + height))
    assert said == []


def test_trained_codes_raise_no_doubt() -> None:
    images = torch.from_numpy(bars().render(bars().space.unravel(np.arange(18)), np.zeros(18, int))).float() / 255
    mean, logvar = (part.double().numpy() for part in exact_encode(images))
    assert doubts(mean, logvar, None) == {}
    assert list(doubts(mean, logvar, (10, mean, logvar))) == ["unchanged"]


def test_doubts_are_warnings_unless_somebody_listens(tmp_path: Path) -> None:
    with ifp.Recorder(bars(), out=tmp_path / "run") as recorder:
        recorder.update(0, exact_encode)
        with pytest.warns(UserWarning, match="those of step 0, to the last bit"):
            recorder.update(100, exact_encode)
