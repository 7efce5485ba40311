"""The database: opened, upgraded, tied to its deployment, durable."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

import tallystick.store
from tallystick.store.database import HEAD, Database, DatabaseProblem, get_meta, set_meta
from tallystick.store.tables import agreements, batch_leaves, batches, dead_letters, meta, metadata, rewards

ESCROW = bytes(19) + b"\x01"
LEDGER = bytes(19) + b"\x02"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relayer.sqlite3"


def letter(units: int) -> dict[str, object]:
    return {"agreement": 1, "units": units, "reason": "closed", "detail": "", "created_at": 5}


def test_open__new_file__has_the_tables_that_the_code_expects(path: Path) -> None:
    database = Database.open(f"sqlite:///{path}")
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    database.close()
    assert differences == []


def test_upgrade__newest_migration__is_the_one_that_open_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(tallystick.store.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_upgrade__from_the_first_schema__keeps_batches_and_leaves_and_lets_a_batch_be_cancelled(
    path: Path,
) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(tallystick.store.__file__).parent / "migrations"))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO batches (batch, policy, operator, nonce, value, deadline, figures, outputs, root, "
            "figures_hash, state, created_at) VALUES ('77', 1, 1, 0, 5, 9, x'', x'', x'', x'', 'posted', 1)"
        )
        connection.exec_driver_sql("INSERT INTO batch_leaves VALUES ('77', 0, 4294967301, 10, x'11')")
    engine.dispose()
    database = Database.open(path)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(select(batches.c.batch, batches.c.state)).all() == [("77", "posted")]
        kept = connection.execute(select(batch_leaves)).all()
    assert [tuple(row) for row in kept] == [("77", 0, 4294967301, 10, b"\x11")]
    with database.write() as connection:
        connection.execute(update(batches).values(state="cancelled"))
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(update(batches).values(state="eaten"))
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(delete(batches))  # its leaf still refers to it
    database.close()


def test_upgrade__to_rewards__counts_the_fees_of_what_was_paid_before(path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(tallystick.store.__file__).parent / "migrations"))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        # (agreement, payee, paid), at 5 % and 1 %: 4 999 + 999, 5 + 1, and nothing of 19
        for number, payee, paid in ((1, 8, 99_999), (2, 8, 100), (3, 9, 19)):
            connection.exec_driver_sql(
                "INSERT INTO agreements (agreement, customer, funder, operator, payee, mode, policy, unit_price, "
                "budget, fee_provider, fee_customer, start, expiry, status, paid, opened_block) "
                f"VALUES ({number}, 1, 1, 1, {payee}, 0, 1, 1, 1000000, 500, 100, 1, 2, 1, {paid}, 1)"
            )
    engine.dispose()
    database = Database.open(path)
    with database.read() as connection:
        found = connection.execute(select(rewards.c.account, rewards.c.fees, rewards.c.waiting_since)).all()
    database.close()
    assert [tuple(row) for row in found] == [(8, 6_004, 1)]


def test_open__again__keeps_what_was_committed(path: Path) -> None:
    database = Database.open(path)
    with database.write() as connection:
        connection.execute(insert(dead_letters).values(letter(7)))
    database.close()
    again = Database.open(path)
    with again.read() as connection:
        assert connection.execute(select(dead_letters.c.units)).scalars().all() == [7]
    again.close()


def test_write__block_raises__nothing_is_kept(path: Path) -> None:
    database = Database.open(path)

    def half_done() -> None:
        with database.write() as connection:
            connection.execute(insert(dead_letters).values(letter(7)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    with database.read() as connection:
        assert connection.execute(select(dead_letters.c.units)).all() == []
    database.close()


def test_read__while_another_writes__sees_the_moment_before(path: Path) -> None:
    database = Database.open(path)
    with database.write() as writing:
        writing.execute(insert(dead_letters).values(letter(7)))
        with database.read() as reading:
            assert reading.execute(select(dead_letters.c.units)).all() == []
    with database.read() as reading:
        assert reading.execute(select(dead_letters.c.units)).scalars().all() == [7]
    database.close()


def test_open__any_connection__is_wal_full_and_holds_foreign_keys(path: Path) -> None:
    database = Database.open(path)
    with database.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    database.close()
    assert pragmas == ["wal", 2, 1, 10_000]


def test_checkpoint__after_writes__the_file_alone_is_whole(path: Path, tmp_path: Path) -> None:
    database = Database.open(path)
    with database.write() as connection:
        connection.execute(insert(dead_letters).values(letter(7)))
    database.checkpoint()
    copy = tmp_path / "copy.sqlite3"
    copy.write_bytes(path.read_bytes())
    database.close()
    with sqlite3.connect(copy) as raw:
        assert raw.execute("SELECT units FROM dead_letters").fetchall() == [(7,)]
    raw.close()


def test_remember__another_chain_or_deployment__is_refused_and_nothing_changes(path: Path) -> None:
    database = Database.open(path)
    database.remember(31337, {"Escrow": ESCROW})
    database.remember(31337, {"Escrow": ESCROW, "ReceiptLedger": LEDGER})
    with pytest.raises(DatabaseProblem) as chain:
        database.remember(1, {"Escrow": ESCROW})
    with pytest.raises(DatabaseProblem) as deployment:
        database.remember(31337, {"Escrow": LEDGER, "Staking": ESCROW})
    with database.read() as connection:
        kept = {row.key: row.value for row in connection.execute(select(meta))}
    database.close()
    assert chain.value.code == "wrong_chain"
    assert deployment.value.code == "wrong_deployment"
    assert kept == {
        "chain_id": "31337",
        "contract:Escrow": "0x" + ESCROW.hex(),
        "contract:ReceiptLedger": "0x" + LEDGER.hex(),
    }


def test_set_meta__twice__the_later_value_counts(path: Path) -> None:
    database = Database.open(path)
    with database.write() as connection:
        set_meta(connection, "followed_block", "7")
        set_meta(connection, "followed_block", "8")
        assert get_meta(connection, "followed_block") == "8"
        assert get_meta(connection, "nothing") is None
    database.close()


def test_agreements__paid_above_the_budget__is_refused_by_the_database(path: Path) -> None:
    database = Database.open(path)
    row = {column.name: 0 for column in agreements.columns} | {"agreement": 5, "budget": 10, "paid": 11}
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(agreements).values(row))
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "/nowhere/at/all.sqlite3",
        "x://",
    ],
)
def test_open__no_place_for_a_database__says_so_without_secrets(url: str) -> None:
    with pytest.raises(DatabaseProblem) as problem:
        Database.open(url)
    assert problem.value.code == "bad_database"
    assert "secret" not in str(problem.value)


def test_open__not_a_database__says_so(path: Path) -> None:
    path.write_text("hello " * 1_000)
    with pytest.raises(DatabaseProblem) as problem:
        Database.open(path)
    assert problem.value.code == "bad_database"


def test_open__written_by_a_newer_version__is_refused(path: Path) -> None:
    Database.open(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(DatabaseProblem, match="newer version"):
        Database.open(path)
