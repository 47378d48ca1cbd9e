"""`--help` of every command: options under headings, with the values that are taken where they are left out."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ifp.annealing.config import PRESETS, preset_config
from ifp.cli import COMMANDS, main
from ifp.cli.option_help import GROUPS, OTHER, GroupedCommand
from ifp.training.config import OWN, TrainConfig


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())
        else:
            assert command is not None
            yield name, command


def shown(*words: str) -> str:
    """The help of a command, on one line."""
    result = CliRunner().invoke(main, [*words, "--help"], prog_name="ifp")
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_every_option_stands_under_one_heading() -> None:
    for name, command in commands():
        assert isinstance(command, GroupedCommand), name
        options = [param for param in command.params if isinstance(param, click.Option)]
        others = {option.name for option in options if command.heading_of(option) == OTHER}
        assert others <= {"quiet", "as_json", "trust"}, name
        text = CliRunner().invoke(main, [*name.split(), "--help"]).output
        for option in options:
            section = text.split(f"\n{command.heading_of(option)}:\n")[1].split("\n\n")[0]
            assert any(opt in section for opt in option.opts), (name, option.opts)
        headings = [line[:-1] for line in text.splitlines() if line[:-1] in (*GROUPS, OTHER)]
        assert headings == [heading for heading in (*GROUPS, OTHER) if heading in headings], name


@pytest.mark.parametrize("words", [["anneal"], ["train"], ["diagnose"], ["channels"], ["shift"]], ids=str)
def test_no_default_is_a_riddle(words: list[str]) -> None:
    text = shown(*words)
    assert "the preset's" not in text
    assert "[default: (" not in text
    assert "[required" in text


def test_defaults_of_presets_are_those_that_are_taken() -> None:
    text = shown("anneal")
    standard, quick, author = (preset_config(name) for name in ("standard", "quick", "author"))
    assert set(PRESETS) == {"standard", "quick", "author"}
    assert f"[default: {standard.steps}; quick: {quick.steps}, author: {author.steps}; --whole: 30000]" in text
    assert f"[default: {standard.method}; author: {author.method}; --whole: train]" in text
    assert f"[default: {standard.threshold_nats:g}]" in text
    text = shown("train")
    assert f"[default: {TrainConfig(dataset='').steps}; quick: {OWN['quick']['steps']}]" in text
    assert (
        f"Standard deviation of the gaussian likelihood, pixels in [0, 1]. [default: {TrainConfig(dataset='').sigma:g}]"
        in text
    )


def test_sigma_stands_where_it_belongs() -> None:
    by_name = dict(commands())
    headings = {}
    for name in ("anneal", "train", "diagnose"):
        command = by_name[name]
        assert isinstance(command, GroupedCommand)
        headings[name] = command.heading_of(next(p for p in command.params if p.name == "sigma"))  # type: ignore[arg-type]
    assert headings == {"anneal": "Model", "train": "Data", "diagnose": "Data"}
