"""What strangers can do with a connection before anybody asks who they are: little, and not for long."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.protocol.eip712 import credentials_domain, ledger_domain
from tallystick.relayer.ingest import Ingest
from tallystick.store.database import Database
from tallystick.web import server as server_module
from tallystick.web.api import create_app
from tallystick.web.connection import BoundedHttp
from tallystick.web.context import WebContext
from tallystick.web.server import WebServer

LIVE = b"GET /live HTTP/1.1\r\nHost: x\r\n"


class Hasty(BoundedHttp):
    head_timeout = 0.5
    max_connections = 4


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(server_module, "BoundedHttp", Hasty)
    database = Database.open(tmp_path / "web.sqlite3")
    domains = ledger_domain(1, b"\x01" * 20), credentials_domain(1, b"\x02" * 20)
    app = create_app(WebContext(database=database, ingest=Ingest(database, *domains)))
    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()
    database.close()


def connected(server: WebServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10.0)


def answer(connection: socket.socket) -> bytes:
    """What comes until the other side closes, or until one answer of /live is there."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
            if found.endswith(b'{"status":"live"}'):
                break
    except ConnectionError:
        pass
    return found


def sent_until_closed(connection: socket.socket, parts: list[bytes], pause: float = 0.0) -> int:
    """How many parts went out before the other side closed."""
    for place, part in enumerate(parts):
        try:
            connection.sendall(part)
        except ConnectionError:
            return place
        time.sleep(pause)
    return len(parts)


def test_headers__never_end__refused_before_they_fill_the_memory(server: WebServer) -> None:
    with connected(server) as connection:
        connection.sendall(LIVE + b"X: ")
        taken = sent_until_closed(connection, [b"a" * 65_536] * 1_024)
    assert taken < 512  # 32 MiB: kernel buffers and all


def test_headers__too_long__400(server: WebServer) -> None:
    with connected(server) as connection:
        connection.sendall(LIVE + b"X: " + b"a" * 66_000)
        assert answer(connection).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("begun", [b"", b"GET /li"])
def test_connection__no_request_comes__closed(server: WebServer, begun: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(begun)
        began = time.monotonic()
        assert answer(connection) == b""
        assert time.monotonic() - began < 5.0


def test_headers__drip_in_after_a_first_request__closed(server: WebServer) -> None:
    with connected(server) as connection:
        connection.sendall(LIVE + b"\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        assert sent_until_closed(connection, [b"G", b"E", b"T"] + [b" "] * 100, pause=0.05) < 100


def test_connection__request_after_request__goes_on_beyond_the_timeout(server: WebServer) -> None:
    with connected(server) as connection:
        for _ in range(4):
            connection.sendall(LIVE)
            time.sleep(0.2)
            connection.sendall(b"\r\n")
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.2)


def test_connections__too_many__further_ones_are_closed_and_there_is_room_again(server: WebServer) -> None:
    held = [connected(server) for _ in range(4)]
    with connected(server) as fifth:
        assert answer(fifth) == b""
    for each in held:
        each.close()
    deadline = time.monotonic() + 10.0
    found = b""
    while not found and time.monotonic() < deadline:
        with connected(server) as connection:
            try:
                connection.sendall(LIVE + b"\r\n")
            except ConnectionError:
                continue
            found = answer(connection)
    assert found.startswith(b"HTTP/1.1 200 ")
