"""Downloading against a server on this machine: mirrors in order, checksums, nothing half-done, nothing twice."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import pytest

from ifp.datasets import download
from ifp.datasets.download import check_file, default_data_dir, fetch, find_file, official_files
from ifp.errors import IfpError

CONTENT = gzip.compress(bytes(range(256)) * 2000, mtime=0)
NAME = "part.mat.gz"


class Server:
    """Answers each path with a status and a body, and remembers what was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, int | None]] = {}
        self.asked: list[str] = []
        self.ranges: list[str | None] = []
        self.version, self.resumes = '"one"', True
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                status, body, promised = server.answers.get(self.path, (404, b"nothing here", None))
                whole, start = len(body), 0
                wanted, version = self.headers.get("Range"), self.headers.get("If-Range", server.version)
                server.ranges.append(wanted)
                if status == 200 and wanted and version == server.version and server.resumes:
                    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    status = 206 if start < whole else 416
                body = body[start:]
                self.send_response(status)
                if status == 206:
                    self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
                if server.version:
                    self.send_header("ETag", server.version)
                self.send_header("Content-Length", str(len(body) if promised is None else promised))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the client may have heard enough
                    self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    entry: dict[str, Any] = {
        "by_hand": "Ask a colleague.",
        "urls": [f"{server.url}/first/{{name}}", f"{server.url}/second/{{name}}"],
        "files": [
            {"name": NAME, "bytes": len(CONTENT), "hash": f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"},
        ],
    }
    monkeypatch.setattr(download, "_mirrors", lambda: {"toyset": entry})
    yield server
    server.close()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_second_mirror_when_the_first_says_403(server: Server, tmp_path: Path) -> None:
    server.answers = {
        f"/first/{NAME}": (403, b"Forbidden", None),
        f"/second/{NAME}": (200, CONTENT, None),
    }
    seen: list[tuple[str, int, int]] = []
    folder = tmp_path / "new" / "folder"
    assert fetch("toyset", folder, lambda *state: seen.append(state)) == [folder / NAME]
    assert (folder / NAME).read_bytes() == CONTENT
    assert left_in(folder) == [NAME]
    assert server.asked == [f"/first/{NAME}", f"/second/{NAME}"]
    assert seen[-1] == (NAME, len(CONTENT), len(CONTENT))


def test_what_is_there_is_never_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / NAME.removesuffix(".gz")).write_bytes(b"unpacked, even damaged")
    assert fetch("toyset", tmp_path) == []
    assert server.asked == []


def test_a_wrong_checksum_is_the_next_mirrors_turn(server: Server, tmp_path: Path) -> None:
    server.answers = {
        f"/first/{NAME}": (200, CONTENT[:-1] + b"x", None),
        f"/second/{NAME}": (200, CONTENT, None),
    }
    fetch("toyset", tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_failure_tells_every_url_its_error_and_what_to_do_by_hand(server: Server, tmp_path: Path) -> None:
    server.answers = {
        f"/first/{NAME}": (403, b"", None),
        f"/second/{NAME}": (200, CONTENT[:100], len(CONTENT)),
    }
    with pytest.raises(IfpError) as caught:
        fetch("toyset", tmp_path)
    text = str(caught.value)
    assert f"{server.url}/first/{NAME}: HTTP 403 Forbidden" in text
    assert f"{server.url}/second/{NAME}: " in text
    assert f"folder is {tmp_path}" in text
    assert f"\n  {NAME}\n" in text
    assert text.endswith("Ask a colleague.")
    assert f"the connection ended after 100 of {len(CONTENT):,} bytes" in text
    assert f"What came of {NAME} is kept" in text
    assert left_in(tmp_path) == [f"{NAME}.part", f"{NAME}.part.json"]


def stopped_after(server: Server, tmp_path: Path, count: int) -> None:
    """A download from the first mirror that broke off after `count` bytes."""
    server.answers = {f"/first/{NAME}": (200, CONTENT[:count], len(CONTENT))}
    with pytest.raises(IfpError):
        fetch("toyset", tmp_path)
    assert (tmp_path / f"{NAME}.part").read_bytes() == CONTENT[:count]
    server.asked, server.ranges = [], []


@pytest.mark.parametrize("mirror", ["first", "second"])
def test_a_stopped_download_goes_on_where_it_stopped(server: Server, tmp_path: Path, mirror: str) -> None:
    stopped_after(server, tmp_path, 1000)
    server.answers = {f"/{mirror}/{NAME}": (200, CONTENT, None)}
    assert fetch("toyset", tmp_path) == [tmp_path / NAME]
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=1000-"
    assert left_in(tmp_path) == [NAME]


def test_a_mirror_that_sends_no_parts_or_another_version_starts_again(server: Server, tmp_path: Path) -> None:
    stopped_after(server, tmp_path, 1000)
    server.resumes = False
    server.answers = {f"/first/{NAME}": (200, CONTENT, None)}
    fetch("toyset", tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    (tmp_path / NAME).unlink()
    server.resumes = True
    stopped_after(server, tmp_path, 1000)
    server.version = '"two"'
    server.answers = {f"/first/{NAME}": (200, CONTENT, None)}
    fetch("toyset", tmp_path)
    assert server.ranges == ["bytes=1000-"]
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_part_that_was_damaged_on_the_disk_is_fetched_once_more(server: Server, tmp_path: Path) -> None:
    stopped_after(server, tmp_path, 1000)
    (tmp_path / f"{NAME}.part").write_bytes(bytes(1000))
    server.answers = {f"/first/{NAME}": (200, CONTENT, None)}
    fetch("toyset", tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_without_a_published_checksum_that_of_the_first_use_is_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = download._mirrors()["toyset"]
    monkeypatch.setitem(entry, "files", [{"name": NAME, "bytes": None, "hash": None}])
    (file,) = official_files("toyset")
    stopped_after(server, tmp_path, 1000)
    # another mirror may hold another file, so that nothing of the first is gone on with
    server.answers = {f"/second/{NAME}": (200, CONTENT, None)}
    fetch("toyset", tmp_path)
    assert server.ranges == ["bytes=1000-", None]
    kept = (tmp_path / f"{NAME}.sha256").read_text().split()
    assert kept == [hashlib.sha256(CONTENT).hexdigest(), NAME]
    assert "first use" in check_file(tmp_path / NAME, file)
    (tmp_path / NAME).write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(IfpError, match="that of its first use"):
        check_file(tmp_path / NAME, file)
    (tmp_path / f"{NAME}.sha256").unlink()
    assert "no checksum is published" in check_file(tmp_path / NAME, file)
    monkeypatch.setitem(
        entry["files"][0], "earlier_hash", f"md5:{hashlib.md5((tmp_path / NAME).read_bytes()).hexdigest()}"
    )
    assert check_file(tmp_path / NAME, *official_files("toyset")) == "fits: md5 of the file as first published"


def test_a_disk_without_room_is_said_before_anything_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(download._mirrors()["toyset"]["files"][0], "bytes", 10**18)
    with pytest.raises(IfpError, match=r"toyset needs 1000000000\.00 GB in .*GB are free"):
        fetch("toyset", tmp_path / "new")
    assert server.asked == []
    assert not (tmp_path / "new").exists()


def test_a_host_that_is_not_there_and_an_endless_answer(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = {f"/second/{NAME}": (200, CONTENT + bytes(5_000_000), None)}
    entry = download._mirrors()["toyset"]
    monkeypatch.setitem(entry, "urls", ["http://127.0.0.1:9/{name}", entry["urls"][1]])
    with pytest.raises(IfpError, match=f"sends more than the file's {len(CONTENT):,} bytes") as caught:
        fetch("toyset", tmp_path)
    assert "127.0.0.1:9/part.mat.gz: " in str(caught.value)
    assert "refused" in str(caught.value)
    assert left_in(tmp_path) == []


def test_check_compares_size_checksum_and_git_id(server: Server, tmp_path: Path) -> None:
    (file,) = official_files("toyset")
    path = tmp_path / NAME
    path.write_bytes(CONTENT)
    assert check_file(path, file) == "fits: published sha256"
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(IfpError, match="sha256 checksum"):
        check_file(path, file)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(IfpError, match="bytes instead of"):
        check_file(path, file)
    # `printf 'what is up, doc?' | git hash-object --stdin`, the example of the git book (10.2)
    path.write_bytes(b"what is up, doc?")
    doc = download.OfficialFile(NAME, None, None, "bd9dbf5aae1a3862dd1526723246b20206e5fc37", ())
    assert check_file(path, doc) == "fits: git id"
    path.write_bytes(b"what is up, dog?")
    with pytest.raises(IfpError, match="git id"):
        check_file(path, doc)


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IFP_DATA", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("IFP_DATA")
    assert default_data_dir().parts[-2:] == ("ifp", "data")


def test_find_file_takes_either_form(tmp_path: Path) -> None:
    assert find_file(tmp_path, "a.mat.gz") is None
    (tmp_path / "a.mat.gz").touch()
    assert find_file(tmp_path, "a.mat") == tmp_path / "a.mat.gz"
    (tmp_path / "a.mat").touch()
    assert find_file(tmp_path, "a.mat.gz") == tmp_path / "a.mat"


def test_mirrors_json_is_complete() -> None:
    stored = json.loads((package_files("ifp.datasets") / "mirrors.json").read_text())
    from ifp.datasets.smallnorb import PARTS, SPLITS

    assert {f.name for f in official_files("smallnorb")} == {f"{s}-{p}.mat.gz" for s in SPLITS for p in PARTS}
    from ifp.datasets.catalog import OFFICIAL

    assert set(stored) == {"about", *OFFICIAL}
    for name in OFFICIAL:
        assert stored[name]["checksum_source"]
        assert stored[name]["by_hand"]
        for file in official_files(name):
            for known in filter(None, (file.hash, file.earlier_hash)):
                algorithm, digest = known.split(":")
                assert len(digest) == 2 * hashlib.new(algorithm).digest_size
            assert all(file.name in url for url in file.urls)
    for name in ("smallnorb", "dsprites"):
        for file in official_files(name):
            algorithm, digest = (file.hash or "").split(":")
            assert len(digest) == 2 * hashlib.new(algorithm).digest_size
            assert len(set(file.urls)) >= 2
            assert all(url.startswith("https://") and url.endswith(file.name) for url in file.urls)
    assert official_files("sprites") == []
