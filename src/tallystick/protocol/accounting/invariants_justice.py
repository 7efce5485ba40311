"""PROTOCOL sections 7 and 11 on challenges, rulings and slashes; see `invariants.py`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ..amounts import ceil_bps
from ..constants import BROKEN_BATCH, MAX_REWARD_BPS
from ..enums import CloseReason
from .checks import at_most as _at_most
from .checks import equal as _equal

if TYPE_CHECKING:
    from ..model import Model


def holds_count_releases_and_challenges(model: Model) -> None:
    """Section 4: `holds` counts the agreement's unfinalised releases and its leaves under challenge."""
    name = "holds_count_releases_and_challenges"
    holds = Counter(release.agreement for release in model.ledger.releases.values())
    for batch in model.ledger.batches.values():
        holds.update(batch.open.values())
    for number, agreement in model.escrow.agreements.items():
        _equal(name, agreement.holds, holds[number], f"holds of {number}")


def void_leaves_never_pay(model: Model) -> None:
    """Section 7: a void leaf moves nothing more, and what it was released is with the funder or under a ruling."""
    name = "void_leaves_never_pay"
    for number, batch in model.ledger.batches.items():
        _at_most(name, batch.settled.total(), batch.moved, f"settled and moved of batch {number}")
        for leaf, before in batch.void.items():
            _equal(name, batch.settled[leaf], before, f"moved by void leaf {leaf} of {number}")
            _equal(name, (number, leaf) in model.ledger.releases, False, f"{leaf} of {number} still released")
        _equal(name, batch.open.keys() & batch.void.keys(), set(), f"leaves of {number} open and void")


def ten_leaves_break_a_batch(model: Model) -> None:
    """Section 7: at ten under challenge nothing of a batch settles; the tenth void leaf cancels it."""
    name = "ten_leaves_break_a_batch"
    for number, batch in model.ledger.batches.items():
        if len(batch.open) >= BROKEN_BATCH:
            _equal(name, batch.settled.total(), batch.settled_when_blocked, f"settled of batch {number}")
        if len(batch.void) >= BROKEN_BATCH:
            _equal(name, batch.cancelled_at > 0, True, f"batch {number} cancelled")
        _equal(name, batch.challenged or not batch.open | batch.void, True, f"flag of batch {number}")


def reservations_stay_while_frozen(model: Model) -> None:
    """Section 7: of a frozen agreement no release is finalised and no bond returns; making good is its own way."""
    name = "reservations_stay_while_frozen"
    ledger = model.ledger
    agreements = model.escrow.agreements
    places: dict[object, int] = {place: release.agreement for place, release in ledger.releases.items()}
    places |= {batch: bond.agreement for batch, bond in ledger.bonds.items()}
    for place in model.seen.reserved.keys() - places.keys() - ledger.made_good.keys():
        number, freezes = model.seen.reserved[place]
        found = agreements[number]
        _equal(name, found.frozen and found.freezes == freezes, False, f"{place} of {number} is gone")
    model.seen.reserved = {
        place: (number, agreements[number].freezes)
        for place, number in places.items()
        if agreements[number].frozen
    }


def slashes_go_where_they_must(model: Model) -> None:
    """11.7, B12: victim + challenger + insurance = slashed; with recovery and fee that is what left the stake."""
    name = "slashes_go_where_they_must"
    for slash in model.staking.slashes:
        order, out, whose = slash.order, slash.outcome, f"a slash of operator {slash.operator}"
        _equal(name, out.to_victim + out.to_challenger + out.to_insurance, out.slashed, f"parts of {whose}")
        _equal(name, slash.taken, slash.left_before - slash.left_after, f"what left the stake by {whose}")
        _at_most(name, out.to_victim, max(0, order.loss - out.recovered), f"victim's part of {whose}")
        _at_most(name, out.to_challenger, ceil_bps(out.slashed, MAX_REWARD_BPS), f"reward of {whose}")
        _at_most(name, slash.from_pledge, slash.pledge, f"taken of a pledge by {whose}")
        _at_most(name, out.recovered, min(order.recover, slash.from_pledge), f"recovered by {whose}")
        _at_most(name, out.slashed, order.amount, f"slashed by {whose}")
        _at_most(name, out.fee, order.fee, f"fee of {whose}")


def credits_are_what_left_stakes(model: Model) -> None:
    """11.7: unclaimed and claimed credits = slashed, recovered, charged and forfeited; each sum apart."""
    name = "credits_are_what_left_stakes"
    staking, ledger = model.staking, model.ledger
    taken = sum(slash.taken for slash in staking.slashes) + staking.forfeited.total()
    _equal(name, staking.total_credits() + staking.credits_claimed, taken, "credits, and what left stakes")
    forfeited = sum(ledger.made_good.values()) + ledger.recovered
    _equal(name, forfeited, staking.forfeited[ledger.address], "made good and recovered, and forfeited")
    done = sum(recovery.done for recovery in ledger.recoveries.values())
    _equal(name, done, forfeited, "given back of all agreements, and in all")


def victims_get_at_most_their_loss(model: Model) -> None:
    """11.7: of pledge, slash and reservations together a victim gets what was paid beyond the ruling, or less."""
    name = "victims_get_at_most_their_loss"
    for number, a in model.escrow.agreements.items():
        _equal(name, a.ruled is not None, a.close_reason == CloseReason.RULED, f"{number} was ruled on")
        if a.ruled is None:
            continue
        order, out = a.ruled
        later = model.ledger.recovery_of(number)
        back = out.slash.recovered + out.slash.to_victim + later.done - order.made_good
        _at_most(name, back + later.due, out.overpaid, f"given back of {number}, and overpaid")
        most = max(0, a.spent - order.made_good)
        _at_most(name, out.overpaid, most, f"overpaid of {number}, and what was paid and not made good")


ALL: Final = (
    holds_count_releases_and_challenges,
    void_leaves_never_pay,
    ten_leaves_break_a_batch,
    reservations_stay_while_frozen,
    slashes_go_where_they_must,
    credits_are_what_left_stakes,
    victims_get_at_most_their_loss,
)
