"""images:FOLDER: pictures in a folder, and a table of their factors beside them.

Shapes: N images, F factors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ifp.datasets.accepted import AcceptedFactors, accept_factors, accept_images
from ifp.datasets.arrays import ArrayDataset
from ifp.datasets.catalog import check_folder
from ifp.errors import IfpError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
TABLE = "factors.csv"
FILE_COLUMNS = ("file", "filename", "image", "path", "name")
"""The column that names the pictures; without any of these it is the first one."""
LARGEST_SIDE = 4096

Report = Callable[[int, int], None]


class FolderDataset(ArrayDataset):
    """Pictures of one size in a folder, with `factors.csv` (or the only .csv there): one row per picture.

    One column names the picture (`FILE_COLUMNS`, else the first), every other one is a factor: integers, text, or
    fractions that repeat. Pictures without a row are left out, which `done` says. Without a table the one factor is the
    picture's number in the order of the names. `report(done, total)` counts pictures.

    Raises
    ------
    IfpError : no folder, no pictures, a damaged one, one of another size, a table that does not name them.
    """

    def __init__(self, folder: Path, *, report: Report | None = None) -> None:
        self.path = check_folder(folder)
        there = sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if _is_picture(p))
        if not there:
            raise IfpError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}); put them there, or use npz:PATH.")
        table = _find_table(self.path)
        files, factors, left_out = (there, None, 0) if table is None else _read_table(table, there)
        self._files = files
        accepted = accept_images(_read_pictures(self.path, files, report), str(folder))
        if factors is None:
            columns = accept_factors(None, None, len(files), str(folder))
        else:
            columns = _columns(factors, str(table))
        super().__init__(f"images:{folder}", accepted, columns, labelled=table is not None)
        if left_out:
            self.done = (f"{left_out} of {len(there)} pictures left out, which {table} does not name", *self.done)

    def _digest(self) -> str:
        """SHA-256 of the pictures' names and pixels and of the factors."""
        return hashlib.sha256(f"{self._files}{super()._digest()}".encode()).hexdigest()


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _find_table(folder: Path) -> Path | None:
    if (folder / TABLE).is_file():
        return folder / TABLE
    tables = sorted(folder.glob("*.csv"))
    if len(tables) > 1:
        raise IfpError(
            f"{folder} holds {len(tables)} tables ({', '.join(t.name for t in tables)}); call the one with the factors "
            f"{TABLE}."
        )
    return tables[0] if tables else None


def _read_table(path: Path, there: list[str]) -> tuple[list[str], pd.DataFrame, int]:
    """The named pictures, their factors in the same order, and how many pictures no row names."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (ValueError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise IfpError(
            f"{path} cannot be read as a table ({first}); save it with commas and one header line."
        ) from error
    column = next((name for name in table.columns if str(name).lower() in FILE_COLUMNS), None)
    column = table.columns[0] if column is None and len(table.columns) else column
    if column is None or len(table.columns) < 2 or not len(table):
        raise IfpError(
            f"{path} must have one row per picture with a column 'file' and one column per factor, got the columns "
            f"{', '.join(map(str, table.columns)) or 'none'} and {len(table)} rows."
        )
    files = [str(name).strip().removeprefix("./").replace("\\", "/") for name in table[column]]
    known = set(there)
    unknown = [name for name in files if name not in known]
    if unknown:
        raise IfpError(
            f"The column {column!r} of {path} names {len(unknown)} pictures that are not in the folder, {unknown[0]!r} "
            f"among them (there is {there[0]!r}); give paths relative to the folder."
        )
    if len(set(files)) != len(files):
        twice = next(name for name in files if files.count(name) > 1)
        raise IfpError(f"{path} names the picture {twice!r} more than once; give one row per picture.")
    return files, table.drop(columns=column), len(there) - len(files)


def _columns(table: pd.DataFrame, of: str) -> AcceptedFactors:
    """The factors, each column in the simplest type that holds it."""
    columns: list[np.ndarray] = []
    done: tuple[str, ...] = ()
    for name in table.columns:
        if (table[name] == "").any():
            row = int(np.flatnonzero(table[name] == "")[0]) + 2
            raise IfpError(f"The factor {name!r} is empty in line {row} of {of}; fill it in or leave the row out.")
        numbers = pd.to_numeric(table[name], errors="coerce")
        text = bool(numbers.isna().any())
        values = table[name].to_numpy(dtype=str) if text else numbers.to_numpy(dtype=np.float64)
        one = accept_factors(values, np.array([str(name)]), len(values), of)
        columns += one.columns
        done += tuple(f"{name}: {what}" for what in one.done)
    names = np.array([str(name) for name in table.columns])
    numbered = np.zeros((len(table), len(names)), dtype=np.int64)
    return AcceptedFactors(tuple(columns), accept_factors(numbered, names, len(table), of).names, done)


def _read_pictures(folder: Path, files: list[str], report: Report | None) -> np.ndarray:
    """All pictures, uint8 [N, H, W, C]: grey where all are grey, else in colours."""
    pictures: list[np.ndarray] = []
    for at, name in enumerate(files):
        try:
            with Image.open(folder / name, formats=FORMATS) as picture:
                if max(picture.size) > LARGEST_SIDE:
                    raise IfpError(
                        f"{folder / name} has {picture.width} x {picture.height} pixels and at most {LARGEST_SIDE} "
                        "per side are read; make the pictures smaller first."
                    )
                grey = picture.mode in ("1", "L")
                clear = picture.mode in ("RGBA", "LA") or "transparency" in picture.info
                pictures.append(np.asarray(picture.convert("L" if grey else "RGBA" if clear else "RGB")))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, IfpError):
                raise
            raise IfpError(f"{folder / name} cannot be read as a picture; save it anew or take it out.") from error
        if pictures[-1].shape[:2] != pictures[0].shape[:2]:
            sizes = " and ".join(f"{p.shape[1]} x {p.shape[0]}" for p in (pictures[0], pictures[-1]))
            raise IfpError(
                f"{files[0]} and {name} in {folder} have different sizes ({sizes} pixels); "
                "bring all pictures to one size first."
            )
        if report:
            report(at + 1, len(files))
    channels = max(p.shape[2] if p.ndim == 3 else 1 for p in pictures)
    return np.stack([_with_channels(p, channels) for p in pictures])


def _with_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """A grey, RGB or RGBA picture with `channels` of them, opaque where it had no transparency."""
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.shape[2] == 1 and channels > 1:
        picture = np.repeat(picture, 3, axis=2)
    if picture.shape[2] < channels:
        picture = np.concatenate([picture, np.full((*picture.shape[:2], 1), 255, np.uint8)], axis=2)
    return picture
