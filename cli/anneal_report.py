"""What `ifp anneal` prints of its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.report import report_caption, report_title
from ifp.cli.output import echo
from ifp.cli.printing import print_line, print_table
from ifp.cli.suggest import find_suggestion, say_suggestion, suggestion_content


def print_annealing(result: Annealing, suggestion: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the table, the sentences beside it and the files that were written; or all of that as JSON.

    `suggestion` : the options of `ifp suggest`.
    """
    suggested = find_suggestion(result, suggestion)
    if as_json:
        content = {
            "folder": str(result.path), **result.to_json(), "suggestion": suggestion_content(suggested),
            "figures": [str(path) for path in result.figures],
        }  # fmt: skip
        echo(json.dumps(content, indent=2))
        return
    print_table(
        result.texts(), title=report_title(result.dataset), note=report_caption(result.table()),
        left=("factor", "censored"),
    )  # fmt: skip
    for sentence in result.sentences():
        print_line(sentence)
    say_suggestion(suggested, suggestion)
    assert result.path is not None
    for path in [result.path / "freezing_points.csv", result.path / "summary.csv", *result.figures]:
        echo(path)
