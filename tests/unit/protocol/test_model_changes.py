"""Top-ups, replacements, splits, pauses and leases under TEE on the model, by hand."""

from __future__ import annotations

import pytest
from tests.unit.protocol.world import DAY, START, World

from tallystick.protocol.constants import MICRO
from tallystick.protocol.enums import CloseReason, CredentialKind, OpenRefusal, RefundFault, VerificationKind
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import Policy, ReplaceSigned, SignedCredential

RATE = 100 * MICRO
"""100 µ a second."""


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda error: error.code == code)


def open_lease(world: World, **changes: int | bytes) -> int:
    """10 000 s of money."""
    return world.open(**{"mode": 1, "unit_price": RATE, "budget": MICRO, "max_budget": 3 * MICRO, **changes})


def test_top_up__running_lease__extends_it_and_raises_lock_and_pledge(world: World) -> None:
    """2 µ more at 1 % customer fee and 10 % coverage: rounded as one figure, not as two."""
    escrow = world.model.escrow
    escrow.set_fees(500, 100, caller="admin")
    terms = world.terms(mode=1, unit_price=RATE, budget=99, max_budget=101, max_fee_customer=100)
    lease = escrow.open(terms, now=START).agreement
    assert (escrow.balance_of(world.customer)[1], world.model.staking.operators[0].pledged) == (99, 10)
    assert escrow.paid_until(lease) == START
    with refused("Escrow_Ended"):
        escrow.top_up(lease, 101, terms, caller="customer", now=START)
    lease = escrow.open(terms._replace(budget=100, customer_nonce=77, operator_nonce=77), now=START).agreement
    escrow.top_up(
        lease,
        101,
        terms._replace(budget=100, customer_nonce=77, operator_nonce=77),
        caller="customer",
        now=START,
    )
    assert escrow.balance_of(world.customer)[1] == 99 + 102
    assert world.model.staking.operators[0].pledged == 10 + 11
    world.model.check_invariants()


def test_top_up__each_fault__refused_by_name(world: World) -> None:
    escrow = world.model.escrow
    terms = world.terms(mode=1, unit_price=RATE, budget=MICRO, max_budget=3 * MICRO)
    lease = escrow.open(terms, now=START).agreement
    now = START + 9_999
    with refused("Escrow_WrongTerms"):
        escrow.top_up(lease, 2 * MICRO, terms._replace(max_budget=9 * MICRO), caller="customer", now=now)
    with refused("Escrow_BadSignature"):
        escrow.top_up(lease, 2 * MICRO, terms, operator_signed=False, caller="customer", now=now)
    with refused("Escrow_NotOwner"):
        escrow.top_up(lease, 2 * MICRO, terms, caller="sponsor", now=now)
    for budget in (MICRO, 3 * MICRO + 1):
        with refused("Escrow_BudgetOutOfRange"):
            escrow.top_up(lease, budget, terms, caller="customer", now=now)
    with refused("Escrow_NotEnoughFree"):
        escrow.top_up_signed(lease, 10_001 * MICRO, now, caller="customer", now=now)
    with refused("Escrow_DeadlinePassed"):
        escrow.top_up_signed(lease, 2 * MICRO, now - 1, caller="customer", now=now)
    with refused("Escrow_BadSignature"):
        escrow.top_up_signed(lease, 2 * MICRO, now, False, caller="customer", now=now)
    with refused("Escrow_Ended"):
        escrow.top_up(lease, 2 * MICRO, terms, caller="customer", now=now + 1)
    world.model.staking.unstake(world.operator, 3_999 * MICRO, caller="provider", now=now)
    with refused("Escrow_NotEnoughStake"):
        escrow.top_up_signed(lease, 9_999 * MICRO, now, caller="customer", now=now)
    escrow.agreements[lease].frozen = True
    with refused("Escrow_Held"):
        escrow.top_up(lease, 2 * MICRO, terms, caller="customer", now=now)
    assert escrow.agreements[lease].budget == MICRO
    world.model.check_invariants()


def test_top_up__sponsored__draws_the_allowance_and_a_refund_restores_all_of_it(world: World) -> None:
    escrow = world.model.escrow
    escrow.allow(world.sponsor, world.customer, world.policy, 5 * MICRO, caller="sponsor")
    lease = open_lease(world, funder=world.sponsor)
    with refused("Escrow_NotEnoughAllowance"):
        escrow.top_up_signed(lease, 6 * MICRO, START, caller="sponsor", now=START)
    escrow.top_up_signed(lease, 4 * MICRO, START, caller="sponsor", now=START)
    assert escrow.allowance_of(world.sponsor, world.customer, world.policy)[0] == MICRO
    escrow.close(lease, caller="provider", now=START)
    assert escrow.refund(lease, now=escrow.refundable_at(lease)) == 4 * MICRO
    assert escrow.allowance_of(world.sponsor, world.customer, world.policy)[0] == 5 * MICRO
    world.model.check_invariants()


def test_replace__lease_after_1000_s__old_is_paid_and_the_rest_is_carried(world: World) -> None:
    """100 000 µ paid, 900 000 of a million back; the new one locks 500 000 of it at another price."""
    escrow = world.model.escrow
    old = open_lease(world)
    split = escrow.create_split(("m", "n"), (1, 1))
    terms = world.terms(mode=1, unit_price=2 * RATE, budget=500_000, payee=split)
    now = START + 1_000
    with refused("Escrow_UnitsOutOfRange"):
        escrow.replace(old, 1_001, terms, caller="customer", now=now)
    new = escrow.replace(old, 1_000, terms, caller="customer", now=now)
    before, after = escrow.agreements[old], escrow.agreements[new]
    assert (before.paid, before.refunded, before.close_reason) == (100_000, 900_000, CloseReason.REPLACED)
    assert (after.payee, after.locked, after.start) == (split, 500_000, now)
    assert escrow.earnings_of(world.payee)[0] == 95_000  # what was delivered stays with the old payee
    assert escrow.balance_of(world.customer) == (10_000 * MICRO - 600_000, 500_000)
    assert world.model.staking.operators[0].pledged == 50_000
    world.model.check_invariants()


def test_replace__final_units_below_what_is_paid__payee_keeps_it(world: World) -> None:
    escrow = world.model.escrow
    old = world.open()
    world.settle((old, 1_000_000))
    escrow.replace(old, 5, world.terms(), caller="customer", now=world.now)
    assert escrow.agreements[old].paid == 600_000
    world.model.check_invariants()


@pytest.mark.parametrize("missing", ["customer", "old_operator", "funder", "new_operator"])
def test_replace__one_signature_missing__refused(world: World, missing: str) -> None:
    escrow, staking = world.model.escrow, world.model.staking
    escrow.allow(world.sponsor, world.customer, world.policy, 5_000 * MICRO, caller="sponsor")
    world.model.currency.mint("other", 9_000 * MICRO)
    other = staking.register(1, 1, caller="other")  # type: ignore[arg-type]
    staking.stake(other, 9_000 * MICRO, caller="other")
    old = world.open(funder=world.sponsor)
    terms = world.terms(funder=world.sponsor, operator=other)
    with refused("Escrow_BadSignature"):
        escrow.replace(old, 0, terms, ReplaceSigned(**{missing: False}), caller="nobody", now=START)
    new = escrow.replace(old, 0, terms, caller="nobody", now=START)
    assert escrow.agreements[new].operator == other
    world.model.check_invariants()


def test_replace__new_one_cannot_open__nothing_has_changed(world: World) -> None:
    escrow = world.model.escrow
    old = world.open()
    world.settle((old, 1_000))
    before = (escrow.agreements[old].paid, escrow.balance_of(world.customer), escrow.earnings_of(world.payee))
    pledged = world.model.staking.operators[0].pledged
    with refused("Escrow_ReplacementRefused"):
        escrow.replace(
            old,
            2_000,
            world.terms(budget=20_000 * MICRO, max_budget=20_000 * MICRO),
            caller="customer",
            now=world.now,
        )
    after = (escrow.agreements[old].paid, escrow.balance_of(world.customer), escrow.earnings_of(world.payee))
    assert (after, world.model.staking.operators[0].pledged) == (before, pledged)
    with refused("Escrow_OtherParties"):
        theirs = world.terms(customer=world.sponsor, funder=world.sponsor)
        escrow.replace(old, 1, theirs, caller="customer", now=START)
    world.model.check_invariants()


def test_claim_share__split_of_section_9__each_pulls_its_weight(world: World) -> None:
    """SPEC section 9: 700:300 of 500 500 is 350 350 and 150 150; pulled in two parts it comes to the same."""
    escrow = world.model.escrow
    escrow.set_fees(0, 0, caller="admin")
    members, weights = ("m", "n"), (700, 300)
    split = escrow.create_split(members, weights)
    assert escrow.create_split(members, weights) == split
    assert escrow.create_split(members, (7, 3)) != split
    agreement = world.open(payee=split, unit_price=1_000_000)
    world.settle((agreement, 101))
    assert escrow.claim_share(split, 1, members, weights, "n's", caller="n") == 30
    world.settle((agreement, 500_500))
    assert escrow.claim_share(split, 0, members, weights, "m's", caller="m") == 350_350
    assert escrow.claim_share(split, 1, members, weights, "n's", caller="n") == 150_150 - 30
    faults = [("m", 1, "Escrow_NotMember"), ("n", 2, "Escrow_NotMember"), ("m", 0, "Escrow_NothingToClaim")]
    for caller, place, code in faults:
        with refused(code):
            escrow.claim_share(split, place, members, weights, "x", caller=caller)
    with refused("Escrow_WrongSplit"):
        escrow.claim_share(split, 0, members, (699, 301), "x", caller="m")
    with refused("Escrow_UnknownAccount"):
        escrow.deposit(split, 5, caller="customer")  # nobody could take it out
    world.model.check_invariants()


def test_begin__lease_under_tee__starts_on_a_device_attested_for_it(world: World) -> None:
    m, escrow = world.model, world.model.escrow
    measurement = b"m" * 32
    tee = m.policy_book.add(
        Policy(VerificationKind.TEE, 0, world.relayer, issuer="issuer", measurement=measurement),
        caller="admin",
    )
    lease = open_lease(world, policy=tee)
    assert escrow.agreements[lease].start == escrow.agreements[lease].end
    now = START + DAY
    good = SignedCredential("issuer", CredentialKind.TEE, "device", lease.to_bytes(32, "big"), measurement)
    bad = [
        good._replace(value=bytes(32)),
        good._replace(issuer="other"),
        good._replace(binding=bytes(31) + b"\1"),
    ]
    m.credentials.post(bad, caller="issuer", now=now)
    with refused("Escrow_DeviceNotAttested"):
        escrow.begin(lease, "device", caller="provider", now=now)
    m.credentials.post([good._replace(nonce=9)], caller="anyone", now=now)
    with refused("Escrow_NotParty"):
        escrow.begin(lease, "device", caller="customer", now=now)
    assert escrow.begin(lease, "device", caller="provider", now=now) == now
    assert escrow.paid_until(lease) == now + 10_000
    with refused("Escrow_AlreadyBegun"):
        escrow.begin(lease, "device", caller="provider", now=now)


def test_close__lease_that_never_began__ends_at_once_with_nothing_paid(world: World) -> None:
    m, escrow = world.model, world.model.escrow
    tee = m.policy_book.add(Policy(VerificationKind.TEE, 0, world.relayer, issuer="issuer"), caller="admin")
    lease = open_lease(world, policy=tee)
    assert escrow.close(lease, caller="provider", now=START + 5) == START + 5
    assert escrow.refund(lease, now=escrow.refundable_at(lease)) == MICRO
    m.check_invariants()


def test_open__credentials_asked_for__missing_ones_are_named(world: World) -> None:
    m = world.model
    masks = {
        "customer_credentials": 1 << CredentialKind.KYC_CUSTOMER,
        "operator_credentials": 1 << CredentialKind.HARDWARE_CLASS,
    }
    asks = m.policy_book.add(
        Policy(VerificationKind.NONE, 0, world.relayer, issuer="issuer", **masks),  # type: ignore[arg-type]
        caller="admin",
    )
    open_it = lambda: m.escrow.open(world.terms(policy=asks), now=START).refusal  # noqa: E731
    assert open_it() == OpenRefusal.CUSTOMER_CREDENTIAL_MISSING
    m.credentials.post(
        [SignedCredential("issuer", CredentialKind.KYC_CUSTOMER, "customer")], caller="x", now=START
    )
    assert open_it() == OpenRefusal.OPERATOR_CREDENTIAL_MISSING
    for nonce, hardware in ((1, 1), (2, 2)):  # registered as class 2, a consumer GPU
        statement = SignedCredential(
            "issuer",
            CredentialKind.HARDWARE_CLASS,
            "provider",
            value=hardware.to_bytes(32, "big"),
            nonce=nonce,
        )
        m.credentials.post([statement], caller="x", now=START)
        expected = OpenRefusal.NONE if hardware == 2 else OpenRefusal.OPERATOR_CREDENTIAL_MISSING
        assert open_it() == expected


def test_pause_opening__at_most_max_pause_and_not_again_within_30_days(world: World) -> None:
    escrow = world.model.escrow
    with refused("Escrow_PauseRefused"):
        escrow.pause_opening(3 * DAY + 1, caller="admin", now=START)
    escrow.pause_opening(3 * DAY, caller="admin", now=START)
    with refused("Escrow_OpeningPaused"):
        escrow.open(world.terms(), now=START + 3 * DAY - 1)
    assert escrow.open(world.terms(), now=START + 3 * DAY).refusal == OpenRefusal.DEADLINE_PASSED
    with refused("Escrow_PauseRefused"):
        escrow.pause_opening(1, caller="admin", now=START + 33 * DAY - 1)
    escrow.pause_opening(DAY, caller="admin", now=START + 33 * DAY)
    escrow.resume_opening(caller="admin", now=START + 33 * DAY + 5)
    with refused("Escrow_PauseRefused"):
        escrow.pause_opening(1, caller="admin", now=START + 63 * DAY + 4)
    with refused("Escrow_NotPaused"):
        escrow.resume_opening(caller="admin", now=START + 40 * DAY)
    world.model.check_invariants()


def test_refund_many__mixed__refunds_what_is_due_and_says_why_of_the_rest(world: World) -> None:
    escrow = world.model.escrow
    due, held, early = world.open(), world.open(), world.open(expiry=START + 60 * DAY)
    escrow.agreements[held].frozen = True
    faults = [
        refund.fault
        for refund in escrow.refund_many([due, held, early, due, 9], now=escrow.refundable_at(due))
    ]
    assert faults == [
        RefundFault.NONE,
        RefundFault.HELD,
        RefundFault.TOO_EARLY,
        RefundFault.NOT_OPEN,
        RefundFault.NOT_OPEN,
    ]
