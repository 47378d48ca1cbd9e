"""No module of the package draws from global random state: generators are arguments."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import ifp
from ifp.datasets.toys import Toys

ROOT = Path(__file__).parents[1]
KEEPS_THE_USER_S = ROOT / "ifp" / "recording" / "untouched.py"
"""Puts the global random numbers of a user's loop back to where they were, and draws none."""
NUMPY_ALLOWED = {"default_rng", "Generator", "BitGenerator", "SeedSequence", "PCG64", "Philox"}
TORCH_GLOBAL = {"manual_seed", "manual_seed_all", "seed", "initial_seed", "get_rng_state", "set_rng_state"}
TORCH_DRAWS = {  # these draw from the global generator unless they are given one
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli",
    "multinomial", "poisson",
}  # fmt: skip
TENSOR_DRAWS = {"normal_", "uniform_", "bernoulli_", "random_", "exponential_", "kaiming_uniform_", "xavier_uniform_"}


def dotted(node: ast.expr) -> str:
    """`np.random.rand` for the attribute chain, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def global_draws(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names):
            yield "import random"
        if isinstance(node, ast.ImportFrom) and node.module in {"random", "numpy.random", "torch.random"}:
            yield f"from {node.module} import"
        if isinstance(node, ast.Attribute):
            name = dotted(node)
            parts = name.split(".")
            if parts[:2] in (["np", "random"], ["numpy", "random"]) and len(parts) > 2:
                if parts[2] not in NUMPY_ALLOWED:
                    yield name
            elif parts[:2] == ["torch", "random"] or (parts[0] == "torch" and parts[-1] in TORCH_GLOBAL):
                yield name
        if isinstance(node, ast.Call):
            given = {keyword.arg for keyword in node.keywords}
            name = dotted(node.func)
            draws = name.startswith("torch.") and name.split(".")[-1] in TORCH_DRAWS
            fills = isinstance(node.func, ast.Attribute) and node.func.attr in TENSOR_DRAWS
            if (draws or fills) and not given & {"generator", None}:
                yield ast.unparse(node.func)
            if name.split(".")[-1] == "default_rng" and not (node.args or node.keywords):
                yield "default_rng() without a seed"


def test_the_random_numbers_of_a_user_s_loop_are_read_and_put_back_alone() -> None:
    found = {name.rpartition(".")[2] for name in global_draws(KEEPS_THE_USER_S.read_text())}
    assert found <= {"import random", "get_state", "set_state", "get_rng_state", "set_rng_state"}


@pytest.mark.parametrize("folder", ["ifp", "analysis", "cli"])
def test_no_global_random_state(folder: str) -> None:
    sources = [path for path in sorted((ROOT / folder).rglob("*.py")) if path != KEEPS_THE_USER_S]
    draws = {str(path.relative_to(ROOT)): list(global_draws(path.read_text())) for path in sources}
    assert sources
    assert {path: found for path, found in draws.items() if found} == {}


@pytest.mark.parametrize(
    "line",
    [
        "np.random.randint(3)",
        "numpy.random.seed(0)",
        "np.random.default_rng()",
        "from numpy.random import rand",
        "import random",
        "torch.manual_seed(0)",
        "torch.cuda.manual_seed_all(0)",
        "torch.random.fork_rng()",
        "torch.randn(3, 4)",
        "weights.uniform_(-1, 1)",
    ],
)
def test_the_rule_catches(line: str) -> None:
    assert list(global_draws(line))


@pytest.mark.parametrize(
    "line", ["np.random.default_rng(3)", "rng: np.random.Generator", "torch.randn(3, generator=noise)"]
)
def test_the_rule_lets_pass(line: str) -> None:
    assert not list(global_draws(line))


@pytest.mark.parametrize("architecture", ["mlp", "conv", "linear"])
def test_training_neither_reads_nor_moves_the_global_generators(architecture: str) -> None:
    """What the rule above cannot see, such as a layer that initialises itself."""
    config = ifp.preset_config(
        "quick", dataset="toys", factors=("category",), contexts=1, method="train", architecture=architecture,
        steps=3, hold_steps=1, records=2, batch=4,
    )  # fmt: skip

    def curves(seed: int) -> np.ndarray:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - this is the state under test
        torch.manual_seed(seed)
        before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
        trace = ifp.anneal(Toys(), config)
        after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
        assert after == before
        return trace.kl_nats_MTD

    np.testing.assert_array_equal(curves(1), curves(2))
