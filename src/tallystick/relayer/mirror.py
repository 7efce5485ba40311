"""What the follower has written down of the chain, cached between two moves of its cursor.

A `Mirror` is used inside write transactions alone: these exclude one another, and the follower writes mirror
and cursor in one of them. So whatever was read under the same `followed_block` is still true.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, select

from tallystick.protocol.constants import PRICE_SCALE
from tallystick.protocol.enums import KeyKind, Mode, Status
from tallystick.protocol.judge import PolicyRule
from tallystick.relayer.leases import END
from tallystick.store.tables import agreements, credentials, meta, operator_keys, policies

IN_LIST: Final = 500
"""Values per IN list: far below what any database allows."""

_CACHED_AGREEMENTS: Final = 200_000
_T = TypeVar("_T")


class AgreementRow(NamedTuple):
    """One agreement of the mirror. Times in seconds, money in µ, `unit_price` in µ per 1e6 units.

    `lease`: its receipts count the seconds not served, and no price applies to them.
    """

    agreement: int
    operator: int
    policy: int
    unit_price: int
    budget: int
    start: int
    end: int
    open: bool
    lease: bool = False

    def elapsed(self, now: int) -> int:
        """Seconds of the agreement that have passed at `now`: the most of a lease that can not have been served."""
        return max(min(now, self.end) - self.start, 0)

    def gross(self, units: int) -> int:
        """floor(units x unitPrice / 1e6), µ, not yet capped at the budget (PROTOCOL section 4)."""
        return units * self.unit_price // PRICE_SCALE


class KeyRow(NamedTuple):
    """A key that an operator authorised. `revoked_at` 0: it is not revoked."""

    operator: int
    valid_from: int
    revoked_at: int

    def valid_at(self, now: int) -> bool:
        """Good from `valid_from` on and before `revoked_at`, as in `KeyValidity`."""
        return self.valid_from <= now and (self.revoked_at == 0 or now < self.revoked_at)


Keys = dict[bytes, KeyRow]
Attested = frozenset[tuple[int, bytes]]


class Mirror:
    """A cache of agreements, policies and keys; empty again whenever the follower's cursor has moved."""

    def __init__(self) -> None:
        self._cursor: str | None = None
        self._agreements: dict[int, AgreementRow] = {}
        self._policies: dict[int, PolicyRule] | None = None
        self._keys: dict[tuple[int, int], Keys] = {}

    def refresh(self, connection: Connection) -> int:
        """Forgets what the follower may have changed. Returns the chain's time (0 while it is unknown)."""
        wanted = ("followed_block", "chain_time")
        rows = connection.execute(select(meta.c.key, meta.c.value).where(meta.c.key.in_(wanted))).all()
        known: dict[str, str] = {row[0]: row[1] for row in rows}
        cursor = known.get("followed_block")
        if cursor is None or cursor != self._cursor or len(self._agreements) > _CACHED_AGREEMENTS:
            self._agreements.clear()
            self._keys.clear()
            self._policies = None
            self._cursor = cursor
        return int(known.get("chain_time", 0))

    def agreements(self, connection: Connection, numbers: Iterable[int]) -> dict[int, AgreementRow]:
        """Those of `numbers` that are known (openings become known when they are final)."""
        wanted = set(numbers)
        missing = [number for number in wanted if number not in self._agreements and number < 2**63]
        for part in chunked(missing):
            for row in connection.execute(_AGREEMENTS.where(agreements.c.agreement.in_(part))):
                number, operator, policy, price, budget, start, end, status, mode = row
                self._agreements[number] = AgreementRow(
                    *(number, operator, policy, price, budget, start, end),
                    open=status == Status.OPEN,
                    lease=mode == Mode.LEASE,
                )
        return {number: self._agreements[number] for number in wanted if number in self._agreements}

    def policy(self, connection: Connection, number: int) -> PolicyRule | None:
        """The rule of a policy, retired or not; None when it is unknown."""
        if self._policies is None:
            self._policies = {
                row[0]: PolicyRule(row[0], row[1], row[2], frozenset(row[3]), *row[4:])
                for row in connection.execute(_POLICIES)
            }
        return self._policies.get(number)

    def issuers(self, connection: Connection) -> frozenset[bytes]:
        """Whose credentials some policy counts, retired or not: its agreements may still begin and be renewed."""
        self.policy(connection, 0)  # reads them all
        return frozenset(rule.issuer for rule in (self._policies or {}).values() if any(rule.issuer))

    def keys(self, connection: Connection, operators: Iterable[int], kind: KeyKind) -> Keys:
        """The keys of all these operators by address, revoked ones and future ones included."""
        merged: Keys = {}
        for operator in operators:
            known = self._keys.get((operator, kind))
            if known is None:
                query = _KEYS.where(operator_keys.c.operator == operator, operator_keys.c.kind == int(kind))
                known = {row[0]: KeyRow(row[1], row[2], row[3]) for row in connection.execute(query)}
                self._keys[operator, kind] = known
            merged.update(known)
        return merged

    def attested(
        self, connection: Connection, rule: PolicyRule, agreements: Collection[int], now: int
    ) -> Attested:
        """The (agreement, device key) pairs of these agreements with a TEE credential that is good at `now`, of the
        policy's issuer and, where it names one, with its measurement."""
        c = credentials.c
        good = [c.issuer == rule.issuer, c.valid_from <= now, c.expires_at > now]
        good.append((c.revoked_at == 0) | (c.revoked_at > now))
        if any(rule.measurement):
            good.append(c.measurement == rule.measurement)
        return frozenset(
            (row[0], row[1])
            for part in chunked([number for number in agreements if number < 2**63])
            for row in connection.execute(select(c.agreement, c.device).where(c.agreement.in_(part), *good))
        )


_AGREEMENTS = select(
    agreements.c.agreement,
    agreements.c.operator,
    agreements.c.policy,
    agreements.c.unit_price,
    agreements.c.budget,
    agreements.c.start,
    END,
    agreements.c.status,
    agreements.c.mode,
)
_POLICIES = select(
    *(policies.c.policy, policies.c.kind, policies.c.quorum, policies.c.verifiers),
    *(policies.c.issuer, policies.c.measurement, policies.c.verifier_version, policies.c.min_confidence),
)
_KEYS = select(
    operator_keys.c.key, operator_keys.c.operator, operator_keys.c.valid_from, operator_keys.c.revoked_at
)


def chunked(items: Sequence[_T], size: int = IN_LIST) -> list[Sequence[_T]]:
    """`items` in parts of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
