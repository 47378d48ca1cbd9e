"""Our own checkpoints of divided encoders: what DEFT's decoder saw in the stored stage is what is read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.families.ours import FAMILY
from ifp.checkpoints.native import save_vae
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.errors import IfpError
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import FROZEN_PARAMETERS, MlpNetwork, Parameters, PixelStatistics
from ifp.objectives.deft import MODES, Deft

SHAPES = {"mlp": (3, 6, 5), "conv": (1, 64, 64)}
STAGE = 1


def deft(mode: str, stages: int = 3) -> Deft:
    return Deft(betas=(9, 3, 1)[-stages:], mode=mode, group_size=2, stage_steps=1)


def trained(mode: str, kind: str, stages: int = 3) -> Parameters:
    """Parameters as far from fresh as training gets them: projections of finished groups alone."""
    shape = SHAPES[kind]
    plain = ConvNetwork(shape, 2 * stages) if kind == "conv" else MlpNetwork(hidden=16, latents=2 * stages)
    mean_P = torch.linspace(0.1, 0.9, int(np.prod(shape)))
    generator = torch.Generator().manual_seed(0)
    member = PixelStatistics(torch.ones(len(mean_P)), mean_P, torch.logit(mean_P), scale=2.0)
    parameters = deft(mode, stages).network(plain).initial(member, generator)
    for name, value in parameters.items():
        finished = name.startswith("projection.0.") and stages > 1
        waiting = name.startswith("projection.") and not finished
        if name not in FROZEN_PARAMETERS and not waiting:
            parameters[name] = value + 0.1 * torch.randn(value.shape, generator=generator)
    return parameters


def saved(path: Path, parameters: Parameters, kind: str, **about: object) -> Source:
    latents = 2 * len({name.split(".")[1] for name in parameters if re.match(r"encoder\.\d", name)})
    save_vae(
        path, parameters, image_shape=SHAPES[kind], latents=latents, likelihood="bernoulli", sigma=1.0, beta=3.0,
        step=1, **about,
    )  # fmt: skip
    stored = torch.load(path, weights_only=True)
    weights = {name: tensor.numpy() for name, tensor in stored["state_dict"].items()}
    return Source(path, "torch zip", weights, stored["hyper_parameters"], stored["global_step"])


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stages", [3, 1])
def test_the_posteriors_of_the_stage_are_read_back(mode: str, kind: str, stages: int, tmp_path: Path) -> None:
    stage = min(STAGE, stages - 1)
    parameters, objective = trained(mode, kind, stages), deft(mode, stages)
    source = saved(tmp_path / "step-1.pt", parameters, kind, stage=stage, groups=stages)
    (vae,) = FAMILY.build(source, ReadingOptions())
    plain = ConvNetwork(SHAPES[kind], 2 * stages) if kind == "conv" else MlpNetwork(16, 2 * stages)
    network = objective.network(plain)
    stacked = {name: value[None] for name, value in parameters.items()}
    x = torch.rand(5, *SHAPES[kind], generator=torch.Generator().manual_seed(1))
    expected = objective.route(*network.encode(stacked, x.flatten(1)[None]), stage, stages)
    for found, wanted in zip(vae.encode(x), expected, strict=True):
        torch.testing.assert_close(found, wanted[0], rtol=1e-4, atol=1e-5)
        assert not found[:, 2 * (stage + 1) :].any()
    decoded = network.decode(stacked, expected[0])[0].reshape(x.shape).sigmoid()
    torch.testing.assert_close(vae.decode(expected[0][0]), decoded, rtol=1e-4, atol=1e-5)
    assert vae.unused == ()
    assert {about.what: (about.value, about.source) for about in vae.assumptions}["stage"] == (str(stage), "the file")


def test_projections_are_applied_to_finished_groups(tmp_path: Path) -> None:
    parameters = trained("freeze", "mlp")
    parameters |= {
        "projection.0.mean": torch.tensor([[0.0, np.log(2)]]),
        "projection.0.logvar": torch.tensor([[0.5, 0.0]]),
    }
    x = torch.rand(4, *SHAPES["mlp"], generator=torch.Generator().manual_seed(1))
    readings = []
    for stage in (0, 1):
        source = saved(tmp_path / f"{stage}.pt", parameters, "mlp", stage=stage)
        readings.append(FAMILY.build(source, ReadingOptions())[0].encode(x))
    (mean, logvar), (later_mean, later_logvar) = readings
    torch.testing.assert_close(later_mean[:, :2], mean[:, :2] * torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(later_logvar[:, :2], logvar[:, :2] + torch.tensor([0.5, 0.0]))


def test_another_stage_can_be_asked_for(tmp_path: Path) -> None:
    source = saved(tmp_path / "step-1.pt", trained("rate", "mlp"), "mlp", stage=0)
    x = torch.rand(4, *SHAPES["mlp"], generator=torch.Generator().manual_seed(1))
    (vae,) = FAMILY.build(source, ReadingOptions(stage=2))
    assert bool((vae.encode(x)[0] != 0).all())
    assert not FAMILY.build(source, ReadingOptions())[0].encode(x)[0][:, 2:].any()
    with pytest.raises(IfpError, match="stage must be a whole number from 0 to 2, the last group, got 3"):
        FAMILY.build(source, ReadingOptions(stage=3))


@pytest.mark.parametrize("stage", [None, -1, 3, 1.0, True, "1"])
def test_a_divided_encoder_needs_its_stage(stage: object, tmp_path: Path) -> None:
    source = saved(tmp_path / "step-1.pt", trained("scale", "mlp"), "mlp", stage=stage)
    with pytest.raises(ShapeMismatch, match="Its stage should be a whole number from 0 to 2 and is "):
        FAMILY.build(source, ReadingOptions())


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("projection.1.mean", None, "'projection.1.mean' is missing"),
        (
            "projection.1.mean",
            torch.zeros(1, 3),
            r"'projection.1.mean' should have the shape \[1, 2\] and has \[1, 3\]",
        ),
        ("projection.4.mean", torch.zeros(1, 2), "no place for: projection.4.mean"),
        ("encoder.1.mean.weight", None, r"do not fit together \('encoder.1.mean.weight'\)"),
        ("encoder.1.0.weight", torch.zeros(90, 5), r"do not fit together \(operands"),
    ],
)
def test_arrays_that_do_not_fit(name: str, array: torch.Tensor | None, words: str, tmp_path: Path) -> None:
    parameters = trained("freeze", "mlp")
    parameters.pop(name, None)
    if array is not None:
        parameters[name] = array
    with pytest.raises(ShapeMismatch, match=words):
        FAMILY.build(saved(tmp_path / "step-1.pt", parameters, "mlp", stage=1), ReadingOptions())
