"""What the gas table measures: whole transactions on the compiled contracts, exact (see tests/support/gas.py).

Five customers, twenty providers who are each paid into an account of their own, one relayer, 300 agreements opened in
three batches of a hundred by an outsider who holds both signatures. Keys, nonces and times are fixed, so the figures
repeat to the unit.
"""

from __future__ import annotations

from typing import Any, Final

from tallystick.protocol import eip712, figures, merkle
from tallystick.protocol.eip712 import BatchHeader, Terms
from tallystick.protocol.enums import KeyKind
from tallystick.protocol.hashing import keccak256
from tests.gas.arbiters import Arbiters
from tests.gas.bisection import Bisection
from tests.gas.challenges import challenge_gas
from tests.gas.disputes import Disputes
from tests.gas.paths import Paths
from tests.gas.rewards import reward_gas
from tests.support.evm import Account, Bound, Receipt, account
from tests.support.system import DOLLAR, TALLY, Role, System, deploy_system, slash_order

CUSTOMERS: Final = 5
PROVIDERS: Final = 20
DAY: Final = 86_400
RELAYER: Final = PROVIDERS + 1


class Scenario:
    """Plays the market once and keeps gas by name."""

    def __init__(self) -> None:
        self.system: System = deploy_system()
        self.gas: dict[str, int] = {}
        self.agreements: list[int] = []
        self.nonce = 0
        self.last: tuple[int, bytes] = (0, b"")
        self.relay = account("gas relay")
        self.outsider = account("gas outsider")
        self.customers = [account(f"gas customer {i}") for i in range(CUSTOMERS)]
        self.providers = [account(f"gas provider {i}") for i in range(PROVIDERS)]

    def run(self) -> dict[str, int]:
        """Gas by name, in the order of the table."""
        self._stake()
        self._deposit()
        self._open()
        self._settle()
        self._end()
        self._dividends()
        reward_gas(self)
        return self.gas

    def measure(
        self, name: str | None, contract: Bound, function: str, *values: object, sender: Account, per: int = 1
    ) -> Receipt:
        """Runs a transaction; under a name, keeps its gas divided by `per` items and rounded up."""
        receipt = contract.transact(function, *values, sender=sender, measure=name is not None)
        if name is not None:
            assert receipt.gas is not None
            self.gas[name] = -(-receipt.gas // per)
        return receipt

    def _stake(self) -> None:
        s = self.system
        for i, provider in enumerate(self.providers, 1):
            if i == 1:
                values = (int(Role.PROVIDER), 1, 276, 0, b"\7" * 32)
                self.measure("register an operator", s.staking, "register", *values, sender=provider)
                s.fund(provider, 10**12, s.staking)
                self.measure("stake, the first time", s.staking, "stake", 1, 10**11, sender=provider)
                self.measure("stake more", s.staking, "stake", 1, 10**11, sender=provider)
                self.measure(
                    "authorise a key", s.staking, "authoriseKey", 1, 0, provider.address, sender=provider
                )
            else:
                s.register(provider, Role.PROVIDER, free=10**12)
        s.register(self.relay, Role.RELAYER, free=10**12)
        s.staking.transact(
            "authoriseKey", RELAYER, int(KeyKind.SIGNER), self.relay.address, sender=self.relay
        )
        s.add_policy(relayer=RELAYER, valueCap=10**13)

    def _deposit(self) -> None:
        s = self.system
        for i, customer in enumerate(self.customers, 1):
            s.fund(customer, 10**13, s.escrow)
            if i == 1:
                self.measure(
                    "create an account", s.escrow, "createAccount", customer.address, sender=customer
                )
                self.measure("deposit, the first time", s.escrow, "deposit", 1, 10**12, sender=customer)
                self.measure("deposit more", s.escrow, "deposit", 1, 10**12, sender=customer)
            else:
                s.escrow.transact("createAccount", customer.address, sender=customer)
                s.escrow.transact("deposit", i, 2 * 10**12, sender=customer)
        for provider in self.providers:
            s.escrow.transact("createAccount", provider.address, sender=provider)

    def _open(self) -> None:
        s = self.system
        offers = [self._offer(i) for i in range(301)]
        self._open_batch("open one agreement", offers[:1])
        self._open_batch("open, batch of 100, parties' first, each", offers[1:101])
        self._open_batch("open, batch of 100, each", offers[101:201])
        self._open_batch(None, offers[201:])
        assert s.escrow.call("agreementCount") == 301

    def _open_batch(self, name: str | None, offers: list[tuple[Terms, tuple[bytes, bytes]]]) -> None:
        values = ([tuple(terms) for terms, _ in offers], [pair for _, pair in offers])
        escrow = self.system.escrow
        receipt = self.measure(name, escrow, "open", *values, sender=self.outsider, per=len(offers))
        assert all(receipt.result)
        self.agreements += receipt.result

    def _offer(self, i: int) -> tuple[Terms, tuple[bytes, bytes]]:
        s = self.system
        customer, provider = i % CUSTOMERS, i // CUSTOMERS % PROVIDERS
        now = s.evm.now
        terms = Terms(
            customer=customer + 1,
            funder=customer + 1,
            operator=provider + 1,
            payee=CUSTOMERS + provider + 1,
            mode=0,
            policy=1,
            max_fee_provider=500,
            max_fee_customer=0,
            unit_price=600_000,
            budget=50 * DOLLAR,
            max_budget=50 * DOLLAR,
            start=now,
            expiry=now + 90 * DAY,
            work_hash=keccak256(b"work %d" % i),
            customer_nonce=i // CUSTOMERS,
            operator_nonce=i // (CUSTOMERS * PROVIDERS) * CUSTOMERS + customer,
            deadline=now + DAY,
        )
        domain = eip712.escrow_domain(s.evm.chain_id, bytes.fromhex(s.escrow.address[2:]))
        digest = eip712.digest(domain, terms.hash_struct())
        return terms, (self.customers[customer].sign(digest), self.providers[provider].sign(digest))

    def _settle(self) -> None:
        self._batch("batch of 256, first payment", 256, 1_000_000)
        self._batch("batch of 256, steady", 256, 2_203_441)
        self._batch("batch of 1, steady", 1, 3_203_441)
        number, packed, outputs = self._post(None, 256, 4_203_441)
        proof = merkle.proof(figures.leaves(packed, outputs), 100)
        self.system.evm.warp(DAY)
        self.measure(
            "settle one leaf of 256 by proof",
            self.system.ledger,
            "settleOne",
            number,
            100,
            packed[1_800:1_818],
            outputs[3_200:3_232],
            proof,
            sender=self.outsider,
        )
        again = "settle again, nothing due, batch of 1"
        self.measure(again, self.system.ledger, "settle", *self.last, sender=self.outsider)

    def _batch(self, name: str, leaves: int, units: int) -> None:
        """Posts, waits, settles; three rows."""
        number, packed, _ = self._post(f"post, {name}, each", leaves, units)
        self.system.evm.warp(DAY)
        self.last = (number, packed)
        ledger, settle = self.system.ledger, f"settle, {name}, each"
        self.measure(settle, ledger, "settle", number, packed, sender=self.relay, per=leaves)
        self.gas[f"post + settle, {name}, each"] = self.gas[f"post, {name}, each"] + self.gas[settle]

    def pay(self, leaves: int, units: int) -> None:
        """Posts, waits a day, settles; no rows."""
        number, packed, _ = self._post(None, leaves, units)
        self.system.evm.warp(DAY)
        self.system.ledger.transact("settle", number, packed, sender=self.relay)

    def _post(self, name: str | None, leaves: int, units: int) -> tuple[int, bytes, bytes]:
        pairs = [(agreement, units + i) for i, agreement in enumerate(self.agreements[:leaves])]
        packed = figures.encode_figures(pairs)
        outputs = b"".join(keccak256(b"output %d %d" % pair) for pair in pairs)
        header = BatchHeader(policy=1, value=10**12, nonce=self.nonce, deadline=2**40 - 1)
        signatures: list[bytes] = []
        values = (tuple(header), packed, outputs, signatures)
        self.measure(name, self.system.ledger, "post", *values, sender=self.relay, per=leaves)
        number = eip712.batch_number(1, RELAYER, self.nonce)
        self.nonce += 1
        return number, packed, outputs

    def _end(self) -> None:
        s = self.system
        payee, provider = CUSTOMERS + 1, self.providers[0]
        self.measure(
            "claim earnings, the first time", s.escrow, "claim", payee, provider.address, sender=provider
        )
        self.pay(256, 5_203_441)
        self.measure("claim earnings", s.escrow, "claim", payee, provider.address, sender=provider)
        self.measure("close by the provider", s.escrow, "close", self.agreements[0], sender=provider)
        s.evm.warp(10 * DAY)
        self.measure("refund one agreement", s.escrow, "refund", self.agreements[0], sender=self.outsider)
        customer = self.customers[0]
        self.measure(
            "withdraw from an account", s.escrow, "withdraw", 1, DOLLAR, customer.address, sender=customer
        )
        shares: dict[str, Any] = {
            "victim": customer.address,
            "loss": 500 * DOLLAR,
            "challenger": self.relay.address,
            "reward": 2_000,
        }
        order = slash_order(1, 1_000 * DOLLAR, **shares)
        self.measure("slash, three parties credited", s.staking, "slash", order, sender=account("court"))
        self.measure("start a thaw", s.staking, "unstake", 1, DOLLAR, sender=provider)
        s.evm.warp(21 * DAY)
        self.measure("withdraw stake", s.staking, "withdraw", 1, provider.address, sender=provider)

    def _dividends(self) -> None:
        s = self.system
        first, second = account("gas staker 1"), account("gas staker 2")
        s.token.transact("drip", first.address, 400 * TALLY, sender=first)
        s.token.transact("approve", s.vault.address, 2**256 - 1, sender=first)
        self.measure("stake TALLY, the first time", s.vault, "stake", 300 * TALLY, sender=first)
        s.stake_tally(second, 100 * TALLY)
        self.measure("sweep fees into shares", s.splitter, "sweep", sender=self.outsider)
        self.measure("pull fees into the dividend stream", s.vault, "pullFees", sender=self.outsider)
        s.evm.warp(9 * DAY)
        self.measure("claim dividends, the first time", s.vault, "claim", first.address, sender=first)
        s.evm.warp(DAY)
        self.measure("claim dividends", s.vault, "claim", first.address, sender=first)
        self.measure("stop staking TALLY", s.vault, "unstake", 300 * TALLY, sender=first)


def measure() -> dict[str, int]:
    """Gas by name: this market, then that of `paths`, then challenges, disputes and arbiters, each with its own."""
    justice = {**challenge_gas(), **Disputes().run(), **Arbiters().run(), **Bisection().run()}
    return {**Scenario().run(), **Paths().run(), **justice}
