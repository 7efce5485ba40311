"""A small marketplace in a database: what the follower would have written, and the keys to sign with.

Operators: 1 provider, 2 another provider, 3, 4 and 5 verifiers, 9 the relayer.
Policies: 1 NONE, 2 ATTESTED by 3, 3 QUORUM of two out of 3, 4 and 5, 4 TEE, whose credentials ISSUER signs.
Agreements 101 to 104 are of operator 1 under the policy of their last digit: 2 000 000 µ per 1e6 units (2 µ
each), budget 2 000 µ (1 000 units), from 1 000 to 5 000 s. The chain's time is 2 000.
"""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

from tallystick.protocol.eip712 import (
    Credential,
    Domain,
    Receipt,
    Revocation,
    Verdict,
    credentials_domain,
    digest,
    ledger_domain,
)
from tallystick.protocol.enums import KeyKind, VerificationKind
from tallystick.protocol.keys import PrivateKey
from tallystick.store import tables
from tallystick.store.database import Database, set_meta

DOMAIN: Domain = ledger_domain(31_337, bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3"))
CREDENTIALS: Domain = credentials_domain(31_337, bytes.fromhex("cf7ed3acca5a467e9e704c703e8d87f634fb0fc9"))
NOW = 2_000
ROOT = b"\x11" * 32
DEVICE = PrivateKey.from_seed("market", "device", 1)
OTHER_DEVICE = PrivateKey.from_seed("market", "device", 2)
VERIFIERS = {number: PrivateKey.from_seed("market", "verifier", number) for number in (3, 4, 5)}
ISSUER = PrivateKey.from_seed("market", "issuer")
SUBJECT = b"\x2b" * 20
STRANGER = PrivateKey.from_seed("market", "stranger")

_POLICIES: dict[int, tuple[int, int, list[int]]] = {
    1: (0, 0, []),
    2: (1, 1, [3]),
    3: (2, 2, [3, 4, 5]),
    4: (3, 0, []),
}


def open_market(folder: Path) -> Database:
    """A database with the marketplace above in it."""
    path = folder / "relayer.sqlite3"
    path.write_bytes(_template())
    return Database.open(path, upgrade=False)


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "template.sqlite3")
        _fill(database)
        database.checkpoint()
        database.close()
        return database.path.read_bytes()


def _fill(database: Database) -> None:
    with database.write() as connection:
        for policy, (kind, quorum, verifiers) in _POLICIES.items():
            _add_policy(connection, policy, kind, quorum, verifiers)
        add_key(connection, 1, KeyKind.DEVICE, DEVICE)
        add_key(connection, 2, KeyKind.DEVICE, OTHER_DEVICE)
        for operator, key in VERIFIERS.items():
            add_key(connection, operator, KeyKind.VERIFIER, key)
        for policy in _POLICIES:
            add_agreement(connection, 100 + policy, policy=policy)
        set_meta(connection, "chain_time", str(NOW))
        set_meta(connection, "followed_block", "10")


def add_agreement(connection: Connection, agreement: int, **changes: Any) -> None:
    """One more agreement of operator 1; `changes` are columns."""
    row = {
        "agreement": agreement,
        "customer": 1,
        "funder": 1,
        "operator": 1,
        "payee": 2,
        "mode": 0,
        "policy": 1,
        "unit_price": 2_000_000,
        "budget": 2_000,
        "fee_provider": 500,
        "fee_customer": 0,
        "start": 1_000,
        "expiry": 5_000,
        "stop_at": 0,
        "status": 1,
        "paid": 0,
        "opened_block": 5,
    }
    connection.execute(insert(tables.agreements).values(row | changes))


def add_key(
    connection: Connection,
    operator: int,
    kind: KeyKind,
    key: PrivateKey,
    valid_from: int = 1,
    revoked_at: int = 0,
) -> None:
    """Authorises a key for an operator."""
    connection.execute(
        insert(tables.operator_keys).values(
            operator=operator, kind=int(kind), key=key.address, valid_from=valid_from, revoked_at=revoked_at
        )
    )


def follow(database: Database, block: int, chain_time: int = NOW, **agreement: Any) -> None:
    """What the follower does: moves the cursor and the clock, and changes columns of one agreement."""
    with database.write() as connection:
        if agreement:
            number = agreement.pop("agreement")
            connection.execute(
                update(tables.agreements).where(tables.agreements.c.agreement == number).values(agreement)
            )
        set_meta(connection, "followed_block", str(block))
        set_meta(connection, "chain_time", str(chain_time))


def receipt_json(
    agreement: int,
    units: int,
    *,
    key: PrivateKey = DEVICE,
    period: tuple[int, int] = (1_000, 1_500),
    root: bytes = ROOT,
    exclusive: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """A receipt as a provider sends it; `changes` are made after signing."""
    receipt = Receipt(agreement, units, *period, root, exclusive)
    signature = key.sign(digest(DOMAIN, receipt.hash_struct()))
    return {
        "agreement": agreement,
        "units": units,
        "periodStart": period[0],
        "periodEnd": period[1],
        "outputRoot": "0x" + root.hex(),
        "exclusive": exclusive,
        "signature": "0x" + signature.hex(),
    } | changes


def verdict_json(
    agreement: int,
    units: int,
    *,
    verifier: int = 3,
    key: PrivateKey | None = None,
    root: bytes = ROOT,
    valid: bool = True,
    version: int = 1,
    confidence: int = 10_000,
    **changes: Any,
) -> dict[str, Any]:
    """A verdict as a verifier sends it; `changes` are made after signing."""
    verdict = Verdict(agreement, units, root, valid, version, confidence)
    signature = (key or VERIFIERS[verifier]).sign(digest(DOMAIN, verdict.hash_struct()))
    return {
        "agreement": agreement,
        "units": units,
        "outputRoot": "0x" + root.hex(),
        "valid": valid,
        "verifierVersion": version,
        "confidence": confidence,
        "signature": "0x" + signature.hex(),
    } | changes


def credential_json(
    nonce: int = 1,
    *,
    key: PrivateKey = ISSUER,
    issuer: bytes | None = None,
    kind: int = 1,
    subject: bytes = SUBJECT,
    binding: int = 0,
    value: bytes = bytes(32),
    expires_at: int = 9_000,
    **changes: Any,
) -> dict[str, Any]:
    """A credential as a KYC provider sends it; `changes` are made after signing."""
    place = (issuer or key.address, kind, subject, binding.to_bytes(32, "big"))
    credential = Credential(*place, value, expires_at, nonce)
    signature = key.sign(digest(CREDENTIALS, credential.hash_struct()))
    return (
        _place_json("credential", place)
        | {"value": "0x" + value.hex(), "expiresAt": expires_at, "nonce": nonce}
        | {"signature": "0x" + signature.hex()}
        | changes
    )


def revocation_json(
    nonce: int = 2,
    *,
    key: PrivateKey = ISSUER,
    kind: int = 1,
    subject: bytes = SUBJECT,
    binding: int = 0,
    **changes: Any,
) -> dict[str, Any]:
    """As `credential_json`, of the revocation."""
    place = (key.address, kind, subject, binding.to_bytes(32, "big"))
    signature = key.sign(digest(CREDENTIALS, Revocation(*place, nonce).hash_struct()))
    return (
        _place_json("revocation", place) | {"nonce": nonce} | {"signature": "0x" + signature.hex()} | changes
    )


def _place_json(name: str, place: tuple[bytes, int, bytes, bytes]) -> dict[str, Any]:
    issuer, kind, subject, binding = place
    return {
        "type": name,
        "issuer": "0x" + issuer.hex(),
        "kind": kind,
        "subject": "0x" + subject.hex(),
        "binding": "0x" + binding.hex(),
    }


def ndjson(*items: dict[str, Any] | bytes) -> bytes:
    """Objects (or raw lines) as an NDJSON body."""
    lines = (item if isinstance(item, bytes) else json.dumps(item).encode() for item in items)
    return b"".join(line + b"\n" for line in lines)


def _add_policy(connection: Connection, policy: int, kind: int, quorum: int, verifiers: list[int]) -> None:
    connection.execute(
        insert(tables.policies).values(
            policy=policy,
            kind=kind,
            quorum=quorum,
            relayer=9,
            coverage_bps=1_000,
            stake_multiple=10,
            value_cap=10**12,
            challenge_window=86_400,
            self_post_window=259_200,
            response_window=21_600,
            notice=3_600,
            issuer=ISSUER.address if kind == VerificationKind.TEE else bytes(20),
            verifiers=verifiers,
            retired=False,
        )
    )
