"""Settings that know their parents: an object that lies within itself is read, and stops there."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch

from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.files.contents import Foreign, read_contents


class DictConfig:
    """Looks, once pickled, like OmegaConf's node of the same name."""

    def __init__(self, content: dict[str, object]) -> None:
        self._content, self._parent = content, None
        for value in content.values():
            if isinstance(value, DictConfig):
                value._parent = self  # type: ignore[assignment]


DictConfig.__module__, DictConfig.__qualname__ = "omegaconf.dictconfig", "DictConfig"


def test_a_node_that_knows_its_parent_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = types.ModuleType("omegaconf"), types.ModuleType("omegaconf.dictconfig")
    module.DictConfig = DictConfig  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "omegaconf", package)
    monkeypatch.setitem(sys.modules, "omegaconf.dictconfig", module)
    settings = DictConfig({"beta": 4.0, "data": DictConfig({"name": "dsprites"})})
    path = tmp_path / "last.ckpt"
    weights = {"_model._encoder.model.0.weight": torch.ones(2, 2)}
    torch.save({"state_dict": weights, "hyper_parameters": settings, "global_step": 3}, path)
    contents = read_contents(path)
    node = contents.tree["hyper_parameters"]  # type: ignore[index]
    assert isinstance(node, Foreign)
    inner = node.state["_content"]["data"]  # type: ignore[index]
    parent = inner.state["_parent"]
    assert (parent.class_name, parent.state) == ("omegaconf.dictconfig.DictConfig", None)
    source = unwrap(contents, {})
    assert source.config["beta"] == 4.0
    assert source.step == 3
