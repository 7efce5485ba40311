"""What the gas table measures of Council and Jury, before the real Court: one dispute with an appeal, of two."""

from __future__ import annotations

from typing import Any, Final

from tests.support.escrow import MALLORY, OTTO
from tests.support.evm import Account, Bound, Receipt, account
from tests.support.hall import BOTH_JURY, CAROL, COUNCIL_THEN_JURY, Hall, open_hall
from tests.support.jury import MEMBERS, T, salt
from tests.support.system import DOLLAR, Role

SECRETS: Final = ((CAROL, b"\1" * 32), (OTTO, b"\2" * 32))
SEATS: Final = {1: 5, 2: 11}


class Arbiters:
    """Plays the paths once and keeps gas by name."""

    def __init__(self) -> None:
        self.hall: Hall = open_hall()
        self.gas: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        """Gas by name, in the order of the table."""
        self._enlist()
        self.hall.begin(BOTH_JURY)
        self._panel(1, [400_000] * 3 + [1_000_000] * 2)
        self.hall.court.transact("appeal", self.hall.dispute, 100 * DOLLAR, sender=OTTO)
        self._panel(2, [400_000] * 6 + [1_000_000] * 5)
        self.hall.execute()
        for round_ in SEATS:
            name = f"jury: share a fee, {SEATS[round_]} seats"
            self.measure(name, self.hall.jury, "shareFee", self.hall.dispute, round_, sender=MALLORY)
        self._council()
        return self.gas

    def measure(self, name: str, contract: Bound, function: str, *values: Any, sender: Account) -> Receipt:
        receipt = contract.transact(function, *values, sender=sender, measure=True)
        self.gas[name] = receipt.gas
        return receipt

    def _enlist(self) -> None:
        hall, juror = self.hall, account("gas juror")
        operator = hall.system.register(juror, Role.VERIFIER, free=2_000 * DOLLAR)
        hall.system.fund(juror, 2_000 * DOLLAR, hall.jury)
        for name in ("jury: deposit, the first time", "jury: deposit more"):
            self.measure(name, hall.jury, "deposit", operator, 1_000 * DOLLAR, sender=juror)
        self.measure("jury: resign", hall.jury, "resign", sender=juror)

    def _panel(self, round_: int, votes: list[int]) -> None:
        """The last seat's votes are the dearest: its place is looked for among all."""
        hall, seats = self.hall, f", {SEATS[round_]} seats"
        jury, here = hall.jury, (hall.dispute, round_)
        for who, secret in SECRETS:
            hall.system.fund(who, 20 * DOLLAR, jury)
            sealed = jury.call("sealHash", *here, who.address, secret)
            self.measure("jury: seal a secret", jury, "seal", *here, sealed, sender=who)
        hall.system.evm.warp(T // 32)
        self.measure("jury: fix a block", jury, "fixBlock", *here, sender=MALLORY)
        for _ in range(4):
            hall.system.evm.warp(12)
        jury.transact("catchBlock", *here, sender=MALLORY)  # py-evm has no block to catch
        for who, secret in SECRETS:
            self.measure("jury: show a secret", jury, "showSecret", *here, secret, sender=who)
        hall.take_seats(self.measure("jury: draw" + seats, jury, "draw", *here, sender=MALLORY))
        last, units = hall.seated[-1], votes[-1]
        hashed = jury.call("voteHash", *here, last.address, units, salt(last))
        self.measure("jury: commit a vote" + seats, jury, "commitVote", *here, hashed, sender=last)
        hall.commit(round_, votes[:-1])
        hall.system.evm.warp_to(jury.call("deadlinesOf", *here)["commit"])
        hall.reveal(round_, votes[:-1])
        self.measure("jury: reveal a vote" + seats, jury, "revealVote", *here, units, salt(last), sender=last)
        self.measure(
            "court: take the ruling of a jury" + seats, hall.court, "rule", hall.dispute, sender=MALLORY
        )
        self.measure("jury: settle" + seats, jury, "settle", *here, sender=MALLORY)

    def _council(self) -> None:
        hall = self.hall = open_hall()
        hall.begin(COUNCIL_THEN_JURY)
        message = bytes(hall.council.call("digestOf", hall.dispute, 1, 400_000))
        signatures = [(who.address, who.sign(message)) for who in MEMBERS[:3]]
        values = (hall.dispute, 400_000, signatures)
        self.measure("council: submit a ruling, 3 of 5", hall.council, "submit", *values, sender=MALLORY)
        hall.rule()
        hall.expire()
        hall.execute()
        self.measure("council: collect fees, 5 members", hall.council, "collectFees", sender=MALLORY)
