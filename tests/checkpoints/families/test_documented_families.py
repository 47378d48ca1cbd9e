"""docs/checkpoints.md lists the families in its table, and the reader that the files of each need."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ifp.checkpoints.families.registry import families
from ifp.checkpoints.files.contents import INERT, WEIGHTS_ONLY, read_contents
from ifp.checkpoints.rebuild.chain import ACTIVATIONS
from ifp.checkpoints.source import Source

from .code_bases import array_files, network_files
from .code_bases.array_files import EXAMPLES
from .code_bases.network_files import FILES

DOCUMENT = Path(__file__).parents[3] / "docs" / "checkpoints.md"
PUBLIC = ("VAE", "betaH", "betaB", "btcvae")
NUMBERS = {9: "nine", 13: "thirteen"}


def documented() -> dict[str, list[str]]:
    """The rows of the table of families, by the name of the family."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0].strip("`"): row for row in rows if len(row) == 5 and row[0] != "`--family`"}


def reader_of(family: str) -> str:
    return INERT if documented()[family][-1].startswith("inert") else WEIGHTS_ONLY


def test_every_family_is_in_the_table() -> None:
    assert set(documented()) == set(families())
    words = DOCUMENT.read_text()
    assert f"{NUMBERS[len(families())]} code bases" in words
    assert f"{NUMBERS[len(ACTIVATIONS)]} activations" in words


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_a_network_needs_the_reader_in_the_table(kind: str, source_of_file: Callable[[str], Source]) -> None:
    assert read_contents(source_of_file(kind).path).reader == reader_of(FILES[kind].family)


@pytest.mark.parametrize("name", ["erow new", "groups added", "disent conv", "pythae mnist", "antixk", "google conv"])
def test_a_file_of_arrays_needs_the_reader_in_the_table(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]()
    assert read_contents(array_files.write(tmp_path, example)).reader == reader_of(example.family)


@pytest.mark.parametrize("kind", [*FILES, *EXAMPLES])
def test_arrays_named_in_the_table_are_there(kind: str) -> None:
    """Of the arrays by which a family is recognised at least one named in full is in each of its models."""
    family = FILES[kind].family if kind in FILES else EXAMPLES[kind]().family
    names = re.findall(r"`([\w./]+)`", documented()[family][2])
    arrays = network_files.make(kind).state_dict() if kind in FILES else EXAMPLES[kind]().weights
    present = {name.removeprefix("module/") for name in arrays}
    if family == "erow_groups":  # its row names the list of groups by the latest of three names
        present = {re.sub(r"^encode\.\w+\.0\.", "encode.sub_encoders.0.", name) for name in present}
    assert any(name in present or f"{name}.weight" in present for name in names)


@pytest.mark.parametrize("model", PUBLIC)
def test_public_checkpoints_load_with_weights_only(model: str, fixtures_dir: Path) -> None:
    assert read_contents(fixtures_dir / "public-checkpoints" / f"{model}_dsprites" / "model.pt").reader == WEIGHTS_ONLY
