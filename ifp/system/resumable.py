"""ResumableFolder: a run's folder, whose run.json says what the run is, so that the same command goes on with it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import ifp
from ifp.errors import IfpError
from ifp.formats import BETA_CONVENTION
from ifp.system.checksums import check_digest, seal, unseal
from ifp.system.files import read_json, remove_partials, write_json
from ifp.system.format_version import KEY, VERSION
from ifp.system.out_folder import check_out
from ifp.system.settings import is_same_run
from ifp.system.versions import versions

RUN_FILE = "run.json"
"""The name of the file that says what a run is: settings, data, versions and status."""


class RunConfig(Protocol):
    """The settings of a run, as its folder needs them."""

    @property
    def likelihood(self) -> str: ...
    @property
    def sigma(self) -> float: ...
    def to_json(self) -> dict[str, Any]: ...
    def digest(self) -> str: ...


def about_settings(config: RunConfig, dataset: dict[str, Any]) -> dict[str, Any]:
    """What run.json says of every run: version, time, settings and their digest, data, likelihood, and units.

    `dataset` : the `FactorDataset.identity()` of its data set.
    """
    return {
        KEY: VERSION,
        "ifp_version": ifp.__version__,
        "created": _now(),
        "config": config.to_json(),
        "digest": config.digest(),
        "dataset": dataset,
        "likelihood": config.likelihood,
        "sigma": config.sigma if config.likelihood == "gaussian" else None,
        "beta_convention": BETA_CONVENTION,
        "versions": versions(),
    }


class ResumableFolder:
    """The folder of one run, for writing; the same run is taken up again, anything else is refused.

    A subclass says its `kind`, what stands in run.json beside that, and reads the rest in `_take_over`.

    Parameters
    ----------
    path : made by `open` if it is missing.
    about : the content of run.json, from `about_settings`; equal settings and data make the same run.

    Raises
    ------
    IfpError : the folder holds something else, another run, or a run of another version.
    """

    kind: ClassVar[str]
    """What the folder holds, in words with an article."""
    format: ClassVar[str | None] = None
    """The entry "format" in run.json; None for none."""
    wider: ClassVar[tuple[str, ...]] = ()
    """The settings of which the same run may be given more: what is there is kept, and the rest is added."""
    fixed: ClassVar[Mapping[str, str]] = {}
    """Why other settings cannot be changed afterwards, as a clause that follows a semicolon."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self.about = {**({"format": self.format} if self.format is not None else {}), **about}
        check_out(path, "`out`")
        if path.is_dir() and any(path.iterdir()):
            self._take_over(self._read_stored())

    @classmethod
    def check_kind(cls, path: Path) -> None:
        """Raise IfpError where `path` holds something else than a run of this kind; before data are read."""
        if path.is_dir() and any(path.iterdir()):
            cls._read_kind(path)

    @classmethod
    def _read_kind(cls, path: Path) -> dict[str, Any]:
        """The run.json in the folder; raises IfpError unless it is of a run of this kind and version."""
        if not (path / RUN_FILE).is_file():
            raise IfpError(f"{path} is not empty and holds no run.json; choose a new folder as `out`.")
        stored = read_json(path / RUN_FILE, "restore it, or start the run in a new folder")
        if stored.get("format") != cls.format or not isinstance(stored.get("config"), dict):
            raise IfpError(f"{path} holds something else than {cls.kind}; choose a new folder as `out`.")
        if stored.get("ifp_version") != ifp.__version__:
            raise IfpError(
                f"{path} holds a run of ifp {stored.get('ifp_version')}, this is ifp {ifp.__version__}; "
                "choose a new folder as `out`."
            )
        return stored

    def _read_stored(self) -> dict[str, Any]:
        """The run.json in the folder; raises IfpError unless it is of this run."""
        stored = self._read_kind(self.path)
        if not self._is_same_run(stored):
            now, then = self.about["config"], stored["config"]
            differ = [f"{k} {then.get(k)!r} there, {now[k]!r} now" for k in now if then.get(k) != now[k]]
            why = "".join(f"{clause}; " for name, clause in self.fixed.items() if now.get(name) != then.get(name))
            raise IfpError(f"{self.path} holds another run ({'; '.join(differ)}); {why}choose a new folder as `out`.")
        if stored.get("dataset") != self.about["dataset"]:
            raise IfpError(f"{self.path} holds a run on other images of that name; choose a new folder as `out`.")
        return stored

    def _is_same_run(self, stored: dict[str, Any]) -> bool:
        """Whether the settings in the folder's run.json are those of this run, or of a part of it."""
        check_digest(stored, self.path / RUN_FILE)
        return is_same_run(stored, self.about) or bool(self._fewer(stored))

    def _fewer(self, stored: dict[str, Any]) -> dict[str, int]:
        """The settings of which the run in the folder has fewer, where all others are this run's; empty otherwise."""
        now, then = self.about["config"], stored["config"]
        fewer = {name: then[name] for name in self.wider if _is_less(then.get(name), now.get(name))}
        return fewer if is_same_run(stored, {"config": {**now, **fewer}, "digest": "of no run"}) else {}

    def _take_over(self, stored: dict[str, Any]) -> None:
        """Go on with the run in the folder, whose run.json holds `stored`."""
        self.about["created"] = stored.get("created")

    def _units(self) -> tuple[int, int | None]:
        """How much of the run is done, and how much there is in all, where that is known; in units of its own."""
        return 0, None

    def _begin_call(self) -> None:
        """Note in run.json since when this process is at work, and what was done before: it tells the time left."""
        done, total = self._units()
        self.about["this_call"] = {"begun": _now(), "done_before": done, "units": total}

    def open(self) -> None:
        """Make the folder, write run.json, and clear away what a killed run left half written.

        Nothing is written before this.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        remove_partials(self.path)
        unseal(self.path)
        self._begin_call()
        self._write_about()

    def close(self, status: str) -> None:
        """Write the final status ("finished", "stopped") into run.json, and the checksums of what is there.

        What killed processes left half written is cleared away, also where nothing was left to compute.
        """
        self.about["status"] = status
        self.about.pop("this_call", None)
        remove_partials(self.path)
        unseal(self.path)
        self._write_about()
        seal(self.path)

    def _write_about(self) -> None:
        write_json(self.path / RUN_FILE, self.about)


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _is_less(then: Any, now: Any) -> bool:
    return isinstance(then, int) and isinstance(now, int) and then < now
