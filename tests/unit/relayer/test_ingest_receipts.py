"""Receipts: what is taken, what is refused with which code, and what becomes payable."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlalchemy import select
from tests.support import market
from tests.support.market import CREDENTIALS, DOMAIN, OTHER_DEVICE, STRANGER, follow, ndjson, receipt_json

from tallystick.protocol.enums import KeyKind
from tallystick.protocol.keys import PrivateKey
from tallystick.protocol.messages import Outcome
from tallystick.relayer.ingest import Ingest
from tallystick.store.database import Database
from tallystick.store.tables import figures, receipts


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = market.open_market(tmp_path)
    yield database
    database.close()


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database, DOMAIN, CREDENTIALS)


@pytest.fixture
def ordinary_recursion_limit() -> Iterator[None]:
    """As in a relayer's process; in the tests' own, py-evm's import raises it to 100 000."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(limit)


def send(ingest: Ingest, item: dict[str, Any]) -> Outcome:
    return ingest.receipt(json.dumps(item).encode())


def answer(ingest: Ingest, item: dict[str, Any]) -> str:
    """The code of a refusal, or the status."""
    outcome = send(ingest, item)
    assert (outcome.status == "rejected") == bool(outcome.code)
    return outcome.code or outcome.status


def stored(database: Database) -> list[tuple[int, int]]:
    with database.read() as connection:
        rows = connection.execute(select(receipts.c.agreement, receipts.c.units).order_by(receipts.c.seq))
        return [(row[0], row[1]) for row in rows]


def figure(database: Database, agreement: int) -> tuple[int, int, int] | None:
    """(units, ready_at, batched_units)."""
    with database.read() as connection:
        row = connection.execute(select(figures).where(figures.c.agreement == agreement)).mappings().first()
        return None if row is None else (row["units"], row["ready_at"], row["batched_units"])


def test_receipt__signed_by_eth_account__is_accepted_under_the_hash_of_eip712(
    ingest: Ingest, database: Database
) -> None:
    account = Account.from_key(market.DEVICE.secret)
    message = {
        "agreement": 101,
        "units": 400,
        "periodStart": 1_000,
        "periodEnd": 1_500,
        "outputRoot": market.ROOT,
        "exclusive": True,
    }
    types = {
        "Receipt": [
            {"name": "agreement", "type": "uint64"},
            {"name": "units", "type": "uint80"},
            {"name": "periodStart", "type": "uint32"},
            {"name": "periodEnd", "type": "uint32"},
            {"name": "outputRoot", "type": "bytes32"},
            {"name": "exclusive", "type": "bool"},
        ]
    }
    domain = {
        "name": "Tallystick ReceiptLedger",
        "version": "1",
        "chainId": 31_337,
        "verifyingContract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    }
    signable = encode_typed_data(domain, types, message)
    signature = account.sign_message(signable).signature
    outcome = send(
        ingest,
        message
        | {"agreement": "101", "outputRoot": "0x" + market.ROOT.hex(), "signature": "0x" + signature.hex()},
    )
    assert outcome == Outcome(1, "accepted", "0x" + signable.body.hex())
    with database.read() as connection:
        row = connection.execute(select(receipts)).mappings().one()
    assert dict(row) == {
        "seq": 1,
        "hash": signable.body,
        "agreement": 101,
        "units": 400,
        "period_start": 1_000,
        "period_end": 1_500,
        "output_root": market.ROOT,
        "exclusive": True,
        "signature": bytes(signature),
        "signer": market.DEVICE.address,
        "received_at": market.NOW,
    }


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (receipt_json(999, 10), "unknown_agreement"),
        (receipt_json(2**63 + 5, 10), "unknown_agreement"),
        (receipt_json(101, 10, key=STRANGER), "bad_signature"),
        (receipt_json(101, 10, key=OTHER_DEVICE), "bad_signature"),
        (receipt_json(101, 10) | {"units": 11}, "bad_signature"),  # what was signed is another message
        (receipt_json(101, 10, signature="0x" + "00" * 65), "bad_signature"),
        (receipt_json(101, 10, signature="0x" + "11" * 64 + "02"), "bad_signature"),
        (receipt_json(101, 10, signature="0x" + "ff" * 64 + "1b"), "bad_signature"),
        (receipt_json(101, 10, signature="0x1234"), "bad_signature"),
        (receipt_json(101, 10, signature=""), "bad_signature"),
        (receipt_json(101, 10, signature="0x" + "zz" * 65), "bad_signature"),
        (receipt_json(101, 1_000), "accepted"),  # 1 000 units x 2 µ: the whole budget
        (receipt_json(101, 1_001), "over_budget"),
        (receipt_json(101, 2**63 - 1), "over_budget"),
        (receipt_json(101, 10, period=(1_000, 5_000)), "accepted"),
        (receipt_json(101, 10, period=(1_200, 1_201)), "accepted"),
        (
            receipt_json(101, 10, period=(1_200, 1_200)),
            "outside_period",
        ),  # the contract takes no empty period
        (receipt_json(101, 10, period=(999, 1_500)), "outside_period"),
        (receipt_json(101, 10, period=(1_000, 5_001)), "outside_period"),
        (receipt_json(101, 10, period=(1_500, 1_499)), "outside_period"),
        (receipt_json(101, 10, period=(0, 2**32 - 1)), "outside_period"),
    ],
)
def test_receipt__one_alone__answered_with_this_code(
    ingest: Ingest, database: Database, item: dict[str, Any], code: str
) -> None:
    assert answer(ingest, item) == code
    assert len(stored(database)) == (code == "accepted")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agreement": "101"}, "accepted"),
        ({"units": "10"}, "accepted"),
        ({"outputRoot": "0x" + "11" * 31 + "1A"}, "bad_signature"),  # capitals are digits too
        ({"more": {"of": ["it"]}}, "accepted"),
        ({"agreement": -1}, "bad_field"),
        ({"agreement": 2**64}, "bad_field"),
        ({"agreement": 10**1_000}, "bad_field"),
        ({"agreement": "0x65"}, "bad_field"),
        ({"agreement": "1_01"}, "bad_field"),
        ({"agreement": "١"}, "bad_field"),
        ({"agreement": ""}, "bad_field"),
        ({"agreement": 101.0}, "bad_field"),
        ({"agreement": None}, "bad_field"),
        ({"agreement": True}, "bad_field"),
        ({"units": 0}, "bad_field"),
        ({"units": -1}, "bad_field"),
        ({"units": 10.5}, "bad_field"),
        ({"units": "ten"}, "bad_field"),
        ({"units": 2**63}, "units_out_of_range"),
        ({"units": 2**80}, "units_out_of_range"),
        ({"units": str(10**70)}, "units_out_of_range"),
        ({"periodStart": -1}, "bad_field"),
        ({"periodEnd": 2**32}, "bad_field"),
        ({"periodEnd": "1500"}, "bad_field"),
        ({"outputRoot": "11" * 32}, "bad_field"),
        ({"outputRoot": "0x" + "11" * 31}, "bad_field"),
        ({"outputRoot": "0x" + "11" * 33}, "bad_field"),
        ({"outputRoot": "0x" + "1 " * 32}, "bad_field"),
        ({"exclusive": 0}, "bad_field"),
        ({"exclusive": "false"}, "bad_field"),
        ({"signature": 5}, "bad_field"),
    ],
)
def test_receipt__field_of_another_shape__bad_field(
    ingest: Ingest, changes: dict[str, Any], code: str
) -> None:
    assert answer(ingest, receipt_json(101, 10) | changes) == code


@pytest.mark.parametrize(
    "name", ["agreement", "units", "periodStart", "periodEnd", "outputRoot", "exclusive", "signature"]
)
def test_receipt__field_missing__is_named(ingest: Ingest, name: str) -> None:
    item = receipt_json(101, 10)
    del item[name]
    outcome = send(ingest, item)
    assert outcome.code == "bad_field"
    assert name in outcome.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"agreement": 1} {}',
        b'{"agreement": NaN}',
        b"\xff\xfe{}",
        b'{"more": "\xff"}',
        b'{"more": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"\x00",
        b"\xef\xbb\xbf{}",
    ],
)
@pytest.mark.usefixtures("ordinary_recursion_limit")
def test_receipt__not_json__malformed_json(ingest: Ingest, content: bytes) -> None:
    assert ingest.receipt(content).code == "malformed_json"


@pytest.mark.parametrize("content", [b"[]", b"1", b'"text"', b"null", b"{}"])
def test_receipt__json_but_no_receipt__bad_field(ingest: Ingest, content: bytes) -> None:
    assert ingest.receipt(content).code == "bad_field"


# -- one after the other -------------------------------------------------------------------------------------


def test_receipt__again__duplicate_and_stored_once(ingest: Ingest, database: Database) -> None:
    first, second = send(ingest, receipt_json(101, 10)), send(ingest, receipt_json(101, 10))
    assert (first.status, second.status) == ("accepted", "duplicate")
    assert first.id == second.id
    assert stored(database) == [(101, 10)]


def test_receipt__again_after_newer_ones_a_close_and_a_revoked_key__still_duplicate(
    ingest: Ingest, database: Database
) -> None:
    item = receipt_json(101, 10)
    assert answer(ingest, item) == "accepted"
    assert answer(ingest, receipt_json(101, 20)) == "accepted"
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE operator_keys SET revoked_at = 1")
    follow(database, 11, chain_time=10**9, agreement=101, status=2)
    assert answer(ingest, item) == "duplicate"


def test_receipt__stored_one_with_a_forged_signature__is_no_duplicate(ingest: Ingest) -> None:
    item = receipt_json(101, 10)
    assert answer(ingest, item) == "accepted"
    assert answer(ingest, item | {"signature": "0x" + "00" * 65}) == "bad_signature"
    assert (
        answer(ingest, item | {"signature": receipt_json(101, 10, key=STRANGER)["signature"]})
        == "bad_signature"
    )


def test_receipt__same_one_by_another_valid_device__duplicate(ingest: Ingest, database: Database) -> None:
    second_device = PrivateKey.from_seed("market", "device", 1, "second")
    with database.write() as connection:
        market.add_key(connection, 1, KeyKind.DEVICE, second_device)
    assert answer(ingest, receipt_json(101, 10)) == "accepted"
    assert answer(ingest, receipt_json(101, 10, key=second_device)) == "duplicate"


def test_receipt__units_do_not_rise__units_regress(ingest: Ingest, database: Database) -> None:
    assert answer(ingest, receipt_json(101, 10)) == "accepted"
    assert answer(ingest, receipt_json(101, 9)) == "units_regress"
    assert answer(ingest, receipt_json(101, 10, period=(1_000, 1_501))) == "units_regress"
    assert answer(ingest, receipt_json(101, 10, exclusive=True)) == "units_regress"
    assert answer(ingest, receipt_json(101, 11)) == "accepted"
    assert stored(database) == [(101, 10), (101, 11)]


def test_receipt__equal_but_for_the_output__conflicting_receipt(ingest: Ingest) -> None:
    assert answer(ingest, receipt_json(101, 10)) == "accepted"
    assert answer(ingest, receipt_json(101, 20)) == "accepted"
    assert answer(ingest, receipt_json(101, 10, root=b"\x22" * 32)) == "conflicting_receipt"
    assert answer(ingest, receipt_json(101, 20, root=b"\x22" * 32)) == "conflicting_receipt"
    assert answer(ingest, receipt_json(101, 20, root=b"\x22" * 32, period=(1_000, 1_400))) == "units_regress"


def test_receipt__refused_one__changes_nothing_for_the_next(ingest: Ingest, database: Database) -> None:
    assert answer(ingest, receipt_json(101, 1_001)) == "over_budget"
    assert answer(ingest, receipt_json(101, 10)) == "accepted"
    assert figure(database, 101) == (10, 2_000, 0)


def test_receipt__agreement_closed_meanwhile__agreement_closed(ingest: Ingest, database: Database) -> None:
    assert answer(ingest, receipt_json(101, 10)) == "accepted"
    follow(database, 11, agreement=101, status=2)
    assert answer(ingest, receipt_json(101, 20)) == "agreement_closed"


def test_receipt__close_was_asked__period_ends_with_it(ingest: Ingest, database: Database) -> None:
    follow(database, 11, agreement=101, stop_at=1_300)
    assert answer(ingest, receipt_json(101, 10, period=(1_000, 1_301))) == "outside_period"
    assert answer(ingest, receipt_json(101, 10, period=(1_000, 1_300))) == "accepted"


def test_receipt__after_the_posting_grace__expired(database: Database) -> None:
    ingest = Ingest(database, DOMAIN, CREDENTIALS, post_grace=600)
    follow(database, 11, chain_time=5_600)
    assert answer(ingest, receipt_json(101, 10)) == "accepted"
    follow(database, 12, chain_time=5_601)
    assert answer(ingest, receipt_json(101, 20)) == "expired"


def test_receipt__policy_of_another_relayer__unknown_policy(database: Database) -> None:
    ingest = Ingest(database, DOMAIN, CREDENTIALS, policies=[1])
    assert answer(ingest, receipt_json(101, 10)) == "accepted"
    assert answer(ingest, receipt_json(102, 10)) == "unknown_policy"


def test_receipt__policy_not_in_the_book__unknown_policy(ingest: Ingest, database: Database) -> None:
    with database.write() as connection:
        market.add_agreement(connection, 150, policy=77)
    assert answer(ingest, receipt_json(150, 10)) == "unknown_policy"


@pytest.mark.parametrize(
    ("valid_from", "revoked_at", "code"),
    [
        (2_000, 0, "accepted"),
        (2_001, 0, "bad_signature"),
        (0, 2_001, "accepted"),
        (0, 2_000, "bad_signature"),
    ],
)
def test_receipt__key_at_the_edge_of_its_validity__judged_by_the_chains_clock(
    ingest: Ingest, database: Database, valid_from: int, revoked_at: int, code: str
) -> None:
    key = PrivateKey.from_seed("market", "edge")
    with database.write() as connection:
        market.add_key(connection, 1, KeyKind.DEVICE, key, valid_from, revoked_at)
    assert answer(ingest, receipt_json(101, 10, key=key)) == code


def test_receipt__signed_by_a_verifier_key_of_the_operator__bad_signature(
    ingest: Ingest, database: Database
) -> None:
    key = PrivateKey.from_seed("market", "wrong kind")
    with database.write() as connection:
        market.add_key(connection, 1, KeyKind.VERIFIER, key)
    assert answer(ingest, receipt_json(101, 10, key=key)) == "bad_signature"


def test_receipt__agreement_becomes_known__after_the_follower_moved(
    ingest: Ingest, database: Database
) -> None:
    assert answer(ingest, receipt_json(105, 10)) == "unknown_agreement"
    with database.write() as connection:
        market.add_agreement(connection, 105)
    follow(database, 11)
    assert answer(ingest, receipt_json(105, 10)) == "accepted"


def test_receipt__key_authorised_later__works_once_the_follower_moved(
    ingest: Ingest, database: Database
) -> None:
    assert answer(ingest, receipt_json(101, 10, key=STRANGER)) == "bad_signature"
    with database.write() as connection:
        market.add_key(connection, 1, KeyKind.DEVICE, STRANGER)
    follow(database, 11)
    assert answer(ingest, receipt_json(101, 10, key=STRANGER)) == "accepted"


# -- many at once --------------------------------------------------------------------------------------------


def test_receipts__mixed_lines__each_answered_in_order_and_by_its_own(
    ingest: Ingest, database: Database
) -> None:
    body = ndjson(
        receipt_json(101, 10),
        receipt_json(101, 30),
        b"",
        receipt_json(101, 20),
        receipt_json(101, 30),
        b"{broken",
        receipt_json(102, 5),
        receipt_json(101, 30, root=b"\x33" * 32),
        b"\xff",
        receipt_json(101, 2_000),
        receipt_json(101, 40),
    ).rstrip()
    outcomes = ingest.receipts(body)
    assert [(each.line, each.code or each.status) for each in outcomes] == [
        (1, "accepted"),
        (2, "accepted"),
        (4, "units_regress"),
        (5, "duplicate"),
        (6, "malformed_json"),
        (7, "accepted"),
        (8, "conflicting_receipt"),
        (9, "malformed_json"),
        (10, "over_budget"),
        (11, "accepted"),
    ]
    assert stored(database) == [(101, 10), (101, 30), (102, 5), (101, 40)]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_receipts__whatever_the_chunk__same_answers_as_one_by_one(tmp_path: Path, chunk: int) -> None:
    items = [receipt_json(101, units) for units in (5, 3, 5, 9, 9, 2, 12)] + [receipt_json(102, 4)] * 2
    answers = []
    for name, size in (("steady", 1), ("chunked", chunk)):
        (tmp_path / name).mkdir()
        database = market.open_market(tmp_path / name)
        ingest = Ingest(database, DOMAIN, CREDENTIALS, chunk=size)
        outcomes = ingest.receipts(ndjson(*items))
        answers.append(
            ([(each.line, each.status, each.id, each.code) for each in outcomes], stored(database))
        )
        database.close()
    assert answers[0] == answers[1]


def test_receipts__empty_body__no_answers(ingest: Ingest) -> None:
    assert ingest.receipts(b"") == []
    assert ingest.receipts(b"\n \r\n\n") == []


def test_receipts__crash_before_the_commit__nothing_stored_and_the_retry_is_accepted(
    database: Database,
) -> None:
    class Crash(Exception):
        pass

    def crash(place: str) -> None:
        if place == "ingest.before":
            raise Crash

    body = ndjson(receipt_json(101, 10), receipt_json(102, 10))
    with pytest.raises(Crash):
        Ingest(database, DOMAIN, CREDENTIALS, reached=crash).receipts(body)
    assert stored(database) == []
    assert figure(database, 101) is None
    assert [each.status for each in Ingest(database, DOMAIN, CREDENTIALS).receipts(body)] == [
        "accepted",
        "accepted",
    ]


def test_receipts__acknowledged__are_in_a_database_that_is_opened_anew(
    ingest: Ingest, database: Database
) -> None:
    ingest.receipts(ndjson(receipt_json(101, 10)))
    other = Database.open(database.path)
    assert stored(other) == [(101, 10)]
    assert [
        each.status for each in Ingest(other, DOMAIN, CREDENTIALS).receipts(ndjson(receipt_json(101, 10)))
    ] == ["duplicate"]
    other.close()


def test_receipts__observer__is_told_after_the_commit(database: Database) -> None:
    seen: list[tuple[str, list[str], int]] = []

    def observe(kind: str, outcomes: list[Outcome]) -> None:
        seen.append((kind, [each.code or each.status for each in outcomes], len(stored(database))))

    Ingest(database, DOMAIN, CREDENTIALS, observe=observe).receipts(
        ndjson(receipt_json(101, 10), receipt_json(101, 9), b"?")
    )
    assert seen == [("receipt", ["accepted", "units_regress", "malformed_json"], 1)]


# -- what becomes payable ------------------------------------------------------------------------------------


def test_receipts__policy_none__newest_one_is_payable_at_once(ingest: Ingest, database: Database) -> None:
    ingest.receipts(ndjson(receipt_json(101, 10), receipt_json(101, 25)))
    assert figure(database, 101) == (25, 2_000, 0)


@pytest.mark.parametrize("agreement", [102, 103, 104])
def test_receipts__policy_demands_verdicts__nothing_is_payable_yet(
    ingest: Ingest, database: Database, agreement: int
) -> None:
    assert answer(ingest, receipt_json(agreement, 10)) == "accepted"
    assert figure(database, agreement) is None


def test_receipts__newer_figure_while_one_waits__keeps_its_place_in_the_queue(
    ingest: Ingest, database: Database
) -> None:
    send(ingest, receipt_json(101, 10))
    follow(database, 11, chain_time=2_500)
    send(ingest, receipt_json(101, 20))
    assert figure(database, 101) == (20, 2_000, 0)


def test_receipts__newer_figure_after_a_batch__waits_from_now_on(ingest: Ingest, database: Database) -> None:
    send(ingest, receipt_json(101, 10))
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE figures SET batched_units = 10")
    follow(database, 11, chain_time=2_500)
    send(ingest, receipt_json(101, 20))
    assert figure(database, 101) == (20, 2_500, 10)
