"""The rows that ingest reads and writes: what was accepted before, bulk inserts, payable figures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Dialect, Table, func, insert, select, text

from tallystick.protocol.judge import Figure, Opinion
from tallystick.relayer.mirror import chunked
from tallystick.store.tables import agreements, figures, receipts, verdicts

NO_RECEIPT: Final = bytes(32)
"""In the place of a receipt's hash: a lease's downtime that the verifiers alone vouch for."""


class Standing(NamedTuple):
    """How far an agreement's records go; 0 where there are none."""

    newest_receipt: int
    newest_verdict: int
    payable: int


class StoredReceipt(NamedTuple):
    """An accepted receipt, as far as later ones are held against it."""

    hash: bytes
    signer: bytes
    period_start: int
    period_end: int
    output_root: bytes


_NEWEST_RECEIPT = (
    select(func.max(receipts.c.units)).where(receipts.c.agreement == agreements.c.agreement).scalar_subquery()
)
_NEWEST_VERDICT = (
    select(func.max(verdicts.c.units)).where(verdicts.c.agreement == agreements.c.agreement).scalar_subquery()
)
_STANDING = select(agreements.c.agreement, _NEWEST_RECEIPT, _NEWEST_VERDICT, figures.c.units).outerjoin_from(
    agreements, figures, figures.c.agreement == agreements.c.agreement
)

# A newer figure that arrives while an older one waits for its batch keeps the older one's time: a busy
# agreement must not put off its own batch for ever.
_UPSERT: Final = text(
    "INSERT INTO figures (agreement, units, output_root, receipt_hash, ready_at, batched_units) "
    "VALUES (:agreement, :units, :output_root, :receipt_hash, :ready_at, 0) "
    "ON CONFLICT (agreement) DO UPDATE SET units = excluded.units, output_root = excluded.output_root, "
    "receipt_hash = excluded.receipt_hash, ready_at = CASE WHEN figures.units > figures.batched_units "
    "THEN figures.ready_at ELSE excluded.ready_at END WHERE excluded.units > figures.units"
)


def standing(connection: Connection, numbers: Collection[int]) -> dict[int, Standing]:
    """The `Standing` of each agreement: two index look-ups and one row each."""
    found: dict[int, Standing] = {}
    for part in chunked(list(numbers)):
        for number, receipt, verdict, figure in connection.execute(
            _STANDING.where(agreements.c.agreement.in_(part))
        ):
            found[number] = Standing(receipt or 0, verdict or 0, figure or 0)
    return found


def receipts_at(
    connection: Connection, places: Collection[tuple[int, int]]
) -> dict[tuple[int, int], StoredReceipt]:
    """The accepted receipts at these (agreement, units); there is at most one each."""
    columns = "agreement, units, hash, signer, period_start, period_end, output_root"
    return {(row[0], row[1]): StoredReceipt(*row[2:]) for row in _at(connection, "receipts", columns, places)}


def opinions_at(connection: Connection, places: Collection[tuple[int, int]]) -> dict[Figure, list[Opinion]]:
    """All stored verdicts on figures at these (agreement, units), by figure."""
    found: dict[Figure, list[Opinion]] = {}
    for row in _at(connection, "verdicts", "agreement, units, output_root, valid, operator", places):
        figure = Figure(row[0], row[1], row[2])
        found.setdefault(figure, []).append(Opinion(figure, bool(row[3]), row[4]))
    return found


def _at(
    connection: Connection, table: str, columns: str, places: Collection[tuple[int, int]]
) -> Iterator[Sequence[Any]]:
    """Rows of `table` at these places, each found by its index on (agreement, units).

    A join, since SQLite scans the table for `(agreement, units) IN (...)`. The places are integers of ours
    and written into the statement; binding a thousand of them costs more than looking them up.
    """
    names = ", ".join(f"found.{name.strip()}" for name in columns.split(","))
    for part in chunked(list(places)):
        values = ", ".join(f"({number:d}, {units:d})" for number, units in part)
        yield from connection.exec_driver_sql(
            f"WITH wanted (agreement, units) AS (VALUES {values}) "  # noqa: S608 - integers and names of ours
            f"SELECT {names} FROM wanted CROSS JOIN {table} found "
            "WHERE found.agreement = wanted.agreement AND found.units = wanted.units"
        )


def stored_verdicts(connection: Connection, hashes: Collection[bytes]) -> set[tuple[bytes, int]]:
    """Which of these verdicts are stored, with the operators that signed them."""
    found: set[tuple[bytes, int]] = set()
    query = select(verdicts.c.hash, verdicts.c.operator)
    for part in chunked(list(hashes)):
        found.update((row[0], row[1]) for row in connection.execute(query.where(verdicts.c.hash.in_(part))))
    return found


def pending_verdicts(connection: Connection, above: Mapping[int, int]) -> dict[int, int]:
    """How many verdicts of each agreement are above its newest receipt, whose units `above` gives."""
    query = select(func.count()).select_from(verdicts)
    return {
        number: connection.execute(
            query.where(verdicts.c.agreement == number, verdicts.c.units > units)
        ).scalar_one()
        for number, units in above.items()
    }


def insert_many(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """One prepared INSERT for all rows, without SQLAlchemy's work on each of them."""
    if not rows:
        return
    sql, positional = _insert_sql(table, columns, connection.dialect)
    if positional:
        connection.exec_driver_sql(sql, list(rows))
    else:
        connection.exec_driver_sql(sql, [dict(zip(columns, row, strict=True)) for row in rows])


@lru_cache(maxsize=8)
def _insert_sql(table: Table, columns: tuple[str, ...], dialect: Dialect) -> tuple[str, bool]:
    compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), bool(compiled.positional)


def raise_figures(connection: Connection, payable: Iterable[tuple[Figure, bytes]], ready_at: int) -> None:
    """Makes (figure, receipt hash) its agreement's newest payable figure, unless a higher one is there."""
    best: dict[int, tuple[Figure, bytes]] = {}
    for figure, receipt_hash in payable:
        known = best.get(figure.agreement)
        if known is None or figure.units > known[0].units:
            best[figure.agreement] = (figure, receipt_hash)
    rows = [
        {
            "agreement": figure.agreement,
            "units": figure.units,
            "output_root": figure.output_root,
            "receipt_hash": receipt_hash,
            "ready_at": ready_at,
        }
        for figure, receipt_hash in best.values()
    ]
    if rows:
        connection.execute(_UPSERT, rows)
