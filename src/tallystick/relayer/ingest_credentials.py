"""Accepts a chunk of credentials and revocations inside one transaction, by the rules of `ingest` and in its order."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from tallystick.protocol.eip712 import Credential
from tallystick.protocol.messages import ACCEPTED, DUPLICATE, Outcome, SignedStatement
from tallystick.relayer.admission import Admission, no
from tallystick.relayer.records import insert_many
from tallystick.relayer.statements import newest_nonces, record_of, stored_statements
from tallystick.store.tables import statements

_COLUMNS = (
    *("hash", "revocation", "record", "issuer", "kind", "subject", "binding"),
    *("value", "expires_at", "nonce", "signature", "received_at"),
)


def accept_statements(
    admission: Admission, connection: Connection, items: list[SignedStatement]
) -> dict[int, Outcome]:
    """Answers every item by its line and stores the accepted ones."""
    now = admission.mirror.refresh(connection)
    issuers = admission.mirror.issuers(connection)
    records = {item.line: record_of(item.statement) for item in items}
    newest = newest_nonces(connection, set(records.values()))
    stored = stored_statements(connection, {item.hash for item in items})
    outcomes: dict[int, Outcome] = {}
    accepted: list[SignedStatement] = []
    for item in items:
        record = records[item.line]
        outcome = judge_statement(item, item.hash in stored, issuers, newest.get(record, 0), now)
        outcomes[item.line] = outcome
        if outcome.status == ACCEPTED:
            accepted.append(item)
            stored.add(item.hash)
            newest[record] = item.statement.nonce
    rows = [_row(item, records[item.line], now) for item in accepted]
    insert_many(connection, statements, _COLUMNS, rows)
    return outcomes


def judge_statement(
    item: SignedStatement, stored: bool, issuers: Collection[bytes], newest: int, now: int
) -> Outcome:
    """The answer to one credential or revocation. Pure.

    Args:
        stored: Whether one with this hash was accepted before.
        issuers: Those that some policy names.
        newest: The highest nonce of its record that is known; 0 without any.
        now: The chain's time.
    """
    statement = item.statement
    if item.signer is None:
        return no(item, "bad_signature", "The signature is no valid signature of this message.")
    if item.signer != statement.issuer:
        who = f"0x{item.signer.hex()}"
        return no(
            item, "bad_signature", f"{who} signed, not the issuer; one that is a contract posts by itself."
        )
    if stored:
        return Outcome(item.line, DUPLICATE, "0x" + item.hash.hex())
    if statement.issuer not in issuers:
        return no(item, "unknown_issuer", f"No policy names the issuer 0x{statement.issuer.hex()}.")
    if isinstance(statement, Credential) and statement.expires_at <= now:
        return no(item, "expired", f"It expired at {statement.expires_at}; the chain's time is {now}.")
    if statement.nonce <= newest:
        return no(item, "stale_nonce", f"nonce must rise; the newest of this record is {newest}.")
    return Outcome(item.line, ACCEPTED, "0x" + item.hash.hex())


def _row(item: SignedStatement, record: bytes, now: int) -> tuple[object, ...]:
    one = item.statement
    value, expires_at = (one.value, one.expires_at) if isinstance(one, Credential) else (bytes(32), 0)
    place = (one.issuer, one.kind, one.subject, one.binding)
    revocation = not isinstance(one, Credential)
    return (item.hash, revocation, record, *place, value, expires_at, one.nonce, item.signature, now)
