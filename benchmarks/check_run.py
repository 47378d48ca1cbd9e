"""Print the shares of a finished run's members that obey the theory: `python benchmarks/check_run.py runs/standard`."""

from __future__ import annotations

import sys
from pathlib import Path

from ifp.analysis.freezing.consistency import consistency
from ifp.analysis.freezing.saved_run import read_run

if __name__ == "__main__":
    points = read_run(Path(sys.argv[1])).freezing_points()
    print(points.groupby(["factor", "method", "direction"], sort=False)["status"].value_counts().unstack(fill_value=0))
    print(consistency(points).to_string(index=False, formatters={"share": "{:.1%}".format}))
