"""One direction of imports, read off the syntax trees: protocol <- chain, store, sources <- relayer <- web, cli.

docs/architecture.md, "One direction", says what each room is for; the table below is the same in code. Imports
inside functions and under TYPE_CHECKING count.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

PACKAGE: Final = Path(__file__).resolve().parents[2] / "src" / "tallystick"

ROOMS: Final[Mapping[str, frozenset[str]]] = {
    "protocol": frozenset(),
    "chain": frozenset({"protocol"}),
    "store": frozenset({"protocol", "chain"}),
    "sources": frozenset({"protocol"}),
    "reports": frozenset({"protocol"}),
    "relayer": frozenset({"protocol", "chain", "store", "sources"}),
    "web": frozenset({"protocol", "store", "relayer"}),
    "replay": frozenset({"protocol", "chain", "sources", "reports"}),
    "demo": frozenset({"protocol", "chain", "sources", "replay", "watch"}),
    "watch": frozenset({"protocol", "chain"}),
    "bisect": frozenset({"protocol", "chain", "replay", "reports"}),
    "simulate": frozenset({"protocol", "reports"}),
    "cli": frozenset({"protocol", "chain", "relayer", "replay", "demo", "watch", "bisect", "simulate"}),
    "__main__": frozenset({"cli"}),
}
"""Which other rooms a room may import. Every folder and file of the package is a room, or holds data."""

EXCEPTIONS: Final = frozenset({("tallystick.relayer.command", "web")})
"""Where a process is put together, both halves are known: the relayer's loops and its HTTP side."""

ONLY_IN: Final[Mapping[str, frozenset[str]]] = {
    "web3": frozenset({"chain"}),
    "eth_account": frozenset({"chain"}),
    "eth_abi": frozenset({"chain"}),
    "coincurve": frozenset({"protocol"}),
    "sqlalchemy": frozenset({"store", "relayer", "web"}),
    "alembic": frozenset({"store"}),
    "fastapi": frozenset({"web"}),
    "uvicorn": frozenset({"web"}),
    "httpx": frozenset(
        {"chain", "replay", "watch"}
    ),  # JSON-RPC; the replay's letters, the watcher's questions
    "jinja2": frozenset({"reports", "web"}),
    "matplotlib": frozenset({"simulate"}),
}
"""Libraries that speak to the outside, and the rooms that may import them."""

OUTSIDE_WORLD: Final = frozenset(
    {"asyncio", "datetime", "http", "io", "logging", "os", "pathlib", "random", "secrets", "shutil", "socket"}
    | {"sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib"}
)
"""Parts of the standard library that do I/O, tell the time or draw lots."""


class Import(NamedTuple):
    """One import: by whom, where, and of what, made absolute."""

    module: str
    line: int
    target: str

    @property
    def room(self) -> str:
        return room_of(self.module)

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}, imports {self.target}"


def room_of(module: str) -> str:
    """The room of one of our modules; empty for the package itself."""
    return ".".join(module.split(".")[1:2])


def imports_of(module: str, tree: ast.Module, is_package: bool) -> Iterator[Import]:
    """Every import in a module, with relative ones made absolute."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(module, node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*origin, *([node.module] if node.module else [])])
            names = [f"{source}.{each.name}" for each in node.names]
            yield from (Import(module, node.lineno, name) for name in names)


@cache
def everything() -> tuple[Import, ...]:
    """All imports of the package."""
    found: list[Import] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["tallystick", *path.relative_to(PACKAGE).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        found += imports_of(module, ast.parse(path.read_text("utf-8")), is_package)
    return tuple(found)


def ours(imports: Iterable[Import]) -> Iterator[tuple[Import, str]]:
    """Imports of rooms of ours, other than the own one."""
    for each in imports:
        room = room_of(each.target) if each.target.startswith("tallystick.") else ""
        if room in ROOMS and room != each.room:
            yield each, room


def wrong_ways(imports: Iterable[Import]) -> list[str]:
    """Imports that go against the direction."""
    return [
        str(each)
        for each, room in ours(imports)
        if room not in ROOMS.get(each.room, frozenset(ROOMS)) and (each.module, room) not in EXCEPTIONS
    ]


def library(each: Import) -> str:
    return each.target.partition(".")[0]


def test_imports__table__knows_every_room() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert folders | files == ROOMS.keys()
    assert len(everything()) > 500


def test_imports__table__has_one_direction() -> None:
    """No room can be reached from itself: the table, too, has no circle."""
    below: dict[str, frozenset[str]] = {}
    for room in ROOMS:
        reached, frontier = set[str](), set(ROOMS[room])
        while frontier:
            reached |= frontier
            frontier = {next_one for each in frontier for next_one in ROOMS[each]} - reached
        below[room] = frozenset(reached)
    assert [room for room in ROOMS if room in below[room]] == []


def test_imports__of_our_own_rooms__go_one_way() -> None:
    assert wrong_ways(everything()) == []


def test_imports__exceptions__are_all_needed() -> None:
    assert {(each.module, room) for each, room in ours(everything())} >= EXCEPTIONS


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("tallystick.protocol.model", "from tallystick.chain import rpc"),
        ("tallystick.protocol.model", "def f():\n    import tallystick.store.tables"),
        ("tallystick.chain.rpc", "from ..relayer import batch"),
        ("tallystick.store.database", "if x:\n    from tallystick.web.api import create_app"),
        ("tallystick.sources.traces", "from tallystick.replay import plan"),
        ("tallystick.relayer.batch", "from tallystick.web import body"),
        ("tallystick.replay.run", "from tallystick.relayer import batch"),
        ("tallystick.web.api", "from .. import cli"),
    ],
)
def test_imports__against_the_direction__are_seen(module: str, code: str) -> None:
    """The reading of imports itself: absolute, relative, inside functions and branches."""
    assert len(wrong_ways(imports_of(module, ast.parse(code), is_package=False))) == 1


def test_imports__of_ape__are_nowhere_in_the_package() -> None:
    assert [str(each) for each in everything() if library(each) == "ape" or "ape_" in library(each)] == []


@pytest.mark.parametrize("name", ONLY_IN)
def test_imports__of_libraries__stay_in_their_rooms(name: str) -> None:
    assert [
        str(each) for each in everything() if library(each) == name and each.room not in ONLY_IN[name]
    ] == []


def test_imports__of_protocol__do_no_io_and_tell_no_time() -> None:
    inside = [each for each in everything() if each.room == "protocol"]
    assert [str(each) for each in inside if library(each) in OUTSIDE_WORLD] == []


def test_service__once_it_is_loaded__holds_neither_ape_nor_web3() -> None:
    """Also through what libraries import: starting the service must not cost their seconds."""
    code = (
        "import sys, tallystick.cli, tallystick.relayer.command, tallystick.relayer.ingest, tallystick.web.api, "
        "tallystick.web.server, tallystick.replay.command, tallystick.demo.command, tallystick.bisect.command\n"
        "print(sorted({'ape', 'web3', 'pytest'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == "[]"
