"""Sections on models: diagnoses, comparisons, trainings, shifts, channels and directions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct

from ifp.analysis.channels.files import load_results as load_channels
from ifp.analysis.channels.shown_tables import shown as channels_shown
from ifp.analysis.diffusion.results import FILE_NAME, Results, load_results
from ifp.analysis.diffusion.shown_tables import comparison_shown, shown_tables
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.report.questions import ASKED_OF_RESPONSE, asked_of_whole
from ifp.analysis.report.section import Section, one_line, rounded, sentence
from ifp.analysis.shift.result import NOTE as SHIFT_NOTE
from ifp.analysis.shift.result import SIDES
from ifp.analysis.tables import Column, read_csv, short_number
from ifp.analysis.training.result import NMI_NOTE
from ifp.formats import RUNNING, STOPPED
from ifp.recording.find_recordings import is_recording
from ifp.system.own_files import RecordingRun, TrainRun, read_own_json
from ifp.training.records import posterior_column
from ifp.training.whole_run import RESPONSE_FILE, heats, last_file, status_of

NO_THEORY = "There is no closed form of what a trained model holds; "
SHIFTS: dict[str, Column] = {
    "name": "text", "pairs": "whole", "baseline": "number", "mitigated": "number", "shift": "number",
    "shift_low": "number", "shift_high": "number", "ratio": "number", "ratio_low": "number", "ratio_high": "number",
    "censored": "whole",
}  # fmt: skip
DIRECTIONS: dict[str, Column] = {
    "kind": "text", "number": "whole", "minmax": "number", "standard_error": "number", "nearest_latent": "whole",
    "cosine": "number",
}  # fmt: skip
SYMMETRIES = "N. Balabin et al., Disentanglement learning via topology, ICML 2024."


def of_diagnosis(folder: Path) -> Section:
    """The section on a diagnosis of one model, of a series of checkpoints, or of two models compared."""
    results = load_results(folder)
    content = results.content
    about = content.get("about") or {}
    name, data = one_line(about.get("run") or folder.name), _name(about)
    compared = content.get("compared")
    if compared:
        kind, title = "Comparison of two models", f"{one_line(compared['b'])} against {one_line(compared['a'])}"
        asked = f"What do the latents of {title} hold of each factor of {data}, and where do the two differ?"
    else:
        kind, title = "Diagnosis", f"What the latents of {name} hold"
        asked = f"What does each latent of {name} hold of the factors of {data}, and has information diffused?"
    tables = shown_tables(name, results)
    if compared:
        tables = [comparison_shown(results), *tables]
        if (folder / "a" / FILE_NAME).is_file():
            tables += shown_tables(one_line(compared["a"]), load_results(folder / "a"))
    versions = about.get("versions") or content.get("versions")
    section = Section(
        kind, title, asked, list(map(sentence, results.sentences())), tables,
        NO_THEORY + _parts_of_kl(results),
    )  # fmt: skip
    given = {"dataset": about.get("dataset"), "settings": content.get("settings"), "versions": versions}
    return section.of_run({key: value for key, value in given.items() if value}, folder)


def of_several(folder: Path) -> Section:
    """The section on several diagnoses side by side; each model has a section of its own besides."""
    table = read_csv(folder / "runs.csv", "run the same `ifp diagnose` command again", {"run": "text"})
    names = [one_line(name) for name in table["run"]]
    asked = f"How do the {len(names)} models {', '.join(names)} differ in what their latents hold?"
    said = f"{len(names)} models lie side by side; their single diagnoses follow."
    shown = rounded(table.rename(columns=lambda name: str(name).replace("_", " ")), "The models", left=("run",))
    theory = f"{NO_THEORY}each model's own section says how its numbers were checked."
    title = f"{len(names)} models side by side"
    return Section("Models side by side", title, asked, [said], [shown], theory, folder=str(folder))


def of_training(folder: Path) -> Section:
    """The section on a run of `ifp train`, or on a recording of a user's own loop."""
    advice = "run the same `ifp train` command again, or record anew"
    recorded = is_recording(folder)
    run = read_own_json(folder / "run.json", RecordingRun if recorded else TrainRun, advice)
    records = read_csv(folder / "records.csv", advice, {"seed": "whole", "step": "whole"})
    config, factors = run["config"], run["dataset"]["factor_names"]
    last = records.groupby("seed").tail(1).sort_values("seed")
    rows = pd.DataFrame({"seed": last["seed"].to_numpy(), "step": last["step"].to_numpy()})
    for name, column in (("reconstruction", "recon_nats"), ("KL", "kl_nats")):
        if column in last:
            rows[name] = pd.to_numeric(last[column], errors="coerce").to_numpy()
    for rank in (1, 2):
        columns = [posterior_column(rank, name) for name in factors]
        if columns and set(columns) <= set(last.columns):
            rows[f"NMI{rank}"] = last[columns].apply(pd.to_numeric, errors="coerce").mean(axis=1).to_numpy()
    status = status_of(folder, run)
    rows["status"] = [_status(run, seed, status) for seed in rows["seed"]]
    data = _name(run)
    objective = "a loop of the user's own" if recorded else one_line(config.get("objective", "beta"))
    latents = sum(re.fullmatch(r"kl_nats_\d+", name) is not None for name in map(str, records.columns))
    asked = (
        f"What do {len(run['seeds'])} network{'s' * (len(run['seeds']) != 1)} of {latents} latents "
        f"learn of {data} with the objective {objective}, step by step?"
    )
    if recorded:
        asked = f"What does a network of {latents} latents learn of {data} in {objective}, step by step?"
    found = []
    for name, unit in (("reconstruction", "nats per image"), ("KL", "nats per image"), ("NMI1", ""), ("NMI2", "")):
        if name in rows and rows[name].notna().any():
            values = rows[name].dropna()
            spread = f" ({short_number(values.min())} to {short_number(values.max())})" if len(values) > 1 else ""
            found.append(f"{name} at the last record: {short_number(values.mean())}{spread} {unit}".rstrip() + ".")
    diverged = sum(status == "diverged" for status in rows["status"])
    found += [f"{diverged} of {len(rows)} networks diverged."] if diverged else []
    found += [sentence(text) for text in run.get("doubts", {}).values()] if recorded else []
    in_nats = [name for name in ("reconstruction", "KL") if name in rows]
    notes = [f"{' and '.join(in_nats)} in nats per image"] if in_nats else []
    notes += [NMI_NOTE] if "NMI1" in rows else []
    # what there is of an annealing of a whole data set before it is measured is not asked as of a training
    kind, title = "Training", "The last record of each network"
    if last_file(folder, run) == RESPONSE_FILE:
        kind, asked = "Multi-rate networks", f"{ASKED_OF_RESPONSE}; {data}."
    elif last_file(folder, run):
        kind, title = "Annealing of a whole data set", f"{title}, as beta falls"
        asked = f"{asked_of_whole(len(run['seeds']), heats=heats(folder, run), done=False)}; {data}."
    table = rounded(rows, title, "; ".join(notes), left=("status",))
    theory = f"{NO_THEORY}`ifp anneal` of the same data gives the betas at which its factors freeze."
    heading = f"Recording of {objective} on {data}" if recorded else f"{kind}: {objective} on {data}"
    section = Section(kind, heading, sentence(asked), found, [table], theory)
    return section.of_run(run, folder)


def of_shift(folder: Path) -> Section:
    """The section on a shift of freezing points."""
    advice = "run the same `ifp shift` command again"
    about = read_own_json(folder / "shift.json", Struct, advice)
    shifts = read_csv(folder / "shifts.csv", advice, SHIFTS)
    within = [row.get("within_noise") for row in about.get("shifts", []) if isinstance(row, dict)]
    verdicts = {None: "too few pairs to tell", True: "within noise", False: "shifted"}
    says = [verdicts.get(value, "") for value in within] if len(within) == len(shifts) else [""] * len(shifts)
    rows = pd.DataFrame({"factor": shifts["name"], "pairs": shifts["pairs"]})
    for name in (*SIDES, "shift", "ratio"):
        rows[name] = shifts[name]
        if f"{name}_low" in shifts:
            rows[f"{name}, 95 %"] = [
                f"{low:.3g} to {high:.3g}" if np.isfinite(low) else "" for low, high in
                zip(shifts[f"{name}_low"], shifts[f"{name}_high"], strict=True)
            ]  # fmt: skip
    rows["censored pairs"], rows["says"] = shifts["censored"], says
    found = [
        f"{one_line(row['factor'])}: from beta {row['baseline']:.3g} to {row['mitigated']:.3g} ({row['says']})."
        if np.isfinite(row["mitigated"]) and np.isfinite(row["baseline"])
        else f"{one_line(row['factor'])}: melted in no pair of models."
        for _, row in rows.iterrows()
    ]
    data = _name(about)
    sides = [one_line(Path(str(about.get(side, side))).name) for side in SIDES]
    asked = (
        f"Do the factors of {data} melt at other pressures in the models of {sides[1]} than in those of {sides[0]}, "
        "when both are probed alike?"
    )
    theory = f"{NO_THEORY}melting points depend on the probe and are compared with those of the same probe alone."
    table = rounded(rows, "Melting points of factors in the trained models", SHIFT_NOTE, left=("factor", "says"))
    return Section("Shift", f"Shift of melting points on {data}", asked, found, [table], theory).of_run(about, folder)


def of_channels(folder: Path) -> Section:
    """The section on a comparison of channels."""
    results = load_channels(folder)
    parts = channels_shown(results)
    models, data = len(results.tables["models"]), _name(results.about)
    asked = f"Which pieces of information do {models} models of {data} hold again and again, and when do they freeze?"
    found = [f"{sentence(results.headline())}.", *(sentence(part) for part in parts if isinstance(part, str))]
    tables = [part for part in parts if isinstance(part, ShownTable)]
    theory = f"{NO_THEORY}bounds on the information of each channel stand beside it, the lower and the upper one."
    section = Section("Channels", f"What {models} models of {data} have in common", asked, found, tables, theory)
    return section.of_run(results.about, folder)


def of_directions(folder: Path) -> Section:
    """The section on directions of a decoder."""
    advice = "run the same `ifp directions` command again"
    about = read_own_json(folder / "directions.json", Struct, advice)
    table = read_csv(folder / "directions.csv", advice, DIRECTIONS)
    means = table.groupby("kind", sort=False)["minmax"].mean()
    found = [f"Mean MinMax: {', '.join(f'{one_line(kind)} {value:.3g}' for kind, value in means.items())}."]
    found += [sentence(note) for note in about.get("notes") or []]
    name = one_line(about.get("name", folder.name))
    shown = rounded(table.rename(columns=lambda column: str(column).replace("_", " ")), "Directions", left=("kind",))
    section = Section(
        "Directions", f"Directions of the decoder of {name}",
        f"Along which directions is what the decoder of {name} draws nearest to a symmetry?", found, [shown],
        f"{NO_THEORY}random directions and the model's own latents are measured beside those found.",
        cite=(SYMMETRIES,),
    )  # fmt: skip
    return section.of_run(about, folder)


def _parts_of_kl(results: Results) -> str:
    """Whether the parts of the KL add up to it, the check that a diagnosis has."""
    parts = results.content.get("decomposition")
    if not isinstance(parts, dict) or parts.get("kl_nats") is None or parts.get("closed_form_kl_nats") is None:
        return "the KL was not decomposed, so that its parts could not be checked against it."
    return (
        f"the parts of the KL add up to {parts['kl_nats']:.4g} nats by sampling, and its closed form is "
        f"{parts['closed_form_kl_nats']:.4g}."
    )


def _status(run: dict[str, Any], seed: int, of_run: Any) -> str:
    """The status of a network; one that was in training when its run was stopped is no longer."""
    entry = run["seeds"].get(str(seed))
    status = one_line(entry["status"]) if isinstance(entry, dict) else ""
    return STOPPED if (status, of_run) == (RUNNING, STOPPED) else status


def _name(about: Any) -> str:
    """The name of the data set without the folders of a path; "the data" where it is not said."""
    dataset = about.get("dataset") if isinstance(about, dict) else None
    name = dataset.get("name") if isinstance(dataset, dict) else None
    return one_line(Path(str(name).removeprefix("npz:").removeprefix("images:")).name) if name else "the data"
