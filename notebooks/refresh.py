"""Run the notebooks and store them with their outputs: `python notebooks/refresh.py [NOTEBOOK ...]`, or all of them.

What differs from run to run without a meaning (times, the version of Python) is left out, so that a notebook whose
numbers are the same gives the same file. A notebook that fails is not stored.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
SECONDS = 300
"""A cell that takes longer than this is stopped."""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run a notebook in a folder; the new outputs take the place of the old ones, with figures as PNG inside."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["OMP_NUM_THREADS"] = "1"  # the networks are tiny, and more threads would change the last digits
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(METADATA)


def refresh(path: Path) -> None:
    """Run one notebook in a temporary folder and store it."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
    nbformat.write(notebook, path)


def main(names: Sequence[str]) -> None:
    """Refresh the notebooks that are named, or all."""
    for path in [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb")):
        print(f"{path.name} ...", flush=True)
        refresh(path)


if __name__ == "__main__":
    main(sys.argv[1:])
