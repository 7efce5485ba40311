"""What each payee's final work brought in fees, and what of it counts for rewards: the table `rewards`.

`waiting` = max(fees - overturned, 0) - counted, as `SupplierRewards` reckons it: above zero a checkpoint counts it,
below zero that much was overturned after it had counted, and a checkpoint forfeits it. Everything here comes from final
events, and so costs no reads: a settlement says what is paid, and the fees of a step are a difference of two floors.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from tallystick.chain.engine import REFUSED, REVERTED
from tallystick.protocol.amounts import fee
from tallystick.store.database import get_meta, set_meta
from tallystick.store.tables import agreements, rewards, transactions

__all__ = [
    "DIVIDENDS_CLAIMED", "DIVIDENDS_RECEIVED", "LONGEST_WAIT", "WAITING", "DueAccount", "FeesWaiting", "add_to_meta",
    "due_accounts", "fees_waiting", "note_fees", "note_settled",
]  # fmt: skip

DIVIDENDS_RECEIVED: Final = "dividends_received"
DIVIDENDS_CLAIMED: Final = "dividends_claimed"
"""Meta keys: µ that the dividend vault has received and paid, ever."""

LONGEST_WAIT: Final = 6 * 86_400
"""Seconds before a period's beginning: what has waited since then is counted, however little it is. With a period of a
day nothing waits for more than a week."""

WAITING: Final[ColumnElement[int]] = (
    case((rewards.c.fees > rewards.c.overturned, rewards.c.fees - rewards.c.overturned), else_=0)
    - rewards.c.counted
)

# Built once: a settlement of 256 figures runs them as often.
_STEP: Final = select(
    agreements.c.payee, agreements.c.paid, agreements.c.fee_provider, agreements.c.fee_customer
).where(agreements.c.agreement == bindparam("number"))
_SUMS: Final = select(rewards.c.fees, rewards.c.overturned, rewards.c.counted, rewards.c.waiting_since).where(
    rewards.c.account == bindparam("of")
)
_NEW: Final = upsert(rewards).values(
    {name: bindparam(name) for name in ("account", "fees", "overturned", "counted", "waiting_since")}
)
_WRITE: Final = _NEW.on_conflict_do_update(
    index_elements=["account"],
    set_={name: _NEW.excluded[name] for name in ("fees", "overturned", "counted", "waiting_since")},
)


class FeesWaiting(NamedTuple):
    """µ that no checkpoint has counted, of how many accounts, and since when the oldest wait."""

    fees: int
    accounts: int
    since: int


class DueAccount(NamedTuple):
    """An account to be looked after. µ; `waiting` below zero: so much is to be forfeited."""

    account: int
    waiting: int
    counted: int


def note_fees(
    connection: Connection, account: int, now: int, *, fees: int = 0, overturned: int = 0, counted: int = 0
) -> None:
    """Adds to an account's sums, in µ. What waits now and did not before waits since `now`."""
    row = connection.execute(_SUMS, {"of": account}).first()
    known = (0, 0, 0, 0) if row is None else row
    values = {"fees": known[0] + fees, "overturned": known[1] + overturned, "counted": known[2] + counted}
    waits = max(values["fees"] - values["overturned"], 0) > values["counted"]
    values["waiting_since"] = (known[3] or now) if waits else 0
    connection.execute(_WRITE, {"account": account, **values})


def note_settled(connection: Connection, agreement: int, paid: int, now: int) -> None:
    """Adds the fees of both sides for paying an agreement up to `paid` µ, of which the mirror does not know yet."""
    row = connection.execute(_STEP, {"number": agreement}).first()
    if row is not None:
        payee, before, *both = row
        fees = sum(fee(paid, bps) - fee(before, bps) for bps in both)
        if fees:
            note_fees(connection, payee, now, fees=fees)


def due_accounts(connection: Connection, period: int, least: int, limit: int) -> list[DueAccount]:
    """Accounts to be looked after in the period that began at `period`, at most `limit`.

    First those of which something is to be forfeited, then those whose fees waited when it began, the longest wait
    first: for `least` µ or more, or for LONGEST_WAIT. None twice in a period, unless its transaction failed.
    """
    c = rewards.c
    worth = or_(least <= WAITING, c.waiting_since < period - LONGEST_WAIT)
    waits = (c.waiting_since > 0) & (c.waiting_since < period) & worth
    failed = transactions.c.state.in_((REFUSED, REVERTED))
    wanted: Any = (
        select(c.account, WAITING, c.counted)
        .outerjoin_from(rewards, transactions, transactions.c.key == c.asked_key)
        .where(waits | (WAITING < 0), (c.asked_for < period) | failed)
        .order_by(WAITING >= 0, c.waiting_since, c.account)
        .limit(limit)
    )
    return [DueAccount(*row) for row in connection.execute(wanted)]


def fees_waiting(connection: Connection) -> FeesWaiting:
    """What waits to be counted, of all payees."""
    sums = (func.coalesce(func.sum(WAITING), 0), func.count(), func.min(rewards.c.waiting_since))
    fees, accounts, since = connection.execute(select(*sums).where(rewards.c.waiting_since > 0)).one()
    return FeesWaiting(int(fees), int(accounts), int(since or 0))


def add_to_meta(connection: Connection, key: str, amount: int) -> None:
    """Adds µ to a sum that is kept in `meta`."""
    set_meta(connection, key, str(int(get_meta(connection, key) or 0) + amount))
