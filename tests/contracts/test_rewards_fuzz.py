"""SupplierRewards' bytecode beside the model: any order of fees, rulings, checkpoints, claims, days and lower rates.

R0, L, D and the vesting are small, so that halvings, full days and the end of the vesting come within a few steps.
The Escrow is `RewardsEscrowMock`, which answers what a test sets: a real tranche is trillions of µ of fees, which
no test can earn by work. What the real Escrow tells the rewards is tested in `test_supplier_rewards.py`.

Hypothesis draws the seed and the number of steps; the steps are drawn from the seed, so that their odds are ours.
After every step every read of the contract equals the model's, the model's invariants of the token hold, and the
events alone rebuild what each account was credited, forfeited and paid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Final, NamedTuple

import eth_abi
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tallystick.protocol.accounting import invariants_rewards
from tallystick.protocol.constants import DAY, TALLY_CAP
from tallystick.protocol.errors import Refused
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.model import Addresses, Model, ModelParameters
from tests.stateful.token_books import TokenBooks
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
    Figures(1_024, 50, 30, 3 * DAY),
    Figures(10**13, 300, 300, 90 * DAY),
    Figures(7, 13, 13, 7 * DAY),
    Figures(10**13, 5 * 10**12, 10**11, 90 * DAY),  # as it is meant
    Figures(2**64 - 1, TALLY_CAP // (2**65 - 2), 100, 1),  # as much as fits
    Figures(1_000, 200, 20, 3_650 * DAY),
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


@dataclass
class Lives:
    """Everybody calls everything, mostly with the right to; the books that events alone keep."""

    figures: Figures
    random: Random
    reached: Counter[str] = field(default_factory=Counter)
    """Events and refusals."""
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chain = chain_of(self.figures)
        self.chain.evm.revert(self.chain.pristine)
        self.model = model_of(self.chain, self.figures)
        self.rate = self.figures.rate
        self.books = TokenBooks(self.chain.rewards.address, self.chain.vault.address)

    @property
    def now(self) -> int:
        return self.chain.evm.now

    def step(self) -> None:
        """One of what may happen, and everything is compared."""
        odds = {
            self.fees_become_final: 6,
            self.work_is_ruled_bad: 4,
            self.time_passes: 5,
            self.checkpoint: 6,
            self.claim: 4,
            self.claim_and_stake: 2,
            self.claim_share: 5,
            self.lower_rate: 2,
            self.business: 2,
        }
        (what,) = self.random.choices(list(odds), list(odds.values()))
        self.told.append(f"{self.now}: {what.__name__}")
        what()
        self.compare()

    def both(self, function: str, values: Sequence[Any], caller: Account, model: Callable[[], Any]) -> None:
        """Both refuse with the same error, or both give the same."""
        self.told.append(f"    {function}{tuple(values)} by {caller.address}")
        expected: Any
        try:
            expected = model() or ()
        except Refused as refusal:
            expected = refusal.code
        try:
            receipt = self.chain.rewards.transact(function, *values, sender=caller)
        except Reverted as error:
            found: Any = error.name
            self.reached[error.name] += 1
        else:
            found = receipt.result or ()
            self.read(receipt)
        assert found == expected, f"{function}{tuple(values)}: {found} on the chain, {expected} in the model"

    def read(self, receipt: Receipt) -> None:
        """Takes in what events tell, and nothing else."""
        for log in receipt.logs:
            self.reached[log.name] += 1
            self.books.read(log)
            e = log.args
            match log.name:
                case "Checkpointed":
                    assert e["day"] == self.now // DAY
                    assert e["fees"] > 0
                case "CheckpointCapped":
                    assert e["day"] == self.now // DAY
                    assert e["waiting"] == self.model.rewards.lifetime_of(e["account"], now=self.now)[1]
                case "Forfeited":
                    assert e["fees"] > 0
                case "RateLowered":
                    self.rate = e["rate"]

    # Fees, rulings, time

    def fees_become_final(self, number: int = 0, amount: int = 0) -> None:
        number, amount = number or self.random.choice(KNOWN), amount or self.some_fees()
        self.model.escrow.accounts[number - 1].reward_base += amount
        self._tell(number)

    def work_is_ruled_bad(self) -> None:
        """Sometimes of work that is not final yet: then more is overturned than counts."""
        number = self.random.choice(KNOWN)
        self.model.escrow.accounts[number - 1].overturned += self.some_fees()
        self._tell(number)

    def some_fees(self) -> int:
        """From a µ to more than a day has room for."""
        most = self.random.choice([3, 3, 8, 2 * min(self.figures.daily, 3 * 10**12)])
        return self.random.randint(1, most)

    def _tell(self, number: int) -> None:
        found = self.model.escrow.accounts[number - 1]
        self.chain.escrow.transact("setFees", number, found.reward_base, found.overturned, sender=ADMIN)

    def time_passes(self) -> None:
        """Some time, to a midnight, or to the second in which what counts today is whole; or next to these."""
        evm, vesting = self.chain.evm, self.figures.vesting
        midnight = (self.now // DAY + 1) * DAY
        match self.random.randrange(4):
            case 0:
                evm.warp(self.random.choice([0, 1, 3_600, DAY // 2, 2 * DAY, 5 * DAY]))
            case 1:
                evm.warp_to(midnight + self.random.randrange(3) * DAY - self.random.randrange(2))
            case 2:
                evm.warp(self.random.randrange(vesting))
            case 3:
                evm.warp_to(midnight + vesting + self.random.choice([-1, 0, 1]))

    # The contract's entries

    def checkpoint(self) -> None:
        accounts = list(KNOWN) if self.random.random() < 0.3 else self.some_accounts()
        self._checkpoint(accounts, self.random.choice(PEOPLE))

    def some_accounts(self) -> list[int]:
        return self.random.choices((*KNOWN, *KNOWN, UNKNOWN), k=self.random.randrange(6))

    def _checkpoint(self, accounts: list[int], person: Account) -> None:
        rewards = self.model.rewards
        self.both("checkpoint", [accounts], person, lambda: rewards.checkpoint(accounts, now=self.now))

    def claim(self) -> None:
        person, accounts = self._whose()
        self._claim(person, accounts, ZERO if self.random.random() < 0.1 else DORA.address)

    def _claim(self, person: Account, accounts: list[int], to: str) -> None:
        rewards, caller = self.model.rewards, person.address
        self.both(
            "claim", (accounts, to), person, lambda: rewards.claim(accounts, to, caller=caller, now=self.now)
        )

    def claim_and_stake(self) -> None:
        person, accounts = self._whose()
        staker = self.random.choice([person.address, CLEO.address, CLEO.address, ZERO])
        rewards, caller = self.model.rewards, person.address
        self.both(
            "claimAndStake",
            (accounts, staker),
            person,
            lambda: rewards.claim_and_stake(accounts, staker, caller=caller, now=self.now),
        )

    def _whose(self) -> tuple[Account, list[int]]:
        """Somebody and its accounts, or any."""
        if self.random.random() < 0.15:
            return self.random.choice(PEOPLE), self.some_accounts()
        person = self.random.choice([ANN, ANN, BEN])
        return person, [number for number, owner in OWNERS.items() if owner == person]

    def claim_share(self) -> None:
        number = self.random.choice(list(SPLITS))
        members, weights = SPLITS[number]
        index = self.random.randrange(len(members))
        person = next(each for each in PEOPLE if each.address == members[index])
        to = person.address
        match self.random.randrange(12):  # seldom something is wrong
            case 0:
                number = self.random.choice([1, 4, 5, UNKNOWN])
            case 1:
                index = self.random.randrange(4)
            case 2:
                person = self.random.choice(PEOPLE)
            case 3:
                to = ZERO
        self._claim_share(person, number, index, members, weights, to)

    def _claim_share(self, person: Account, *values: Any) -> None:
        rewards, caller = self.model.rewards, person.address
        self.both(
            "claimShare", values, person, lambda: rewards.claim_share(*values, caller=caller, now=self.now)
        )

    def lower_rate(self) -> None:
        """Mostly a little; it never rises."""
        caller = self.random.choice([ADMIN, ADMIN, ANN])
        percent = self.random.choice([101, 100, 99, 99, 99, 95, 90, 70])
        rate = min(self.rate * percent // 100, 2**64 - 1)
        rewards = self.model.rewards
        self.both("lowerRate", [rate], caller, lambda: rewards.lower_rate(rate, caller=caller.address))

    def business(self) -> None:
        """Some days on which all earn and are counted, twice a day; then a part of the vesting; then all claim."""
        days, part = self.random.randint(1, 4), self.random.randint(1, 3)
        for _ in range(days):
            for _ in range(2):
                for number in KNOWN:
                    self.fees_become_final(number)
                self._checkpoint(self.random.sample(KNOWN, 4), DORA)
                self.compare()
            self.chain.evm.warp(DAY)
        self.chain.evm.warp(self.figures.vesting * part // 3)
        self._claim(ANN, [1, 2, 1], ANN.address)
        self._claim(BEN, [3], BEN.address)
        for number, (members, weights) in SPLITS.items():
            for index in range(part - 1, len(members)):
                person = next(each for each in PEOPLE if each.address == members[index])
                self._claim_share(person, number, index, members, weights, person.address)

    # After every step

    def compare(self) -> None:
        """Every read of the contract, every invariant of the token, and the books that events keep."""
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
            staked = self.model.dividend_vault.staked_of(person.address)
            assert chain.vault.call("stakedOf", person.address) == staked
        for check in invariants_rewards.ALL:
            check(self.model)
        assert self.rate == rewards.rate
        self.books.compare(self.model)


EVERYWHERE: Final = frozenset(
    {"Checkpointed", "CheckpointCapped", "Forfeited", "RewardsClaimed", "RewardShareClaimed", "RateLowered"}
    | {f"SupplierRewards_{refusal}" for refusal in ("NotOwner", "NotMember", "NothingToClaim", "ZeroAddress")}
)
"""What every schedule's lives must have met, or they would show little."""


@pytest.mark.parametrize("figures", SCHEDULES)
def test_rewards__random_lives__bytecode_model_and_events_agree_on_every_step(figures: Figures) -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=12, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2**64), st.integers(15, 45))
    def run(seed: int, steps: int) -> None:
        lives = Lives(figures, Random(seed))
        try:
            for _ in range(steps):
                lives.step()
        except AssertionError:
            note("\n".join(lives.told))
            raise
        reached.update(lives.reached)

    run()
    assert EVERYWHERE - reached.keys() == set()


def test_rewards__test_token_dripped_to_its_cap__refused_by_both_and_nothing_changes() -> None:
    lives = Lives(SCHEDULES[0], Random(1))
    lives.business()
    for number in KNOWN:
        lives.fees_become_final(number, 3)
    lives._checkpoint(list(KNOWN), DORA)
    lives.chain.evm.warp(5 * DAY)
    amount = TALLY_CAP - lives.model.token.supply - 1_000
    lives.model.token.drip(DORA.address, amount)
    lives.chain.token.transact("drip", DORA.address, amount, sender=DORA)
    for _ in range(40):
        lives.claim()
        lives.claim_share()
        lives.claim_and_stake()
        lives.compare()
    assert lives.reached["TallyToken_CapExceeded"] > 10
