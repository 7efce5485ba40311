"""Rows of credentials and revocations: what was handed in, what the chain has, and how the one follows the other.

A record is what `Credentials` keeps by issuer, kind, subject and binding. Whatever happens to a statement once it is
accepted is decided by final events: `posted` by that of its very content, whoever sent it, `refused` by
`CredentialRefused` of a call of ours, or because a newer one of its record is on the chain.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tallystick.chain.event_types import (
    CredentialsCredentialPosted,
    CredentialsCredentialRefused,
    CredentialsCredentialRevoked,
)
from tallystick.protocol.eip712 import Credential, Revocation
from tallystick.protocol.enums import CredentialFault
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.messages import MAX_NONCE
from tallystick.relayer.mirror import chunked
from tallystick.store.tables import attempts, credential_nonces, statements, transactions

__all__ = [
    "POSTED", "POSTING", "REFUSED", "WAITING", "newest_nonces", "note_posted", "note_refused", "note_revoked",
    "record_id", "record_of", "stored_statements",
]  # fmt: skip

WAITING: Final = "waiting"
POSTING: Final = "posting"
POSTED: Final = "posted"
REFUSED: Final = "refused"

STALE: Final = CredentialFault.STALE_NONCE.name.lower()


def record_id(issuer: bytes, kind: int, subject: bytes, binding: bytes) -> bytes:
    """keccak256(abi.encode(issuer, kind, subject, binding)), as `Credentials` names its records."""
    words = (issuer.rjust(32, b"\0"), int(kind).to_bytes(32, "big"), subject.rjust(32, b"\0"), binding)
    return keccak256(b"".join(words))


def record_of(statement: Credential | Revocation) -> bytes:
    """The record that a statement is about."""
    return record_id(statement.issuer, statement.kind, statement.subject, statement.binding)


# What ingest asks


def newest_nonces(connection: Connection, records: Collection[bytes]) -> dict[bytes, int]:
    """The highest nonce of each record, on the chain or on its way there; records without one are left out."""
    stored, mirrored = statements.c, credential_nonces.c
    ours = (
        select(stored.record, func.max(stored.nonce)).where(stored.state != REFUSED).group_by(stored.record)
    )
    theirs = select(mirrored.record, mirrored.nonce)
    found: dict[bytes, int] = {}
    for part in chunked(list(records)):
        rows = [
            *connection.execute(ours.where(stored.record.in_(part))),
            *connection.execute(theirs.where(mirrored.record.in_(part))),
        ]
        for record, nonce in rows:
            found[record] = max(found.get(record, 0), nonce)
    return found


def stored_statements(connection: Connection, hashes: Collection[bytes]) -> set[bytes]:
    """Which of these struct hashes were accepted before."""
    wanted = select(statements.c.hash)
    return {
        hash_
        for part in chunked(list(hashes))
        for hash_ in connection.execute(wanted.where(statements.c.hash.in_(part))).scalars()
    }


# What final events change


def note_posted(connection: Connection, event: CredentialsCredentialPosted) -> None:
    """A credential is on the chain."""
    record = record_id(event.issuer, event.kind, event.subject, event.binding)
    content = (
        statements.c.revocation.is_(False),
        statements.c.value == event.value,
        statements.c.expires_at == event.expires_at,
    )
    _forward(connection, record, event.nonce, *content)


def note_revoked(connection: Connection, event: CredentialsCredentialRevoked) -> None:
    """A revocation is on the chain."""
    record = record_id(event.issuer, event.kind, event.subject, event.binding)
    _forward(connection, record, event.nonce, statements.c.revocation.is_(True))


def _forward(connection: Connection, record: bytes, nonce: int, *content: object) -> None:
    """The record's nonce is `nonce` now. What has that nonce and this content is posted; what still waits with that
    nonce or a lower one never can be. What is in a call of ours is refused by that call's own event."""
    nonce = min(nonce, MAX_NONCE)
    row = {"record": record, "nonce": nonce}
    statement = upsert(credential_nonces).values(row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["record"],
            set_={"nonce": nonce},
            where=credential_nonces.c.nonce < nonce,
        )
    )
    same = statements.c.record == record
    connection.execute(
        update(statements)
        .where(same, statements.c.nonce == nonce, *content)  # type: ignore[arg-type]
        .values(state=POSTED, reason="")
    )
    connection.execute(
        update(statements)
        .where(same, statements.c.nonce <= nonce, statements.c.state == WAITING)
        .values(state=REFUSED, reason=STALE)
    )


def note_refused(connection: Connection, event: CredentialsCredentialRefused) -> None:
    """An item was left out of a call. It is one of ours when the call is; strangers' calls are not looked at.

    One that is posted already (a stranger was faster) stays so.
    """
    hash_ = bytes.fromhex(event.place.transaction[2:])
    ours = select(transactions.c.key).join_from(attempts, transactions).where(attempts.c.hash == hash_)
    key = connection.execute(ours).scalar_one_or_none()
    if key is None:
        return
    connection.execute(
        update(statements)
        .where(
            statements.c.call_key == key,
            statements.c.place == event.index,
            statements.c.state == POSTING,
        )
        .values(state=REFUSED, reason=event.reason.name.lower())
    )
