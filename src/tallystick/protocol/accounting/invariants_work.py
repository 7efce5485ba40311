"""PROTOCOL section 11 on the model's stake, batches and terms; see `invariants.py`."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ..constants import PAUSE_INTERVAL
from ..enums import BondSource, Status
from .checks import at_most as _at_most
from .checks import equal as _equal
from .tokens import ZERO_ADDRESS

if TYPE_CHECKING:
    from ..model import Model


def stake_is_the_sum_of_its_parts(model: Model) -> None:
    """11.5: free + pledged + reserved + thawing = stake, none negative; Staking holds it all."""
    name = "stake_is_the_sum_of_its_parts"
    staking = model.staking
    for number, o in enumerate(staking.operators, 1):
        _equal(name, o.stake, o.staked_in - o.taken_out, f"stake of operator {number}")
        _at_most(name, 0, min(o.free, o.pledged, o.reserved, o.thawing), f"least part of operator {number}")
    held = model.currency.balance_of(staking.address) - model.currency.unbooked.get(staking.address, 0)
    _equal(name, held, staking.total_stake() + staking.total_credits(), "Staking's currency and what it owes")


def pledges_stand_behind_open_agreements(model: Model) -> None:
    """11.5, 11.6: pledged = sum of ceil(budget x coverage) over open agreements and stuck releases, less bonds."""
    name = "pledges_stand_behind_open_agreements"
    pledged: Counter[int] = Counter()
    for agreement in model.escrow.agreements.values():
        if agreement.status == Status.OPEN or agreement.pledge_stuck:
            pledged[agreement.operator] += model.escrow.pledge_of(agreement)
    lent: Counter[int] = Counter()
    for bond in model.ledger.bonds.values():
        if bond.source == BondSource.PLEDGE:
            lent[bond.operator] += bond.amount
    for number, operator in enumerate(model.staking.operators, 1):
        cover = operator.pledged + operator.lent
        _equal(name, cover, pledged[number], f"pledged of operator {number}, and lent to bonds")
        _at_most(name, operator.lent, lent[number], f"lent of operator {number}, and its bonds")


def reservations_stand_behind_releases_and_bonds(model: Model) -> None:
    """11.6: reserved = what unfinalised releases moved + bonds of self-posts whose window runs."""
    name = "reservations_stand_behind_releases_and_bonds"
    reserved: Counter[int] = Counter()
    for release in model.ledger.releases.values():
        reserved[release.operator] += release.amount
    for bond in model.ledger.bonds.values():
        reserved[bond.operator] += bond.amount
    for number, operator in enumerate(model.staking.operators, 1):
        _equal(name, operator.reserved, reserved[number], f"reserved of operator {number}")


def releases_were_paid(model: Model) -> None:
    """Section 5: what a release says is paid is paid, and its batch moved it."""
    name = "releases_were_paid"
    moved: Counter[int] = Counter()
    paid: Counter[int] = Counter()
    for (batch, leaf), release in model.ledger.releases.items():
        _at_most(name, 1, release.amount, f"released by leaf {leaf} of {batch}")
        moved[batch] += release.amount
        paid[release.agreement] += release.amount
    for agreement, amount in paid.items():
        _at_most(name, amount, model.escrow.agreements[agreement].spent, f"released and paid of {agreement}")
    for batch, amount in moved.items():
        _at_most(name, amount, model.ledger.batches[batch].moved, f"released and moved of batch {batch}")


def bonds_stand_behind_running_self_posts(model: Model) -> None:
    """Section 5: every self-post has its policy's bond until its window is over, and nothing else has one."""
    name = "bonds_stand_behind_running_self_posts"
    bonds = {}
    for number, batch in model.ledger.batches.items():
        amount = model.policy_book.get(batch.policy).self_post_bond
        if batch.self_post and not batch.retired and amount:
            bonds[number] = (batch.relayer, amount)
    found = {number: (bond.operator, bond.amount) for number, bond in model.ledger.bonds.items()}
    _equal(name, found, bonds, "bonds, and self-posts that run")


def batches_move_what_they_declare(model: Model) -> None:
    """Section 5: moved <= value, and what batches moved, or was moved without one, is what is paid."""
    name = "batches_move_what_they_declare"
    for number, batch in model.ledger.batches.items():
        _at_most(name, batch.moved, batch.value, f"moved of batch {number}")
    paid = sum(a.spent for a in model.escrow.agreements.values())
    moved = sum(batch.moved for batch in model.ledger.batches.values())
    _equal(name, moved + model.escrow.moved_outside, paid, "moved by batches or outside, and paid")
    _equal(name, sum(model.ledger.nonces.values()), len(model.ledger.batches), "nonces and batches")


def in_flight_is_what_runs(model: Model) -> None:
    """Section 5: in flight = declared by the relayer's own batches that are not retired; never more than the cap."""
    name = "in_flight_is_what_runs"
    flying: Counter[int] = Counter()
    cap: Counter[int] = Counter()
    for number, batch in model.ledger.batches.items():
        if batch.self_post or batch.signed:
            continue
        value = 0 if batch.retired else batch.value
        flying[batch.relayer] += value
        cap[batch.relayer] = max(cap[batch.relayer], model.policy_book.get(batch.policy).value_cap)
        _at_most(name, value, cap[batch.relayer], f"value of batch {number}")
    for operator in {*flying, *model.ledger.flying}:
        _equal(name, model.ledger.in_flight(operator), flying[operator], f"in flight of operator {operator}")
        _at_most(name, flying[operator], cap[operator], f"in flight of operator {operator}")


def cancelled_batches_move_nothing_more(model: Model) -> None:
    """Section 10: a cancelled batch is out of flight and never settles; nobody cancels what others signed."""
    name = "cancelled_batches_move_nothing_more"
    for number, batch in model.ledger.batches.items():
        if batch.cancelled_at:
            _equal(name, batch.moved, batch.moved_at_cancel, f"moved of cancelled batch {number}")
            _equal(
                name,
                (batch.retired, batch.self_post, batch.signed),
                (True, False, False),
                f"flags of {number}",
            )


def cancels_are_rationed(model: Model) -> None:
    """Section 10: the guardian's at most twice in 30 days in one policy; no refund before the leaves can be paid."""
    name = "cancels_are_rationed"
    when: dict[int, list[int]] = {}
    guardians: dict[int, list[int]] = {}
    for batch in model.ledger.batches.values():
        if batch.cancelled_at:
            when.setdefault(batch.policy, []).append(batch.cancelled_at)
            if not batch.broken_at:
                guardians.setdefault(batch.policy, []).append(batch.cancelled_at)
    for policy, times in guardians.items():
        times.sort()
        for first, third in zip(times, times[2:], strict=False):
            _at_most(name, first + PAUSE_INTERVAL, third, f"third cancel under policy {policy}")
    for policy, times in when.items():
        grace = model.escrow.post_grace + model.escrow.settle_grace
        floor = max(times) + grace + model.policy_book.get(policy).self_post_window
        _equal(name, model.escrow.refund_floor(policy), floor, f"refund floor of policy {policy}")


def refund_floors_only_rise(model: Model) -> None:
    """Section 10: a refund that a cancel put off is not brought forward again."""
    name = "refund_floors_only_rise"
    for policy, before in model.seen.floors.items():
        _at_most(name, before, model.escrow.refund_floor(policy), f"refund floor of policy {policy}")
    model.seen.floors = model.escrow.refund_floors.copy()


def pauses_are_bounded(model: Model) -> None:
    """Section 10: a pause lasts MAX_PAUSE at most, and the next begins 30 days after its end."""
    name = "pauses_are_bounded"
    for part in (model.escrow, model.ledger):
        for began, ended in part.pauses:
            _at_most(name, ended - began, part.max_pause, f"pause at {began}")
        for (_, ended), (again, _) in pairwise(part.pauses):
            _at_most(name, ended + PAUSE_INTERVAL, again, f"pause at {again}")
        last = part.pauses[-1][1] if part.pauses else 0
        _equal(name, part.paused_until, last, "end of the pause")


def nonces_are_spent_once(model: Model) -> None:
    """11.10: no signed offer opens twice; every opening spent one nonce of each side."""
    name = "nonces_are_spent_once"
    for (signer, nonce), times in model.escrow.nonces.items():
        _at_most(name, times, 1, f"openings by nonce {nonce} of {signer}")
    opened = sum(model.escrow.nonces.values())
    _equal(name, opened, 2 * len(model.escrow.agreements), "nonces spent, and two an agreement")


def numbers_bind_their_terms(model: Model) -> None:
    """Section 4: 32 bits of sequence without gaps, then the first 32 bits of the Terms' hash."""
    name = "numbers_bind_their_terms"
    for number, agreement in model.escrow.agreements.items():
        first = int.from_bytes(agreement.terms_hash[:4], "big")
        _equal(name, number & 0xFFFFFFFF, first, f"hash in number {number}")
    sequences = [number >> 32 for number in model.escrow.agreements]
    _equal(name, sequences, list(range(1, model.escrow.sequence + 1)), "sequences")


def sessions_stay_in_their_totals(model: Model) -> None:
    """Section 5: a session key accepts up to its total, or listed agreements only."""
    name = "sessions_stay_in_their_totals"
    for (account, key), session in model.session_keys.sessions.items():
        _at_most(name, session.spent, session.total, f"accepted by {key} for {account}")
        _equal(name, bool(session.total), not session.agreements, f"total or list of {key} for {account}")


def credentials_only_move_forward(model: Model) -> None:
    """Section 3: nothing old undoes a newer statement: every accepted nonce is above the one before."""
    name = "credentials_only_move_forward"
    for place, nonces in model.credentials.accepted.items():
        for before, after in pairwise((0, *nonces)):
            _at_most(name, before + 1, after, f"nonce at {place}")
        _equal(name, model.credentials.records[place].nonce, nonces[-1], f"nonce kept at {place}")
    _equal(name, set(model.credentials.records), set(model.credentials.accepted), "records")


def sources_are_known(model: Model) -> None:
    """Section 8: every operator's source exists and has somebody to pay."""
    name = "sources_are_known"
    staking = model.staking
    for number, operator in enumerate(staking.operators, 1):
        _at_most(name, operator.source, len(staking.sources), f"source of operator {number}")
    for number, source in enumerate(staking.sources, 1):
        missing = ZERO_ADDRESS in (source.owner, source.fee_recipient)
        _equal(name, missing, False, f"owner or recipient of source {number} missing")


def keys_stay_revoked(model: Model) -> None:
    """Section 5: a revocation is never taken back, nor put off."""
    name = "keys_stay_revoked"
    revoked: dict[tuple[object, ...], int] = {
        place: key.revoked_at for place, key in model.staking.keys.items() if key.revoked_at
    }
    sessions = model.session_keys.sessions
    revoked.update({place: session.revoked_at for place, session in sessions.items() if session.revoked_at})
    for place, before in model.seen.revoked.items():
        _equal(name, revoked.get(place), before, f"revocation of {place}")
    model.seen.revoked = revoked


def policies_never_change(model: Model) -> None:
    """Section 3: the book only grows, and a retired policy stays retired."""
    name = "policies_never_change"
    book, seen = model.policy_book, model.seen
    _equal(name, book.policies[: len(seen.policies)], seen.policies, "policies before and now")
    _equal(name, seen.retired - book.retired, set(), "retired policies that are not any more")
    seen.policies, seen.retired = book.policies.copy(), book.retired.copy()


ALL: Final = (
    stake_is_the_sum_of_its_parts,
    pledges_stand_behind_open_agreements,
    reservations_stand_behind_releases_and_bonds,
    releases_were_paid,
    bonds_stand_behind_running_self_posts,
    batches_move_what_they_declare,
    in_flight_is_what_runs,
    cancelled_batches_move_nothing_more,
    cancels_are_rationed,
    refund_floors_only_rise,
    pauses_are_bounded,
    nonces_are_spent_once,
    numbers_bind_their_terms,
    sessions_stay_in_their_totals,
    credentials_only_move_forward,
    sources_are_known,
    keys_stay_revoked,
    policies_never_change,
)
