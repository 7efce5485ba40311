"""Leases: receipts and verdicts count the seconds not served. TEE: which devices' receipts are payable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.support import market
from tests.support.market import CREDENTIALS, DEVICE, DOMAIN, NOW, ROOT, receipt_json, verdict_json

from tallystick.protocol.enums import Mode
from tallystick.relayer.ingest import Ingest
from tallystick.relayer.records import NO_RECEIPT
from tallystick.store.database import Database
from tallystick.store.tables import agreements, credentials, figures, policies

ISSUER, MEASUREMENT = b"\x0c" * 20, b"\x0e" * 32


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Agreements 101 to 104 are leases from 1 000 to 5 000 s; their money lasts until 4 500. It is 2 000."""
    database = market.open_market(tmp_path)
    with database.write() as connection:
        connection.execute(update(agreements).values(mode=int(Mode.LEASE), funded_until=4_500))
    yield database
    database.close()


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database, DOMAIN, CREDENTIALS)


def receipt(ingest: Ingest, *of: Any, **changes: Any) -> str:
    outcome = ingest.receipt(json.dumps(receipt_json(*of, **changes)).encode())
    return outcome.code or outcome.status


def verdict(ingest: Ingest, *of: Any, **changes: Any) -> str:
    outcome = ingest.verdict(json.dumps(verdict_json(*of, **changes)).encode())
    return outcome.code or outcome.status


def figure(database: Database, agreement: int) -> tuple[int, bool] | None:
    """Units, and whether a receipt is behind them."""
    with database.read() as connection:
        row = connection.execute(select(figures).where(figures.c.agreement == agreement)).first()
        return None if row is None else (row.units, row.receipt_hash != NO_RECEIPT)


@pytest.mark.parametrize(
    ("units", "period", "answer"),
    [
        (500, (1_000, 1_500), "accepted"),  # all of it was down
        (501, (1_000, 1_500), "downtime_above_elapsed"),
        (900, (1_600, 1_900), "accepted"),  # cumulative: the period is that of the last increment
        (901, (1_600, 1_900), "downtime_above_elapsed"),
        (10, (1_000, 4_500), "accepted"),
        (10, (1_000, 4_501), "outside_period"),  # its money is over
    ],
)
def test_receipt__seconds_not_served__at_most_what_had_passed(
    ingest: Ingest, units: int, period: tuple[int, int], answer: str
) -> None:
    assert receipt(ingest, 101, units, period=period) == answer


def test_receipt__worth_more_than_the_budget_at_the_price__is_none_of_the_prices_business(
    ingest: Ingest,
) -> None:
    # 1 001 units at 2 µ are above the budget of 2 000 µ of a metered agreement
    assert receipt(ingest, 101, 1_001, period=(1_000, 2_001)) == "accepted"


@pytest.mark.parametrize("agreement", [101, 102, 103, 104])
def test_receipt__of_any_policy__is_payable_by_itself(
    ingest: Ingest, database: Database, agreement: int
) -> None:
    assert receipt(ingest, agreement, 300) == "accepted"
    assert figure(database, agreement) == (300, True)


def test_verdict__of_the_attester__makes_downtime_payable_without_a_receipt(
    ingest: Ingest, database: Database
) -> None:
    assert verdict(ingest, 102, 250) == "accepted"
    assert figure(database, 102) == (250, False)


def test_verdicts__quorum__needs_two_that_agree(ingest: Ingest, database: Database) -> None:
    assert verdict(ingest, 103, 250, verifier=3) == "accepted"
    assert verdict(ingest, 103, 251, verifier=4) == "accepted"
    assert figure(database, 103) is None
    assert verdict(ingest, 103, 250, verifier=5) == "accepted"
    assert figure(database, 103) == (250, False)
    assert verdict(ingest, 103, 250, verifier=4) == "units_regress"  # it counts already


def test_verdict__says_invalid__makes_nothing_payable(ingest: Ingest, database: Database) -> None:
    assert verdict(ingest, 102, 250, valid=False) == "accepted"
    assert figure(database, 102) is None


def test_verdict__above_a_receipt__raises_the_figure_and_below_it_does_not(
    ingest: Ingest, database: Database
) -> None:
    assert receipt(ingest, 102, 300) == "accepted"
    assert verdict(ingest, 102, 299) == "units_regress"
    assert verdict(ingest, 102, 301) == "accepted"
    assert figure(database, 102) == (301, False)


def test_verdict__more_than_has_passed_by_now__is_refused(ingest: Ingest) -> None:
    assert verdict(ingest, 102, NOW - 1_000 + 1) == "downtime_above_elapsed"
    assert verdict(ingest, 102, NOW - 1_000) == "accepted"


def test_verdicts__none_and_tee__have_no_verifiers(ingest: Ingest, database: Database) -> None:
    assert verdict(ingest, 101, 10) == "not_a_verifier"
    assert verdict(ingest, 104, 10) == "not_a_verifier"


# -- TEE -------------------------------------------------------------------------------------------------------------


def attest(database: Database, **changes: Any) -> None:
    row: dict[str, Any] = {
        "issuer": ISSUER, "device": DEVICE.address, "agreement": 104, "measurement": MEASUREMENT,
        "valid_from": NOW, "expires_at": NOW + 1, "revoked_at": 0,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(update(agreements).values(mode=int(Mode.METERED), funded_until=0))
        connection.execute(update(policies).where(policies.c.policy == 4).values(issuer=ISSUER))
        connection.execute(insert(credentials).values(row | changes))


def test_receipt__tee_and_attested_device__is_payable(ingest: Ingest, database: Database) -> None:
    attest(database)
    assert receipt(ingest, 104, 10, root=ROOT) == "accepted"
    assert figure(database, 104) == (10, True)


@pytest.mark.parametrize(
    "changes", [{"agreement": 103}, {"device": b"\x01" * 20}, {"valid_from": NOW + 1}, {"revoked_at": NOW}]
)
def test_receipt__tee_and_no_good_credential__waits_for_a_later_one(
    ingest: Ingest, database: Database, changes: dict[str, Any]
) -> None:
    attest(database, **changes)
    assert receipt(ingest, 104, 10) == "accepted"
    assert figure(database, 104) is None
