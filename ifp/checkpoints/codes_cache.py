"""Codes on disk: what was encoded once is not encoded again, and can be given to `ifp diagnose --codes`.

One .npz per checkpoint: mean, logvar, factors, factor_names, factor_sizes, step (see
`ifp.checkpoints.custom.read_codes`) and what decides them, as "key": the version of ifp, the checkpoint's bytes, the
data set, the sample, how the file was to be read, and how the last of its series was.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import ifp
from ifp.checkpoints.folders.locate import CheckpointFile
from ifp.checkpoints.posteriors import Sample
from ifp.checkpoints.run_records import Record
from ifp.checkpoints.source import ReadingOptions
from ifp.datasets.own_arrays import FLOAT, INT, TEXT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.system.files import remove_partials, replacing
from ifp.system.json_text import parse_json

_ARRAYS = {
    "mean": Declared(FLOAT, "ND", finite=True),
    "logvar": Declared(FLOAT, "ND", finite=True),
    "step": Declared(INT, "", low=-1),
    "reconstruction": Declared(FLOAT, "R"),
    "key": Declared(TEXT, ""),
    "read_as": Declared(TEXT, ""),
}


class CodesCache:
    """The codes of one sample of images by many checkpoints, in one folder.

    Parameters
    ----------
    folder : made when the first codes are kept.
    sample, seed, options : together with the checkpoint's content they decide the codes.
    """

    def __init__(self, folder: Path, sample: Sample, seed: int, options: ReadingOptions) -> None:
        self.folder, self.sample = folder, sample
        data = f"{sample.dataset.name} {sample.dataset.checksum()} {len(sample.images_NCHW)} {seed}"
        data += f" {sample.regime}" if sample.regime else ""
        remove_partials(folder)
        self._common = f"{ifp.__version__} {data} {options}"

    def find(self, file: CheckpointFile, how: str = "") -> Record | None:
        """The record of `file` without its model; None where it is not there, of something else or read otherwise."""
        path = self._path(file)
        if not path.is_file():
            return None
        try:
            arrays = read_own_arrays(path, _ARRAYS, "delete it")
            if str(arrays["key"]) != self._key(file, how):
                return None
            family, container, reader = map(str, parse_json(str(arrays["read_as"])))
            cost = arrays["reconstruction"].tolist()
            reconstruction = (float(cost[0]), float(cost[1])) if cost else None
            step = int(arrays["step"])
            codes = self.sample.codes(arrays["mean"], arrays["logvar"])
        except (IfpError, KeyError, IndexError, ValueError, TypeError):  # a damaged file is one that is not there
            return None
        return Record(
            file.label,
            step if step >= 0 else None,
            codes,
            reconstruction,
            family,
            container,
            reader,
        )

    def keep(self, file: CheckpointFile, record: Record, how: str = "") -> None:
        """Write the codes of `file`, whole or not at all, to be found again."""
        self._write(file, record, self._key(file, how))

    def write(self, file: CheckpointFile, record: Record) -> None:
        """Write the codes of `file` to be read, not to be found: the file may have changed since it was encoded."""
        self._write(file, record, "")

    def _write(self, file: CheckpointFile, record: Record, key: str) -> None:
        codes, path = record.codes, self._path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {
            "mean": codes.mean_ND,
            "logvar": codes.logvar_ND,
            "step": -1 if record.step is None else record.step,
            "reconstruction": np.array(record.reconstruction_nats or (), dtype=np.float64),
            "key": key,
            "read_as": json.dumps([record.family, record.container, record.reader]),
        }
        if codes.has_factors:
            arrays["factors"] = codes.factors_NF
            arrays["factor_names"] = np.array(codes.factor_names)
            arrays["factor_sizes"] = np.array(codes.factor_sizes)
        with replacing(path) as stream:
            np.savez(stream, **arrays)

    def _path(self, file: CheckpointFile) -> Path:
        place = hashlib.sha256(str(file.path.resolve()).encode()).hexdigest()[:8]
        return self.folder / f"{Path(file.label).name}-{place}.npz"

    def _key(self, file: CheckpointFile, how: str) -> str:
        sha = hashlib.sha256(f"{self._common} {how}".encode())
        sha.update(json.dumps(file.config, sort_keys=True, default=str).encode())
        for path in file.paths:
            with path.open("rb") as stream:
                hashlib.file_digest(stream, lambda: sha)
        return sha.hexdigest()
