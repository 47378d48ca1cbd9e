"""`ifp beta convert` from the outside: the number, what it assumes, and every mistake in one sentence."""

from __future__ import annotations

import json
import re

import click
import pytest
from click.testing import CliRunner, Result

from ifp.cli import CONTEXT_SETTINGS
from ifp.cli.beta import beta
from ifp.cli.errors import one_line_errors
from ifp.theory.conventions import CONVENTIONS


class Guarded(click.Group):
    """A stand-in for `ifp` with this one command."""

    def invoke(self, ctx: click.Context) -> object:
        with one_line_errors():
            return super().invoke(ctx)


PARENT = Guarded("ifp", commands={"beta": beta}, context_settings=CONTEXT_SETTINGS)


def convert(*words: object) -> Result:
    return CliRunner().invoke(PARENT, ["beta", "convert", *map(str, words)])


DISENT = ("--shape", "3,64,64", "--latents", 9)


def test_the_example_that_users_ask_for() -> None:
    ran = convert(0.003, "--from", "disent-mean", *DISENT)
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("4.10  (nats per image: Gaussian likelihood, sum of squared errors, i.e. sigma 0.7071;")
    assert "0.003 x 12,288 / 9 = 4.096" in lines[1]
    assert "4.096 at sigma 0.7071 and 2.048 at sigma 1" in lines[2]
    assert "standardised" in lines[3]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ((10, "--from", "antixk", "--shape", "3,64,64"), "30.7  (nats per image: Gaussian"),
        ((10, "--from", "antixk", "--shape", "3,64,64", "--sigma", 1), "15.4  (nats per image: Gaussian"),
        ((10, "--from", "antixk", "--shape", "3,64,64", "--kld-weight", 1), "122880  (nats per image: Gaussian"),
        ((4, "--from", "yanndubs-gaussian"), "0.0157  (nats"),
        ((4, "--from", "yanndubs-laplace"), "1.33  (nats per image: sum of absolute errors (L1)"),
        ((100, "--from", "rtqichen"), "100  (nats per image: Bernoulli likelihood"),
        ((0, "--from", "pythae-bce"), "0  (nats"),
        ((1e-5, "--from", "pythae-bce"), "1e-05  (nats"),
        ((4.096, "--to", "disent-mean", *DISENT), "0.00300  (the beta of disent-mean; VALUE, 4.096, is in nats"),
        ((2.048, "--to", "disent-mean", *DISENT, "--sigma", 1), "0.00300  (the beta of disent-mean; VALUE, 2.048"),
    ],
)
def test_the_first_line(words: tuple[object, ...], first: str) -> None:
    ran = convert(*words)
    assert ran.exit_code == 0
    assert ran.stdout.startswith(first)


def test_a_sum_is_shown_only_where_there_is_one() -> None:
    assert "ours is the same" in convert(4, "--from", "rtqichen").stdout
    assert "ours is 5 x 2 = 10" in convert(5, "--from", "pythae-mse").stdout
    assert "sigma^2" not in convert(4, "--from", "rtqichen").stdout


def test_json_is_all_there_is_on_stdout() -> None:
    ran = convert(0.003, "--from", "disent-mean", *DISENT, "--json")
    found = json.loads(ran.stdout)
    assert found["beta"] == pytest.approx(4.096, rel=1e-14)
    assert found["sigma"] == pytest.approx(0.5**0.5, rel=1e-15)
    assert (found["likelihood"], found["family"], found["family_beta"]) == ("gaussian", "disent-mean", 0.003)
    assert (found["formula"], found["shape"], found["latents"]) == ("beta x C H W / latents", [3, 64, 64], 9)
    back = json.loads(convert(2.048, "--to", "disent-mean", *DISENT, "--sigma", 1, "--json").stdout)
    assert back["family_beta"] == pytest.approx(0.003, rel=1e-14)
    assert (back["beta"], back["sigma"]) == (pytest.approx(2.048, rel=1e-14), 1)
    assert json.loads(convert(4, "--from", "dent-laplace", "--json").stdout)["sigma"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((-3, "--from", "rtqichen"), "VALUE must be a number of at least 0, got a negative one."),
        (("-.5", "--from", "rtqichen"), "VALUE must be a number of at least 0, got a negative one."),
        (("nan", "--from", "rtqichen"), "beta must be a finite number of at least 0, got nan."),
        ((4,), "Give one of --from FAMILY (into our units) and --to FAMILY (out of them)."),
        ((4, "--from", "rtqichen", "--to", "antixk"), "Give one of --from FAMILY"),
        ((4, "--from", "dissent-mean"), "Unknown family 'dissent-mean'"),
        ((4, "--to", "dissent-mean"), "did you mean 'disent-mean'?"),
        ((4, "--from", "pythae"), "'pythae' has several losses: choose pythae-mse, pythae-mse-0.1.1 or pythae-bce."),
        ((4, "--from", "antixk"), "antixk averages over pixels: give the images' shape, as in --shape 3,64,64."),
        ((4, "--from", "disent-mean", "--shape", "3,64,64"), "give their number, as in --latents 10."),
        ((4, "--from", "antixk", "--shape", "3,64"), "--shape must be three whole numbers"),
        ((4, "--from", "antixk", "--shape", "3x64x64"), "--shape must be three whole numbers"),
        ((4, "--from", "antixk", "--shape", "3,-64,64"), "shape must be three whole numbers of at least 1"),
        ((4, "--from", "disent-mean", "--shape", "3,64,64", "--latents", -9), "latents must be a whole number"),
        ((4, "--from", "rtqichen", "--sigma", 1), "sigma belongs to a Gaussian likelihood"),
        ((4, "--to", "rtqichen", "--sigma", 1), "sigma belongs to a Gaussian likelihood"),
        ((4, "--from", "erow-l2", "--sigma", 0), "sigma must be a positive number"),
        ((4, "--from", "rtqichen", "--kld-weight", 1), "rtqichen has no kld_weight"),
    ],
)
def test_a_mistake_is_one_sentence(words: tuple[object, ...], message: str) -> None:
    ran = convert(*words)
    assert ran.exit_code == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("Error: ")
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_an_unknown_option_stays_clicks_own() -> None:
    ran = convert(4, "--form", "rtqichen")
    assert ran.exit_code == 2
    assert "--form" in ran.stderr


def test_help_holds_the_table() -> None:
    shown = convert("--help").stdout
    for name, one in CONVENTIONS.items():
        assert re.search(
            rf"^ +{re.escape(name)} +{re.escape(one.loss)} +{re.escape(one.formula)}$", shown, re.MULTILINE
        )


def test_every_option_shows_its_help_and_default() -> None:
    command = beta.commands["convert"]
    context = click.Context(command, parent=click.Context(PARENT, show_default=True))
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            if not option.is_flag:
                assert "default: " in str(option.get_help_record(context)), option.name
