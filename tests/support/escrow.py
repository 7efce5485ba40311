"""One customer, one provider, one relayer: what most tests of Escrow and ReceiptLedger begin with.

    desk = open_desk()
    agreement = desk.opened(budget=1_000_000)
    desk.pay([(agreement, 250_000)])      # posts, waits out the window, settles

Accounts: 1 the customer's (Ann), 2 the payee's (Paula), 3 a sponsor's (Sam). Operators: 1 the provider
(Otto), 2 the relayer (Rita), whose one signer key is `SIGNER`. Policy 1 is of kind NONE with the default
windows. Unless a test says otherwise an agreement has 1 µ a unit, a budget of 1 000 000 µ, and runs for
100 000 seconds from its opening on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, Final

from tallystick.protocol import eip712, figures, merkle
from tallystick.protocol.eip712 import BatchHeader, Domain, Terms
from tallystick.protocol.enums import KeyKind, OpenRefusal, Status
from tallystick.protocol.hashing import keccak256
from tests.support.evm import Account, Bound, Evm, Receipt, Snapshot, account
from tests.support.system import DOLLAR, Parameters, Role, System, deploy_system

__all__ = [
    "ANN",
    "DAY",
    "LEDGER",
    "MALLORY",
    "OTTO",
    "PAULA",
    "RITA",
    "SAM",
    "SIGNER",
    "Desk",
    "Posted",
    "deploy_escrow",
    "open_desk",
    "open_solo",
    "refusals",
    "skips",
]

ANN: Final = account("ann")  # customer
PAULA: Final = account("paula")  # payee
SAM: Final = account("sam")  # sponsor
OTTO: Final = account("otto")  # provider's owner
RITA: Final = account("rita")  # relayer's owner
SIGNER: Final = account("signer")  # the relayer's signer key
LEDGER: Final = account("ledger")  # plays the ReceiptLedger of an Escrow that stands alone
MALLORY: Final = account("mallory")  # nobody's friend

CUSTOMER: Final = 1
PAYEE: Final = 2
SPONSOR: Final = 3
PROVIDER: Final = 1
RELAYER: Final = 2
POLICY: Final = 1

DAY: Final = 86_400  # seconds; the default challenge window
OUTPUT: Final = b"\x5a" * 32


@dataclass(frozen=True)
class Posted:
    """What whoever settles a batch must know of it."""

    number: int
    figures: bytes
    outputs: bytes

    def figure(self, index: int) -> bytes:
        return self.figures[18 * index : 18 * index + 18]

    def output(self, index: int) -> bytes:
        return self.outputs[32 * index : 32 * index + 32]

    def proof(self, index: int) -> list[bytes]:
        return merkle.proof(figures.leaves(self.figures, self.outputs), index)


@dataclass
class Desk:
    """The system with the cast above in it; `escrow` may be one of a test's own making."""

    system: System
    escrow: Bound
    fresh: bool = True
    nonces: Iterator[int] = field(default_factory=lambda: count(1_000))
    known: list[int] = field(default_factory=list)

    @property
    def evm(self) -> Evm:
        return self.system.evm

    @property
    def ledger(self) -> Bound:
        return self.system.ledger

    @property
    def now(self) -> int:
        return self.system.evm.now

    # Offers

    def terms(self, **changes: Any) -> Terms:
        """An offer that opens, with nonces of its own, or with these changes."""
        fields: dict[str, Any] = {
            "customer": CUSTOMER,
            "funder": changes.get("customer", CUSTOMER),
            "operator": PROVIDER,
            "payee": PAYEE,
            "mode": 0,
            "policy": POLICY,
            "max_fee_provider": 2_000,
            "max_fee_customer": 2_000,
            "unit_price": 1_000_000,
            "budget": 1_000_000,
            "max_budget": 2**56 - 1,
            "start": 0,
            "expiry": self.now + 100_000,
            "work_hash": b"\x77" * 32,
            "customer_nonce": next(self.nonces),
            "operator_nonce": next(self.nonces),
            "deadline": self.now + 600,
        }
        return Terms(**(fields | changes))

    def domain(self, chain_id: int | None = None, escrow: Bound | None = None) -> Domain:
        """The EIP-712 domain of Terms."""
        address = (escrow or self.escrow).address
        return eip712.escrow_domain(
            self.evm.chain_id if chain_id is None else chain_id, bytes.fromhex(address[2:])
        )

    def digest(self, terms: Terms) -> bytes:
        return eip712.digest(self.domain(), terms.hash_struct())

    def signed(self, terms: Terms, customer: Account = ANN, operator: Account = OTTO) -> tuple[bytes, bytes]:
        """Both signatures."""
        digest = self.digest(terms)
        return customer.sign(digest), operator.sign(digest)

    def open(self, *offers: Terms, sender: Account = MALLORY) -> Receipt:
        """Opens offers with both signatures on each, through somebody who has no part in them."""
        return self.open_with([(terms, self.signed(terms)) for terms in offers], sender=sender)

    def open_with(
        self, items: Sequence[tuple[Terms, tuple[bytes, bytes]]], sender: Account | str = MALLORY
    ) -> Receipt:
        """Opens offers with the signatures given."""
        offers, signatures = [tuple(terms) for terms, _ in items], [pair for _, pair in items]
        receipt = self.escrow.transact("open", offers, signatures, sender=sender)
        self.known += [number for number in receipt.result if number]
        return receipt

    def opened(self, **changes: Any) -> int:
        """Opens one agreement, which must not be refused; returns its number."""
        (number,) = self.opened_many([self.terms(**changes)])
        return number

    def opened_many(self, offers: Iterable[Terms]) -> list[int]:
        """Opens agreements, none of which may be refused; returns their numbers."""
        receipt = self.open(*offers)
        assert refusals(receipt) == []
        return [int(number) for number in receipt.result]

    def lease(self, **changes: Any) -> int:
        """Opens a lease at 100 µ a second; otherwise as `opened`."""
        return self.opened(**{"mode": 1, "unit_price": 100_000_000} | changes)

    def agreement(self, number: int) -> dict[str, Any]:
        return dict(self.escrow.call("agreementOf", number))

    # Batches

    def header(self, **changes: Any) -> BatchHeader:
        """The next batch of the policy, of a value that is enough for nearly anything."""
        fields: dict[str, Any] = {
            "policy": POLICY,
            "value": 10_000 * DOLLAR,
            "deadline": self.now + 600,
        } | changes
        if "nonce" not in fields:
            fields["nonce"] = self.ledger.call("nextNonce", fields["policy"], RELAYER)
        return BatchHeader(**fields)

    def batch_digest(self, header: BatchHeader, encoded: bytes, outputs: bytes) -> bytes:
        domain = eip712.ledger_domain(self.evm.chain_id, bytes.fromhex(self.ledger.address[2:]))
        root = figures.batch_root(encoded, outputs)
        return eip712.digest(domain, header.hash_struct(figures.figures_hash(encoded), root))

    def post(
        self,
        rows: Sequence[tuple[int, int]],
        *,
        signers: Sequence[Account] = (SIGNER,),
        sender: Account = MALLORY,
        **header: Any,
    ) -> Posted:
        """Posts (agreement, units) rows, sorted, signed by `signers`, sent by somebody else."""
        encoded = figures.encode_figures(sorted(rows))
        outputs = b"".join(figures.chain_output(OUTPUT, bytes([i % 256])) for i in range(len(rows)))
        head = self.header(**header)
        digest = self.batch_digest(head, encoded, outputs)
        signatures = [who.sign(digest) for who in sorted(signers, key=lambda who: who.address)]
        number = self.ledger.transact("post", tuple(head), encoded, outputs, signatures, sender=sender).result
        return Posted(int(number), encoded, outputs)

    def settle(self, batch: Posted, sender: Account = MALLORY) -> Receipt:
        return self.ledger.transact("settle", batch.number, batch.figures, sender=sender)

    def settle_directly(
        self,
        rows: Sequence[tuple[int, int]],
        *,
        policy: int = POLICY,
        mask: int = 0,
        cap: int = 2**64 - 1,
        gross_cap: int = 0,
        posted_at: int | None = None,
        sender: Account = LEDGER,
    ) -> Receipt:
        """Settles rows as the ledger of an Escrow that stands alone would: in any order, at once."""
        data = b"".join(figures.encode_figure(*row) for row in rows)
        order = (policy, self.now if posted_at is None else posted_at, cap, gross_cap)
        return self.escrow.transact("settle", order, data, mask, sender=sender)

    def pay(self, rows: Sequence[tuple[int, int]], **header: Any) -> Receipt:
        """Posts, waits out the window, settles."""
        batch = self.post(rows, **header)
        self.evm.warp(DAY)
        return self.settle(batch)

    # Money

    def free(self, number: int) -> int:
        """µ free in an account."""
        return int(self.escrow.call("balanceOf", number)[0])

    def locked(self, number: int) -> int:
        """µ locked in an account."""
        return int(self.escrow.call("balanceOf", number)[1])

    def received(self, number: int) -> int:
        """µ that an account ever earned, net."""
        return int(self.escrow.call("earningsOf", number)[0])

    def pledged(self) -> int:
        """µ of the provider's stake that is pledged."""
        return int(self.system.staking.call("get", PROVIDER)["pledged"])

    def picture(self) -> dict[str, Any]:
        """Everything that the views tell of accounts, operators, allowances and fees."""
        escrow, staking = self.escrow, self.system.staking
        accounts = range(escrow.call("accountCount") + 1)
        policies = range(self.system.policy_book.call("count") + 1)
        return {
            "sequence": escrow.call("agreementCount"),
            "fees": escrow.call("feeTotals"),
            "currency": self.system.balance(escrow),
            "balances": [escrow.call("balanceOf", number) for number in accounts],
            "earnings": [escrow.call("earningsOf", number) for number in accounts],
            "operators": [staking.call("get", number) for number in range(staking.call("count") + 1)],
            "allowances": [
                escrow.call("allowanceOf", funder, customer, policy)
                for funder in accounts
                for customer in accounts
                for policy in policies
            ],
        }

    def liabilities(self) -> int:
        """µ that the Escrow owes, by PROTOCOL section 11, invariant 1."""
        accounts = range(1, self.escrow.call("accountCount") + 1)
        held = sum(sum(self.escrow.call("balanceOf", number)) for number in accounts)
        earned = [self.escrow.call("earningsOf", number) for number in accounts]
        accrued, collected = self.escrow.call("feeTotals")
        # What open agreements have paid, with the customer's fee, is locked still and owed to others as well.
        records = [self.agreement(number) for number in self.known]
        twice = sum(
            record["paid"] + record["paid"] * record["feeCustomer"] // 10_000
            for record in records
            if record["status"] == Status.OPEN
        )
        return int(held - twice + sum(row[0] - row[1] for row in earned) + accrued - collected)

    def check_solvent(self) -> None:
        """The Escrow holds just what it owes: nobody has donated."""
        owed = self.liabilities()
        assert self.system.balance(self.escrow) == owed == self.escrow.call("liabilities")

    # Slots as a dispute would leave them

    def set_bits(self, agreement: int, *, hot: int = 0, cold: int = 0) -> None:
        """Sets bits of an agreement's slots. Not undone by going back to a snapshot: fresh desks only."""
        assert self.fresh, "open_desk(evm=Evm()) makes a desk that nobody else comes back to"
        for slot in range(20):
            place = int.from_bytes(keccak256(agreement.to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")
            if self.evm.storage(self.escrow.address, place):
                break
        else:
            raise AssertionError("no mapping holds this agreement")
        for at, bits in ((place, hot), (place + 1, cold)):
            word = self.evm.storage(self.escrow.address, at) | bits
            self.evm._revm.insert_account_storage(self.escrow.address, at, word)


def refusals(receipt: Receipt) -> list[tuple[int, OpenRefusal]]:
    """(index, reason) of every item that `open` left out."""
    return [(log.args["index"], OpenRefusal(log.args["reason"])) for log in receipt.events("OpenRefused")]


def skips(receipt: Receipt) -> list[tuple[int, int, int]]:
    """(agreement, units, reason) of every figure that moved less than it says."""
    return [
        (log.args["agreement"], log.args["units"], log.args["reason"])
        for log in receipt.events("FigureSkipped")
    ]


def open_desk(
    parameters: Parameters | None = None,
    *,
    evm: Evm | None = None,
    currency: str = "TestDollar",
    money: int = 100_000 * DOLLAR,
    stake: int = 100_000 * DOLLAR,
    **policy: Any,
) -> Desk:
    """Deploys everything and seats the cast; Ann and Sam have `money` µ free each, Otto `stake` µ staked.

    `policy` changes policy 1. With nothing to change, the one desk that was made before, as it was then.
    """
    changes = {
        "parameters": parameters,
        "evm": evm,
        "currency": currency,
        "money": money,
        "stake": stake,
    } | policy
    if changes == _UNCHANGED:
        system, snapshot = _pristine()
        system.evm.revert(snapshot)
        return Desk(system, system.escrow, fresh=False)
    return _seat(parameters, evm, currency, money, stake, policy)


_UNCHANGED: Final = {
    "parameters": None,
    "evm": None,
    "currency": "TestDollar",
    "money": 100_000 * DOLLAR,
    "stake": 100_000 * DOLLAR,
}


@cache
def _pristine() -> tuple[System, Snapshot]:
    desk = _seat(None, None, "TestDollar", 100_000 * DOLLAR, 100_000 * DOLLAR, {})
    return desk.system, desk.evm.snapshot()


def _seat(
    parameters: Parameters | None,
    evm: Evm | None,
    currency: str,
    money: int,
    stake: int,
    policy: dict[str, Any],
) -> Desk:
    system = deploy_system(parameters, evm=evm, currency=currency)
    desk = Desk(system, system.escrow)
    system.register(OTTO, Role.PROVIDER, free=stake)
    system.register(RITA, Role.RELAYER, free=20_000 * DOLLAR)
    system.staking.transact("authoriseKey", RELAYER, int(KeyKind.SIGNER), SIGNER.address, sender=RITA)
    assert system.add_policy(relayer=RELAYER, **policy) == POLICY
    _seat_accounts(desk, money)
    return desk


def _seat_accounts(desk: Desk, money: int) -> None:
    for number, owner in ((CUSTOMER, ANN), (PAYEE, PAULA), (SPONSOR, SAM)):
        assert desk.escrow.transact("createAccount", owner.address, sender=MALLORY).result == number
    for number, owner in ((CUSTOMER, ANN), (SPONSOR, SAM)):
        if money:
            desk.system.fund(owner, money, desk.escrow)
            desk.escrow.transact("deposit", number, money, sender=owner)


def open_solo(*, fee_provider: int = 500, fee_customer: int = 0, fresh: bool = False) -> tuple[Desk, Bound]:
    """An Escrow that stands alone: LEDGER settles by hand, and its HostileStaking is returned beside it.

    Accounts as in `open_desk`; policy 1 is the real PolicyBook's.
    """
    base = open_desk(evm=Evm()) if fresh else open_desk()
    staking = base.evm.deploy("HostileStaking", OTTO.address)
    fees = {"feeProvider": fee_provider, "feeCustomer": fee_customer}
    escrow = deploy_escrow(base.system, ledger=LEDGER.address, staking=staking.address, **fees)
    desk = Desk(base.system, escrow, fresh=fresh)
    _seat_accounts(desk, 100_000 * DOLLAR)
    return desk, staking


def deploy_escrow(system: System, **changes: Any) -> Bound:
    """A second Escrow and its extensions, built as the system's own but for these parameters. Raises Reverted."""
    parameters = {
        "authority": system.authority.address,
        "currency": system.currency.address,
        "escrow": system.evm.next_address(2),
        "extension": system.evm.next_address(1),
        "rulings": system.evm.next_address(),
        "ledger": system.ledger.address,
        "court": system.court.address,
        "staking": system.staking.address,
        "policyBook": system.policy_book.address,
        "credentials": system.credentials.address,
        "feeSplitter": system.splitter.address,
        "postGrace": system.parameters.post_grace,
        "settleGrace": system.parameters.settle_grace,
        "maxPause": system.parameters.max_pause,
        "feeProvider": 500,
        "feeCustomer": 0,
    } | changes
    system.evm.deploy("EscrowRulings", p=parameters)
    system.evm.deploy("EscrowExtension", p=parameters)
    return system.evm.deploy("Escrow", p=parameters)
