"""The executable specification and the compiled bytecode, side by side.

`Worlds` runs a function of the model and of the bytecode with the same arguments and
asserts that both refuse with the same error or both succeed with the same result. `compare()` then reads
every balance from both. The state machine drives it; neither knows what the right answer is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tallystick.protocol.enums import Mode
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import Addresses, Model, ModelParameters
from tests.support.evm import Account, Bound, Evm, Reverted, Snapshot, account
from tests.support.system import Parameters, System, deploy_system

__all__ = ["ACTORS", "PostedBatch", "Pristine", "Worlds"]

ACTORS: Final = ("ann", "ben", "cleo", "dora", "relay", "mallory")


@dataclass
class Pristine:
    """A system that was deployed once, to come back to for every example."""

    system: System
    snapshot: Snapshot

    @classmethod
    def deploy(cls) -> Pristine:
        """Deploys everything and lets every actor approve the contracts."""
        system = deploy_system(Parameters(fee_customer=100), evm=Evm())
        for name in ACTORS:
            actor = account(name)
            for token, spender in (
                (system.currency, system.escrow),
                (system.currency, system.staking),
                (system.token, system.vault),
            ):
                token.transact("approve", spender.address, 2**256 - 1, sender=actor)
        return cls(system, system.evm.snapshot())


@dataclass
class PostedBatch:
    """What whoever settles needs to know of a batch."""

    number: int
    figures: bytes
    outputs: bytes


@dataclass
class Worlds:
    """Both worlds. µ and seconds everywhere; actors own accounts and operators by number."""

    system: System
    model: Model
    agreements: list[int] = field(default_factory=list)
    batches: list[PostedBatch] = field(default_factory=list)
    ok: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)

    @classmethod
    def start(cls, pristine: Pristine) -> Self:
        """A model of the pristine system, and that system itself as it was."""
        system = pristine.system
        system.evm.revert(pristine.snapshot)
        addresses = Addresses(
            escrow=system.escrow.address,
            ledger=system.ledger.address,
            staking=system.staking.address,
            fee_splitter=system.splitter.address,
            insurance_pool=system.insurance.address,
            dividend_vault=system.vault.address,
            admin=system.admin.address,
            treasury=system.treasury.address,
            minter=system.faucet.address,
        )
        parameters = ModelParameters(addresses=addresses, fee_customer=100, created_at=system.evm.now)
        return cls(system, Model(parameters))

    @property
    def now(self) -> int:
        return self.system.evm.now

    def warp(self, seconds: int) -> None:
        """Lets time pass."""
        self.system.evm.warp(seconds)

    # One step on both sides

    def both(
        self, name: str, contract: Bound, values: Sequence[Any], caller: Account, model: Callable[[], Any]
    ) -> tuple[Any, Any] | None:
        """Runs a function on both sides; returns (receipt, model's result), or None when both refused."""
        expected: str | None = None
        result: Any = None
        try:
            result = model()
        except Refused as refusal:
            expected = refusal.code
        found: str | None = None
        try:
            receipt = contract.transact(name.rpartition(".")[2], *values, sender=caller)
        except Reverted as error:
            found = error.name
        what = f"{name}{tuple(values)} by {caller.address}"
        assert expected == found, f"{what}: the model says {expected}, the bytecode {found}"
        if found is not None:
            self.refused[name] += 1
            return None
        self.ok[name] += 1
        return receipt, result

    def same(
        self, name: str, contract: Bound, values: Sequence[Any], caller: Account, model: Callable[[], Any]
    ) -> Any:
        """As `both`, and the results must be equal. Returns the result, or None."""
        outcome = self.both(name, contract, values, caller, model)
        if outcome is None:
            return None
        receipt, result = outcome
        assert receipt.result == result, f"{name}: {receipt.result} on the chain, {result} in the model"
        return result

    # Comparison

    def check(self) -> None:
        """The specification's own invariants, and every figure of both worlds against the other."""
        for name in self.model.check_invariants():
            self.checked[name] += 1
        self.compare()
        self.checked["chain equals model"] += 1

    def compare(self) -> None:
        """Reads every balance from the bytecode and from the model, and asserts that they are equal."""
        s, m = self.system, self.model
        people = [account(name).address for name in ACTORS]
        contracts = (s.escrow, s.staking, s.splitter, s.insurance, s.vault)
        for holder in (*people, s.treasury.address, *(c.address for c in contracts)):
            assert s.balance(holder) == m.currency.balance_of(holder), holder
        for number in range(1, m.escrow.account_count() + 1):
            assert s.escrow.call("balanceOf", number) == m.escrow.balance_of(number)
            assert s.escrow.call("earningsOf", number) == m.escrow.earnings_of(number)
        for number, agreement in m.escrow.agreements.items():
            view = s.escrow.call("agreementOf", number)
            expected = {
                "paid": agreement.paid,
                "budget": agreement.budget,
                "unitPrice": agreement.unit_price,
                "payee": agreement.payee,
                "policy": agreement.policy,
                "feeProvider": agreement.fee_provider,
                "feeCustomer": agreement.fee_customer,
                "status": int(agreement.status),
                "mode": int(Mode.METERED),
                "frozen": False,
                "sponsored": agreement.sponsored,
                "holds": 0,
                "pledgeStuck": False,
                "customer": agreement.customer,
                "funder": agreement.funder,
                "operator": agreement.operator,
                "start": agreement.start,
                "end": agreement.end,
                "stopAt": agreement.stop_at,
                "downtime": 0,
                "notBefore": 0,
            }
            assert view == expected, number
        for number, operator in enumerate(m.staking.operators, 1):
            view = s.staking.call("get", number)
            parts = ("free", "pledged", "reserved", "thawing")
            assert [view[part] for part in parts] == [getattr(operator, part) for part in parts], number
            assert view["thawEnds"] == operator.thaw_ends
            assert s.ledger.call("inFlight", number) == m.ledger.in_flight(number)
        assert s.staking.call("totalStake") == m.staking.total_stake()
        assert s.staking.call("totalCredits") == m.staking.total_credits()
        assert s.escrow.call("feeTotals") == m.escrow.fee_totals()
        assert s.splitter.call("totalCredited") == m.fee_splitter.total_credited()
        assert s.vault.call("stream") == m.dividend_vault.stream(now=self.now)
        assert s.vault.call("totals") == m.dividend_vault.totals()
        for person in people:
            assert s.vault.call("claimable", person) == m.dividend_vault.claimable(person, now=self.now), (
                person
            )
            assert s.vault.call("stakedOf", person) == m.dividend_vault.staked_of(person)
            assert s.staking.call("credits", person) == m.staking.credits.get(person, 0)
        for (funder, customer, policy), allowance in m.escrow.allowances.items():
            found = s.escrow.call("allowanceOf", funder, customer, policy)
            assert found == (allowance.amount, allowance.revoked_sequence)
