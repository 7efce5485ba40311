"""SupplierRewards' bytecode beside the model: any order of fees, rulings, checkpoints, claims, days and lower rates.

R0, L, D and the vesting are small, so that halvings, full days and the end of the vesting come within a few steps.
The Escrow is `RewardsEscrowMock`, which answers what a test sets: a real tranche is trillions of µ of fees, which
no test can earn by work. What the real Escrow tells the rewards is tested in `test_supplier_rewards.py`.

After every step every read of the contract equals the model's, the model's invariants of the token hold, and the
events alone rebuild what each account was credited, forfeited and paid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import eth_abi
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tallystick.protocol.accounting import invariants_rewards
from tallystick.protocol.constants import DAY, TALLY_CAP
from tallystick.protocol.errors import Refused
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.model import Addresses, Model, ModelParameters
from tests.support.evm import Account, Bound, Evm, Receipt, Reverted, Snapshot, account

ANN, BEN, CLEO, DORA, ADMIN = (account(name) for name in ("ann", "ben", "cleo", "dora", "admin"))
PEOPLE: Final = (ANN, BEN, CLEO, DORA)
ZERO: Final = "0x" + "00" * 20
OWNERS: Final = {1: ANN, 2: ANN, 3: BEN}
SPLITS: Final = {
    4: ((CLEO.address, DORA.address), (700, 300)),
    5: ((DORA.address, CLEO.address, DORA.address), (1, 1, 5)),
}
KNOWN: Final = (*OWNERS, *SPLITS)
UNKNOWN: Final = 9


class Figures(NamedTuple):
    """R0, L, D, seconds of vesting."""

    rate: int
    halving: int
    daily: int
    vesting: int


SCHEDULES: Final = (
    Figures(1_024, 50, 20, 3 * DAY),
    Figures(10**13, 300, 300, 90 * DAY),
    Figures(7, 13, 13, 7 * DAY),
    Figures(2**64 - 1, TALLY_CAP // (2**65 - 2), 100, 1),  # as much as fits
    Figures(1, 2, 1, 3_650 * DAY),
)


class Chain(NamedTuple):
    """One schedule's contracts, and the state to come back to for every example."""

    evm: Evm
    escrow: Bound
    token: Bound
    vault: Bound
    rewards: Bound
    pristine: Snapshot


@cache
def chain_of(figures: Figures) -> Chain:
    """Deployed once a process."""
    evm = Evm()
    authority = evm.deploy("AccessManager", ADMIN.address)
    dollar = evm.deploy("TestDollar", ADMIN.address)
    escrow = evm.deploy("RewardsEscrowMock")
    token = evm.deploy("TestTally", evm.next_address(2))
    vault = evm.deploy("DividendVault", dollar.address, token.address, ADMIN.address, 604_800)
    rewards = evm.deploy(
        "SupplierRewards",
        authority=authority.address,
        escrow=escrow.address,
        token=token.address,
        dividendVault=vault.address,
        rate=figures.rate,
        halving=figures.halving,
        dailyFees=figures.daily,
        vesting=figures.vesting,
    )
    for number, owner in OWNERS.items():
        escrow.transact("setAccount", number, owner.address, bytes(32), sender=ADMIN)
    for number, lists in SPLITS.items():
        content = keccak256(eth_abi.encode(["address[]", "uint32[]"], lists))
        escrow.transact("setAccount", number, ZERO, content, sender=ADMIN)
    return Chain(evm, escrow, token, vault, rewards, evm.snapshot())


def model_of(chain: Chain, figures: Figures) -> Model:
    """The same accounts in the model's Escrow, whose fees the test sets."""
    addresses = Addresses(
        admin=ADMIN.address, dividend_vault=chain.vault.address, supplier_rewards=chain.rewards.address
    )
    model = Model(
        ModelParameters(
            addresses=addresses,
            emission_rate=figures.rate,
            emission_halving=figures.halving,
            emission_daily_fees=figures.daily,
            emission_vesting=figures.vesting,
            created_at=chain.evm.now,
        )
    )
    numbers = [model.escrow.create_account(owner.address) for owner in OWNERS.values()]
    numbers += [model.escrow.create_split(*lists) for lists in SPLITS.values()]
    assert numbers == list(KNOWN)
    return model


REACHED: Final[Counter[str]] = Counter()
"""Events and refusals of a run."""
MUST_BE_REACHED: Final = frozenset(
    {"Checkpointed", "CheckpointCapped", "Forfeited", "RewardsClaimed", "RewardShareClaimed", "RateLowered"}
    | {f"SupplierRewards_{refusal}" for refusal in ("NotOwner", "NotMember", "WrongSplit", "NothingToClaim")}
    | {"SupplierRewards_RateNotLower", "SupplierRewards_ZeroAddress", "AccessManagedUnauthorized"}
    | {"TallyToken_CapExceeded"}
)

numbers = st.sampled_from([*KNOWN, *KNOWN, UNKNOWN])
several = st.lists(numbers, max_size=5)
people = st.sampled_from(PEOPLE)
mostly = st.sampled_from([True] * 7 + [False])
fees = st.one_of(st.integers(1, 4), st.integers(1, 4), st.integers(1, 120))


class Rewards(RuleBasedStateMachine):
    """Everybody calls everything, mostly with the right to."""

    @initialize(figures=st.sampled_from(SCHEDULES))
    def deploy(self, figures: Figures) -> None:
        self.figures = figures
        self.chain = chain_of(figures)
        self.chain.evm.revert(self.chain.pristine)
        self.model = model_of(self.chain, figures)
        self.credited: Counter[int] = Counter()
        self.forfeited: Counter[int] = Counter()
        self.counted: Counter[int] = Counter()
        self.claimed: Counter[int] = Counter()
        self.shares: Counter[tuple[int, int]] = Counter()
        self.rate = figures.rate

    @property
    def now(self) -> int:
        return self.chain.evm.now

    def both(self, function: str, values: Sequence[Any], caller: Account, model: Callable[[], Any]) -> None:
        """Both refuse with the same error, or both give the same."""
        expected: Any
        try:
            expected = model() or ()
        except Refused as refusal:
            expected = refusal.code
        try:
            receipt = self.chain.rewards.transact(function, *values, sender=caller)
        except Reverted as error:
            found: Any = error.name
            REACHED[error.name] += 1
        else:
            found = receipt.result or ()
            self.read(receipt)
        assert found == expected, f"{function}{tuple(values)}: {found} on the chain, {expected} in the model"

    def read(self, receipt: Receipt) -> None:
        """Takes in what events tell, and nothing else."""
        for log in receipt.logs:
            REACHED[log.name] += 1
            e = log.args
            match log.name:
                case "Checkpointed":
                    assert e["day"] == self.now // DAY
                    self.counted[e["account"]] += e["fees"]
                    self.credited[e["account"]] += e["amount"]
                case "CheckpointCapped":
                    assert e["day"] == self.now // DAY
                    assert e["waiting"] == self.model.rewards.lifetime_of(e["account"], now=self.now)[1]
                case "Forfeited":
                    self.counted[e["account"]] -= e["fees"]
                    self.forfeited[e["account"]] += e["amount"]
                case "RewardsClaimed":
                    self.claimed[e["account"]] += e["amount"]
                case "RewardShareClaimed":
                    self.claimed[e["account"]] += e["amount"]
                    self.shares[e["account"], e["index"]] += e["amount"]
                case "RateLowered":
                    self.rate = e["rate"]

    # Fees, rulings, time

    def _tell(self, number: int) -> None:
        found = self.model.escrow.accounts[number - 1]
        self.chain.escrow.transact("setFees", number, found.reward_base, found.overturned, sender=ADMIN)

    @rule(number=st.sampled_from(KNOWN), amount=fees)
    def fees_become_final(self, number: int, amount: int) -> None:
        self.model.escrow.accounts[number - 1].reward_base += amount
        self._tell(number)

    @rule(number=st.sampled_from(KNOWN), amount=fees)
    def work_is_ruled_bad(self, number: int, amount: int) -> None:
        """Sometimes of work that is not final yet: then more is overturned than counts."""
        self.model.escrow.accounts[number - 1].overturned += amount
        self._tell(number)

    @rule(seconds=st.sampled_from([0, 1, 3_600, DAY // 2, DAY, 2 * DAY, 5 * DAY, 100 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.chain.evm.warp(seconds)

    @rule(days=st.integers(1, 3), before=st.integers(0, 1))
    def midnight_comes(self, days: int, before: int) -> None:
        self.chain.evm.warp_to((self.now // DAY + days) * DAY - before)

    @rule(before=st.integers(-1, 1))
    def vesting_ends(self, before: int) -> None:
        """Goes to the second in which what counted today is whole, or next to it."""
        self.chain.evm.warp_to((self.now // DAY + 1) * DAY + self.figures.vesting - before)

    # The contract's entries

    @rule(accounts=several, person=people)
    def checkpoint(self, accounts: list[int], person: Account) -> None:
        self._checkpoint(accounts, person)

    @rule(person=people)
    def checkpoint_all(self, person: Account) -> None:
        self._checkpoint(list(KNOWN), person)

    def _checkpoint(self, accounts: list[int], person: Account) -> None:
        rewards = self.model.rewards
        self.both("checkpoint", [accounts], person, lambda: rewards.checkpoint(accounts, now=self.now))

    @rule(person=people, own=st.booleans(), accounts=several, somewhere=mostly)
    def claim(self, person: Account, own: bool, accounts: list[int], somewhere: bool) -> None:
        self._claim(person, self._of(person) if own else accounts, DORA.address if somewhere else ZERO)

    def _claim(self, person: Account, accounts: list[int], to: str) -> None:
        rewards, caller = self.model.rewards, person.address
        self.both(
            "claim", (accounts, to), person, lambda: rewards.claim(accounts, to, caller=caller, now=self.now)
        )

    def _of(self, person: Account) -> list[int]:
        return [number for number, owner in OWNERS.items() if owner == person]

    @rule(number=st.sampled_from([*SPLITS, *SPLITS, 1]), index=st.integers(0, 3), right=mostly, person=people)
    def claim_share(self, number: int, index: int, right: bool, person: Account) -> None:
        if right and number in SPLITS and index < len(SPLITS[number][0]):
            self._claim_share(number, index)
        else:
            members, weights = SPLITS[5 if right else 4]
            self._share_to(person, person.address if right else ZERO, (number, index, members, weights))

    def _claim_share(self, number: int, index: int) -> None:
        members, weights = SPLITS[number]
        person = next(each for each in PEOPLE if each.address == members[index])
        self._share_to(person, person.address, (number, index, members, weights))

    def _share_to(
        self, person: Account, to: str, share: tuple[int, int, tuple[str, ...], tuple[int, ...]]
    ) -> None:
        values = (*share, to)
        rewards, caller = self.model.rewards, person.address
        self.both(
            "claimShare",
            values,
            person,
            lambda: rewards.claim_share(*values, caller=caller, now=self.now),
        )

    @rule(
        amounts=st.lists(fees, min_size=5, max_size=5),
        bad=fees,
        days=st.integers(1, 5),
        part=st.integers(1, 3),
    )
    def business(self, amounts: list[int], bad: int, days: int, part: int) -> None:
        """All earn and are counted; a part of the vesting passes; all claim; one account's work is ruled bad."""
        for number, amount in zip(KNOWN, amounts, strict=True):
            self.fees_become_final(number, amount)
        for _ in range(days):
            self._checkpoint(list(KNOWN), DORA)
            self.midnight_comes(1, before=0)
        self.chain.evm.warp(self.figures.vesting * part // 3)
        self._claim(ANN, [1, 2, 1], ANN.address)
        self._claim(BEN, [3], BEN.address)
        for number, (members, _) in SPLITS.items():
            for index in range(part - 1, len(members)):
                self._claim_share(number, index)
        self.work_is_ruled_bad(KNOWN[bad % 5], bad)

    @rule(admin=st.booleans(), down=st.integers(0, 1), percent=st.sampled_from([101, 100, 99, 95, 70]))
    def lower_rate(self, admin: bool, down: int, percent: int) -> None:
        caller = ADMIN if admin else ANN
        rate = min(max(0, self.rate * percent // 100 - down), 2**64 - 1)
        rewards = self.model.rewards
        self.both("lowerRate", [rate], caller, lambda: rewards.lower_rate(rate, caller=caller.address))

    @rule(left=st.integers(0, 200), rarely=st.integers(0, 3))
    def token_runs_out(self, left: int, rarely: int) -> None:
        """On a test network anybody may use up what the cap leaves."""
        amount = TALLY_CAP - self.model.token.supply - left * self.figures.rate
        if rarely == 2 and amount > 0:
            self.model.token.drip(DORA.address, amount)
            self.chain.token.transact("drip", DORA.address, amount, sender=DORA)

    # After every step

    @invariant()
    def every_read_is_the_model_s(self) -> None:
        if not hasattr(self, "model"):
            return
        chain, rewards, token, now = self.chain, self.model.rewards, self.model.token, self.now
        assert chain.rewards.call("schedule") == rewards.schedule(now=now)
        assert chain.rewards.call("totals") == rewards.totals()
        for number in (*KNOWN, UNKNOWN):
            lifetime = rewards.lifetime_of(number, now=now)
            assert chain.rewards.call("lifetimeOf", number) == lifetime, number
            assert chain.rewards.call("claimable", number) == rewards.claimable(number, now=now), number
        for number, (_, weights) in SPLITS.items():
            for index in range(len(weights) + 1):
                due = rewards.claimable_share(number, index, weights, now=now)
                assert chain.rewards.call("claimableShare", number, index, weights) == due, (number, index)
                claimed = rewards.share_claimed(number, index)
                assert chain.rewards.call("shareClaimed", number, index) == claimed, (number, index)
        start, count = rewards.counted, 3 * self.figures.halving // 2
        emitted = rewards.emission(rewards.rate, start, count)
        assert chain.rewards.call("emission", rewards.rate, start, count) == emitted
        assert chain.token.call("totalSupply") == token.supply
        for person in PEOPLE:
            assert chain.token.call("balanceOf", person.address) == token.balance_of(person.address)

    @invariant()
    def events_and_invariants_hold(self) -> None:
        if not hasattr(self, "model"):
            return
        rewards = self.model.rewards
        for check in invariants_rewards.ALL:
            check(self.model)
        assert self.rate == rewards.rate
        for number in KNOWN:
            supplier = rewards.suppliers.get(number)
            told = (self.counted[number], self.credited[number], self.forfeited[number], self.claimed[number])
            kept = (
                (supplier.fees, supplier.credited, supplier.forfeited, supplier.claimed)
                if supplier
                else (0,) * 4
            )
            assert told == kept, number
        assert self.shares == +rewards.shares


def test_rewards__random_lives__bytecode_model_and_events_agree_on_every_step() -> None:
    run_state_machine_as_test(
        Rewards,
        settings=settings(
            max_examples=50,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    assert MUST_BE_REACHED - REACHED.keys() == set()
