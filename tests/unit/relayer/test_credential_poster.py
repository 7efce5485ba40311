"""Which statements go into the next call, what becomes of calls that fail, and what final events make of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from tests.support import market
from tests.support.market import (
    CREDENTIALS,
    DOMAIN,
    ISSUER,
    SUBJECT,
    credential_json,
    ndjson,
    revocation_json,
)

from tallystick.chain.event_types import (
    CredentialsCredentialPosted,
    CredentialsCredentialRefused,
    CredentialsCredentialRevoked,
    Place,
)
from tallystick.chain.rpc import Head
from tallystick.protocol.enums import CredentialFault, CredentialKind
from tallystick.relayer.apply import apply_events
from tallystick.relayer.credentials import (
    CALL_ITEMS,
    MAX_TRIES,
    CredentialPoster,
    WaitingStatement,
    plan_call,
)
from tallystick.relayer.ingest import Ingest
from tallystick.relayer.statements import record_id
from tallystick.store.database import Database
from tallystick.store.tables import attempts, credential_nonces, statements, transactions

OURS, THEIRS = b"\x0a" * 32, b"\x0b" * 32
AGE = 60
SENDER = b"\x07" * 20


# -- the plan --------------------------------------------------------------------------------------------------------


def waits(
    seq: int, record: int | None = None, *, revokes: bool = False, at: int = 0, retry: int = 0
) -> WaitingStatement:
    return WaitingStatement(seq, revokes, bytes([record if record is not None else seq % 256]), at, retry)


def test_plan_call__nobody_or_too_young__none_is_due() -> None:
    assert plan_call([], 1_000, AGE) == []
    assert plan_call([waits(1, at=100)], 159, AGE) == []
    assert plan_call([waits(1, at=100)], 160, AGE) == [waits(1, at=100)]
    assert plan_call([waits(1, at=100)], 100, 0) == [waits(1, at=100)]


def test_plan_call__hundred_wait__go_at_once_and_no_more() -> None:
    many = [waits(number, at=100) for number in range(CALL_ITEMS + 30)]
    assert plan_call(many[: CALL_ITEMS - 1], 100, AGE) == []
    assert plan_call(many[:CALL_ITEMS], 100, AGE) == many[:CALL_ITEMS]
    assert plan_call(many, 100, AGE) == many[:100]


def test_plan_call__both_kinds__one_kind_a_call_the_oldest_first() -> None:
    one, two, three = waits(1), waits(2, revokes=True), waits(3)
    assert plan_call([one, two, three], 60, AGE) == [one, three]
    assert plan_call([two, one, three], 60, AGE) == [two]


def test_plan_call__revocation_between_two_of_a_record__nothing_overtakes_it() -> None:
    first, revoked, anew, other = waits(1, 7), waits(2, 7, revokes=True), waits(3, 7), waits(4, 8)
    assert plan_call([first, revoked, anew, other], 60, AGE) == [first, other]
    assert plan_call([revoked, anew], 60, AGE) == [revoked]
    assert plan_call([anew], 60, AGE) == [anew]


def test_plan_call__one_waits_for_another_try__is_passed_over_with_its_record() -> None:
    failed, later, other = waits(1, 7, retry=100), waits(2, 7), waits(3, 8)
    assert plan_call([failed, later, other], 99, AGE) == [other]
    assert plan_call([failed, later], 99, AGE) == []
    assert plan_call([failed, later, other], 100, AGE) == [failed, later, other]


# -- the poster ------------------------------------------------------------------------------------------------------


class FakeContracts:
    credentials = b"\x05" * 20

    def credentials_call(self, items: Sequence[Any], signatures: Sequence[bytes]) -> bytes:
        assert [len(one) for one in signatures] == [65] * len(items)
        return b"post" + bytes(one.nonce for one in items)

    def revoke_call(self, items: Sequence[Any], signatures: Sequence[bytes]) -> bytes:
        assert [len(one) for one in signatures] == [65] * len(items)
        return b"undo" + bytes(one.nonce for one in items)


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.ingest = Ingest(database, DOMAIN, CREDENTIALS)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.checked: list[bytes] = []
        engine = SimpleNamespace(
            sender=SENDER, check=lambda target, data: self.checked.append(target + data[:4])
        )
        self.poster = CredentialPoster(
            database, FakeContracts(), engine, age=AGE,  # type: ignore[arg-type]
            notice=lambda event, **details: self.told.append((event, details)), reached=lambda place: None,
        )  # fmt: skip

    def take(self, *items: dict[str, Any]) -> None:
        assert {one.status for one in self.ingest.credentials(ndjson(*items))} == {"accepted"}

    def step(self, now: int) -> None:
        self.poster.step(Head(1, bytes(32), now, 0))

    def rows(self) -> list[tuple[str, str, str | None, int | None]]:
        c = statements.c
        with self.database.read() as connection:
            return [
                tuple(row)
                for row in connection.execute(select(c.state, c.reason, c.call_key, c.place).order_by(c.seq))
            ]

    def states(self) -> list[str]:
        return [row[1] or row[0] for row in self.rows()]

    def calls(self) -> list[tuple[str, str, bytes]]:
        c = transactions.c
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(select(c.key, c.state, c.data).order_by(c.id))]

    def finish(self, key: str, state: str) -> None:
        with self.database.write() as connection:
            connection.execute(
                update(transactions).where(transactions.c.key == key).values(state=state, problem="why")
            )

    def sent(self, key: str) -> None:
        """The engine has signed it: its hash is OURS."""
        with self.database.write() as connection:
            number = connection.execute(
                select(transactions.c.id).where(transactions.c.key == key)
            ).scalar_one()
            row = dict.fromkeys(("nonce", "max_fee", "priority_fee", "block", "created_at"), 1)
            connection.execute(
                insert(attempts).values(row | {"transaction_id": number, "hash": OURS, "raw": b""})
            )

    def follow(self, *events: Any) -> None:
        with self.database.write() as connection:
            apply_events(connection, events, 3_000)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = market.open_market(tmp_path)  # the chain's time is 2 000
    yield Desk(database)
    database.close()


def place(index: int, hash_: bytes = OURS) -> Place:
    return Place(5, "0x" + "00" * 32, "0x" + hash_.hex(), index)


def posted(nonce: int, index: int = 0, **changes: Any) -> CredentialsCredentialPosted:
    fields: dict[str, Any] = {
        "issuer": ISSUER.address, "subject": SUBJECT, "kind": CredentialKind.KYC_CUSTOMER, "binding": bytes(32),
        "value": bytes(32), "valid_from": 2_100, "expires_at": 9_000, "nonce": nonce,
    }  # fmt: skip
    return CredentialsCredentialPosted(place(index, THEIRS), **(fields | changes))


def revoked(nonce: int, index: int = 0) -> CredentialsCredentialRevoked:
    who = (ISSUER.address, SUBJECT, CredentialKind.KYC_CUSTOMER, bytes(32))
    return CredentialsCredentialRevoked(place(index), *who, 2_200, nonce)


def refused(item: int, reason: CredentialFault, hash_: bytes = OURS) -> CredentialsCredentialRefused:
    return CredentialsCredentialRefused(place(9, hash_), item, ISSUER.address, reason)


def test_step__due__rows_and_transaction_name_one_another(desk: Desk) -> None:
    desk.take(credential_json(1), credential_json(5, kind=2), revocation_json(7))
    desk.step(2_059)
    assert desk.calls() == []
    desk.step(2_060)
    assert desk.rows() == [
        ("posting", "", "credentials:1", 0),
        ("posting", "", "credentials:1", 1),
        ("waiting", "", None, None),
    ]
    desk.step(2_061)
    desk.step(2_062)
    assert desk.calls() == [
        ("credentials:1", "queued", b"post\x01\x05"),
        ("revocations:2", "queued", b"undo\x07"),
    ]
    assert desk.checked == [FakeContracts.credentials + b"post", FakeContracts.credentials + b"undo"]
    assert [event for event, _ in desk.told] == ["credentials_asked"] * 2


def test_step__call_fails_as_a_whole__tried_again_later_and_later_and_at_last_given_up(desk: Desk) -> None:
    desk.take(credential_json(1))
    now, asked_at = 2_060, []
    for number in range(1, MAX_TRIES + 1):
        while len(desk.calls()) < number:
            desk.step(now)
            now += 1
        asked_at.append(now - 1)
        desk.finish(f"credentials:{number}", "reverted" if number % 2 else "refused")
    gaps = [later - earlier for earlier, later in pairwise(asked_at)]
    # 5 s doubled for each failure, at most 600, and a second until it is seen
    assert gaps == [11, 21, 41, 81, 161, 321, 601]
    desk.step(now)
    assert desk.states() == ["not_posted"]
    desk.step(10**6)
    assert len(desk.calls()) == MAX_TRIES
    assert desk.told[-1] == (
        "credentials_failed", {"key": f"credentials:{MAX_TRIES}", "problem": "why", "tried_again": 0, "given_up": 1}
    )  # fmt: skip


def test_step__expired_while_it_waited__is_refused_without_a_transaction(desk: Desk) -> None:
    desk.take(credential_json(1, expires_at=2_060), credential_json(1, kind=2, expires_at=2_061))
    desk.step(2_060)
    assert desk.states() == ["expired", "posting"]
    assert desk.calls() == [("credentials:1", "queued", b"post\x01")]


def test_step__revocation__never_expires(desk: Desk) -> None:
    desk.take(revocation_json(1))
    desk.step(10**6)
    assert desk.states() == ["posting"]


# -- final events ----------------------------------------------------------------------------------------------------


def test_follow__events_of_our_call__each_row_has_its_end(desk: Desk) -> None:
    desk.take(credential_json(1), credential_json(1, kind=2), credential_json(2), revocation_json(1, kind=3))
    desk.step(2_060)
    desk.sent("credentials:1")
    desk.follow(refused(1, CredentialFault.BAD_SIGNATURE))
    assert desk.states() == ["posting", "bad_signature", "posting", "waiting"]
    desk.follow(posted(1), posted(2, 2))
    assert desk.states() == ["posted", "bad_signature", "posted", "waiting"]
    desk.finish("credentials:1", "final")
    desk.step(2_061)
    desk.step(10**6)
    assert [key for key, _, _ in desk.calls()] == [
        "credentials:1",
        "revocations:2",
    ]  # nothing is posted again


def test_follow__refused_item_of_a_strangers_call__is_none_of_ours(desk: Desk) -> None:
    desk.take(credential_json(1))
    desk.step(2_060)
    desk.sent("credentials:1")
    desk.follow(refused(0, CredentialFault.EXPIRED, THEIRS))
    assert desk.states() == ["posting"]


def test_follow__stranger_posts_ours_first__ours_is_posted_and_the_refusal_changes_nothing(
    desk: Desk,
) -> None:
    desk.take(credential_json(1))
    desk.step(2_060)
    desk.sent("credentials:1")
    desk.follow(posted(1), refused(0, CredentialFault.STALE_NONCE))
    assert desk.states() == ["posted"]


@pytest.mark.parametrize("changes", [{"expires_at": 9_001}, {"value": b"\x01" * 32}])
def test_follow__other_content_with_our_nonce__ours_is_stale(desk: Desk, changes: dict[str, Any]) -> None:
    desk.take(credential_json(1))
    desk.follow(posted(1, **changes))
    assert desk.states() == ["stale_nonce"]


def test_follow__revocation_with_a_credentials_nonce__does_not_post_it(desk: Desk) -> None:
    desk.take(credential_json(3), revocation_json(4))
    desk.follow(revoked(3))
    assert desk.states() == ["stale_nonce", "waiting"]
    desk.follow(revoked(4))
    assert desk.states() == ["stale_nonce", "posted"]


def test_follow__newer_one_on_the_chain__older_ones_that_wait_are_stale_and_other_records_are_not(
    desk: Desk,
) -> None:
    desk.take(credential_json(3), credential_json(5), credential_json(3, kind=2), credential_json(6))
    desk.follow(posted(5, expires_at=8_000))
    assert desk.states() == ["stale_nonce", "stale_nonce", "waiting", "waiting"]


def test_follow__nonces__only_rise_and_those_beyond_the_store_are_capped(desk: Desk) -> None:
    record = record_id(ISSUER.address, 1, SUBJECT, bytes(32))
    for nonce, known in ((4, 4), (3, 4), (5, 5), (2**64 - 1, 2**63 - 1)):
        desk.follow(posted(nonce))
        with desk.database.read() as connection:
            assert connection.execute(select(credential_nonces)).all() == [(record, known)]
    assert [one.code for one in desk.ingest.credentials(ndjson(credential_json(2**63 - 1)))] == [
        "stale_nonce"
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"state": "lost"},
        {"state": "posting"},
        {"state": "refused"},
        {"reason": "expired"},
        {"nonce": 0},
    ],
)
def test_statements__row_that_makes_no_sense__is_refused_by_the_database(
    desk: Desk, values: dict[str, Any]
) -> None:
    desk.take(credential_json(1))
    with pytest.raises(IntegrityError), desk.database.write() as connection:
        connection.execute(update(statements).values(**values))
