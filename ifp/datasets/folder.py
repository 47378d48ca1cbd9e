"""images:FOLDER: pictures in a folder, and a table of their factors beside them.

Shapes: N images, F factors.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ifp.datasets.accepted import AcceptedFactors, accept_factors, accept_images, factors_in_columns
from ifp.datasets.arrays import ArrayDataset
from ifp.datasets.binning import Bins
from ifp.datasets.catalog import check_folder
from ifp.datasets.layout import PLAIN, DataLayout, factors_of_grid
from ifp.datasets.numbered_folder import NUMBERED, numbered_factors
from ifp.errors import IfpError, counted
from ifp.system.progress import Progress, silent

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""File names with these suffixes are pictures, and Pillow may only take them for these formats."""
TABLE = "factors.csv"
"""The file in the folder that holds the factors, one row per picture."""
FILE_COLUMNS = ("file", "filename", "image", "path", "name")
"""Headings that mark the column with the pictures' names; without any of these it is the first column."""
LARGEST_SIDE = 4096
"""Pictures with more rows or columns than this are refused."""


class FolderDataset(ArrayDataset):
    """Pictures of one size in a folder, with `factors.csv` (or the only .csv there): one row per picture.

    One column names the picture (`FILE_COLUMNS`, else the first), every other one is a factor: integers, text, or
    fractions that repeat. Pictures without a row are left out, which `done` says. Instead of a table there may be
    `factors.npz`, as Infinite dSprites writes it. Without both the one factor is the picture's number in the order of
    the names. `progress` counts pictures.

    `layout` gives a grid in whose order the names of the pictures are, or bins.

    Raises
    ------
    IfpError : no folder, no pictures, a damaged one, one of another size, a table that does not name them.
    """

    def __init__(
        self,
        folder: Path,
        layout: DataLayout = PLAIN,
        *,
        name: str = "",
        progress: Progress = silent,
    ) -> None:
        self.path = check_folder(folder)
        there = sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if _is_picture(p))
        if not there:
            raise IfpError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}); put them there, or use npz:PATH.")
        table = _find_table(self.path)
        rows = _read_table(table, there) if table else None
        numbered = None if table else numbered_factors(self.path, there, layout.bins)
        self._files = rows.files if rows else numbered[0] if numbered else there
        if layout.grid is not None:
            if rows is not None or numbered is not None:
                raise IfpError(f"{folder} has factors of its own ({table or NUMBERED}); leave `grid` out.")
            columns = factors_of_grid(layout.grid, len(there), str(folder))
        elif rows is not None:
            columns = _columns(rows, str(table), layout.bins)
        elif numbered is not None:
            columns = numbered[1]
        else:
            columns = accept_factors(None, None, len(there), str(folder), layout.bins)
        accepted = accept_images(_read_pictures(self.path, self._files, progress), str(folder))
        labelled = rows is not None or numbered is not None or layout.grid is not None
        super().__init__(name or f"images:{folder}", accepted, columns, labelled=labelled)
        if not labelled:
            self.done = (f"no {TABLE}, so that the one factor is the picture's number", *self.done)
        if left_out := len(there) - len(self._files):
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


@dataclass(frozen=True)
class _Table:
    """The pictures that a table names, and the factors' names and columns of text, in the same order."""

    files: list[str]
    names: list[str]
    columns: list[list[str]]
    line_of_row: list[int]


def _read_table(path: Path, there: list[str]) -> _Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            header = [name.strip() for name in next(reader, [])]
            rows = [([value.strip() for value in row], reader.line_num) for row in reader if row]
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise IfpError(
            f"{path} cannot be read as a table ({error}); save it as UTF-8 text with commas and one header line."
        ) from error
    ragged = next(((row, line) for row, line in rows if len(row) != len(header)), None)
    if ragged is not None:
        raise IfpError(f"Line {ragged[1]} of {path} has {len(ragged[0])} values and the header {len(header)}; mend it.")
    if len(header) < 2 or not rows:
        raise IfpError(
            f"{path} must have one row per picture with a column 'file' and one column per factor, got the columns "
            f"{', '.join(header) or 'none'} and {counted(len(rows), 'row')}."
        )
    at = next((number for number, name in enumerate(header) if name.lower() in FILE_COLUMNS), 0)
    files = [row[at].removeprefix("./").replace("\\", "/") for row, _ in rows]
    known = set(there)
    unknown = [name for name in files if name not in known]
    if unknown:
        raise IfpError(
            f"The column {header[at]!r} of {path} names {len(unknown)} pictures that are not in the folder, "
            f"{unknown[0]!r} among them (there is {there[0]!r}); give paths relative to the folder."
        )
    if len(set(files)) != len(files):
        twice = Counter(files).most_common(1)[0][0]
        raise IfpError(f"{path} names the picture {twice!r} more than once; give one row per picture.")
    factors = [number for number in range(len(header)) if number != at]
    columns = [[row[number] for row, _ in rows] for number in factors]
    return _Table(files, [header[number] for number in factors], columns, [line for _, line in rows])


def _columns(table: _Table, of: str, bins: Bins = None) -> AcceptedFactors:
    """The factors, each column in the simplest type that holds it."""
    count = len(table.files)
    # names first, so that errors on columns can use them
    names = accept_factors(np.zeros((count, len(table.names)), int), np.array(table.names), count, of).names
    columns: list[np.ndarray] = []
    for name, column in zip(names, table.columns, strict=True):
        if "" in column:
            line = table.line_of_row[column.index("")]
            raise IfpError(f"The factor {name!r} is empty in line {line} of {of}; fill it in or leave the row out.")
        values = np.array(column)
        with suppress(ValueError):  # then it is text
            values = values.astype(np.float64)
        columns.append(values)
    return factors_in_columns(columns, np.array(names), count, of, bins)


def _read_pictures(folder: Path, files: list[str], progress: Progress) -> np.ndarray:
    """All pictures, uint8 [N, H, W, C]: grey where all are grey, else in colours."""
    pictures: list[np.ndarray] = []
    for at, name in enumerate(files):
        try:
            # in memory, where a picture that claims more bytes than its file has gets no more
            content = io.BytesIO((folder / name).read_bytes())
            with Image.open(content, formats=FORMATS) as picture:
                if max(picture.size) > LARGEST_SIDE:
                    raise IfpError(
                        f"{folder / name} has {picture.width} x {picture.height} pixels and at most {LARGEST_SIDE} "
                        "per side are read; make the pictures smaller first."
                    )
                grey = picture.mode in ("1", "L")
                clear = picture.mode in ("RGBA", "LA") or "transparency" in picture.info
                pictures.append(np.asarray(picture.convert("L" if grey else "RGBA" if clear else "RGB")))
        except (OSError, SyntaxError, ValueError, MemoryError, Image.DecompressionBombError) as error:
            if isinstance(error, IfpError):
                raise
            raise IfpError(f"{folder / name} cannot be read as a picture; save it anew or take it out.") from error
        if pictures[-1].shape[:2] != pictures[0].shape[:2]:
            sizes = " and ".join(f"{p.shape[1]} x {p.shape[0]}" for p in (pictures[0], pictures[-1]))
            raise IfpError(
                f"{files[0]} and {name} in {folder} have different sizes ({sizes} pixels); "
                "bring all pictures to one size first."
            )
        progress(f"Reading {folder.name}", at + 1, len(files))
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
