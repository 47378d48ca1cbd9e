"""Data sets of other libraries: what looks like Hugging Face's, and what looks like PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import ifp
from ifp.errors import IfpError

PIXELS = np.random.default_rng(7).integers(0, 256, (300, 6, 5, 3), dtype=np.uint8)
SHAPE, X = np.arange(300) % 3, np.arange(300) // 3


class ClassLabel:
    names = ("square", "ellipse", "heart")


class Columns:
    """Answers as `datasets.Dataset` does: a row is a dictionary, and so is a slice, of lists."""

    column_names = ("shape", "image", "x", "caption", "boxes")

    def __init__(self, count: int = 300) -> None:
        self.count, self.asked = count, 0
        self.features = {name: ClassLabel() if name == "shape" else None for name in self.column_names}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> dict[str, list[Any]]:
        at = range(*rows.indices(self.count))
        self.asked += len(at)
        return {
            "shape": [int(SHAPE[row]) for row in at],
            "image": [Image.fromarray(PIXELS[row]) for row in at],
            "x": [float(X[row]) / 2 for row in at],
            "caption": ["ab"[row % 2] for row in at],
            "boxes": [[1, 2, row] for row in at],
        }


class Items:
    """Answers as a `torch.utils.data.Dataset` does."""

    def __init__(self, make: Any, count: int = 300) -> None:
        self.make, self.count = make, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: int) -> Any:
        return self.make(at)


def rendered(data: ifp.FactorDataset, *positions: int) -> np.ndarray:
    return data.render(np.array([positions]), np.zeros(1, int))[0].transpose(1, 2, 0)


def test_a_hugging_face_data_set() -> None:
    source = Columns()
    data = ifp.dataset(source)
    assert source.asked == 300  # every row once
    assert (data.space.names, data.space.sizes) == (("shape", "x", "caption"), (3, 100, 2))
    np.testing.assert_array_equal(rendered(data, 1, 7, 0), PIXELS[22])
    assert "shape: square, ellipse, heart, in this order" in data.done
    assert "boxes left out, which holds neither numbers nor text" in data.done
    chosen = ifp.dataset(source, ["x", "shape"], ["width", "kind"])
    assert (chosen.space.names, chosen.space.sizes) == (("width", "kind"), (100, 3))


def test_splits_and_unknown_columns_are_one_sentence() -> None:
    with pytest.raises(IfpError, match=r"several splits .*'train'.*data\['train'\]"):
        ifp.dataset({"train": Columns(), "test": Columns()})
    with pytest.raises(IfpError, match=r"Unknown factor 'shapes': .*did you mean 'shape'"):
        ifp.dataset(Columns(), ["shapes"])
    with pytest.raises(IfpError, match="'boxes' are neither numbers nor text"):
        ifp.dataset(Columns(), ["boxes"])
    with pytest.raises(IfpError, match="at least 2"):
        ifp.dataset(Columns(1))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda at: (PIXELS[at], SHAPE[at]), ("label",)),
        (lambda at: (PIXELS[at].transpose(2, 0, 1).astype(np.float32) / 255, int(SHAPE[at])), ("label",)),
        (lambda at: (Image.fromarray(PIXELS[at]), np.array([SHAPE[at], X[at]])), ("label_0", "label_1")),
        (lambda at: {"img": PIXELS[at], "shape": SHAPE[at], "x": X[at]}, ("shape", "x")),
        (lambda at: (PIXELS[at], SHAPE[at], X[at]), ("label_0", "label_1")),
        (lambda at: PIXELS[at], ("image",)),
    ],
)
def test_a_torch_data_set(make: Any, names: tuple[str, ...]) -> None:
    data = ifp.dataset(Items(make))
    assert data.space.names == names
    assert data.labelled == (names != ("image",))
    places = {"label": 1, "label_0": 1, "shape": 1, "label_1": 7, "x": 7, "image": 22}
    at = [places[name] for name in names]
    expected = PIXELS[22] if len(names) > 1 or names == ("image",) else PIXELS[1]
    np.testing.assert_array_equal(rendered(data, *at), expected)


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    images = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy()).float() / 255
    data = ifp.dataset(torch.utils.data.TensorDataset(images, torch.from_numpy(SHAPE)))
    np.testing.assert_array_equal(rendered(data, 2), PIXELS[2])
    assert data.done[0] == "float32 in 0..1 rounded to 256 grey levels"


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda at: (PIXELS[at][: 5 + (at < 10)], 0), r"Images 0 and 10 have the shapes \[6, 5, 3\] and \[5, 5, 3\]"),
        (lambda at: (PIXELS[at].ravel(), 0), r"\[H, W, C\] .* got uint8 \[90\]"),
        (lambda at: {"shape": 1}, "has no image"),
        (lambda at: 1 / 0, r"Item 0 .*\(ZeroDivisionError"),
        (lambda at: {"image": PIXELS[at], f"a{at // 9}": 1}, "different labels"),
        (lambda at: ("a text", 0), "no image|must be numbers"),
    ],
)
def test_items_that_are_no_images_are_one_sentence(make: Any, match: str) -> None:
    with pytest.raises(IfpError, match=match):
        ifp.dataset(Items(make))


def test_a_stream_without_length_is_refused() -> None:
    class Stream:
        features = ("image",)

        def __iter__(self) -> Any:
            return iter(())

    with pytest.raises(IfpError, match="has no length"):
        ifp.dataset(Stream())


def test_a_grid_for_objects_without_labels() -> None:
    data = ifp.dataset(Items(lambda at: PIXELS[at]), grid={"x": 100, "shape": 3})
    np.testing.assert_array_equal(rendered(data, 7, 1), PIXELS[22])
    with pytest.raises(IfpError, match="has factors of its own"):
        ifp.dataset(Items(lambda at: (PIXELS[at], 1)), grid="x:300")
