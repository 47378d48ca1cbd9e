"""Images and factors out of data sets of other libraries: of Hugging Face `datasets`, and what PyTorch calls a Dataset.

They are known by what they can do, not by their class, so that neither library is needed.

Shapes: N images, F factors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.errors import IfpError, bad_value, counted, unknown_name
from ifp.system.progress import Progress, silent

IMAGE_NAMES = ("image", "images", "img", "pixel_values", "x", "data")
"""Names under which the images of an item are looked for, the first that is there counts."""
_ROWS = 256
"""Rows that are asked of a Hugging Face data set at a time."""


@dataclass(frozen=True)
class ObjectArrays:
    """What an object holds: images [N, ...], the factors' columns [N] with their names, and what was left out."""

    images: np.ndarray
    columns: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    done: tuple[str, ...]


def is_data_object(given: Any) -> bool:
    """Whether something is a data set of another library, asked for its items by number; arrays are none."""
    if isinstance(given, np.ndarray | list | tuple | str | bytes) or hasattr(given, "__array__"):
        return False
    return hasattr(given, "__getitem__") or (hasattr(given, "__iter__") and hasattr(given, "features"))


def arrays_of_object(
    given: Any, factors: np.ndarray | Sequence[str] | None, progress: Progress = silent
) -> ObjectArrays:
    """The images and factors of a Hugging Face data set or a PyTorch Dataset, each item read once and in order.

    Parameters
    ----------
    factors : names of those that are wanted, None for all that are numbers or text.

    Raises
    ------
    IfpError : splits instead of one data set, no length, items without an image, images of several sizes, or items that
        cannot be read.
    """
    if factors is not None and (isinstance(factors, str) or not all(isinstance(name, str) for name in factors)):
        raise bad_value("factors", factors, "a list of names of the data set's own columns or labels")
    if isinstance(given, dict) or (hasattr(given, "keys") and hasattr(given, "column_names")):
        splits = ", ".join(map(repr, list(given.keys())[:5]))
        raise IfpError(f"A data set of several splits is given ({splits}); pick one, such as data['train'].")
    try:
        count = len(given)
    except TypeError as error:
        raise IfpError(
            f"A {type(given).__name__} has no length, so that its images cannot be asked for by number; load it as a "
            "whole, or save it as an .npz file."
        ) from error
    if count < 2:
        raise IfpError(f"The data set holds {counted(count, 'image')} and at least 2 are needed.")
    items = _rows_of_columns(given, count) if hasattr(given, "column_names") else _items(given, count)
    images: np.ndarray | None = None
    values: dict[str, list[Any]] = {}
    for at, item in enumerate(items):
        picture, labels = _split(item)
        if images is None:
            images = np.empty((count, *picture.shape), dtype=picture.dtype)
        if picture.shape != images.shape[1:]:
            raise IfpError(
                f"Images 0 and {at} have the shapes {list(images.shape[1:])} and {list(picture.shape)}; bring all to "
                "one size first, in the data set's transform."
            )
        images[at] = picture
        if at and set(labels) != set(values):
            raise IfpError(f"Items 0 and {at} have different labels ({', '.join(values)}; {', '.join(labels)}).")
        for name, value in labels.items():
            values.setdefault(name, []).append(value)
        progress("Reading the data set", at + 1, count)
    assert images is not None
    return _chosen(
        images, values, None if factors is None else list(map(str, factors)), getattr(given, "features", None)
    )


def _chosen(
    images: np.ndarray, values: dict[str, list[Any]], factors: Sequence[str] | None, features: Any
) -> ObjectArrays:
    columns: list[np.ndarray] = []
    names: list[str] = []
    done: list[str] = []
    for wanted in factors or ():
        if wanted not in values:
            raise unknown_name("factor", wanted, values)
    for name in factors if factors is not None else values:
        column = _column(values[name])
        if column is None:
            if factors is not None:
                raise IfpError(f"The values of {name!r} are neither numbers nor text; name other columns as factors.")
            done.append(f"{name} left out, which holds neither numbers nor text")
            continue
        texts = getattr(features[name], "names", None) if features is not None and name in features else None
        if texts and column.dtype.kind in "iu" and column.min() >= 0 and column.max() < len(texts):
            done.append(f"{name}: {', '.join(map(str, texts[:8]))}{', ...' * (len(texts) > 8)}, in this order")
        columns.append(column)
        names.append(name)
    return ObjectArrays(images, tuple(columns), tuple(names), tuple(done))


def _column(values: list[Any]) -> np.ndarray | None:
    """The values as one array of numbers or text, None where they are neither."""
    try:
        column = np.array([value.item() if hasattr(value, "item") else value for value in values])
    except (ValueError, TypeError, RuntimeError):
        return None
    return column if column.ndim == 1 and column.dtype.kind in "biufU" else None


def _rows_of_columns(given: Any, count: int) -> Iterator[dict[str, Any]]:
    """The rows of a Hugging Face data set."""
    for start in range(0, count, _ROWS):
        block = _asked(given, slice(start, min(start + _ROWS, count)))
        for at in range(min(_ROWS, count - start)):
            yield {str(name): column[at] for name, column in block.items()}


def _items(given: Any, count: int) -> Iterator[Any]:
    for at in range(count):
        yield _asked(given, at)


def _asked(given: Any, place: Any) -> Any:
    try:
        return given[place]
    except Exception as error:  # whatever the code of another library raises
        raise IfpError(
            f"Item {place} of the {type(given).__name__} cannot be read ({type(error).__name__}: {error}); the "
            "data set must give an image and its labels by number."
        ) from error


def _split(item: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """The image of an item as an array, and its labels by name."""
    if isinstance(item, dict):
        name = next((name for name in IMAGE_NAMES if name in item), None)
        if name is None:
            name = next((name for name, value in item.items() if hasattr(value, "convert")), None)
        if name is None:
            raise IfpError(f"An item has no image: it holds {', '.join(map(str, item))}; call it 'image'.")
        rest = {str(key): value for key, value in item.items() if key != name}
        return _picture(item[name]), rest
    if isinstance(item, tuple | list) and item:
        labels: dict[str, Any] = {}
        for number, value in enumerate(item[1:]):
            name = "label" if len(item) == 2 else f"label_{number}"
            parts = _parts(value)
            labels.update({name: value} if parts is None else {f"{name}_{at}": one for at, one in enumerate(parts)})
        return _picture(item[0]), labels
    return _picture(item), {}


def _parts(value: Any) -> list[Any] | None:
    """The numbers of a label that is a row of them, None for a single one."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return None
    array = np.asarray(value)
    return list(array) if array.ndim == 1 else None


def _picture(value: Any) -> np.ndarray:
    """An image as [H, W], [H, W, C] or [C, H, W]: pictures of Pillow, tensors and arrays; fractions as float32."""
    if hasattr(value, "convert") and getattr(value, "mode", "L") not in ("L", "RGB", "RGBA"):
        value = value.convert("RGBA" if "transparency" in getattr(value, "info", {}) else "RGB")
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise IfpError(f"A {type(value).__name__} is no image; give pictures, tensors or arrays.") from error
    if array.ndim not in (2, 3) or array.dtype.kind not in "buif":
        raise IfpError(
            f"An image must be numbers [H, W], [H, W, C] or [C, H, W], got {array.dtype} {list(array.shape)}; leave "
            "flattening out of the data set's transform."
        )
    return array.astype(np.float32) if array.dtype.kind == "f" else array
