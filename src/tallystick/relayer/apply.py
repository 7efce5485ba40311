"""What each final event changes in the database: one handler an event, a few statements each.

Handlers run in the order of the chain, inside the follower's database transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Row, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tallystick.chain.dispute_events import (
    ChallengesAnswered,
    ChallengesChallenged,
    ChallengesDismissed,
    ChallengesStarted,
    ChallengesVoided,
    CourtProposed,
)
from tallystick.chain.event_types import (
    CredentialsCredentialPosted,
    CredentialsCredentialRefused,
    CredentialsCredentialRevoked,
    EscrowBegun,
    EscrowClosed,
    EscrowCloseRequested,
    EscrowDowntimeSet,
    EscrowFeesOverturned,
    EscrowFigureSkipped,
    EscrowFrozen,
    EscrowOpened,
    EscrowOpeningPaused,
    EscrowOpeningResumed,
    EscrowReleaseFinalised,
    EscrowReplaced,
    EscrowSettled,
    EscrowSettledByRelease,
    EscrowToppedUp,
    EscrowUnfrozen,
    Event,
    PolicyBookPolicyAdded,
    PolicyBookPolicyRetired,
    ReceiptLedgerBatchCancelled,
    ReceiptLedgerBatchSettled,
    ReceiptLedgerPostingPaused,
    ReceiptLedgerPostingResumed,
    StakingKeyAuthorised,
    StakingKeyRevoked,
    StakingRegistered,
)
from tallystick.chain.token_events import (
    DividendVaultClaimed,
    DividendVaultFeesReceived,
    SupplierRewardsCheckpointed,
    SupplierRewardsForfeited,
)
from tallystick.protocol.amounts import price_of
from tallystick.protocol.enums import CredentialKind, SkipReason, Status
from tallystick.store.database import set_meta
from tallystick.store.tables import (
    agreements,
    attempts,
    batch_leaves,
    batches,
    challenges,
    credentials,
    dead_letters,
    figures,
    operator_keys,
    operators,
    policies,
    rejections,
    transactions,
)

from .leases import funded_until
from .rewards import DIVIDENDS_CLAIMED, DIVIDENDS_RECEIVED, add_to_meta, note_fees, note_settled
from .statements import note_posted, note_refused, note_revoked

__all__ = ["OPENING_PAUSED", "POSTING_PAUSED", "apply_events", "set_aside", "wake_figure", "wake_figures"]

MAX_INT64: Final = 2**63 - 1

OPENING_PAUSED: Final = "opening_paused_until"
POSTING_PAUSED: Final = "posting_paused_until"
"""Meta keys: chain seconds at which a guardian's pause ends by itself; 0 when it was ended early."""

GONE: Final = ("lost", "cancelled")
"""States of batches whose figures were given back."""

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


def wake_figures(connection: Connection, batch: str, now: int) -> None:
    """Lets the figures of a batch that is gone wait again, from `now` on, unless another batch has them.

    Not those whose leaf went void for want of an answer: they would go void again.
    """
    mine = select(batch_leaves.c.agreement).where(batch_leaves.c.batch == batch)
    void = select(challenges.c.agreement).where(challenges.c.batch == batch, challenges.c.state == "void")
    _wake(connection, figures.c.agreement.in_(mine) & figures.c.agreement.not_in(void), now)


def wake_figure(connection: Connection, agreement: int, now: int) -> None:
    """Lets the newest figure of an agreement wait again, from `now` on, unless a batch that stands has it."""
    _wake(connection, figures.c.agreement == agreement, now)


def _wake(connection: Connection, which: ColumnElement[bool], now: int) -> None:
    blocked = select(challenges.c.batch).where(
        challenges.c.batch == batch_leaves.c.batch,
        challenges.c.idx == batch_leaves.c.idx,
        challenges.c.state == "void",
    )
    others = (
        select(func.coalesce(func.max(batch_leaves.c.units), 0))
        .join_from(batch_leaves, batches)
        .where(
            batch_leaves.c.agreement == figures.c.agreement,
            batches.c.state.not_in(GONE),
            ~blocked.correlate(batch_leaves).exists(),
        )
        .scalar_subquery()
    )
    connection.execute(update(figures).where(which).values(batched_units=others, ready_at=now))


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
        "gross_cap": min(terms.gross_cap, MAX_INT64),
        "challenge_window": terms.challenge_window,
        "self_post_window": terms.self_post_window,
        "response_window": terms.response_window,
        "notice": terms.notice,
        "report_time": terms.report_time,
        "silence": terms.silence,
        "issuer": bytes.fromhex(terms.issuer[2:]),
        "measurement": terms.measurement,
        "verifier_version": terms.verifier_version,
        "min_confidence": terms.min_confidence,
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
        "funded_until": funded_until(terms.mode, event.start, terms.budget, terms.unit_price),
        "status": int(Status.OPEN),
        "paid": 0,
        "opened_block": event.place.block,
    }
    connection.execute(upsert(agreements).values(row).on_conflict_do_nothing())


@_on(EscrowBegun)
def _begun(connection: Connection, event: EscrowBegun, _now: int) -> None:
    _change_clock(connection, event.agreement, start=event.start)


@_on(EscrowToppedUp)
def _topped_up(connection: Connection, event: EscrowToppedUp, now: int) -> None:
    """The budget is higher. A figure that was worth more than the old one waits again: for the rest."""
    before = _change_clock(connection, event.agreement, budget=event.budget)
    if before is None:
        return
    row = connection.execute(select(figures.c.units).where(figures.c.agreement == event.agreement)).first()
    if row is not None and price_of(row.units, before.unit_price) > before.budget:
        wanted = figures.c.agreement == event.agreement
        connection.execute(update(figures).where(wanted).values(batched_units=0, ready_at=now))


def _change_clock(connection: Connection, agreement: int, **values: int) -> Row[Any] | None:
    """Changes start or budget, and the end of a lease's money with them. Returns the row as it was."""
    wanted = agreements.c.agreement == agreement
    before = connection.execute(select(agreements).where(wanted)).first()
    if before is not None:
        start, budget = values.get("start", before.start), values.get("budget", before.budget)
        end = funded_until(before.mode, start, budget, before.unit_price)
        _change_agreement(connection, agreement, **values, funded_until=end)
    return before


@_on(EscrowDowntimeSet)
def _downtime_set(connection: Connection, event: EscrowDowntimeSet, _now: int) -> None:
    _change_agreement(connection, event.agreement, downtime=event.downtime)


@_on(EscrowSettled)
def _settled(connection: Connection, event: EscrowSettled, now: int) -> None:
    """The step's fees are the payee's, as the base of its rewards."""
    note_settled(connection, event.agreement, event.paid, now)
    _change_agreement(connection, event.agreement, paid=event.paid)


@_on(EscrowSettledByRelease)
def _released(connection: Connection, event: EscrowSettledByRelease, _now: int) -> None:
    """Its fees wait for the end of the release."""
    _change_agreement(connection, event.agreement, paid=event.paid)


@_on(EscrowReleaseFinalised)
def _release_finalised(connection: Connection, event: EscrowReleaseFinalised, now: int) -> None:
    wanted = select(agreements.c.payee).where(agreements.c.agreement == event.agreement)
    payee = connection.execute(wanted).scalar_one_or_none()
    if event.good and event.fees and payee is not None:
        note_fees(connection, payee, now, fees=event.fees)


@_on(EscrowFeesOverturned)
def _fees_overturned(connection: Connection, event: EscrowFeesOverturned, now: int) -> None:
    note_fees(connection, event.account, now, overturned=event.fees)


@_on(SupplierRewardsCheckpointed)
def _checkpointed(connection: Connection, event: SupplierRewardsCheckpointed, now: int) -> None:
    """By whomever."""
    note_fees(connection, event.account, now, counted=event.fees)


@_on(SupplierRewardsForfeited)
def _forfeited(connection: Connection, event: SupplierRewardsForfeited, now: int) -> None:
    note_fees(connection, event.account, now, counted=-event.fees)


@_on(DividendVaultFeesReceived)
def _dividends_received(connection: Connection, event: DividendVaultFeesReceived, _now: int) -> None:
    add_to_meta(connection, DIVIDENDS_RECEIVED, event.amount)


@_on(DividendVaultClaimed)
def _dividends_claimed(connection: Connection, event: DividendVaultClaimed, _now: int) -> None:
    add_to_meta(connection, DIVIDENDS_CLAIMED, event.amount)


@_on(EscrowCloseRequested)
def _close_requested(connection: Connection, event: EscrowCloseRequested, _now: int) -> None:
    _change_agreement(connection, event.agreement, stop_at=event.stop_at)


@_on(EscrowClosed)
def _closed(connection: Connection, event: EscrowClosed, _now: int) -> None:
    _change_agreement(connection, event.agreement, paid=event.paid, status=int(Status.CLOSED))


@_on(EscrowReplaced)
def _replaced(connection: Connection, event: EscrowReplaced, _now: int) -> None:
    _change_agreement(connection, event.old, status=int(Status.CLOSED))


@_on(EscrowFrozen)
def _frozen(connection: Connection, event: EscrowFrozen, _now: int) -> None:
    _change_agreement(connection, event.agreement, frozen=True)


@_on(EscrowUnfrozen)
def _unfrozen(connection: Connection, event: EscrowUnfrozen, now: int) -> None:
    """The agreement runs on: what could not be settled meanwhile is posted anew, and there is time for it."""
    _change_agreement(connection, event.agreement, frozen=False)
    wanted = figures.c.agreement == event.agreement
    connection.execute(update(figures).where(wanted).values(batched_units=0, ready_at=now))


def _change_agreement(connection: Connection, agreement: int, **values: Any) -> None:
    connection.execute(update(agreements).where(agreements.c.agreement == agreement).values(**values))


@_on(EscrowFigureSkipped)
def _figure_skipped(connection: Connection, event: EscrowFigureSkipped, now: int) -> None:
    """A figure that our settlement did not move: it waits again if that can help, else it is set aside.

    Strangers' settlements are not looked at: ours comes after them and says what is left. What a lease's clock did
    not pay is no figure: the next poke pays it. A leaf under challenge is settled again once it is answered, and a
    frozen agreement's figure waits again once it runs on: what ends challenge or dispute says so.
    """
    later = (SkipReason.STALE, SkipReason.CAPPED_AT_BUDGET, SkipReason.VOID, SkipReason.FROZEN)
    if event.reason in later or not _ours(connection, event):
        return
    if event.reason in (SkipReason.ABOVE_DECLARED_VALUE, SkipReason.ABOVE_BATCH_CAP):
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
    wanted = (batches.c.batch == str(event.batch), batches.c.state.not_in(GONE))
    connection.execute(update(batches).where(*wanted).values(**values))


@_on(ReceiptLedgerBatchCancelled)
def _batch_cancelled(connection: Connection, event: ReceiptLedgerBatchCancelled, now: int) -> None:
    """The guardian cancelled a batch: nothing of it is paid any more, and its figures are posted anew."""
    wanted = (batches.c.batch == str(event.batch), batches.c.state.not_in(GONE))
    changed = connection.execute(update(batches).where(*wanted).values(state="cancelled"))
    if changed.rowcount:
        wake_figures(connection, str(event.batch), now)


@_on(ChallengesChallenged)
def _challenged(connection: Connection, event: ChallengesChallenged, _now: int) -> None:
    row = {
        "batch": str(event.batch),
        "idx": event.index,
        "agreement": event.agreement,
        "relayer": event.relayer,
        "challenger": event.challenger,
        "bond": event.bond,
        "starts_at": event.starts_at,
        "state": "open",
    }
    connection.execute(upsert(challenges).values(row).on_conflict_do_nothing())


@_on(ChallengesStarted)
def _challenge_started(connection: Connection, event: ChallengesStarted, _now: int) -> None:
    _change_challenge(connection, event.batch, event.index, starts_at=event.starts_at)


@_on(ChallengesAnswered)
def _challenge_answered(connection: Connection, event: ChallengesAnswered, _now: int) -> None:
    """The leaf can be paid now, for SETTLE_GRACE: a batch that was settled without it is settled again."""
    _change_challenge(connection, event.batch, event.index, state="answered")
    again = {"state": "posted", "settle_tries": batches.c.settle_tries + 1, "retry_at": 0}
    wanted = (batches.c.batch == str(event.batch), batches.c.state == "settled")
    connection.execute(update(batches).where(*wanted).values(**again))


@_on(ChallengesVoided)
def _challenge_lost(connection: Connection, event: ChallengesVoided, _now: int) -> None:
    """Whether its figure gets another chance is for `answer` to say, which knows what backs it."""
    _change_challenge(connection, event.batch, event.index, state="void")


@_on(ChallengesDismissed)
def _challenge_dismissed(connection: Connection, event: ChallengesDismissed, _now: int) -> None:
    _change_challenge(connection, event.batch, event.index, state="dismissed")


def _change_challenge(connection: Connection, batch: int, index: int, **values: Any) -> None:
    wanted = (challenges.c.batch == str(batch), challenges.c.idx == index)
    connection.execute(update(challenges).where(*wanted).values(**values))


@_on(CourtProposed)
def _proposed(connection: Connection, event: CourtProposed, _now: int) -> None:
    """By whomever: the agreement is frozen, and the Court decides."""
    wanted = (
        rejections.c.agreement == event.agreement,
        rejections.c.valid_units == event.valid_units,
        rejections.c.output_root == event.output_root,
        rejections.c.state.in_(("waiting", "proposing")),
    )
    values = {"state": "proposed", "dispute": event.dispute, "problem": ""}
    connection.execute(update(rejections).where(*wanted).values(**values))


@_on(EscrowOpeningPaused)
def _opening_paused(connection: Connection, event: EscrowOpeningPaused, _now: int) -> None:
    set_meta(connection, OPENING_PAUSED, str(event.until))


@_on(EscrowOpeningResumed)
def _opening_resumed(connection: Connection, _event: EscrowOpeningResumed, _now: int) -> None:
    set_meta(connection, OPENING_PAUSED, "0")


@_on(ReceiptLedgerPostingPaused)
def _posting_paused(connection: Connection, event: ReceiptLedgerPostingPaused, _now: int) -> None:
    set_meta(connection, POSTING_PAUSED, str(event.until))


@_on(ReceiptLedgerPostingResumed)
def _posting_resumed(connection: Connection, _event: ReceiptLedgerPostingResumed, _now: int) -> None:
    set_meta(connection, POSTING_PAUSED, "0")


@_on(CredentialsCredentialPosted)
def _credential_posted(connection: Connection, event: CredentialsCredentialPosted, _now: int) -> None:
    """A newer credential takes the place of an older one, revoked or not."""
    note_posted(connection, event)
    key = _device_of(event)
    if key is not None:
        values = {
            "measurement": event.value,
            "valid_from": event.valid_from,
            "expires_at": event.expires_at,
            "revoked_at": 0,
        }
        places = [credentials.c.issuer, credentials.c.device, credentials.c.agreement]
        statement = upsert(credentials).values({**key, **values})
        connection.execute(statement.on_conflict_do_update(index_elements=places, set_=values))


@_on(CredentialsCredentialRevoked)
def _credential_revoked(connection: Connection, event: CredentialsCredentialRevoked, _now: int) -> None:
    note_revoked(connection, event)
    key = _device_of(event)
    if key is not None:
        wanted = [credentials.c[name] == value for name, value in key.items()]
        connection.execute(update(credentials).where(*wanted).values(revoked_at=event.revoked_at))


@_on(CredentialsCredentialRefused)
def _credential_refused(connection: Connection, event: CredentialsCredentialRefused, _now: int) -> None:
    note_refused(connection, event)


def _device_of(
    event: CredentialsCredentialPosted | CredentialsCredentialRevoked,
) -> Mapping[str, Any] | None:
    """The key of a TEE credential's row; None for another kind, or a binding that is no agreement's number."""
    agreement = int.from_bytes(event.binding, "big")
    if event.kind != CredentialKind.TEE or agreement > MAX_INT64:
        return None
    return {"issuer": event.issuer, "device": event.subject, "agreement": agreement}


def _ours(connection: Connection, event: Event) -> bool:
    """Whether the event stands in a settlement that we sent."""
    hash_ = bytes.fromhex(event.place.transaction[2:])
    wanted = select(attempts.c.id).join_from(attempts, transactions)
    return (
        connection.execute(wanted.where(attempts.c.hash == hash_, transactions.c.kind == "settle")).first()
        is not None
    )
