"""The files of a diagnosis: diagnosis.json, whole, and its tables as csv; read back, they are the same `Results`.

Figures and tables on screen are made from `Results`, so they can be made again from the folder alone.

Shapes: D latents, F factors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct

from ifp.analysis.diffusion.comparison import COMPARISON_COLUMNS
from ifp.analysis.diffusion.holder_tables import FACTOR_COLUMNS, LATENT_COLUMNS
from ifp.analysis.diffusion.holders import above_noise
from ifp.analysis.diffusion.series import CHANGE_COLUMNS, RECORD_COLUMNS, STEP_COLUMNS
from ifp.analysis.information.joint_information import JOINT_COLUMNS
from ifp.analysis.metrics.topology import COLUMNS as TOPOLOGY_COLUMNS
from ifp.analysis.tables import write_csv
from ifp.errors import IfpError, unknown_name
from ifp.system.files import whole_file
from ifp.system.own_files import Cell, Name, Number, Text, check_schema, read_own_json

FILE_NAME, FORMAT = "diagnosis.json", "ifp diagnosis 1"
NMI_COLUMNS = (
    "estimator", "latent", "factor", "mi_nats", "nmi", "nmi_low", "nmi_high", "floor_nmi", "floor_high_nmi",
    "ceiling_nmi", "above_noise", "holds",
)  # fmt: skip
MATRICES = ("nmi", "nmi_low", "nmi_high", "floor_nmi", "floor_high_nmi", "ceiling_nmi", "mi_nats")
"""Each estimator has these matrices of latents x factors; ceiling_nmi is what no pair of the whole matrix passes by
chance (95 %)."""

TABLES = {
    "factors": FACTOR_COLUMNS,
    "latents": LATENT_COLUMNS,
    "joint": (*JOINT_COLUMNS, "copies", "alone", "case"),
    "series": RECORD_COLUMNS,
    "steps": STEP_COLUMNS,
    "changes": CHANGE_COLUMNS,
    "comparison": COMPARISON_COLUMNS,
    "topology": ("metric", *TOPOLOGY_COLUMNS),
}
"""Tables of the file, each also a csv when it has rows: `factors`, `latents`, `joint` (where each factor's information
went: `JointInformation.table` with the verdict's case) of the checkpoint, of a series the last; `series`, `steps`,
`changes` as `Series` has them (there `factors`, `steps`, `changes`); `comparison`; `topology`, of each latent."""
TEXT_COLUMNS = {
    "estimator", "factor", "held_by", "holds", "status", "label", "measure", "span", "pair_latents", "set_latents",
    "copies", "alone", "case", "metric",
}  # fmt: skip
FLAG_COLUMNS = {"nmi1_above_noise", "nmi2_above_noise", "above_noise", "within_noise"}


Matrices = dict[str, list[list[Number | None]]]


class DiagnosisFile(Struct):
    """What is read of diagnosis.json."""

    verdict: dict[str, list[str]]
    verdict_estimator: Text
    factor_names: list[Name]
    kl_nats: list[Number]
    about: dict[str, Any]
    tables: dict[str, list[dict[str, Cell]]]
    holds: dict[str, list[list[bool]]]
    nmi: Matrices
    nmi_low: Matrices
    nmi_high: Matrices
    floor_nmi: Matrices
    floor_high_nmi: Matrices
    ceiling_nmi: Matrices
    mi_nats: Matrices


@dataclass(frozen=True, eq=False)
class Results:
    """What diagnosis.json holds, as `content`, with its arrays and tables."""

    content: dict[str, Any]

    @property
    def factor_names(self) -> tuple[str, ...]:
        """The factors of the data; empty without labels."""
        return tuple(self.content["factor_names"])

    @property
    def estimators(self) -> tuple[str, ...]:
        """The estimators that were used; empty without labels."""
        return tuple(self.content["nmi"])

    @property
    def estimator(self) -> str:
        """The estimator of the verdict, "" without labels."""
        return str(self.content["verdict_estimator"])

    @property
    def code_bounds_nats(self) -> list[float] | None:
        """The information bound of each code of a GAN, H - NLL on generated images; None of other models."""
        found: list[float] | None = self.content["about"].get("checkpoint", {}).get("code_bounds_nats")
        return found

    @property
    def kl_nats_D(self) -> np.ndarray:
        """KL of each latent, nats."""
        return np.array(self.content["kl_nats"], dtype=np.float64)

    def matrix_DF(self, name: str, estimator: str) -> np.ndarray:
        """One of `MATRICES` of an estimator."""
        if name not in MATRICES:
            raise unknown_name("matrix", name, MATRICES)
        if estimator not in self.estimators:
            raise unknown_name("estimator", estimator, self.estimators)
        return np.array(self.content[name][estimator], dtype=np.float64)

    def table(self, name: str) -> pd.DataFrame:
        """One of `TABLES`, or "nmi", the matrices in long form; without rows where it was not measured."""
        if name == "nmi":
            return self._nmi_table()
        if name not in TABLES:
            raise unknown_name("table", name, ["nmi", *TABLES])
        table = pd.DataFrame(self.content["tables"].get(name, []), columns=list(TABLES[name]))
        for column in table.columns.difference([*TEXT_COLUMNS, *FLAG_COLUMNS]):
            table[column] = pd.to_numeric(table[column])
        return table

    def sentences(self) -> list[str]:
        """The verdict in order: a comparison's or a series' first, then the checkpoint's."""
        parts = self.content["verdict"]
        return [sentence for key in ("comparison", "series", "checkpoint") for sentence in parts.get(key, [])]

    def _nmi_table(self) -> pd.DataFrame:
        rows = []
        for estimator in self.estimators:
            matrices = {name: self.matrix_DF(name, estimator) for name in MATRICES}
            above_DF = above_noise(*(matrices[name] for name in ("nmi", "floor_nmi", "ceiling_nmi")))
            holds = np.array(self.content["holds"][estimator], dtype=bool)
            for latent, factor in np.ndindex(*holds.shape):
                numbers = {name: float(matrix[latent, factor]) for name, matrix in matrices.items()}
                rows.append(
                    {
                        "estimator": estimator,
                        "latent": latent,
                        "factor": self.factor_names[factor],
                        **numbers,
                        "above_noise": bool(above_DF[latent, factor]),
                        "holds": bool(holds[latent, factor]),
                    }
                )
        return pd.DataFrame(rows, columns=list(NMI_COLUMNS))


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write diagnosis.json (strict: no NaN) and a csv of each table that has rows; returns their paths.

    A csv of a table that these results lack is removed, so that a folder never mixes two diagnoses.
    """
    path = folder / FILE_NAME
    with whole_file(path) as partial:
        partial.write_text(json.dumps(results.content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    written = [path]
    for name in ("nmi", *TABLES):
        table, csv = results.table(name), folder / f"{name}.csv"
        if table.empty:
            csv.unlink(missing_ok=True)
        else:
            write_csv(table, csv)
            written.append(csv)
    return written


def load_results(folder: Path) -> Results:
    """Read a folder that `write_results` wrote, or its diagnosis.json; needs neither the model nor the data.

    Raises
    ------
    IfpError : there is no such file, or it is damaged or of another kind.
    """
    path = folder if folder.is_file() else folder / FILE_NAME
    if not path.is_file():
        raise IfpError(f"There is no {path}; give the folder of an `ifp diagnose` run.")
    content = read_own_json(path, Struct, "run the same `ifp diagnose` command again")
    if content.get("format") != FORMAT:
        raise IfpError(f"{path} is not a diagnosis of this version of ifp; run `ifp diagnose` again.")
    needed = ("verdict", "verdict_estimator", "factor_names", "kl_nats", "tables", "holds", *MATRICES)
    missing = [key for key in needed if key not in content]
    if missing:
        raise IfpError(f"{path} lacks {', '.join(missing)}; run the same `ifp diagnose` command again.")
    check_schema(content, DiagnosisFile, path, "run the same `ifp diagnose` command again")
    wrong = _what_does_not_fit(content)
    if wrong:
        raise IfpError(f"{path}: {wrong}; run the same `ifp diagnose` command again.")
    return Results(content)


def _what_does_not_fit(content: Mapping[str, Any]) -> str:
    """What does not fit together of a diagnosis whose fields are as declared, in words; "" where all does."""
    names, estimators = content["factor_names"], list(content["nmi"])
    if len(set(names)) != len(names):
        return "the field factor_names holds a name twice"
    if content["verdict_estimator"] not in (*estimators, ""):
        return "the field verdict_estimator names none of the field nmi"
    for field in (*MATRICES, "holds"):
        if list(content[field]) != estimators:
            return f"the field {field} has other estimators than the field nmi"
        for estimator, rows in content[field].items():
            if len(rows) != len(content["kl_nats"]) or any(len(row) != len(names) for row in rows):
                return f"the field {field}.{estimator} must have a row per latent and a number per factor"
    for table, rows in content["tables"].items():
        for column in {column for row in rows for column in row}.intersection(TABLES.get(table, ())):
            allowed = str if column in TEXT_COLUMNS else bool if column in FLAG_COLUMNS else int | float
            if not all(row.get(column) is None or isinstance(row[column], allowed) for row in rows):
                return f"the column {column} of the field tables.{table} holds another thing than it should"
    return ""
