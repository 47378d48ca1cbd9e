"""What a shell completes, and that the words are those that the library knows."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from ifp.analysis.channels.hotspots import DISTANCES
from ifp.analysis.figures.style import WIDTHS_IN
from ifp.analysis.freezing.plot_run import KINDS
from ifp.analysis.metrics.registry import METRICS
from ifp.annealing import config as annealing
from ifp.checkpoints.rebuild.chain import ACTIVATIONS
from ifp.checkpoints.vae import HEADS, VARIANCES
from ifp.cli import completion, main
from ifp.datasets.base import NUISANCE_MODES
from ifp.objectives.presets import STUDIES
from ifp.objectives.registry import OBJECTIVES
from ifp.schedule import LAWS
from ifp.training import config as training


def completed(line: str) -> list[str]:
    """The words that a shell offers for the last word of `line`."""
    *words, last = line.split(" ")
    return [item.value for item in ShellComplete(main, {}, "ifp", "_IFP_COMPLETE").get_completions(words, last)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("di", ["diagnose", "directions"]),
        ("anneal --da", ["--dataset", "--data-dir"]),
        ("anneal --dataset to", ["toys"]),
        ("anneal --dataset sprites --factor pos", ["posX", "posY"]),
        ("anneal --dataset mine --factor p", []),
        ("anneal --preset a", ["author"]),
        ("train --preset q", ["quick"]),
        ("train --objective dip", ["dip-i", "dip-ii"]),
        ("diagnose --dataset sprites --correlate posX,sc", ["posX,scale"]),
        ("diagnose --metrics mig,mo", ["mig,modularity"]),
        ("plot --width n", ["neurips"]),
        ("directions --topology l", ["lite"]),
        ("data get small", ["smallnorb"]),
        ("data ge", ["get"]),
    ],
)
def test_completion(line: str, words: list[str]) -> None:
    assert completed(line) == words


def test_every_metric_is_offered() -> None:
    assert set(METRICS) < set(completed("diagnose --metrics "))


def test_the_words_are_those_that_the_library_knows() -> None:
    choices, of_command = completion.CHOICES, completion.OF_COMMAND
    assert choices["objective"] == tuple(OBJECTIVES)
    assert set(choices["law"]) == set(LAWS)
    assert choices["nuisance"] == NUISANCE_MODES
    assert choices["architecture"] == annealing.ARCHITECTURES
    assert of_command["train", "architecture"] == training.ARCHITECTURES
    assert choices["precision"] == training.PRECISIONS
    assert choices["direction"] == annealing.RUN_DIRECTIONS
    assert of_command["anneal", "method"] == annealing.RUN_METHODS
    assert set(of_command["anneal", "preset"]) == set(annealing.PRESETS)
    assert of_command["train", "preset"] == (*training.OWN, *STUDIES)
    assert choices["activation"] == tuple(ACTIVATIONS)
    assert choices["head"] == HEADS
    assert choices["variance"] == tuple(name.replace(" ", "-") for name in VARIANCES)
    assert choices["width"] == tuple(WIDTHS_IN)
    assert set(choices["kinds"]) == {*KINDS, "all"}
    assert set(choices["distance"]) == set(DISTANCES)


def test_completing_a_word_does_not_load_torch() -> None:
    code = """
import sys
from click.shell_completion import ShellComplete
from ifp.cli import main
for words, last in ((["train", "--objective"], "d"), (["train", "--preset"], "q"), (["anneal", "--dataset"], "s")):
    assert ShellComplete(main, {}, "ifp", "_IFP_COMPLETE").get_completions(words, last)
assert "torch" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
