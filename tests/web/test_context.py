"""API keys, where it may listen, and a server on a real port."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support import market
from tests.support.market import CREDENTIALS, DOMAIN, receipt_json

from tallystick.relayer.ingest import Ingest
from tallystick.store.database import Database
from tallystick.web.api import create_app
from tallystick.web.context import WebContext, WebProblem, check_listen, key_digest, read_api_keys
from tallystick.web.server import WebServer

KEYS = {key_digest("0123456789abcdef"): "market"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = market.open_market(tmp_path)
    yield database
    database.close()


def test_read_api_keys__names_comments_and_blank_lines__digests_by_holder(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# ours\n\nmarket 0123456789abcdef  # the first\nfedcba9876543210\n")
    assert read_api_keys(path) == {
        key_digest("0123456789abcdef"): "market",
        key_digest("fedcba9876543210"): "key-4",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "market short\n",
        "a b 0123456789abcdef\n",
        "a 0123456789abcdef\nb 0123456789abcdef\n",
    ],
)
def test_read_api_keys__unfit_file__bad_api_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(WebProblem, match="bad_api_keys") as caught:
        read_api_keys(path)
    assert "0123456789abcdef" not in str(caught.value)


def test_read_api_keys__no_file__bad_api_keys(tmp_path: Path) -> None:
    with pytest.raises(WebProblem, match="bad_api_keys"):
        read_api_keys(tmp_path / "none")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_check_listen__loopback__needs_no_keys(host: str) -> None:
    check_listen(host, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_check_listen__anything_else__needs_keys(host: str) -> None:
    with pytest.raises(WebProblem, match="open_to_strangers"):
        check_listen(host, {})
    check_listen(host, KEYS)


def test_server__port_zero__serves_until_stopped(database: Database) -> None:
    server = WebServer(
        create_app(WebContext(database, Ingest(database, DOMAIN, CREDENTIALS))), "127.0.0.1", 0
    )
    server.start()
    try:
        assert server.url == f"http://127.0.0.1:{server.port}"
        answer = httpx.post(f"{server.url}/v1/receipts", json=receipt_json(101, 10))
        assert answer.json()["status"] == "accepted"
        big = httpx.post(f"{server.url}/v1/receipts", content=bytes(50 * 2**20), timeout=30)
        assert (big.status_code, big.json()["code"]) == (413, "body_too_large")
        assert httpx.get(f"{server.url}/live").status_code == 200
    finally:
        server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/live")


def test_server__address_taken__cannot_listen(database: Database) -> None:
    app = create_app(WebContext(database, Ingest(database, DOMAIN, CREDENTIALS)))
    server = WebServer(app, "127.0.0.1", 0)
    try:
        with pytest.raises(WebProblem, match="cannot_listen"):
            WebServer(app, "127.0.0.1", server.port)
    finally:
        server.stop()
