"""All that the web application needs of the process around it; the service fills it in, tests theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from tallystick.protocol.errors import TallystickError
from tallystick.relayer.ingest import Ingest
from tallystick.store.database import Database

MAX_BODY: Final = 32 * 2**20
"""Bytes that a body may have; more is refused before it is all read."""

_SHORTEST_KEY: Final = 16


class WebProblem(TallystickError):
    """The web side cannot start as asked. Codes: `bad_api_keys`, `open_to_strangers`, `cannot_listen`."""


class LoopHealth(NamedTuple):
    """A loop of the service: real seconds since its last whole round, and how many it may take."""

    name: str
    age: float
    limit: float

    @property
    def stale(self) -> bool:
        """Whether it is overdue."""
        return self.age > self.limit


class Health(NamedTuple):
    """What `/ready` is decided by. `chain_reachable`: the last read of the chain succeeded.

    A pause by the guardian (until that second of the chain's clock; 0: none) is told, but does not make the service
    unready: receipts are taken all the same, and posted when it is over.
    """

    loops: tuple[LoopHealth, ...] = ()
    chain_reachable: bool = True
    posting_paused_until: int = 0
    opening_paused_until: int = 0

    @property
    def ready(self) -> bool:
        """Whether work goes on as it should."""
        return self.chain_reachable and not any(loop.stale for loop in self.loops)


@dataclass(frozen=True)
class Limits:
    """How much the web side takes on at once. Above it, clients get 429 and `Retry-After`.

    Seconds: `chunk_timeout` for the next part of a body, `body_timeout` for all of it.
    """

    body: int = MAX_BODY
    waiting_bytes: int = 4 * MAX_BODY
    waiting_requests: int = 256
    workers: int = 4
    chunk_timeout: float = 30.0
    body_timeout: float = 600.0
    retry_after: int = 2


@dataclass(frozen=True)
class WebContext:
    """What `create_app` builds on.

    Args:
        database: Read by the read API.
        ingest: Where receipts and verdicts go.
        health: Asked at each `/ready`.
        registry: What `/metrics` shows.
        api_keys: SHA-256 of each key to its holder's name (`read_api_keys`); empty lets everybody in.
        limits: Sizes and counts.
    """

    database: Database
    ingest: Ingest
    health: Callable[[], Health] = Health
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    api_keys: Mapping[bytes, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


def read_api_keys(path: Path) -> dict[bytes, str]:
    """Keys from a file: one `name key` (or just a key) a line; blank lines and `#` comments do not count.

    Raises:
        WebProblem: `bad_api_keys`: no such file, no key in it, one shorter than 16 characters or given twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise WebProblem("bad_api_keys", f"The file of API keys {path} cannot be read.") from None
    keys: dict[bytes, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) > 2 or len(words[-1]) < _SHORTEST_KEY:
            raise WebProblem(
                "bad_api_keys",
                f"{path}, line {number}: give a name and a key of at least {_SHORTEST_KEY} characters.",
            )
        digest = key_digest(words[-1])
        if digest in keys:
            raise WebProblem("bad_api_keys", f"{path}, line {number}: this key is there twice.")
        keys[digest] = words[0] if len(words) == 2 else f"key-{number}"
    if not keys:
        raise WebProblem(
            "bad_api_keys", f"{path} holds no API key; leave the option out to run without keys."
        )
    return keys


def key_digest(key: str) -> bytes:
    """What is kept of an API key."""
    return hashlib.sha256(key.encode()).digest()


def check_listen(host: str, api_keys: Mapping[bytes, str]) -> None:
    """Refuses to be open to strangers.

    Raises:
        WebProblem: `open_to_strangers`: the address is no loopback address, and there are no API keys.
    """
    if api_keys or host == "localhost":
        return
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise WebProblem(
            "open_to_strangers",
            f"Listening on {host} without API keys would let anybody in; configure keys or use 127.0.0.1.",
        )
