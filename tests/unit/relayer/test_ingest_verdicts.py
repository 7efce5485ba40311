"""Verdicts: what is taken, what is refused with which code, and what they make payable, in any order."""

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.support import market
from tests.support.market import (
    CREDENTIALS,
    DEVICE,
    DOMAIN,
    STRANGER,
    VERIFIERS,
    follow,
    ndjson,
    receipt_json,
    verdict_json,
)

from tallystick.protocol.enums import KeyKind
from tallystick.protocol.keys import PrivateKey
from tallystick.relayer.ingest import Ingest
from tallystick.store.database import Database
from tallystick.store.tables import figures, verdicts

OTHER_ROOT = b"\x22" * 32


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = market.open_market(tmp_path)
    yield database
    database.close()


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database, DOMAIN, CREDENTIALS)


def answer(ingest: Ingest, item: dict[str, Any]) -> str:
    """Hands in a receipt or a verdict; the code of a refusal, or the status."""
    take = ingest.receipt if "periodStart" in item else ingest.verdict
    outcome = take(json.dumps(item).encode())
    return outcome.code or outcome.status


def stored(database: Database) -> list[tuple[int, int, bool, int]]:
    with database.read() as connection:
        query = select(verdicts.c.agreement, verdicts.c.units, verdicts.c.valid, verdicts.c.operator)
        return [tuple(row) for row in connection.execute(query.order_by(verdicts.c.seq))]


def payable(database: Database, agreement: int) -> int | None:
    with database.read() as connection:
        query = select(figures.c.units).where(figures.c.agreement == agreement)
        return connection.execute(query).scalar_one_or_none()


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (verdict_json(102, 10), "accepted"),
        (verdict_json(102, 10, valid=False), "accepted"),
        (verdict_json(102, 10) | {"agreement": "102", "units": "10"}, "accepted"),
        (verdict_json(999, 10), "unknown_agreement"),
        (verdict_json(102, 10, verifier=4), "not_a_verifier"),  # of policy 3 only
        (verdict_json(101, 10), "not_a_verifier"),  # policy NONE has no verifiers
        (verdict_json(102, 10, key=STRANGER), "bad_signature"),
        (verdict_json(102, 10, key=DEVICE), "bad_signature"),
        (verdict_json(102, 10) | {"valid": False}, "bad_signature"),
        (verdict_json(102, 10) | {"signature": "0x" + "00" * 65}, "bad_signature"),
        (verdict_json(102, 10) | {"signature": "0x00"}, "bad_signature"),
        (verdict_json(102, 10) | {"units": 2**63}, "units_out_of_range"),
        (verdict_json(102, 10) | {"units": 0}, "bad_field"),
        (verdict_json(102, 10) | {"confidence": 65_536}, "bad_field"),
        (verdict_json(102, 10) | {"verifierVersion": 2**32}, "bad_field"),
        (verdict_json(102, 10) | {"valid": 1}, "bad_field"),
    ],
)
def test_verdict__one_alone__answered_with_this_code(
    ingest: Ingest, database: Database, item: dict[str, Any], code: str
) -> None:
    assert answer(ingest, item) == code
    assert len(stored(database)) == (code == "accepted")
    assert payable(database, 102) is None


def test_verdict__policy_not_served__unknown_policy(database: Database) -> None:
    assert (
        answer(Ingest(database, DOMAIN, CREDENTIALS, policies=[1]), verdict_json(102, 10)) == "unknown_policy"
    )


def test_verdict__attested__makes_exactly_its_receipt_payable(ingest: Ingest, database: Database) -> None:
    for units in (10, 20, 30):
        assert answer(ingest, receipt_json(102, units)) == "accepted"
    assert answer(ingest, verdict_json(102, 20)) == "accepted"
    assert payable(database, 102) == 20


def test_verdict__of_an_older_receipt__never_lowers_the_figure(ingest: Ingest, database: Database) -> None:
    ingest.receipts(ndjson(receipt_json(102, 10), receipt_json(102, 20)))
    assert answer(ingest, verdict_json(102, 20)) == "accepted"
    assert answer(ingest, verdict_json(102, 10)) == "accepted"
    assert payable(database, 102) == 20


def test_verdict__invalid__is_kept_and_pays_nothing(ingest: Ingest, database: Database) -> None:
    answer(ingest, receipt_json(102, 10))
    assert answer(ingest, verdict_json(102, 10, valid=False)) == "accepted"
    assert stored(database) == [(102, 10, False, 3)]
    assert payable(database, 102) is None


def test_verdict__for_another_output__pays_nothing(ingest: Ingest, database: Database) -> None:
    answer(ingest, receipt_json(102, 10))
    assert answer(ingest, verdict_json(102, 10, root=OTHER_ROOT)) == "units_regress"
    assert payable(database, 102) is None


def test_verdict__quorum__needs_two_different_verifiers(ingest: Ingest, database: Database) -> None:
    answer(ingest, receipt_json(103, 10))
    assert answer(ingest, verdict_json(103, 10, verifier=3)) == "accepted"
    assert answer(ingest, verdict_json(103, 10, verifier=3, confidence=9_000)) == "accepted"
    assert payable(database, 103) is None
    assert answer(ingest, verdict_json(103, 10, verifier=4, valid=False)) == "accepted"
    assert payable(database, 103) is None
    assert answer(ingest, verdict_json(103, 10, verifier=5)) == "accepted"
    assert payable(database, 103) == 10


def test_verdict__equal_words_of_two_verifiers__are_two_verdicts_with_one_hash(
    ingest: Ingest, database: Database
) -> None:
    answer(ingest, receipt_json(103, 10))
    first = ingest.verdict(json.dumps(verdict_json(103, 10, verifier=3)).encode())
    second = ingest.verdict(json.dumps(verdict_json(103, 10, verifier=4)).encode())
    assert (first.status, second.status) == ("accepted", "accepted")
    assert first.id == second.id
    assert payable(database, 103) == 10


def test_verdict__two_keys_of_one_verifier__count_once(ingest: Ingest, database: Database) -> None:
    second_key = PrivateKey.from_seed("market", "verifier", 3, "second")
    with database.write() as connection:
        market.add_key(connection, 3, KeyKind.VERIFIER, second_key)
    answer(ingest, receipt_json(103, 10))
    assert answer(ingest, verdict_json(103, 10, verifier=3)) == "accepted"
    assert answer(ingest, verdict_json(103, 10, key=second_key)) == "duplicate"
    assert answer(ingest, verdict_json(103, 10, key=second_key, version=2)) == "accepted"
    assert payable(database, 103) is None


@pytest.mark.parametrize(
    "order",
    list(permutations(["receipt 10", "receipt 20", "3 says 10", "4 says 10", "5 says 20"], 5))[::7],
    ids=" > ".join,
)
def test_quorum__any_order_of_arrival__same_figure(
    ingest: Ingest, database: Database, order: tuple[str, ...]
) -> None:
    answers = {}
    for event in order:
        who, _, units = event.partition(" ") if event.startswith("receipt") else (event[0], "", event[-2:])
        item = (
            receipt_json(103, int(units))
            if who == "receipt"
            else verdict_json(103, int(units), verifier=int(who))
        )
        answers[event] = answer(ingest, item)
    # Receipts are cumulative: the older one counts only if it comes first.
    older_first = order.index("receipt 10") < order.index("receipt 20")
    assert answers["receipt 20"] == answers["5 says 20"] == "accepted"
    assert answers["receipt 10"] == ("accepted" if older_first else "units_regress")
    assert payable(database, 103) == (10 if older_first else None)


def test_verdicts__before_their_receipts__count_once_these_come(ingest: Ingest, database: Database) -> None:
    early = ndjson(*(verdict_json(103, units, verifier=v) for units in (10, 20) for v in (3, 4)))
    assert [each.status for each in ingest.verdicts(early)] == ["accepted"] * 4
    assert payable(database, 103) is None
    ingest.receipts(ndjson(receipt_json(103, 10), receipt_json(103, 20, root=OTHER_ROOT)))
    assert payable(database, 103) == 10


def test_verdict__nothing_can_match_any_more__units_regress(ingest: Ingest) -> None:
    answer(ingest, receipt_json(102, 20))
    assert answer(ingest, verdict_json(102, 10)) == "units_regress"
    assert answer(ingest, verdict_json(102, 21)) == "accepted"


def test_verdicts__too_many_wait_for_receipts__backlog_full_until_one_comes(database: Database) -> None:
    ingest = Ingest(database, DOMAIN, CREDENTIALS, max_pending_verdicts=3)
    body = ndjson(*(verdict_json(102, units) for units in (10, 11, 12, 13)))
    assert [each.code or each.status for each in ingest.verdicts(body)] == ["accepted"] * 3 + ["backlog_full"]
    assert answer(ingest, verdict_json(102, 14)) == "backlog_full"
    assert answer(ingest, verdict_json(103, 14)) == "accepted"  # another agreement has its own room
    assert answer(ingest, receipt_json(102, 11)) == "accepted"
    assert payable(database, 102) == 11
    assert [answer(ingest, verdict_json(102, units)) for units in (13, 14, 15)] == ["accepted"] * 2 + [
        "backlog_full"
    ]


def test_verdict__again__duplicate_whatever_happened_since(ingest: Ingest, database: Database) -> None:
    answer(ingest, receipt_json(102, 10))
    item = verdict_json(102, 10)
    assert [answer(ingest, item), answer(ingest, item)] == ["accepted", "duplicate"]
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE operator_keys SET revoked_at = 1")
    follow(database, 11, chain_time=10**9, agreement=102, status=2)
    assert answer(ingest, item) == "duplicate"
    assert answer(ingest, verdict_json(102, 10, version=2)) == "bad_signature"
    assert len(stored(database)) == 1


def test_verdicts__twice_in_one_body__second_is_a_duplicate(ingest: Ingest) -> None:
    outcomes = ingest.verdicts(ndjson(verdict_json(102, 10), verdict_json(102, 10)))
    assert [each.status for each in outcomes] == ["accepted", "duplicate"]


def test_verdict__agreement_closed_or_long_over__is_refused(ingest: Ingest, database: Database) -> None:
    follow(database, 11, agreement=102, status=2)
    assert answer(ingest, verdict_json(102, 10)) == "agreement_closed"
    follow(database, 12, chain_time=5_000 + 86_401)
    assert answer(ingest, verdict_json(103, 10)) == "expired"


def test_verdict__key_revoked__refused_at_once(ingest: Ingest, database: Database) -> None:
    key = PrivateKey.from_seed("market", "verifier", 3, "revoked")
    with database.write() as connection:
        market.add_key(connection, 3, KeyKind.VERIFIER, key, valid_from=0, revoked_at=2_000)
    assert answer(ingest, verdict_json(102, 10, key=key)) == "bad_signature"
    assert answer(ingest, verdict_json(102, 10, key=VERIFIERS[3])) == "accepted"


def test_verdicts__mixed_lines__each_answered_in_order(ingest: Ingest, database: Database) -> None:
    ingest.receipts(ndjson(receipt_json(102, 10), receipt_json(103, 10)))
    body = ndjson(
        verdict_json(102, 10),
        verdict_json(103, 10, verifier=4),
        b"[]",
        verdict_json(103, 10, verifier=4),
        verdict_json(103, 10, key=STRANGER),
        b"",
        verdict_json(103, 10, verifier=5),
        b"{",
    )
    assert [(each.line, each.code or each.status) for each in ingest.verdicts(body)] == [
        (1, "accepted"),
        (2, "accepted"),
        (3, "bad_field"),
        (4, "duplicate"),
        (5, "bad_signature"),
        (7, "accepted"),
        (8, "malformed_json"),
    ]
    assert (payable(database, 102), payable(database, 103)) == (10, 10)
