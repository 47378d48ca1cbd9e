"""Arrays as users have them: tensors with a graph, lists, and what is none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import ifp
from ifp.datasets.catalog import load_dataset

IMAGES = np.tri(6, 8)[:, :, None] * np.ones(3)


def test_a_tensor_with_a_graph_is_the_array_in_it() -> None:
    tensor = torch.tensor(IMAGES, requires_grad=True)
    assert ifp.dataset(tensor, torch.arange(6)).checksum() == ifp.dataset(IMAGES, np.arange(6)).checksum()
    edges = ifp.freezing_bounds(IMAGES).table()
    for given in (tensor, [tensor]):
        assert ifp.freezing_bounds(given).table().equals(edges)
    quick: dict[str, Any] = {"directions": ["cool"], "tolerance": 0.3}
    curves = [ifp.exact_annealing(two, **quick).trace.beta_MT for two in (tensor[[0, 5]], IMAGES[[0, 5]])]
    np.testing.assert_array_equal(*curves)


@pytest.mark.parametrize(
    ("give", "sentence"),
    [
        (lambda: ifp.dataset([[[1, 2]], [[1, 2], [3, 4]]]), "images must be an array, a tensor or lists of equal"),
        (lambda: ifp.dataset(IMAGES, [[1], [1, 2]]), "factors must be an array"),
        (lambda: ifp.dataset(IMAGES, name=5), "name must be a text"),  # type: ignore[arg-type]
        (lambda: ifp.dataset(IMAGES, name=""), "name must be a text"),
        (lambda: ifp.dataset(IMAGES, np.ones((6, 2)), [1, 2]), "names must be a list"),  # type: ignore[list-item]
        (lambda: ifp.dataset(IMAGES, np.arange(6), "size"), "names must be a list"),
        (lambda: load_dataset(5), "name of a data set must be a text"),  # type: ignore[arg-type]
        (lambda: ifp.freezing_bounds(5), "images must be an array"),
        (lambda: ifp.exact_annealing(None), "images must be an array"),
    ],
)
def test_what_is_no_array_or_name_is_one_sentence(give: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ifp.IfpError, match=sentence) as error:
        give()
    assert "\n" not in str(error.value)
