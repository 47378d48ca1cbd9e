"""The versions that a result depends on, read without importing anything."""

from __future__ import annotations

import platform
from importlib import metadata

from ifp import __version__

REQUIRED = (
    "torch", "numpy", "scipy", "scikit-learn", "seaborn", "threadpoolctl", "matplotlib", "msgspec", "pandas", "pillow",
    "pooch", "joblib", "click", "rich", "jinja2", "markupsafe",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of ifp, Python, the platform and every required package."""
    found = {"ifp": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in REQUIRED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
