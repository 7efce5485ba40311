"""InsurancePool's claims: what covers them, who is paid when, and why whoever sues itself loses by it.

The Escrow is a stand-in whose agreements are what a test says, but for the last tests, which play on the real one. The
Court is an account. Unless a test says otherwise an agreement has 5 % of provider's fee, and 20 % of fees are
insurance's: so 1 000 000 µ paid are 10 000 µ of cover.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.chain.contracts import explain_revert
from tallystick.protocol.enums import Status
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, open_desk
from tests.support.evm import Bound, Evm, Receipt, Snapshot, account, reverts
from tests.support.system import DOLLAR, System, deploy_system

COURT: Final = account("court")
VIC, VAL, EVE = account("vic"), account("val"), account("eve")
ZERO: Final = "0x" + "00" * 20
OPEN, CLOSED = int(Status.OPEN), int(Status.CLOSED)
KYC_PROVIDER, KYC_CUSTOMER = 1, 2  # masks
OTTOS, OLGAS = 7, 8  # operators
GROWTH: Final = 430 * DAY


@dataclass
class Office:
    """The pool over its stand-in."""

    system: System
    escrow: Bound
    pool: Bound

    @property
    def evm(self) -> Evm:
        return self.system.evm

    def opened(
        self, operator: int = OTTOS, *, policy: int = 1, provider: int = 500, customer: int = 0
    ) -> int:
        record = (0, policy, provider, customer, operator, OPEN)
        return int(self.escrow.transact("open", record, sender=EVE).result)

    def closed(self, paid: int, operator: int = OTTOS, **how: int) -> int:
        """An agreement that paid so much and ended."""
        number = self.opened(operator, **how)
        self.end(number, paid)
        return number

    def end(self, agreement: int, paid: int) -> None:
        self.escrow.transact("set", agreement, paid, CLOSED, sender=EVE)

    def count(self, *agreements: int) -> Receipt:
        return self.pool.transact("count", list(agreements), sender=EVE)

    def file(self, loss: int, operator: int = OTTOS, victim: str = VIC.address, agreement: int = 0) -> int:
        """A claim on an agreement of its own, which paid nothing else."""
        agreement = agreement or self.opened(operator)
        self.pool.transact("file", agreement, operator, victim, loss, sender=COURT)
        return agreement

    def pay(self, n: int = 256) -> int:
        return int(self.pool.transact("pay", n, sender=EVE).result)

    def claim(self, agreement: int) -> tuple[int, int, int]:
        """Loss, granted, paid."""
        row = self.pool.call("claimOf", agreement)
        return row["loss"], row["granted"], row["paid"]

    def cover(self, operator: int = OTTOS) -> tuple[int, int]:
        """Counted, granted."""
        return tuple(self.pool.call("coverOf", operator))  # type: ignore[return-value]

    def credit(self, holder: Any) -> int:
        return int(self.pool.call("credits", holder.address))


def build(currency: str = "TestDollar") -> Office:
    system = deploy_system(escrow="MockEscrow", currency=currency)
    assert system.add_policy() == 1
    issuer = EVE.address
    both = {"customerCredentials": KYC_CUSTOMER, "operatorCredentials": KYC_PROVIDER}
    assert system.add_policy(issuer=issuer, **both) == 2
    assert system.add_policy(issuer=issuer, **(both | {"operatorCredentials": 0})) == 3
    assert system.add_policy(issuer=issuer, **(both | {"customerCredentials": 0})) == 4
    # Both masks have other kinds, and each the other side's.
    assert system.add_policy(issuer=issuer, customerCredentials=0b1101, operatorCredentials=0b1110) == 5
    escrow = system.evm.deploy("InsuredEscrowMock")
    pool = system.evm.deploy(
        "InsurancePool",
        currency=system.currency.address,
        feeSplitter=system.splitter.address,
        staking=system.staking.address,
        escrow=escrow.address,
        policyBook=system.policy_book.address,
        court=COURT.address,
    )
    return Office(system, escrow, pool)


@cache
def _pristine() -> tuple[Office, Snapshot]:
    office = build()
    return office, office.evm.snapshot()


def fresh() -> Office:
    office, snapshot = _pristine()
    office.evm.revert(snapshot)
    return office


@pytest.fixture
def office() -> Office:
    return fresh()


# Counting


def test_count__of_a_closed_agreement__insures_the_share_of_its_fees(office: Office) -> None:
    agreement = office.closed(1_000_000)
    receipt = office.count(agreement)
    assert receipt.result == 10_000
    told = receipt.event("Counted").args
    assert told == {"agreement": agreement, "operator": OTTOS, "fees": 50_000, "cover": 10_000}
    assert office.cover() == (10_000, 0)
    assert office.cover(OLGAS) == (0, 0)
    assert office.pool.call("isCounted", agreement)


def test_count__both_fees__each_floored_as_the_escrow_does_and_the_share_floored_again(
    office: Office,
) -> None:
    # 1 019 µ: floor(50.95) + floor(25.475) = 75 µ of fees; a fifth is 15. 19 µ of fees insure 3, not 3.8.
    agreement = office.closed(1_019, provider=500, customer=250)
    assert office.count(agreement).event("Counted").args["fees"] == 75
    assert office.cover() == (15, 0)
    assert office.count(office.closed(380)).result == 3


def test_count__what_is_open_unknown_or_counted__is_skipped_and_the_others_are_counted(
    office: Office,
) -> None:
    running, one, two = office.opened(), office.closed(1_000_000), office.closed(2_000_000)
    office.escrow.transact("set", running, 5_000_000, OPEN, sender=EVE)
    receipt = office.count(running, one, one, 999, two)
    assert receipt.result == 30_000
    assert [log.args["agreement"] for log in receipt.events("CountSkipped")] == [running, one, 999]
    assert [log.args["agreement"] for log in receipt.events("Counted")] == [one, two]
    assert office.count(one, two).result == 0
    assert office.cover() == (30_000, 0)


def test_count__an_agreement_without_fees__is_counted_for_nothing(office: Office) -> None:
    agreement = office.closed(0)
    assert office.count(agreement).result == 0
    assert office.pool.call("isCounted", agreement)


def test_count__more_than_256__is_refused(office: Office) -> None:
    with reverts("InsurancePool_TooManyItems", items=257):
        office.count(*range(1, 258))
    assert len(office.count(*range(1, 257)).events("CountSkipped")) == 256


@pytest.mark.parametrize(
    ("policy", "insurance", "cover"),
    [
        (1, 2_000, 10_000),  # nobody is known: once
        (2, 2_000, 30_000),  # both are: three times
        (3, 2_000, 10_000),  # the customer alone
        (4, 2_000, 10_000),  # the provider alone
        (5, 2_000, 10_000),  # each side asked for the other's credential
        (1, 500, 2_500),
        (1, 4_000, 20_000),
        (2, 4_000, 40_000),  # 3 x 40 % would be more than the fees: 80 % of them at most
        (99, 2_000, 10_000),  # no such policy
    ],
)
def test_count__factor_and_share__are_those_of_policy_and_moment(
    office: Office, policy: int, insurance: int, cover: int
) -> None:
    office.system.splitter.transact(
        "setShares", 9_000 - insurance, insurance, 1_000, sender=office.system.admin
    )
    assert office.count(office.closed(1_000_000, policy=policy)).result == cover


# Filing


def test_file__by_anybody_but_the_court__is_refused(office: Office) -> None:
    for caller in (EVE, VIC, office.system.admin):
        with reverts("InsurancePool_NotCourt", caller=caller.address):
            office.pool.transact("file", 5, OTTOS, VIC.address, 100, sender=caller)


def test_file__within_cover__is_granted_whole(office: Office) -> None:
    office.count(office.closed(1_000_000))
    agreement = office.opened()
    receipt = office.pool.transact("file", agreement, OTTOS, VIC.address, 10_000, sender=COURT)
    assert receipt.result == 10_000
    assert [log.name for log in receipt.logs] == ["ClaimFiled", "ClaimGranted"]
    assert office.claim(agreement) == (10_000, 10_000, 0)
    assert office.cover() == (10_000, 10_000)
    assert office.pool.call("queue") == (1, 10_000)
    assert office.pool.call("queued", 0) == agreement


def test_file__above_cover__grants_what_there_is_and_the_rest_waits(office: Office) -> None:
    office.count(office.closed(1_000_000))
    agreement = office.opened()
    receipt = office.pool.transact("file", agreement, OTTOS, VIC.address, 10_001, sender=COURT)
    assert receipt.result == receipt.event("ClaimGranted").args["amount"] == 10_000
    assert receipt.event("ClaimCapped").args == {"agreement": agreement, "operator": OTTOS, "amount": 1}
    assert office.pool.call("waitingOf", OTTOS, 0, 10) == ([agreement], 0)
    # The next one finds nothing left.
    assert office.claim(office.file(7)) == (7, 0, 0)


def test_file__with_no_cover_and_no_money__never_reverts(office: Office) -> None:
    agreement = office.file(2**64 - 1)
    assert office.claim(agreement) == (2**64 - 1, 0, 0)
    assert office.pool.call("queue") == (0, 0)
    assert office.pay() == 0


def test_file__twice_for_nothing_or_nobody__is_refused_by_an_event(office: Office) -> None:
    office.count(office.closed(1_000_000))
    agreement = office.file(100)
    for number, victim, loss in ((agreement, VAL.address, 900), (77, VIC.address, 0), (77, ZERO, 5)):
        receipt = office.pool.transact("file", number, OTTOS, victim, loss, sender=COURT)
        assert (receipt.result, [log.name for log in receipt.logs]) == (0, ["ClaimRefused"])
    assert office.claim(agreement) == (100, 100, 0)
    assert office.claim(77) == (0, 0, 0)
    assert office.cover() == (10_000, 100)


def test_file__cover_of_another_operator__is_not_drawn_on(office: Office) -> None:
    office.count(office.closed(1_000_000, OLGAS))
    assert office.claim(office.file(50))[1] == 0
    assert office.claim(office.file(50, OLGAS))[1] == 50


# Claims that were filed before the fees were counted


def test_growth__filed_in_haste_by_the_cheat__costs_the_victim_nothing(office: Office) -> None:
    """Whoever files first, before or after the counting: the same in the end."""
    ends = []
    for hasty in (True, False):
        office = fresh()
        past, running = office.closed(1_000_000), office.opened()
        if not hasty:
            office.count(past)
        agreement = office.file(15_000)
        if hasty:
            assert office.claim(agreement) == (15_000, 0, 0)
            receipt = office.count(past)
            assert receipt.event("ClaimGranted").args["amount"] == 10_000
        office.end(running, 2_000_000)
        office.count(running)
        assert office.claim(agreement) == (15_000, 15_000, 0)
        ends.append((office.cover(), office.pool.call("queue"), office.pool.call("waitingOf", OTTOS, 0, 9)))
    assert ends[0] == ends[1]
    assert ends[0] == ((30_000, 15_000), (1, 15_000), ([agreement], 1))


def test_growth__of_what_is_opened_after_the_filing__insures_later_victims_alone(office: Office) -> None:
    early = office.file(1_000_000)
    later = office.closed(1_000_000)
    office.count(later)
    assert office.claim(early) == (1_000_000, 0, 0)
    assert office.cover() == (10_000, 0)
    second = office.file(8_000, victim=VAL.address)
    assert office.claim(second) == (8_000, 8_000, 0)


def test_growth__of_several_claims__is_in_the_order_of_filing(office: Office) -> None:
    before = office.opened()
    first = office.file(6_000)
    between = office.opened()
    second, third = office.file(3_000), office.file(10_000)
    # Opened after the first filing: passes it by.
    office.end(between, 400_000)
    office.count(between)
    assert [office.claim(one)[1] for one in (first, second, third)] == [0, 3_000, 1_000]
    # Opened before all of them: 10 000 more, the first of them first.
    office.end(before, 1_000_000)
    office.count(before)
    assert [office.claim(one)[1] for one in (first, second, third)] == [6_000, 3_000, 5_000]
    assert office.cover() == (14_000, 14_000)
    # The first two are done: the next count looks at them no more.
    assert office.pool.call("waitingOf", OTTOS, 0, 9) == ([first, second, third], 2)


def test_growth__ends_after_430_days__and_then_stands_in_nobodys_way(office: Office) -> None:
    one, two, three = office.opened(), office.opened(), office.opened()
    claim = office.file(1_000_000)
    for number in (one, two, three):
        office.end(number, 100_000)
    office.evm.warp(GROWTH)
    office.count(one)
    assert office.claim(claim)[1] == 1_000
    office.evm.warp(1)
    office.count(two)
    assert office.claim(claim)[1] == 1_000
    assert office.pool.call("waitingOf", OTTOS, 0, 9) == ([claim], 1)
    # What it was granted is still paid, and the cover is there for others.
    assert office.claim(office.file(500))[1] == 500
    office.system.mint(office.pool.address, 1_000_000)
    assert office.pay() == 1_500


def test_growth__behind_a_flood_of_waiting_claims__is_bounded_work_and_lost_to_nobody(office: Office) -> None:
    """32 of the operator's own claims wait in front. One counted agreement looks at no more than those; what it brings
    stays for the next claim that is filed, and the flood lapses."""
    flood = [office.file(2**40) for _ in range(32)]
    bridge, clears, grows = office.opened(), office.opened(), office.opened()
    office.evm.warp(DAY)
    victim = office.file(10_000, victim=VAL.address)
    office.end(bridge, 1_000_000)
    office.count(bridge)
    assert [office.claim(one)[1] for one in (*flood, victim)] == [0] * 33
    assert office.cover() == (10_000, 0)
    assert office.claim(office.file(4_000))[1] == 4_000
    # The flood's time is over, the victim's is not: one count clears the way, the next one reaches it.
    office.evm.warp(GROWTH - DAY + 1)
    office.end(clears, 20_000)
    office.end(grows, 300_000)
    office.count(clears)
    assert office.pool.call("waitingOf", OTTOS, 32, 5) == ([victim], 32)
    assert office.claim(victim)[1] == 0
    office.count(grows)
    assert office.claim(victim)[1] == 3_000


# Paying


def test_pay__at_most_5_percent_a_day__first_in_first_out_the_last_in_part(office: Office) -> None:
    office.system.mint(office.pool.address, 100_000)
    office.count(office.closed(100_000_000))
    one, two = office.file(3_000), office.file(4_000, victim=VAL.address)
    office.file(1_000)
    receipt = office.pool.transact("pay", 256, sender=EVE)
    assert receipt.result == 5_000
    assert [tuple(log.args.values()) for log in receipt.events("ClaimPaid")] == [
        (one, VIC.address, 3_000),
        (two, VAL.address, 2_000),
    ]
    assert receipt.event("EpochBegan").args["amount"] == 5_000
    assert office.pool.call("queue") == (2, 3_000)
    assert office.pool.call("queued", 0) == two
    assert (office.credit(VIC), office.credit(VAL), office.pool.call("money")) == (3_000, 2_000, 95_000)
    # Nothing more that day, whatever comes in.
    office.system.mint(office.pool.address, 1_000_000)
    assert (office.pay(), office.pool.call("payableNow")) == (0, 0)
    # The next day: 5 % of 1 095 000.
    office.evm.warp_to((office.evm.now // DAY + 1) * DAY)
    assert office.pool.call("payableNow") == 54_750
    assert office.pay() == 3_000
    assert office.pool.call("payableNow") == 51_750
    assert (office.credit(VIC), office.credit(VAL)) == (4_000, 4_000)
    assert office.pool.call("queue") == (0, 0)


def test_pay__the_rest_of_a_day__is_there_for_what_is_filed_later_that_day(office: Office) -> None:
    office.system.mint(office.pool.address, 1_000)  # 50 a day
    office.count(office.closed(1_000_000))
    office.file(30)
    assert office.pay() == 30
    office.file(30)
    assert office.pay() == 20
    office.evm.warp(DAY)
    assert office.pay() == 10


def test_pay__n_of_a_long_queue__pays_n(office: Office) -> None:
    office.system.mint(office.pool.address, 10_000_000)
    office.count(office.closed(100_000_000))
    claims = [office.file(10) for _ in range(5)]
    assert (office.pay(0), office.pay(2)) == (0, 20)
    assert [office.claim(one)[2] for one in claims] == [10, 10, 0, 0, 0]
    assert office.pay(256) == 30
    with reverts("InsurancePool_TooManyItems", items=257):
        office.pay(257)


def test_pay__from_an_empty_pool__measures_nothing_and_goes_on_when_money_comes(office: Office) -> None:
    office.count(office.closed(1_000_000))
    office.file(100)
    office.system.mint(office.pool.address, 19)  # 5 % are less than one µ
    assert office.pay() == 0
    office.system.mint(office.pool.address, 1)
    assert office.pay() == 1


def test_pay__a_claim_that_grows_after_it_was_paid__queues_again_at_the_end(office: Office) -> None:
    office.system.mint(office.pool.address, 10_000_000)
    one, two = office.opened(), office.opened()
    office.count(office.closed(1_000_000, OLGAS))
    grows = office.file(900)
    office.end(one, 10_000)
    office.count(one)
    assert office.pay() == 100
    other = office.file(50, OLGAS)
    office.end(two, 10_000)
    office.count(two)
    assert office.claim(grows) == (900, 200, 100)
    assert [office.pool.call("queued", place) for place in range(2)] == [other, grows]
    assert office.pay() == 150


def test_pay__a_claim_that_grows_while_it_stands_in_the_queue__keeps_its_place(office: Office) -> None:
    office.system.mint(office.pool.address, 2_000)  # 100 a day
    running = office.opened()
    office.count(office.closed(15_000), office.closed(1_000_000, OLGAS))  # 150 of cover for Otto
    first, second = office.file(500), office.file(20, OLGAS)
    assert office.pay() == 100
    office.end(running, 10_000)
    office.count(running)
    assert office.claim(first) == (500, 250, 100)
    assert [office.pool.call("queued", place) for place in range(2)] == [first, second]
    assert office.pool.call("queue") == (2, 170)


# Credits


def test_claim_credit__is_the_victims_alone_to_an_address_of_its_choice(office: Office) -> None:
    office.system.mint(office.pool.address, 1_000_000)
    office.count(office.closed(1_000_000))
    office.file(300)
    office.file(200, victim=VAL.address)
    office.pay()
    with reverts("InsurancePool_NothingToClaim", holder=EVE.address):
        office.pool.transact("claimCredit", EVE.address, sender=EVE)
    with reverts("InsurancePool_ZeroAddress"):
        office.pool.transact("claimCredit", ZERO, sender=VIC)
    # A victim whom the currency's issuer has blocked delays only itself.
    office.system.currency.transact("blacklist", VIC.address, True, sender=office.system.admin)
    with reverts("TestDollar_Blacklisted"):
        office.pool.transact("claimCredit", VIC.address, sender=VIC)
    assert office.pool.transact("claimCredit", VAL.address, sender=VAL).result == 200
    assert office.pool.transact("claimCredit", EVE.address, sender=VIC).result == 300
    with reverts("InsurancePool_NothingToClaim"):
        office.pool.transact("claimCredit", EVE.address, sender=VIC)
    assert office.pool.call("totalCredits") == 0
    assert office.system.balance(office.pool) == office.pool.call("money") == 999_500


def test_claim_credit__with_a_currency_that_calls_back__lets_nothing_in() -> None:
    office = build("ReentrantDollar")
    token, pool = office.system.currency, office.pool
    office.system.mint(pool.address, 1_000_000)
    office.count(office.closed(10_000_000))
    office.file(300, victim=token.address)
    office.file(200)
    office.pay(1)
    held = office.system.balance(pool)
    inside = (
        pool.encode("claimCredit", EVE.address), pool.encode("pay", 256), pool.encode("count", [1]),
        pool.encode("file", 9, OTTOS, EVE.address, 1), pool.encode("pullFees"),
    )  # fmt: skip
    for data in inside:
        before = office.evm.snapshot()
        token.transact("arm", pool.address, data, True, sender=EVE)
        token.transact("execute", pool.address, pool.encode("claimCredit", EVE.address), sender=EVE)
        assert (token.call("calls"), token.call("succeeded")) == (1, False)
        assert explain_revert(token.call("returned")).code == "ReentrancyGuardReentrantCall"
        assert office.system.balance(pool) == held - 300
        assert pool.call("totalCredits") == 0
        office.evm.revert(before)


# Everything together


OPERATORS: Final = (1, 2)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("open", "end", "count", "file", "file again", "pay", "claim", "mint", "wait")),
        st.integers(0, 10**6),
        st.integers(1, 10**7),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_order_of_steps__money_is_conserved_and_no_operator_takes_more_than_its_cover(
    steps: list[Any],
) -> None:
    office = fresh()
    running: list[tuple[int, int]] = []
    ended: dict[int, tuple[int, int]] = {}
    counted: set[int] = set()
    claims: dict[int, int] = {}
    minted = taken = 0
    limits: dict[int, int] = {}
    paid_on: dict[int, int] = {}
    victims = (VIC, VAL)
    for step, pick, amount in steps:
        operator = OPERATORS[pick % 2]
        if step == "open":
            running.append((office.opened(operator, policy=1 + pick % 3), operator))
        elif step == "end" and running:
            number, operator = running.pop(pick % len(running))
            office.end(number, amount)
            ended[number] = (operator, amount)
        elif step == "count" and ended:
            number = list(ended)[pick % len(ended)]
            office.count(number, number)
            counted.add(number)
        elif step == "file":
            claims[office.file(amount // 50 + 1, operator, victims[pick % 2].address)] = operator
        elif step == "file again" and claims:
            office.file(amount, operator, EVE.address, agreement=list(claims)[pick % len(claims)])
        elif step == "pay":
            day, most = office.evm.now // DAY, office.pool.call("money") // 20
            if amount := office.pay(pick % 4):
                limits.setdefault(day, most)
                paid_on[day] = paid_on.get(day, 0) + amount
                assert paid_on[day] <= limits[day]
        elif step == "claim":
            victim = victims[pick % 2]
            if office.credit(victim):
                taken += office.pool.transact("claimCredit", victim.address, sender=victim).result
        elif step == "mint":
            office.system.mint(office.pool.address, amount)
            minted += amount
        else:
            office.evm.warp(amount % (3 * DAY))
        # Currency = the pool's money + credits = all that came less what was taken.
        owed = sum(office.credit(victim) for victim in victims)
        assert office.credit(EVE) == 0
        assert office.pool.call("totalCredits") == owed
        assert office.system.balance(office.pool) == office.pool.call("money") + owed == minted - taken
        # Claims: paid <= granted <= loss; per operator granted <= cover; paid = credited.
        rows = {number: office.claim(number) for number in claims}
        assert all(paid <= granted <= loss for loss, granted, paid in rows.values())
        assert sum(paid for _, _, paid in rows.values()) == owed + taken
        due = sum(granted - paid for _, granted, paid in rows.values())
        assert office.pool.call("queue")[1] == due
        for operator in OPERATORS:
            factor = {number: 3 if office_policy(office, number) == 2 else 1 for number in counted}
            cover = sum(
                paid * 5 // 100 * 20 * factor[number] // 100
                for number, (owner, paid) in ended.items()
                if owner == operator and number in counted
            )
            granted = sum(rows[number][1] for number, owner in claims.items() if owner == operator)
            assert office.cover(operator) == (cover, granted)
            assert granted <= cover


def office_policy(office: Office, agreement: int) -> int:
    hot = office.escrow.call("slotsOf", [agreement])[0][0]
    return int(hot) >> 40 & 0xFFFF


# Puppets: provider and customer are one


@pytest.mark.parametrize(
    ("policy", "insurance", "back"),
    [
        (1, 2_000, 10_000_000),  # loses 40 of 50 dollars of fees
        (2, 2_000, 30_000_000),  # both known: loses 20
        (2, 4_000, 40_000_000),  # at the highest share ever: loses 10
    ],
)
def test_puppets__whoever_pays_itself_1_000_dollars_and_sues__loses_by_it(
    office: Office, policy: int, insurance: int, back: int
) -> None:
    """Whatever the ruling says was lost, in however many agreements and claims."""
    office.system.splitter.transact(
        "setShares", 9_000 - insurance, insurance, 1_000, sender=office.system.admin
    )
    office.system.mint(office.pool.address, 1_000_000 * DOLLAR)  # plenty of others' money
    fees = 0
    for paid in (600 * DOLLAR, 300 * DOLLAR, 100 * DOLLAR):
        agreement = office.opened(policy=policy)
        office.end(agreement, paid)
        fees += paid * 500 // 10_000
        office.file(paid, agreement=agreement)  # nothing was recovered: the worst for the pool
        office.count(agreement)
        office.pay()
    assert fees == 50_000_000
    assert office.credit(VIC) == back < fees
    # Neither time, nor another claim, nor counting again gets more.
    office.evm.warp(DAY)
    office.file(10**9)
    office.pay()
    assert office.credit(VIC) == back


def test_puppets__on_the_real_escrow__their_purses_together_have_lost_four_fifths_of_the_fees() -> None:
    """Ann, Otto and Paula are one person. Her agreement pays 1 000 dollars; the Court, for the sake of argument, finds
    all of it lost, and the bond, the slash and the arbiters' fee are left out: they would only cost her more."""
    desk = open_desk()
    pool, court = desk.system.insurance, desk.system.court
    desk.system.mint(pool.address, 10_000 * DOLLAR)  # others'

    def purse() -> int:
        return desk.free(1) + desk.received(2) + int(pool.call("credits", ANN.address))

    agreement = desk.opened(budget=1_000 * DOLLAR, unit_price=1_000_000)
    had = purse() + desk.locked(1)
    desk.pay([(agreement, 1_000 * DOLLAR)])
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    assert purse() == had - 50 * DOLLAR  # 5 % of fees
    pool.transact("pullFees", sender=MALLORY)
    assert desk.system.balance(pool) == 10_010 * DOLLAR
    pool.transact("file", agreement, 1, ANN.address, 1_000 * DOLLAR, sender=court)
    pool.transact("count", [agreement], sender=OTTO)
    assert pool.transact("pay", 256, sender=PAULA).result == 10 * DOLLAR
    assert purse() == had - 40 * DOLLAR
    # The pool has not lost a cent of others' money by it.
    assert desk.system.balance(pool) - pool.call("totalCredits") == 10_000 * DOLLAR


# Gas


def test_gas__of_each_step(office: Office) -> None:
    """docs/insurance.md has these figures; they may fall."""
    office.system.mint(office.pool.address, 10**12)
    many = [office.closed(1_000_000, 20 + number % 5) for number in range(100)]
    one, waiting = office.closed(1_000_000), office.opened()
    first = office.opened()

    def gas(function: str, *values: Any, sender: Any = EVE) -> int:
        return office.pool.transact(function, *values, sender=sender, measure=True).gas

    found = {
        "count one": gas("count", [one]),
        "count 100, each": gas("count", many) // 100,
        "file": gas("file", first, OTTOS, VIC.address, 100, sender=COURT),
        "file, capped": gas("file", waiting, OTTOS, VIC.address, 10**6, sender=COURT),
        "pay one": gas("pay", 1),
        "pay the next": gas("pay", 1),
        "claim": gas("claimCredit", EVE.address, sender=VIC),
    }
    goals = {
        "count one": 95_500,
        "count 100, each": 12_500,
        "file": 151_000,
        "file, capped": 163_000,
        "pay one": 140_500,
        "pay the next": 64_000,
        "claim": 60_000,
    }
    assert all(found[name] <= goals[name] for name in goals), found
