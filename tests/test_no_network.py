"""The tests' own guard: conftest.py lets sockets reach this machine only."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

ELSEWHERE = ("192.0.2.1", 9)  # TEST-NET-1 of RFC 5737: nobody's address


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_connections_elsewhere_are_refused_by_name(method: str) -> None:
    with socket.socket() as plug, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        getattr(plug, method)(ELSEWHERE)


def test_names_elsewhere_are_not_looked_up() -> None:
    with pytest.raises(RuntimeError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=5) as plug:
            plug.sendall(b"x")
        with server.accept()[0] as other:
            assert other.recv(1) == b"x"


def test_the_cache_is_the_sessions_own(cache_folder: Path) -> None:
    assert os.environ["IFP_CACHE"] == str(cache_folder)
    assert not cache_folder.is_relative_to(Path.home() / ".cache")
