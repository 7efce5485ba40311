"""How ingest uses the store: several threads at once, and indexes whatever has piled up."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from tests.support import market
from tests.support.market import CREDENTIALS, DOMAIN, ndjson, receipt_json, verdict_json

from tallystick.relayer.ingest import Ingest
from tallystick.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = market.open_market(tmp_path)
    yield database
    database.close()


def test_receipts__four_threads_with_the_same_body__each_receipt_accepted_once(database: Database) -> None:
    ingest = Ingest(database, DOMAIN, CREDENTIALS, chunk=7)
    body = ndjson(*(receipt_json(agreement, units) for units in range(1, 41) for agreement in (101, 102)))
    statuses: list[Counter[str]] = []

    def take() -> None:
        statuses.append(Counter(each.status for each in ingest.receipts(body)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(statuses, Counter()) == {"accepted": 80, "duplicate": 240}
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM receipts").scalar_one() == 80
        assert (
            connection.exec_driver_sql("SELECT units FROM figures WHERE agreement = 101").scalar_one() == 40
        )


def test_ingest__every_statement__finds_its_rows_by_an_index(database: Database) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "SELECT" in statement and "meta" not in statement:
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        ingest = Ingest(database, DOMAIN, CREDENTIALS)
        ingest.verdicts(ndjson(verdict_json(103, 10, verifier=3), verdict_json(103, 10, verifier=4)))
        ingest.receipts(ndjson(receipt_json(103, 10), receipt_json(101, 5)))
        ingest.receipts(ndjson(receipt_json(103, 10), receipt_json(103, 9)))
        ingest.verdicts(
            ndjson(verdict_json(103, 10, verifier=5), verdict_json(103, 11), verdict_json(103, 11))
        )
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert len(asked) > 10
    with database.read() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scans = [row[3] for row in plan if row[3].startswith("SCAN")]
            # The few policies, and the places that were asked for, are read as a whole.
            assert all(scan in ("SCAN policies", "SCAN wanted") or "CONSTANT" in scan for scan in scans), (
                statement,
                scans,
            )
