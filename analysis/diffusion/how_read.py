"""How a checkpoint was read, and how its self-test and data test went: as sentences, and for diagnosis.json."""

from __future__ import annotations

from typing import Any

from ifp.checkpoints.readings.moment_test import PriorTest, moment_test, prior_test
from ifp.checkpoints.readings.reading import Reading
from ifp.checkpoints.readings.verdicts import share_in_words
from ifp.checkpoints.run_records import Record


def reading_lines(record: Record) -> list[str]:
    """How the checkpoint was read, the tests, and what is to be known of them; its doubts are said elsewhere."""
    lines = []
    if record.reconstruction_nats is not None and record.choice is not None:
        mean, error = record.reconstruction_nats
        lines.append(f"Reconstruction {mean:.5g} +- {error:.2g} nats per image ({record.choice.vae.likelihood})")
    if record.choice is None:
        return [*lines, f"Read: {record.reader}", *_lines_of_codes(record)]
    vae, reading = record.choice.vae, record.choice.reading
    lines.append(f"Read as {vae.family} ({record.container}, {record.reader})")
    lines += [f"  {entry.what}: {entry.value}  [{entry.source}]" for entry in vae.assumptions]
    if vae.unused:
        lines.append(f"  arrays not used: {', '.join(vae.unused)}")
    outcome = "passed" if reading.passed else "not passed, but confirmed" if reading.confirmed else "FAILED"
    outcome = "FAILED" if record.choice.better is not None else outcome
    saved = "" if reading.drawn is None else f"; {share_in_words(reading.drawn)}"
    lines.append(
        f"  self-test {outcome}: |Var(mean) + E[variance] - 1| of active latents, median {reading.test.deviation:.3f}"
        f"{saved}"
    )
    if len(record.choice.tried) > 1:
        lines.append(f"  readings tried: {'; '.join(_tried(tried) for tried in record.choice.tried)}")
    if record.data_test is not None:
        tested = record.data_test
        lines.append(f"  data test {'passed' if tested.passed else 'FAILED'}: {_of_prior(tested.prior)}")
    if record.choice.note:
        lines.append(f"Note: {record.choice.note}")
    return lines


def about_tests(record: Record) -> dict[str, Any]:
    """The same for diagnosis.json, plain values; {} for codes that came as arrays."""
    if record.choice is None:
        return {}
    choice, tested = record.choice, record.data_test
    about: dict[str, Any] = {
        "self_test": {
            "moments": choice.reading.test.moment_D.tolist(),
            "active": choice.reading.test.active_D.tolist(),
            "deviation": choice.reading.test.deviation,
            "passed": choice.reading.passed and choice.better is None,
            "trusted": choice.trusted,
            "reconstruction_explained": choice.reading.explained,
            "draws_explained": choice.reading.drawn,
            "readings": [
                {
                    "reading": tried.name,
                    "deviation": tried.test.deviation,
                    "reconstruction_explained": tried.explained,
                    "draws_explained": tried.drawn,
                    "cost_and_kl_nats": None
                    if tried.reconstruction is None
                    else tried.reconstruction.objective_nats(1.0),
                }
                for tried in choice.tried
            ],
            "note": choice.note,
            "warning": choice.warning,
        }
    }
    if tested is not None:
        about["data_test"] = {
            "passed": tested.passed,
            "dimension_wise_kl_nats": tested.prior.dimwise_kl_nats,
            "share_of_kl": tested.prior.share,
            "trained_on": tested.trained_on or None,
            "problems": tested.problems,
        }
    return about


def _lines_of_codes(record: Record) -> list[str]:
    """The part of the self-test that needs no decoder; arrays are the user's own word, so nothing is refused."""
    codes = record.plain_codes or record.codes
    moments, prior = moment_test(codes.mean_ND, codes.logvar_ND), prior_test(codes.mean_ND, codes.logvar_ND)
    lines = [
        f"self-test of the codes {'passed' if moments.passed else 'NOT PASSED'}: |Var(mean) + E[variance] - 1| of "
        f"active latents, median {moments.deviation:.3f}",
        f"data test of the codes {'passed' if prior.passed else 'NOT PASSED'}: {_of_prior(prior)}",
    ]
    if not (moments.passed and prior.passed):
        scaled = "are the pixels" if codes.unit == "image" else "is the model's input"
        variance = "logvar the log of the variance, not log sigma"
        if codes.unit == "cell":
            variance = "what `variance_key` names the variance (qz.scale**2), not the standard deviation or a logarithm"
        lines.append(
            f"Warning: these are not the codes of a VAE that was trained on these {codes.unit}s: is {variance}, "
            f"{scaled} scaled as in training, is it the data of training? A capacity, a tiny beta or a short training "
            "fail too."
        )
    return lines


def _of_prior(prior: PriorTest) -> str:
    return f"the dimension-wise KL is {prior.dimwise_kl_nats:.2f} of {prior.kl_nats:.2f} nats of KL ({prior.share:.0%})"


def _tried(reading: Reading) -> str:
    if reading.reconstruction is None:
        return f"{reading.name} {reading.test.deviation:.3f}"
    cost_and_kl = reading.reconstruction.objective_nats(1.0)
    return f"{reading.name} (cost of a draw + KL {cost_and_kl:.4g}, {reading.test.deviation:.3f})"
