"""What `data describe` and `data check` find out, offline."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets import inspection, smallnorb
from ifp.datasets.download import OfficialFile, official_files
from ifp.datasets.inspection import PINNED, check, describe, files_state
from ifp.errors import IfpError


def test_every_rendered_set_is_pinned_and_this_machine_makes_it() -> None:
    from ifp.datasets.catalog import DATASETS, is_own

    rendered = {name for name in DATASETS if not official_files(name) and not is_own(name)}
    assert set(PINNED) == rendered
    for name in rendered:
        (found,) = check(name)
        assert found.ok, found


def test_a_rendering_that_differs_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PINNED, "sprites", "0" * 64)
    (found,) = check("sprites")
    assert not found.ok
    assert "instead of 0000" in found.found


def test_missing_files_are_named(tmp_path: Path) -> None:
    checks = check("smallnorb", tmp_path)
    assert len(checks) == 6
    assert not any(one.ok for one in checks)
    assert all("ifp data get smallnorb" in one.found for one in checks)
    assert describe("smallnorb", tmp_path)["files"] == f"6 of 6 missing in {tmp_path}; run `ifp data get smallnorb`"
    assert files_state("toys", tmp_path) == "rendered on this machine"
    with pytest.raises(IfpError, match="did you mean 'smallnorb'"):
        check("smallnorbs", tmp_path)


def test_files_that_are_there_are_compared_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for official in official_files("smallnorb"):
        data = gzip.compress(official.name.encode())
        (tmp_path / official.name).write_bytes(data)
        files.append(OfficialFile(official.name, len(data), f"sha256:{hashlib.sha256(data).hexdigest()}", None, ()))
    monkeypatch.setattr(inspection, "official_files", lambda name: files)
    monkeypatch.setattr(smallnorb, "read_grid", lambda found, progress: np.zeros((len(found), 1, 1)))
    checks = check("smallnorb", tmp_path)
    assert [one.ok for one in checks] == [True] * 7
    assert checks[6].found.startswith("6: every category")
    # an unpacked copy cannot be compared, a packed one that differs is named, and the images are read all the same
    first, second = (tmp_path / file.name for file in files[:2])
    first.rename(first.with_suffix(""))
    second.write_bytes(b"x" * files[1].size if files[1].size else b"")
    checks = check("smallnorb", tmp_path)
    assert [one.ok for one in checks] == [True, False, True, True, True, True, True]
    assert "unpacked" in checks[0].found
    assert "sha256" in checks[1].found


def test_damage_inside_is_a_bad_check_not_an_error(tmp_path: Path) -> None:
    for official in official_files("smallnorb"):
        (tmp_path / official.name.removesuffix(".gz")).write_bytes(b"nothing of the kind")
    last = check("smallnorb", tmp_path)[-1]
    assert not last.ok
    assert "inside its header" in last.found
