"""Import the package from the checkout that this file lies in, installed or not."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def use_checkout() -> None:
    """Make `import ifp`, `ifp.analysis` and `ifp.cli` find the three folders of this checkout.

    setup.cfg maps analysis/ and cli/, which lie beside ifp/, into the package; without an installation this does.
    """
    sys.path.insert(0, str(ROOT))
    import ifp

    if str(ROOT) not in ifp.__path__:
        ifp.__path__.append(str(ROOT))
