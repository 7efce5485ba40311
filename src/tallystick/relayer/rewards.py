"""What each payee's final work brought in fees, and what of it counts for rewards: the table `rewards`.

A checkpoint first takes back as many of the fees that count as were overturned since the last (`forfeiting`), then
counts what stands and counts no more: `waiting` = max(fees - overturned, 0) - (counted - forfeiting), as
`SupplierRewards` reckons it. So an account whose work was ruled bad is due also when as much new work hides it from
the sums. Everything here comes from final events, and so costs no reads: a settlement says what is paid, and the fees
of a step are a difference of two floors.
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
    + rewards.c.forfeiting
)

# Built once: a settlement of 256 figures runs them as often.
_STEP: Final = select(
    agreements.c.payee, agreements.c.paid, agreements.c.fee_provider, agreements.c.fee_customer
).where(agreements.c.agreement == bindparam("number"))
_SUMS: Final = select(
    rewards.c.fees, rewards.c.overturned, rewards.c.counted, rewards.c.forfeiting, rewards.c.waiting_since
).where(rewards.c.account == bindparam("of"))
_WRITTEN: Final = ("fees", "overturned", "counted", "forfeiting", "waiting_since")
_NEW: Final = upsert(rewards).values({name: bindparam(name) for name in ("account", *_WRITTEN)})
_WRITE: Final = _NEW.on_conflict_do_update(
    index_elements=["account"],
    set_={name: _NEW.excluded[name] for name in _WRITTEN},
)


class FeesWaiting(NamedTuple):
    """µ that no checkpoint has counted, of how many accounts, and since when the oldest wait."""

    fees: int
    accounts: int
    since: int


class DueAccount(NamedTuple):
    """An account to be looked after, in µ."""

    account: int
    waiting: int
    counted: int


def note_fees(
    connection: Connection, account: int, now: int, *, fees: int = 0, overturned: int = 0, counted: int = 0
) -> None:
    """Adds to an account's sums, in µ. What waits now and did not before waits since `now`. `counted` comes of a
    checkpoint, which has taken back what was to be forfeited until then."""
    row = connection.execute(_SUMS, {"of": account}).first()
    known = (0, 0, 0, 0, 0) if row is None else row
    values = {"fees": known[0] + fees, "overturned": known[1] + overturned, "counted": known[2] + counted}
    values["forfeiting"] = min((0 if counted else known[3]) + overturned, values["counted"])
    standing = values["counted"] - values["forfeiting"]
    waits = max(values["fees"] - values["overturned"], 0) > standing
    values["waiting_since"] = (known[4] or now) if waits else 0
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
        .where(waits | (c.forfeiting > 0), (c.asked_for < period) | failed)
        .order_by(c.forfeiting == 0, c.waiting_since, c.account)
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
