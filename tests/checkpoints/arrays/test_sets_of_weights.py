"""Which of several sets of weights in a file was read is said, and any of them can be chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ifp.checkpoints.files.contents import Foreign
from ifp.errors import IfpError

from .wrapped import COUNTER, Arrays, opened, part, renamed, said, same, state, under

SETS: dict[str, tuple[Callable[[Arrays, Arrays], object], str, str]] = {  # first is the model trained, second its copy
    "model and ema": (lambda a, b: {"ema": b, "model": a}, "model", "ema"),
    "state_dict_ema": (lambda a, b: {"state_dict_ema": b, "state_dict": a}, "state_dict", "state_dict_ema"),
    "the best so far": (
        lambda a, b: {"best_model_state_dict": b, "model_state_dict": a}, "model_state_dict", "best_model_state_dict",
    ),
    "ema-pytorch": (
        lambda a, b: under("ema_model.", b) | under("online_model.", a) | {"step": COUNTER},
        "online_model", "ema_model",
    ),
    "a Lightning module with a copy": (
        lambda a, b: {"state_dict": under("model_ema.", b) | under("model.", a)}, "state_dict.model", "model_ema",
    ),
    "a shadow": (lambda a, b: {"ema": {"shadow": b, "decay": 0.9}, "net": a}, "net", "ema.shadow"),
    "an object with a shadow": (lambda a, b: {"net": a, "ema": Foreign("x.EMA", (), {"shadow": b})}, "net", "ema"),
    "averaged parts": (
        lambda a, b: {"encoder_ema": part(b, "encoder"), "decoder_ema": part(b, "decoder"),
                      "encoder": part(a, "encoder"), "decoder": part(a, "decoder")},
        "", "encoder_ema",
    ),
    "two encoders": (
        lambda a, b: renamed(b, encoder="encoder_k", decoder="decoder_k") | renamed(a, encoder="encoder_q",
                                                                                    decoder="decoder_q"),
        "encoder_q", "encoder_k",
    ),
    "an ensemble": (lambda a, b: {"models": [a, b]}, "models.0", "models.1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SETS)
def test_of_two_sets_one_is_taken_and_the_other_said_and_chosen(kind: str) -> None:
    pack, first, second = SETS[kind]
    trained, copy = state(seed=0), state(seed=1)
    found = opened(pack(trained, copy))
    if kind != "two encoders":  # which of two equals comes first says nothing
        assert same(found, opened(trained))
        taken = f"those under {first!r}" if first else "those without a key"
        assert f"{taken}; the file also holds" in said(found, "weights")
        assert second in said(found, "weights")
    assert "ReadingOptions(weights=" in said(found, "weights")
    if kind != "two encoders":
        assert found.vaes[0].unused in ((), ("step",))
    for key, arrays in ((first, trained), (second, copy)):
        if key:
            chosen = opened(pack(trained, copy), weights=key)
            assert same(chosen, opened(arrays))
            assert said(chosen, "weights").endswith("(an option)")
    with pytest.raises(IfpError, match=r"Unknown set of weights 'other': allowed are .*" + first):
        opened(pack(trained, copy), weights="other")


def test_one_set_kept_twice_is_no_choice() -> None:
    assert "also holds" not in said(opened({"model": state(), "last": dict(state())}), "weights")
    with pytest.raises(IfpError, match="holds one set of weights, without a key, so none is called 'ema'; leave"):
        opened(state(), weights="ema")
