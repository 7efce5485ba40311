"""Credentials and revocations at the door: each code, in its order; duplicates; durable before the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.support import market
from tests.support.market import (
    CREDENTIALS,
    DOMAIN,
    ISSUER,
    NOW,
    STRANGER,
    SUBJECT,
    credential_json,
    ndjson,
    revocation_json,
)

from tallystick.protocol.eip712 import Credential
from tallystick.protocol.messages import Outcome
from tallystick.relayer.ingest import Ingest
from tallystick.relayer.statements import record_id
from tallystick.store.database import Database
from tallystick.store.tables import credential_nonces, policies, statements

RECORD = record_id(ISSUER.address, 1, SUBJECT, bytes(32))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = market.open_market(tmp_path)
    yield database
    database.close()


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database, DOMAIN, CREDENTIALS)


def answers(ingest: Ingest, *items: dict[str, Any] | bytes) -> list[str]:
    """Codes, or statuses where there is none."""
    return [one.code or one.status for one in ingest.credentials(ndjson(*items))]


def test_credentials__each_kind__is_stored_as_it_was_signed(ingest: Ingest, database: Database) -> None:
    tee = credential_json(7, kind=9, binding=104, value=b"\x0e" * 32, expires_at=2**40 - 1)
    told = ingest.credentials(ndjson(credential_json(), revocation_json(), tee))
    assert [one.status for one in told] == ["accepted"] * 3
    with database.read() as connection:
        rows = connection.execute(select(statements).order_by(statements.c.seq)).all()
    assert told[0].id == "0x" + rows[0].hash.hex()
    assert (
        rows[0].hash == Credential(ISSUER.address, 1, SUBJECT, bytes(32), bytes(32), 9_000, 1).hash_struct()
    )
    assert [(row.revocation, row.kind, row.nonce, row.expires_at) for row in rows] == [
        (False, 1, 1, 9_000),
        (True, 1, 2, 0),
        (False, 9, 7, 2**40 - 1),
    ]
    assert rows[0].record == rows[1].record == RECORD != rows[2].record
    assert (rows[2].binding, rows[2].value) == ((104).to_bytes(32, "big"), b"\x0e" * 32)
    assert {(row.issuer, row.subject, row.state, row.received_at) for row in rows} == {
        (ISSUER.address, SUBJECT, "waiting", NOW)
    }
    assert rows[0].signature.hex() == credential_json()["signature"][2:]


def without(item: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != name}


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (b"{", "malformed_json"),
        (without(credential_json(), "type"), "bad_field"),
        (credential_json(type="verdict"), "bad_field"),
        (credential_json(type="revocation"), "bad_signature"),  # another message than was signed
        (without(credential_json(), "value"), "bad_field"),
        (without(revocation_json(), "nonce"), "bad_field"),
        (credential_json(kind=11), "bad_field"),
        (credential_json(kind=1) | {"kind": -1}, "bad_field"),
        (credential_json(kind=1) | {"kind": "KYC_CUSTOMER"}, "bad_field"),
        (credential_json(subject=bytes(20)), "bad_field"),
        (credential_json() | {"issuer": "0x" + "00" * 20}, "bad_field"),
        (credential_json(subject=b"\x2b" * 20) | {"subject": "0x2b"}, "bad_field"),
        (credential_json(binding=0) | {"binding": "0x00"}, "bad_field"),
        (credential_json(value=bytes(32)) | {"value": 5}, "bad_field"),
        (credential_json() | {"expiresAt": 2**40}, "bad_field"),
        (credential_json(0), "bad_field"),
        (credential_json(2**63), "bad_field"),
        (credential_json() | {"nonce": "1.0"}, "bad_field"),
        (credential_json(binding=104), "bad_binding"),
        (credential_json(kind=9), "bad_binding"),
        (revocation_json(kind=9), "bad_binding"),
        (credential_json(signature="0x12"), "bad_signature"),
        (credential_json(signature="0x" + "00" * 65), "bad_signature"),
        (credential_json(key=STRANGER, issuer=ISSUER.address), "bad_signature"),
        (credential_json() | {"nonce": 2}, "bad_signature"),  # changed after signing
        (credential_json(key=STRANGER), "unknown_issuer"),
        (revocation_json(key=STRANGER), "unknown_issuer"),
        (credential_json(expires_at=NOW), "expired"),
    ],
)
def test_credentials__one_fault__its_code_and_nothing_stored(
    ingest: Ingest, database: Database, item: dict[str, Any] | bytes, code: str
) -> None:
    assert answers(ingest, item) == [code]
    with database.read() as connection:
        assert connection.execute(select(statements)).all() == []


def test_credentials__domain_of_another_contract_or_chain__bad_signature(database: Database) -> None:
    for domain in (DOMAIN, CREDENTIALS._replace(chain_id=1)):
        other = Ingest(database, DOMAIN, domain)
        assert answers(other, credential_json(), revocation_json()) == ["bad_signature"] * 2


def test_credentials__last_second_and_greatest_nonce__accepted(ingest: Ingest) -> None:
    assert answers(ingest, credential_json(2**63 - 1, expires_at=NOW + 1)) == ["accepted"]
    item = credential_json(2**63 - 1, expires_at=NOW + 1) | {"nonce": str(2**63 - 1)}
    assert answers(ingest, item) == ["duplicate"]


def test_credentials__several_faults__first_of_the_order_is_told(ingest: Ingest) -> None:
    """bad_binding, bad_signature, duplicate, unknown_issuer, expired, stale_nonce."""
    stranger = STRANGER.address
    assert answers(ingest, credential_json(5)) == ["accepted"]
    assert answers(
        ingest,
        credential_json(5, binding=3, key=STRANGER, issuer=ISSUER.address),
        credential_json(5, key=ISSUER, issuer=stranger, expires_at=1),
        credential_json(5, key=STRANGER, expires_at=1),
        credential_json(4, expires_at=1),
        credential_json(4),
    ) == ["bad_binding", "bad_signature", "unknown_issuer", "expired", "stale_nonce"]


def test_credentials__sent_again__duplicate_whatever_happened_since(
    ingest: Ingest, database: Database
) -> None:
    first = ingest.credential(ndjson(credential_json(1)))
    with database.write() as connection:
        connection.execute(update(policies).values(issuer=bytes(20)))
        connection.execute(update(statements).values(state="refused", reason="expired"))
    market.follow(database, 11, chain_time=10**6)
    assert answers(ingest, credential_json(1), credential_json(2)) == ["duplicate", "unknown_issuer"]
    assert ingest.credential(ndjson(credential_json(1))) == Outcome(1, "duplicate", first.id)


def test_credentials__nonce__rises_by_record_over_credentials_and_revocations(ingest: Ingest) -> None:
    assert (
        answers(
            ingest,
            credential_json(3),
            revocation_json(3),
            revocation_json(4),
            credential_json(4, expires_at=8_000),
            credential_json(5, expires_at=8_000),
            credential_json(1, kind=2),
            credential_json(1, subject=b"\x2c" * 20),
            revocation_json(1, kind=9, binding=104),
            revocation_json(1, kind=9, binding=105),
        )
        == ["accepted", "stale_nonce", "accepted", "stale_nonce"] + ["accepted"] * 5
    )


def test_credentials__nonce_on_the_chain__counts_too(ingest: Ingest, database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(credential_nonces).values(record=RECORD, nonce=9))
    assert answers(ingest, credential_json(9), credential_json(10)) == ["stale_nonce", "accepted"]


def test_credentials__refused_by_the_chain__its_nonce_may_be_used_again(
    ingest: Ingest, database: Database
) -> None:
    assert answers(ingest, credential_json(5, expires_at=3_000)) == ["accepted"]
    with database.write() as connection:
        connection.execute(update(statements).values(state="refused", reason="expired"))
    assert answers(ingest, credential_json(5, expires_at=4_000)) == ["accepted"]


def test_credentials__policy_retired__its_issuer_still_counts(ingest: Ingest, database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(policies).values(retired=True))
    market.follow(database, 11)
    assert answers(ingest, revocation_json()) == ["accepted"]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_credentials__any_chunk__same_answers(database: Database, size: int) -> None:
    observed: Counter[str] = Counter()
    ingest = Ingest(
        database,
        DOMAIN,
        CREDENTIALS,
        chunk=size,
        observe=lambda kind, done: observed.update([kind] * len(done)),
    )
    items = [credential_json(1), b"", credential_json(1), revocation_json(1), b"[]", revocation_json(2)]
    told = ingest.credentials(ndjson(*items))
    assert [(one.line, one.code or one.status) for one in told] == [
        (1, "accepted"),
        (3, "duplicate"),
        (4, "stale_nonce"),
        (5, "bad_field"),
        (6, "accepted"),
    ]
    assert observed == {"credential": 5}


class Crash(BaseException):
    pass


@pytest.mark.parametrize(("place", "after"), [("ingest.before", "accepted"), ("ingest.after", "duplicate")])
def test_credentials__dies_at_the_commit__stored_or_taken_the_next_time(
    database: Database, place: str, after: str
) -> None:
    def crash(reached: str) -> None:
        if reached == place:
            raise Crash

    with pytest.raises(Crash):
        Ingest(database, DOMAIN, CREDENTIALS, reached=crash).credentials(ndjson(credential_json()))
    assert answers(Ingest(database, DOMAIN, CREDENTIALS), credential_json()) == [after]
