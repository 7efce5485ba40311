"""The referee among the real contracts: an order that both parties signed, a dispute at the Court, the fee.

Task of 100 dollars for 1 000 000 units, pledge 10 dollars. The provider (Otto) says that all is done; Carol, who did
the work herself, says that nothing of it stands. Policy 1: the referee first, nobody second, so there is no appeal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tallystick.protocol.bisection.game import (
    LyingChallenger,
    WorkChallenger,
    WorkSolver,
    play,
)
from tallystick.protocol.bisection.statement import OperationProof
from tallystick.protocol.bisection.work import Fault, Work, network_order
from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import KeyKind
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, RITA, Desk
from tests.support.evm import Bound, Snapshot, account, reverts
from tests.support.receipts import DEVICE, sign_receipt
from tests.support.system import DOLLAR, Role, System, deploy_system, dispute_terms

CAROL = account("carol")
HUNDRED = 100 * DOLLAR
UNITS = 1_000_000
RULING, RULED = 3, 6
UPHELD, REJECTED = 1, 2
NOBODY = "0x" + "00" * 20


@cache
def works() -> tuple[Work, Work]:
    """Done rightly, done with a fault."""
    order = network_order(4, 16)
    honest = Work(order)
    return honest, Work(order, Fault(29), like=honest)


@dataclass
class Case:
    """Everything there is, and one table of the game."""

    system: System
    desk: Desk
    court: Bound
    referee: Bound
    dispute: int = 0

    def terms(self, **changes: Any) -> Terms:
        fields = {"unit_price": HUNDRED, "budget": HUNDRED, "expiry": self.desk.now + 60 * DAY}
        return self.desk.terms(**(fields | {"work_hash": works()[0].order.hash} | changes))

    def opened(self, terms: Terms) -> int:
        (number,) = self.desk.opened_many([terms])
        self.desk.evm.warp(60)
        return number

    def register(self, agreement: int, terms: Terms, **signers: Any) -> Any:
        values = (agreement, tuple(terms), self.desk.signed(terms, **signers))
        return self.referee.transact("register", *values, sender=MALLORY)

    def attack(self, agreement: int, work: Work) -> None:
        """Carol disputes the provider's receipt for all units; the evidence closes."""
        now = self.desk.now
        claim = Claim(agreement, UNITS, now - 60, now, work.statement.output_root(), False)
        item = sign_receipt(self.desk.evm, self.desk.ledger, claim)
        shown = (0, 0, bytes(18), bytes(32), [], item)
        values = (agreement, 0, shown, NOBODY, 1, bytes(32), "")
        self.dispute = int(self.court.transact("open", *values, sender=CAROL).result)
        self.expire()
        assert self.view()["state"] == RULING

    def view(self) -> dict[str, Any]:
        return dict(self.court.call("disputeOf", self.dispute))

    def expire(self) -> None:
        self.desk.evm.warp_to(self.view()["deadline"])

    def query(self, index: int) -> None:
        self.referee.transact("query", self.dispute, index, sender=CAROL)

    def answer(self, state: bytes, proof: list[bytes]) -> None:
        self.referee.transact("answer", self.dispute, state, proof, sender=OTTO)

    def prove(self, operation: int, shown: OperationProof) -> None:
        self.referee.transact("prove", self.dispute, operation, shown, sender=CAROL)

    def state(self, work: Work) -> None:
        values = (work.statement, work.checkpoint_proof(4))
        self.referee.transact("state", self.dispute, *values, sender=OTTO)

    def play(self, work: Work, challenger: WorkChallenger) -> None:
        """A whole game about `work`."""
        self.referee.transact("open", self.dispute, sender=CAROL)
        self.state(work)
        play(self, WorkSolver(work), challenger, 4, 16)

    def execute(self) -> dict[str, Any]:
        """Takes the ruling and carries it out; what `Executed` says."""
        self.court.transact("rule", self.dispute, sender=MALLORY)
        assert self.view()["state"] == RULED
        return dict(self.court.transact("execute", self.dispute, sender=MALLORY).event("Executed").args)


@cache
def _pristine() -> tuple[Case, Snapshot]:
    system = deploy_system(justice=True)
    desk = Desk(system, system.escrow)
    system.register(OTTO, Role.PROVIDER, free=10_000 * DOLLAR)
    system.register(RITA, Role.RELAYER, free=20_000 * DOLLAR)
    system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    bound = system.create_justice()
    referee = bound["BisectionReferee"]
    system.add_policy(relayer=2, dispute=dispute_terms(arbiter=referee.address))
    for number, owner in ((1, ANN), (2, PAULA)):
        assert desk.escrow.transact("createAccount", owner.address, sender=MALLORY).result == number
    system.fund(ANN, 1_000 * DOLLAR, desk.escrow)
    desk.escrow.transact("deposit", 1, 1_000 * DOLLAR, sender=ANN)
    system.fund(CAROL, 10_000 * DOLLAR, bound["Court"])
    system.evm.warp(DAY)
    return Case(system, desk, bound["Court"], referee), system.evm.snapshot()


@pytest.fixture
def case() -> Case:
    made, snapshot = _pristine()
    made.desk.evm.revert(snapshot)
    return Case(made.system, Desk(made.system, made.system.escrow), made.court, made.referee)


# A dispute


def test_cheat__loses_at_the_court__and_the_fee_goes_to_the_challenger(case: Case) -> None:
    honest, cheat = works()
    terms = case.terms()
    agreement = case.opened(terms)
    assert case.register(agreement, terms).event("Registered").args["workHash"] == honest.order.hash
    case.attack(agreement, cheat)
    case.play(cheat, WorkChallenger(honest))
    executed = case.execute()
    assert (executed["outcome"], executed["units"]) == (UPHELD, 0)
    # Nothing was paid, all of the budget goes back; the pledge of 10 dollars is slashed.
    assert executed["moved"]["refunded"] == HUNDRED
    assert executed["moved"]["slash"]["slashed"] == 10 * DOLLAR

    fee = int(case.court.call("feeOf", case.dispute, 1))
    assert fee == 25 * DOLLAR
    passed = case.referee.transact("collectFee", case.dispute, 1, sender=MALLORY).event("FeePassedOn").args
    assert (passed["to"], passed["amount"]) == (CAROL.address, fee)
    before = case.system.balance(CAROL)
    case.referee.transact("claimCredit", CAROL.address, sender=CAROL)
    assert case.system.balance(CAROL) == before + fee
    assert case.system.balance(case.referee) == 0
    with reverts("BisectionReferee_NothingToCollect", dispute=case.dispute, round=1):
        case.referee.transact("collectFee", case.dispute, 1, sender=MALLORY)


def test_false_accusation__loses_its_bond__and_the_fee_goes_to_the_solver(case: Case) -> None:
    honest, _ = works()
    terms = case.terms()
    agreement = case.opened(terms)
    case.register(agreement, terms)
    case.attack(agreement, honest)
    case.play(honest, LyingChallenger(honest, 40))
    with reverts("BisectionReferee_NothingToCollect"):  # not before it is executed
        case.referee.transact("collectFee", case.dispute, 1, sender=MALLORY)
    executed = case.execute()
    assert (executed["outcome"], executed["units"]) == (REJECTED, UNITS)
    assert executed["moved"]["slash"]["slashed"] == 0
    passed = case.referee.transact("collectFee", case.dispute, 1, sender=MALLORY).event("FeePassedOn").args
    assert (passed["to"], passed["amount"]) == (OTTO.address, 25 * DOLLAR)
    assert case.referee.call("credits", OTTO.address) == 25 * DOLLAR
    with reverts("BisectionReferee_NothingToCollect", round=2):
        case.referee.transact("collectFee", case.dispute, 2, sender=MALLORY)


def test_silent_solver__loses_by_the_clock__without_a_transaction_of_the_referee(case: Case) -> None:
    _, cheat = works()
    terms = case.terms()
    agreement = case.opened(terms)
    case.attack(agreement, cheat)
    case.referee.transact("open", case.dispute, sender=CAROL)
    with reverts("Court_NotRuledYet"):
        case.court.transact("rule", case.dispute, sender=MALLORY)
    case.desk.evm.warp(DAY)
    assert case.execute()["outcome"] == UPHELD


def test_nobody__opens_the_game__the_court_takes_the_arbiter_for_silent(case: Case) -> None:
    _, cheat = works()
    agreement = case.opened(case.terms())
    case.attack(agreement, cheat)
    case.expire()
    while case.view()["state"] != RULED:
        case.expire()
    executed = case.court.transact("execute", case.dispute, sender=MALLORY).event("Executed").args
    assert executed["outcome"] == 3  # SILENT
    assert executed["moved"]["slash"]["slashed"] == 0
    with reverts("BisectionReferee_NothingToCollect"):
        case.referee.transact("collectFee", case.dispute, 1, sender=MALLORY)


# What was ordered


def test_register__by_a_party__needs_the_other_signature_alone(case: Case) -> None:
    terms = case.terms()
    agreement = case.opened(terms)
    customer, operator = case.desk.signed(terms)
    values = (agreement, tuple(terms))
    with reverts("BisectionReferee_NotSigned", agreement=agreement, signer=OTTO.address):
        case.referee.transact("register", *values, (customer, b""), sender=ANN)
    with reverts("BisectionReferee_NotSigned", agreement=agreement, signer=ANN.address):
        case.referee.transact("register", *values, (b"", operator), sender=OTTO)
    case.referee.transact("register", *values, (customer, b""), sender=OTTO)
    assert case.referee.call("orderOf", agreement) == terms.work_hash


def test_register__with_a_strangers_signature__is_refused(case: Case) -> None:
    terms = case.terms()
    agreement = case.opened(terms)
    for signers in ({"customer": MALLORY}, {"operator": MALLORY}, {"customer": OTTO, "operator": ANN}):
        with reverts("BisectionReferee_NotSigned", agreement=agreement):
            case.register(agreement, terms, **signers)


def test_register__twice__is_refused(case: Case) -> None:
    terms = case.terms()
    agreement = case.opened(terms)
    case.register(agreement, terms)
    with reverts("BisectionReferee_AlreadyRegistered", agreement=agreement):
        case.register(agreement, terms)


@pytest.mark.parametrize(
    "changes",
    [{"work_hash": b"\1" * 32}, {"customer_nonce": 7}, {"unit_price": HUNDRED + 1}, {"payee": 1}],
)
def test_register__with_other_terms__is_refused_though_both_signed_them(
    case: Case, changes: dict[str, Any]
) -> None:
    terms = case.terms()
    agreement = case.opened(terms)
    with reverts("BisectionReferee_WrongTerms", agreement=agreement):
        case.register(agreement, terms._replace(**changes))


def test_register__for_another_agreement__is_refused(case: Case) -> None:
    first, second = case.terms(), case.terms()
    agreement, other = case.opened(first), case.opened(second)
    with reverts("BisectionReferee_WrongTerms", agreement=other):
        case.register(other, first)
    with reverts("BisectionReferee_WrongTerms", agreement=agreement + 1):
        case.register(agreement + 1, first)


def test_register__of_terms_without_a_work_hash__is_refused(case: Case) -> None:
    terms = case.terms(work_hash=bytes(32))
    agreement = case.opened(terms)
    with reverts("BisectionReferee_WrongTerms", agreement=agreement):
        case.register(agreement, terms)
