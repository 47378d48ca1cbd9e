"""The training loop: its arithmetic against a plain loop, its bits alone, in a batch and resumed, its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.checkpoints.families.ours import FAMILY
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.datasets.catalog import load_dataset
from ifp.errors import IfpError
from ifp.formats import DIVERGED, FINISHED
from ifp.likelihood import Bernoulli, binary_entropy_nats
from ifp.networks.losses import gaussian_kl_nats
from ifp.objectives.base import Batch, Objective, State
from ifp.system.files import write_whole
from ifp.training.chunks import borders
from ifp.training.config import TrainConfig
from ifp.training.folder import TrainFolder
from ifp.training.images import TrainingImages, load_images
from ifp.training.presets import preset_train_config
from ifp.training.records import TrainRecord
from ifp.training.run import Outcome, train
from ifp.training.setup import Setup, set_up
from ifp.training.state import MemberState, read_content
from ifp.training.trainer import Trainer, fresh_member, generator


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def bars(bars_npz: Path) -> str:
    return f"npz:{bars_npz}"


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> str:
    """64 x 64 images for the convolutional network."""
    images = np.zeros((8, 64, 64), dtype=np.uint8)
    for place in range(8):
        images[place, 8 * place : 8 * place + 8, 20:40] = 255
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    np.savez(path, images=images, factors=np.arange(8)[:, None], factor_names=np.array(["row"]))
    return f"npz:{path}"


def config_for(dataset: str, **changes: Any) -> TrainConfig:
    small = {"architecture": "mlp", "hidden": 32, "latents": 4, "steps": 40, "records": 4, "batch": 32}
    return TrainConfig(dataset=dataset, **{**small, **changes})


def setup_for(config: TrainConfig, **more: Any) -> Setup:
    return set_up(load_dataset(config.dataset), config, device="cpu", **{"threads": 2, **more})


def run_into(
    path: Path, config: TrainConfig, stop_after: int | None = None, **more: Any
) -> tuple[TrainFolder, Outcome]:
    """Train; with `stop_after`, be interrupted when so many network-steps are done."""

    def progress(text: str, done: int, total: int) -> None:
        if stop_after is not None and text.startswith("Training") and done >= stop_after:
            raise Interrupted

    setup = setup_for(config, **{k: v for k, v in more.items() if k == "threads"})
    folder = setup.folder(path)
    extra = {k: v for k, v in more.items() if k != "threads"}
    return folder, train(setup, folder, progress=progress, **extra)


def stored(path: Path, seed: int) -> dict[str, Any]:
    return read_content(path / ".resume" / f"seed-{seed}.pt")


def assert_equal_bits(found: Any, expected: Any, where: str = "") -> None:
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            assert_equal_bits(found[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, Tensor):
        assert found.dtype == expected.dtype, where
        assert torch.equal(found.nan_to_num(-1.0), expected.nan_to_num(-1.0)), where
    else:
        assert found == expected, where


# images


def test_batches_are_the_data_sets_images(bars: str) -> None:
    dataset = load_dataset(bars)
    images = load_images(dataset, 0, 0, "cpu")
    assert len(images) == 18
    index_MB = torch.tensor([[3, 17, 3], [0, 1, 2]])
    positions_NF = images.positions_NF[index_MB.flatten().numpy()]
    expected = dataset.render(positions_NF, np.zeros(6, dtype=np.int64)).reshape(2, 3, -1) / 255
    np.testing.assert_array_equal(images.at(index_MB).numpy(), expected.astype(np.float32))


def test_packed_images_are_the_same(rng: np.random.Generator) -> None:
    bits_NP = rng.integers(2, size=(20, 64), dtype=np.uint8)
    positions_NF = np.arange(20)[:, None]
    plain = TrainingImages(torch.from_numpy(bits_NP * 255), (1, 8, 8), positions_NF)
    packed = TrainingImages(torch.from_numpy(np.packbits(bits_NP, axis=1)), (1, 8, 8), positions_NF, packed=True)
    index = torch.arange(20).reshape(4, 5)
    assert torch.equal(plain.at(index), packed.at(index))
    assert torch.equal(plain.statistics(Bernoulli()).mean_P, packed.statistics(Bernoulli()).mean_P)
    np.testing.assert_allclose(plain.statistics(Bernoulli()).mean_P, bits_NP.mean(0), rtol=1e-6)


def test_all_images_are_drawn_alike_or_as_their_probabilities_say() -> None:
    pixels, positions_NF = torch.zeros(5, 4, dtype=torch.uint8), np.arange(5)[:, None]
    probability_N = np.array([0.1, 0.0, 0.2, 0.3, 0.4])
    draws = 50_000
    for given, expected_N in [(None, np.full(5, 0.2)), (probability_N, probability_N)]:
        images = TrainingImages(pixels, (1, 2, 2), positions_NF, probability_N=given)
        drawn = images.draw(torch.Generator().manual_seed(1), 5, draws // 5)
        share_N = np.bincount(drawn.flatten().numpy(), minlength=5) / draws
        standard_error_N = np.sqrt(expected_N * (1 - expected_N) / draws)
        assert (np.abs(share_N - expected_N) <= 4 * standard_error_N).all()


def test_a_subset_is_drawn_by_the_seed(bars: str) -> None:
    dataset = load_dataset(bars)
    first, again, other = (load_images(dataset, 7, seed, "cpu") for seed in (0, 0, 1))
    assert len(first) == 7
    assert len({tuple(row) for row in first.positions_NF}) == 7
    np.testing.assert_array_equal(first.positions_NF, again.positions_NF)
    assert not np.array_equal(first.positions_NF, other.positions_NF)


def test_correlated_pairs_change_what_is_trained_on_and_not_what_is_evaluated(bars: str, tmp_path: Path) -> None:
    sigma = 0.15
    config = config_for(bars, correlate=(("width", "place", sigma),))
    setup = setup_for(config)
    assert setup.probability is not None
    images = load_images(setup.dataset, 0, 0, "cpu", probability=setup.probability)
    drawn = images.positions_NF[images.draw(torch.Generator().manual_seed(0), 20, 1000).flatten().numpy()]
    width, place = np.meshgrid(np.arange(3) / 2, np.arange(6) / 5, indexing="ij")
    weight = np.exp(-((width - place) ** 2) / (2 * sigma**2))
    expected = weight / weight.sum()
    share = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=[np.arange(4), np.arange(7)])[0] / len(drawn)
    assert (np.abs(share - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / len(drawn))).all()

    seen: list[np.ndarray] = []

    def nmi(mean_ND: np.ndarray, factors_NF: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
        seen.append(np.corrcoef(factors_NF.T)[0, 1])
        return np.zeros((4, 2))

    train(setup, setup.folder(tmp_path / "plain"), nmi=nmi)
    assert abs(seen[-1]) < 1e-12  # the whole grid, once each
    correlated = setup_for(replace(config, evaluate_correlated=True))
    train(correlated, correlated.folder(tmp_path / "correlated"), nmi=nmi)
    assert seen[-1] > 0.7


# the arithmetic of a step


def test_steps_are_those_of_a_plain_loop(bars: str) -> None:
    config = config_for(bars, options={"beta": 3.0})
    setup = setup_for(config)
    images = load_images(setup.dataset, 0, 0, "cpu")
    fresh = fresh_member(config, setup.objective, setup.network, images.statistics(Bernoulli()), 5)
    trainer = Trainer(config, setup.objective, setup.network, images, [5], [fresh])
    trainer.run(4)

    trained = {n: v.clone().requires_grad_(not n.endswith(("_P", "scale"))) for n, v in fresh.parameters.items()}
    leaves = [v for v in trained.values() if v.requires_grad]
    adam = torch.optim.Adam(leaves, lr=config.learning_rate)
    index_KB = images.draw(generator(config, 5, "images"), 4, 32)
    noise_KBD = torch.randn((4, 32, 4), generator=generator(config, 5, "noise"))
    p = trained
    for k in range(4):
        x = images.bytes_NP[index_KB[k]].float() / 255
        h = F.relu(((x - p["mean_P"]) * p["input_scale_P"]) @ p["encoder.0.weight"] + p["encoder.0.bias"])
        h = F.relu(h @ p["encoder.1.weight"] + p["encoder.1.bias"])
        mean = h @ p["encoder.mean.weight"] + p["encoder.mean.bias"]
        logvar = h @ p["encoder.logvar.weight"] + p["encoder.logvar.bias"]
        h = mean + (logvar / 2).exp() * noise_KBD[k]
        for layer in ("0", "1"):
            h = F.relu(h @ p[f"decoder.{layer}.weight"] + p[f"decoder.{layer}.bias"])
        out = h @ p["decoder.out.weight"] + p["decoder.out.bias"]
        recon = (F.softplus(out) - x * out).sum() / 32
        kl = gaussian_kl_nats(mean, logvar).sum() / 32
        adam.zero_grad()
        (recon + 3.0 * kl).backward()
        adam.step()
    found = trainer.state_of(0).parameters
    for name, value in trained.items():
        torch.testing.assert_close(found[name], value.detach(), rtol=1e-4, atol=2e-6, msg=name)


def test_at_a_huge_pressure_the_collapsed_state_costs_the_entropy_of_the_mean_image(bars: str, tmp_path: Path) -> None:
    config = config_for(bars, options={"beta": 1000.0}, steps=600, records=2, learning_rate=1e-3)
    folder, _ = run_into(tmp_path / "run", config)
    images = load_images(load_dataset(bars), 0, 0, "cpu").at(torch.arange(18)[None])[0].numpy()
    expected = binary_entropy_nats(images.mean(0).astype(np.float64)).sum()
    last = folder.records.of_seed[0][-1]
    assert last.kl_nats.sum() < 1e-3
    # constant pixels start at a logit of -6 and cost ln(1 + e^-6) each until they have fallen further
    constant = (images == images[:1]).all(0).sum()
    assert expected - 1e-6 <= last.recon_nats <= expected + constant * np.log1p(np.exp(-6)) + 0.1


@dataclass(frozen=True)
class Switching(Objective):
    """Rates that change at step 5; beta is 1."""

    name: ClassVar[str] = "switching"

    def penalty(self, batch: Batch, state: State) -> Tensor:
        return batch.kl_M

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        return 1.0

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        return {"encoder.": 0.1, "encoder.1.": 1.0} if step < 5 else {"encoder.": 0.0, "decoder.": 0.5}


def test_rates_multiply_learning_rates_and_changing_them_keeps_what_adam_remembers(bars: str) -> None:
    config = config_for(bars)
    setup = replace(setup_for(config), objective=Switching())
    images = load_images(setup.dataset, 0, 0, "cpu")
    state = fresh_member(config, setup.objective, setup.network, images.statistics(Bernoulli()), 0)
    # a decoder that starts apart from z would leave the encoder without a gradient
    state.parameters["decoder.out.weight"] += 0.1
    trainer = Trainer(config, setup.objective, setup.network, images, [0], [state])
    trainer.run(1)
    first = trainer.state_of(0)
    for name, rate in [("encoder.0.weight", 0.1), ("encoder.1.weight", 1.0), ("decoder.1.weight", 1.0)]:
        moved = (first.parameters[name] - state.parameters[name]).abs()
        # Adam's first step is the learning rate wherever the gradient is far above its epsilon
        torch.testing.assert_close(float(moved.max()), config.learning_rate * rate, rtol=1e-2, atol=0)
    trainer.run(4)
    before = trainer.state_of(0)
    trainer.run(1)
    after = trainer.state_of(0)
    for name in before.moments:
        same = torch.equal(before.parameters[name], after.parameters[name])
        assert same == name.startswith("encoder."), name
        assert float(after.moments[name]["step"]) == (5 if name.startswith("encoder.") else 6)
        assert torch.equal(before.moments[name]["exp_avg"], after.moments[name]["exp_avg"]) == same


# bits


CASES = [
    ("beta", {}),
    ("beta-tc", {}),
    ("control", {}),
    ("dip-ii", {}),
    ("factor", {"hidden": 32, "layers": 2}),
    ("deft", {"betas": [4.0, 1.0], "stage_steps": 25}),
    ("deft", {"betas": [4.0, 1.0], "stage_steps": 25, "mode": "freeze"}),
]


@pytest.mark.parametrize(("objective", "options"), CASES)
def test_alone_in_a_batch_and_resumed_the_bits_are_the_same(
    objective: str, options: dict[str, Any], bars: str, tmp_path: Path
) -> None:
    config = config_for(bars, objective=objective, options=options, seeds=3)
    run_into(tmp_path / "all", config, threads=1)
    run_into(tmp_path / "alone", replace(config, seeds=1))
    assert_equal_bits(stored(tmp_path / "alone", 0), stored(tmp_path / "all", 0))
    with pytest.raises(Interrupted):
        run_into(tmp_path / "resumed", config, stop_after=60, threads=1)
    assert 0 < stored(tmp_path / "resumed", 2)["state"]["step"] < 40
    run_into(tmp_path / "resumed", config, threads=2)
    for seed in range(3):
        assert_equal_bits(stored(tmp_path / "resumed", seed), stored(tmp_path / "all", seed))
    for name in ("records.npz", "records.csv", "seed-1/step-000040.pt"):
        assert (tmp_path / "resumed" / name).read_bytes() == (tmp_path / "all" / name).read_bytes(), name


def test_seeds_differ(bars: str, tmp_path: Path) -> None:
    folder, _ = run_into(tmp_path / "run", config_for(bars, seeds=2))
    a, b = (folder.records.of_seed[seed][-1] for seed in (0, 1))
    assert a.recon_nats != b.recon_nats


def test_members_after_different_steps_are_not_one_batch(bars: str, tmp_path: Path) -> None:
    """Killed between the files of two networks, they resume from different records."""
    config = config_for(bars, seeds=2)
    run_into(tmp_path / "whole", config)
    with pytest.raises(Interrupted):
        run_into(tmp_path / "cut", config, stop_after=60, threads=1)
    state = stored(tmp_path / "cut", 1)
    assert state["state"]["step"] == 20
    (tmp_path / "cut" / ".resume" / "seed-1.pt").unlink()
    run_into(tmp_path / "cut", config)
    for seed in (0, 1):
        assert_equal_bits(stored(tmp_path / "cut", seed), stored(tmp_path / "whole", seed))


@pytest.mark.parametrize("objective", ["beta", "deft"])
def test_convolutions_resume_to_the_same_bits(objective: str, squares: str, tmp_path: Path) -> None:
    options = {"betas": [4.0, 1.0], "stage_steps": 2} if objective == "deft" else {}
    config = config_for(
        squares, architecture="conv", batch=8, steps=6, records=3, seeds=2, objective=objective, options=options
    )
    run_into(tmp_path / "whole", config, threads=1)
    with pytest.raises(Interrupted):
        run_into(tmp_path / "cut", config, stop_after=10, threads=1)
    run_into(tmp_path / "cut", config, threads=2)  # goes on with one thread, as it began
    for seed in (0, 1):
        assert_equal_bits(stored(tmp_path / "cut", seed), stored(tmp_path / "whole", seed))


def test_out_of_memory_the_networks_go_on_in_halves(bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_for(bars, seeds=4)
    run_into(tmp_path / "whole", config)
    plain = Trainer.run

    def run(trainer: Trainer, steps: int) -> None:
        if len(trainer.seeds) > 2 and trainer.step == 20:
            raise MemoryError
        plain(trainer, steps)

    monkeypatch.setattr(Trainer, "run", run)
    said: list[str] = []
    _, outcome = run_into(tmp_path / "halved", config, threads=1, say=said.append)
    assert outcome.finished == [0, 1, 2, 3]
    assert sum("Out of memory with 4 networks per chunk: trying 2" in line for line in said) == 1
    for seed in range(4):
        assert_equal_bits(stored(tmp_path / "halved", seed), stored(tmp_path / "whole", seed))


# members that diverge


def test_a_member_that_diverges_is_stopped_and_the_others_go_on(bars: str, tmp_path: Path) -> None:
    config = config_for(bars, seeds=3)
    run_into(tmp_path / "whole", config)
    with pytest.raises(Interrupted):
        run_into(tmp_path / "run", config, stop_after=90, threads=1)
    path = tmp_path / "run" / ".resume" / "seed-1.pt"
    content = read_content(path)
    good = {name: value.clone() for name, value in content["state"]["parameters"].items()}
    content["state"]["moments"]["encoder.0.weight"]["exp_avg"].fill_(float("inf"))
    write_whole(path, content)
    said: list[str] = []
    folder, outcome = run_into(tmp_path / "run", config, threads=1, say=said.append)
    assert outcome.finished == [0, 2]
    assert outcome.diverged == {1: 20}
    (message,) = [line for line in said if "diverged" in line]
    assert "Seed 1" in message
    assert "step-000020.pt" in message
    kept = torch.load(tmp_path / "run" / "seed-1" / "step-000020.pt", weights_only=True)
    assert_equal_bits(dict(kept["state_dict"]), good)
    for seed in (0, 2):
        assert_equal_bits(stored(tmp_path / "run", seed), stored(tmp_path / "whole", seed))
    assert [folder.status(seed) for seed in range(3)] == [FINISHED, DIVERGED, FINISHED]
    _, again = run_into(tmp_path / "run", config)
    assert again.diverged == {1: 20}


def test_all_members_diverge_before_the_first_record(bars: str, tmp_path: Path) -> None:
    config = config_for(bars, likelihood="gaussian", sigma=1e-30, seeds=2)
    said: list[str] = []
    _, outcome = run_into(tmp_path / "run", config, say=said.append)
    assert outcome.diverged == {0: 0, 1: 0}
    assert sum("no good checkpoint" in line for line in said) == 2


# records and files


def test_records_hold_what_was_measured(bars: str, tmp_path: Path) -> None:
    nmi_DF = np.array([[0.1, 0.9], [0.5, 0.2], [0.0, 0.4], [0.3, 0.3]])
    config = config_for(bars, options={"beta": 2.5}, checkpoint_every=15)
    folder, _ = run_into(tmp_path / "run", config, nmi=lambda mean, factors, sizes: nmi_DF)
    assert borders(config) == [10, 15, 20, 30, 40]
    assert sorted(p.name for p in (tmp_path / "run" / "seed-0").glob("*.pt")) == [
        "step-000015.pt", "step-000030.pt", "step-000040.pt",
    ]  # fmt: skip
    rows = list(folder.records.rows())
    assert [row["step"] for row in rows] == [10, 15, 20, 30, 40]
    for row in rows:
        assert row["beta"] == 2.5
        assert (row["nmi1_width"], row["nmi2_width"]) == (0.5, 0.3)
        assert (row["nmi1_place"], row["nmi2_place"]) == (0.9, 0.4)
        assert row["kl_nats"] == pytest.approx(sum(row[f"kl_nats_{latent}"] for latent in range(4)))
    with np.load(tmp_path / "run" / "records.npz") as arrays:
        assert arrays["factor_names"].tolist() == ["width", "place"]
        assert arrays["0_nmi"].shape == (5, 4, 2)
        np.testing.assert_array_equal(arrays["0_recon_nats"], [row["recon_nats"] for row in rows])


def test_a_record_is_what_the_checkpoint_of_that_step_says(bars: str, tmp_path: Path) -> None:
    options = {"betas": [4.0, 1.0], "stage_steps": 25}
    for objective, given in [("beta", {}), ("deft", options)]:
        out = tmp_path / objective
        folder, _ = run_into(out, config_for(bars, objective=objective, options=given))
        read = torch.load(out / "seed-0" / "step-000040.pt", weights_only=True)
        about = read["hyper_parameters"]
        assert about["objective"]["name"] == objective
        assert about["stage"] == (1 if objective == "deft" else 0)
        assert about["groups"] == (2 if objective == "deft" else 1)
        assert_equal_bits(dict(read["state_dict"]), stored(out, 0)["state"]["parameters"])
        if objective == "deft":
            continue
        weights = {name: tensor.numpy() for name, tensor in read["state_dict"].items()}
        source = Source(out, "torch zip", weights, about, read["global_step"])
        (vae,) = FAMILY.build(source, ReadingOptions())
        images = load_images(load_dataset(bars), 0, 0, "cpu")
        mean, logvar = vae.encode(images.at(torch.arange(18)[None])[0].reshape(18, 1, 8, 12))
        kl_D = gaussian_kl_nats(mean, logvar).mean(0)
        torch.testing.assert_close(
            kl_D.double(), torch.from_numpy(folder.records.of_seed[0][-1].kl_nats), rtol=1e-3, atol=1e-5
        )


def test_second_largest_information_of_one_latent_is_0() -> None:
    assert TrainRecord(1, 1.0, 0, 1.0, np.ones(1), np.array([[0.7, 0.2]])).nmi_ranked(2).tolist() == [0.0, 0.0]


def test_a_folder_of_another_run_is_refused(bars: str, tmp_path: Path) -> None:
    config = config_for(bars)
    out = tmp_path / "run"
    run_into(out, config)
    with pytest.raises(IfpError, match=r"another run \(latents 4 there, 6 now\)"):
        run_into(out, replace(config, latents=6))
    about = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**about, "ifp_version": "0.0.1"}))
    with pytest.raises(IfpError, match=r"run of ifp 0\.0\.1"):
        run_into(out, config)
    (out / "run.json").write_text(json.dumps({**about, "dataset": {**about["dataset"], "checksum": "0"}}))
    with pytest.raises(IfpError, match="other images"):
        run_into(out, config)
    (out / "run.json").write_text("{}")
    with pytest.raises(IfpError, match="something else"):
        run_into(out, config)
    (out / "run.json").unlink()
    with pytest.raises(IfpError, match=r"holds no run\.json"):
        run_into(out, config)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_state_is_refused(damage: bytes | None, bars: str, tmp_path: Path) -> None:
    run_into(tmp_path / "run", config_for(bars))
    path = tmp_path / "run" / ".resume" / "seed-0.pt"
    if damage is None:
        write_whole(path, {"state": {}})
    else:
        path.write_bytes(damage)
    with pytest.raises(IfpError, match="is damaged"):
        run_into(tmp_path / "run", config_for(bars))


def test_a_state_is_written_and_read_whole(tmp_path: Path) -> None:
    big = torch.arange(1000.0)
    state = MemberState(3, {"w": big[:10]}, {"w": {"step": torch.tensor(3.0)}}, {"s": torch.ones(2)}, {})
    write_whole(tmp_path / "state.pt", state.content())
    assert (tmp_path / "state.pt").stat().st_size < 4000  # not the tensor of which it is a view
    assert_equal_bits(read_content(tmp_path / "state.pt"), state.content())
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


# settings


def test_settings_come_back_from_json(bars: str) -> None:
    config = config_for(bars, correlate=(("width", "place", float("inf")), ("place", "width", 0.2)), inverse=True)
    again = TrainConfig.from_json(json.loads(json.dumps(config.to_json(), allow_nan=False)))
    assert again == config
    assert again.digest() == config.digest()
    assert replace(config, steps=41).digest() != config.digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "mpl"}, "did you mean 'mlp'"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1"),
        ({"images": -1}, "images must be"),
        ({"records": 41}, "records must be at most the number of steps, 40"),
        ({"checkpoint_every": 41}, "checkpoint_every must be at most"),
        ({"learning_rate": float("nan")}, "learning_rate must be a positive number"),
        ({"likelihood": "poisson"}, "Unknown likelihood"),
        ({"inverse": True}, "without a pair"),
    ],
)
def test_bad_settings_are_one_sentence(changes: dict[str, Any], message: str, bars: str) -> None:
    with pytest.raises(IfpError, match=message):
        config_for(bars, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "betta"}, "did you mean 'beta'"),
        ({"options": {"gamma": 1.0}}, "Unknown option of beta"),
        ({"precision": "bfloat16"}, "needs a cuda device"),
        ({"architecture": "conv"}, "64"),
        ({"objective": "deft", "options": {"betas": [4.0, 1.0], "group_size": 3}}, "4 latents"),
        ({"correlate": (("width", "plce", 0.2),)}, "did you mean 'place'"),
    ],
)
def test_what_does_not_suit_the_data_is_refused_before_anything_is_read(
    changes: dict[str, Any], message: str, bars: str
) -> None:
    with pytest.raises(IfpError, match=message):
        setup_for(config_for(bars, **changes))


def test_images_that_do_not_fit_are_refused_with_a_number_that_does(bars: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifp.training.images.free_bytes", lambda device: 1600)
    with pytest.raises(IfpError, match="--images 10"):
        load_images(load_dataset(bars), 0, 0, "cpu")


def test_presets_are_those_of_the_studies() -> None:
    locatello = preset_train_config("locatello2019", dataset="sprites", objective="factor")
    assert (locatello.steps, locatello.batch, locatello.learning_rate) == (300_000, 64, 1e-4)
    assert locatello.options["gamma"] == 30.0
    changed = preset_train_config("deft-baselines", dataset="sprites", steps=100, records=10, options={"beta": 7.0})
    assert (changed.steps, changed.batch, changed.options) == (100, 256, {"beta": 7.0})
    with pytest.raises(IfpError, match="did you mean 'quick'"):
        preset_train_config("quik", dataset="sprites")


def test_deft_gets_the_stages_published_for_the_data() -> None:
    config = preset_train_config("standard", dataset="sprites", objective="deft")
    assert config.options == {"betas": [70, 30, 12, 1], "group_size": 2, "stage_steps": 15_000}
    own = preset_train_config("standard", dataset="sprites", objective="deft", options={"betas": [9.0, 1.0]})
    assert own.options == {"betas": [9.0, 1.0]}
    with pytest.raises(IfpError, match=r"no published DEFT pressures for 'npz:x.npz'"):
        preset_train_config("standard", dataset="npz:x.npz", objective="deft")


def test_arrow_is_trained_on_its_own_distribution_unless_told_otherwise() -> None:
    from ifp.datasets.arrow import Arrow

    dataset = Arrow()
    settings = {"dataset": "arrow", "architecture": "mlp", "hidden": 32, "steps": 10, "records": 1, "latents": 4}
    positions_NF = dataset.sample_images(500, seed=0)[0]
    found = set_up(dataset, TrainConfig(**settings), device="cpu").probability
    assert found is not None
    expected = dataset.correlated_sampler().image_probabilities(positions_NF)
    np.testing.assert_allclose(found(positions_NF), expected)
    assert expected.max() > 10 * expected.min()
    uniform = TrainConfig(**settings, correlate=(("posX", "posY", float("inf")),))
    told = set_up(dataset, uniform, device="cpu").probability
    assert told is not None
    np.testing.assert_allclose(told(positions_NF), 1 / 500)
