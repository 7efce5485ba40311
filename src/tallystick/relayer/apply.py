"""What each final event changes in the database: one handler an event, a few statements each.

Handlers run in the order of the chain, inside the follower's database transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tallystick.chain.event_types import (
    EscrowClosed,
    EscrowCloseRequested,
    EscrowFigureSkipped,
    EscrowOpened,
    EscrowSettled,
    Event,
    PolicyBookPolicyAdded,
    PolicyBookPolicyRetired,
    ReceiptLedgerBatchSettled,
    StakingKeyAuthorised,
    StakingKeyRevoked,
    StakingRegistered,
)
from tallystick.protocol.enums import SkipReason, Status
from tallystick.store.tables import (
    agreements,
    attempts,
    batches,
    dead_letters,
    figures,
    operator_keys,
    operators,
    policies,
)

__all__ = ["apply_events", "set_aside"]

MAX_INT64: Final = 2**63 - 1

_E = TypeVar("_E", bound=Event)
Handler = Callable[[Connection, Any, int], None]
_HANDLERS: Final[dict[type[Event], Handler]] = {}


def apply_events(connection: Connection, events: Iterable[Event], now: int) -> int:
    """Writes events into the mirror at `now` (chain seconds). Returns how many were of interest."""
    count = 0
    for event in sorted(events, key=lambda one: (one.place.block, one.place.log_index)):
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(connection, event, now)
            count += 1
    return count


def set_aside(connection: Connection, agreement: int, units: int, reason: str, detail: str, now: int) -> None:
    """Writes a figure into the dead letters, once."""
    row = {"agreement": agreement, "units": units, "reason": reason, "detail": detail, "created_at": now}
    connection.execute(upsert(dead_letters).values(row).on_conflict_do_nothing())


def _on(kind: type[_E]) -> Callable[[Callable[[Connection, _E, int], None]], Handler]:
    def register(handler: Callable[[Connection, _E, int], None]) -> Handler:
        _HANDLERS[kind] = cast("Handler", handler)
        return _HANDLERS[kind]

    return register


@_on(PolicyBookPolicyAdded)
def _policy_added(connection: Connection, event: PolicyBookPolicyAdded, _now: int) -> None:
    terms = event.terms
    row = {
        "policy": event.policy,
        "kind": terms.kind,
        "quorum": terms.quorum,
        "relayer": terms.relayer,
        "coverage_bps": terms.coverage_bps,
        "stake_multiple": terms.stake_multiple,
        "value_cap": min(terms.value_cap, MAX_INT64),
        "challenge_window": terms.challenge_window,
        "self_post_window": terms.self_post_window,
        "response_window": terms.response_window,
        "dispute_time": terms.dispute_time,
        "notice": terms.notice,
        "verifiers": list(terms.verifiers),
        "retired": False,
    }
    connection.execute(upsert(policies).values(row).on_conflict_do_nothing())


@_on(PolicyBookPolicyRetired)
def _policy_retired(connection: Connection, event: PolicyBookPolicyRetired, _now: int) -> None:
    connection.execute(update(policies).where(policies.c.policy == event.policy).values(retired=True))


@_on(StakingRegistered)
def _registered(connection: Connection, event: StakingRegistered, _now: int) -> None:
    row = {"operator": event.operator, "owner": event.owner, "roles": event.roles}
    connection.execute(upsert(operators).values(row).on_conflict_do_nothing())


@_on(StakingKeyAuthorised)
def _key_authorised(connection: Connection, event: StakingKeyAuthorised, _now: int) -> None:
    row = {**_key(event), "valid_from": event.valid_from, "revoked_at": 0}
    connection.execute(upsert(operator_keys).values(row).on_conflict_do_nothing())


@_on(StakingKeyRevoked)
def _key_revoked(connection: Connection, event: StakingKeyRevoked, _now: int) -> None:
    wanted = [operator_keys.c[name] == value for name, value in _key(event).items()]
    connection.execute(update(operator_keys).where(*wanted).values(revoked_at=event.revoked_at))


def _key(event: StakingKeyAuthorised | StakingKeyRevoked) -> Mapping[str, Any]:
    return {"operator": event.operator, "kind": int(event.kind), "key": event.key}


@_on(EscrowOpened)
def _opened(connection: Connection, event: EscrowOpened, _now: int) -> None:
    terms = event.terms
    row = {
        "agreement": event.agreement,
        "customer": terms.customer,
        "funder": terms.funder,
        "operator": terms.operator,
        "payee": terms.payee,
        "mode": terms.mode,
        "policy": terms.policy,
        "unit_price": terms.unit_price,
        "budget": terms.budget,
        "fee_provider": event.fee_provider,
        "fee_customer": event.fee_customer,
        "start": event.start,
        "expiry": terms.expiry,
        "stop_at": 0,
        "status": int(Status.OPEN),
        "paid": 0,
        "opened_block": event.place.block,
    }
    connection.execute(upsert(agreements).values(row).on_conflict_do_nothing())


@_on(EscrowSettled)
def _settled(connection: Connection, event: EscrowSettled, _now: int) -> None:
    _change_agreement(connection, event.agreement, paid=event.paid)


@_on(EscrowCloseRequested)
def _close_requested(connection: Connection, event: EscrowCloseRequested, _now: int) -> None:
    _change_agreement(connection, event.agreement, stop_at=event.stop_at)


@_on(EscrowClosed)
def _closed(connection: Connection, event: EscrowClosed, _now: int) -> None:
    _change_agreement(connection, event.agreement, paid=event.paid, status=int(Status.CLOSED))


def _change_agreement(connection: Connection, agreement: int, **values: Any) -> None:
    connection.execute(update(agreements).where(agreements.c.agreement == agreement).values(**values))


@_on(EscrowFigureSkipped)
def _figure_skipped(connection: Connection, event: EscrowFigureSkipped, now: int) -> None:
    """A figure that our settlement did not move: it waits again if that can help, else it is set aside.

    Strangers' settlements are not looked at: ours comes after them and says what is left.
    """
    if event.reason in (SkipReason.STALE, SkipReason.CAPPED_AT_BUDGET) or not _ours(connection, event):
        return
    if event.reason == SkipReason.ABOVE_DECLARED_VALUE:
        wanted = figures.c.agreement == event.agreement
        connection.execute(update(figures).where(wanted).values(batched_units=0, ready_at=now))
        return
    why = event.reason.name.lower()
    set_aside(connection, event.agreement, event.units, why, "the settlement left it out", now)


@_on(ReceiptLedgerBatchSettled)
def _batch_settled(connection: Connection, event: ReceiptLedgerBatchSettled, _now: int) -> None:
    """What a batch moved so far. Our own settlement ends it, at once with the new `paid`."""
    values: dict[str, Any] = {"moved": event.moved}
    if _ours(connection, event):
        values["state"] = "settled"
    wanted = (batches.c.batch == str(event.batch), batches.c.state != "lost")
    connection.execute(update(batches).where(*wanted).values(**values))


def _ours(connection: Connection, event: Event) -> bool:
    hash_ = bytes.fromhex(event.place.transaction[2:])
    return connection.execute(select(attempts.c.id).where(attempts.c.hash == hash_)).first() is not None
