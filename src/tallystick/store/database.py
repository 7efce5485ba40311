"""Opens, upgrades and guards the relayer's database.

SQLite in WAL mode with synchronous=FULL: when a write has returned, it survives a crash of the machine.
Readers never wait for writers. Writers of this process queue at a lock, others' wait up to BUSY_TIMEOUT.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select, update
from sqlalchemy.exc import ArgumentError, DatabaseError

from tallystick.protocol.errors import TallystickError

from .tables import meta

BUSY_TIMEOUT: Final = 10.0
"""Seconds that a writer waits for another process's write."""

HEAD: Final = "0005"
"""The newest migration. A database that has it is opened without loading Alembic."""

CHAIN_ID: Final = "chain_id"
_CONTRACT: Final = "contract:"


class DatabaseProblem(TallystickError):
    """The database cannot be used. Codes: `bad_database`, `wrong_chain`, `wrong_deployment`."""


class Database:
    """One database file. Get it by `Database.open`; close it when done."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        self.path = path

    @classmethod
    def open(cls, url: str | Path, *, upgrade: bool = True) -> Database:
        """Opens `sqlite:///file` (or a path), creating it when needed, and brings its schema up to date.

        Raises:
            DatabaseProblem: `bad_database`: no such folder, no database, or one written by a newer version.
        """
        path = _path(url)
        if not path.parent.is_dir():
            raise DatabaseProblem(
                "bad_database", f"There is no folder {path.parent} to keep the database in."
            )
        engine = create_engine(
            f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False}
        )
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begin)
        database = cls(engine, path)
        try:
            if upgrade:
                database.upgrade()
        except DatabaseProblem:
            engine.dispose()
            raise
        except DatabaseError as error:
            engine.dispose()
            raise DatabaseProblem(
                "bad_database", f"{path} cannot be used as a database: {error.orig}."
            ) from error
        return database

    def upgrade(self) -> None:
        """Applies the migrations that are missing. Raises DatabaseProblem when it is newer than this."""
        with self.read() as connection:
            if _revision(connection) == HEAD:
                return
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        with self.write() as connection:
            if _revision(connection) not in {None, *known}:
                raise DatabaseProblem(
                    "bad_database", f"{self.path} was written by a newer version of Tallystick; use that one."
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the database and waits for nobody. Do not write in it."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: durable when the block ends, rolled back when it raises."""
        with (
            self._writing,
            self._engine.connect().execution_options(tallystick_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    def remember(self, chain_id: int, contracts: Mapping[str, bytes]) -> None:
        """Ties the database to a chain and to contracts (20 bytes each), or checks that it is tied to these.

        Raises:
            DatabaseProblem: `wrong_chain` or `wrong_deployment`: it was made for others.
        """
        wanted = {_CONTRACT + name: "0x" + address.hex() for name, address in sorted(contracts.items())}
        with self.write() as connection:
            known = get_meta(connection, CHAIN_ID)
            if known is not None and known != str(chain_id):
                raise DatabaseProblem(
                    "wrong_chain",
                    f"{self.path} was made for chain {known}, but the endpoints are of chain {chain_id}; "
                    "give the database of that chain, or another file.",
                )
            for key, address in wanted.items():
                before = get_meta(connection, key)
                if before is not None and before != address:
                    raise DatabaseProblem(
                        "wrong_deployment",
                        f"{self.path} was made for {key.removeprefix(_CONTRACT)} at {before}, but the "
                        f"registry names {address}; give the database of that deployment, or another file.",
                    )
                set_meta(connection, key, address)
            set_meta(connection, CHAIN_ID, str(chain_id))

    def checkpoint(self) -> None:
        """Moves the write-ahead log into the file, so that a copy of the file alone is whole."""
        with self._writing, self._engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @property
    def lock_path(self) -> Path:
        """The file whose lock the one leading relayer of this database holds."""
        return self.path.with_name(self.path.name + ".lock")


def get_meta(connection: Connection, key: str) -> str | None:
    """The value kept under `key`, or None."""
    return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()


def set_meta(connection: Connection, key: str, value: str) -> None:
    """Keeps `value` under `key`."""
    changed = connection.execute(update(meta).where(meta.c.key == key).values(value=value))
    if changed.rowcount == 0:
        connection.execute(insert(meta).values(key=key, value=value))


def _path(url: str | Path) -> Path:
    text = str(url)
    if "://" not in text:
        return Path(text).absolute()
    try:
        parsed = make_url(text)
    except ArgumentError as error:
        raise DatabaseProblem("bad_database", "The database must be sqlite:///FILE or a path.") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise DatabaseProblem(
            "bad_database", "The database must be sqlite:///FILE or a path; nothing else yet."
        )
    return Path(parsed.database).absolute()


def _revision(connection: Connection) -> str | None:
    exists = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
    if exists is None:
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return None if found is None else str(found)


def _connected(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, so that writers queue at the start
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tallystick_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
