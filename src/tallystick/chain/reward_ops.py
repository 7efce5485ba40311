"""What a supplier can do about its rewards in TALLY, decided before anything is sent. Pure.

Fees are µ, rewards TALLY-wei. `reward_desk` reads what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tallystick.chain.contracts import load
from tallystick.chain.dividend_ops import NOBODY
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_ops import Action
from tallystick.chain.sentences import utc
from tallystick.protocol.accounting.rewards import Supplier
from tallystick.protocol.amounts import format_amount, format_tally
from tallystick.protocol.constants import DAY, MIN_DIVIDEND_STAKE

__all__ = [
    "AccountRewards",
    "Rewards",
    "Schedule",
    "Share",
    "account_rewards",
    "checkpoint",
    "claim",
    "claim_and_stake",
    "claim_share",
    "describe",
    "describe_schedule",
]


@dataclass(frozen=True)
class Schedule:
    """The network's emission.

    :ivar most: accounts in one call.
    :ivar rate: TALLY-wei that the next µ earns, `first_rate` the first one did.
    :ivar counted: µ ever counted, `left_today` µ that still count today, of at most `daily_fees`.
    :ivar halving: µ after which the rate halves; `vesting` seconds.
    """

    rewards: str
    symbol: str
    now: int
    most: int
    rate: int
    first_rate: int
    counted: int
    left_today: int
    daily_fees: int
    halving: int
    vesting: int
    credited: int
    forfeited: int
    minted: int

    def money(self, micro: int) -> str:
        """µ with the currency's symbol."""
        return format_amount(micro, self.symbol)

    @property
    def tomorrow(self) -> int:
        """The next midnight, in seconds."""
        return (self.now // DAY + 1) * DAY


@dataclass(frozen=True)
class AccountRewards:
    """An account of `Escrow` as a supplier.

    :ivar fees: µ that count; `waiting` µ that a checkpoint would find; `overturned` µ that it would take back.
    :ivar next_day: TALLY-wei of `credited` that vest within the next 86 400 seconds.
    :ivar whole_at: when all of `credited` has vested; 0 when nothing is credited.
    """

    account: int
    fees: int = 0
    waiting: int = 0
    credited: int = 0
    vested: int = 0
    claimed: int = 0
    claimable: int = 0
    overturned: int = 0
    next_day: int = 0
    whole_at: int = 0


@dataclass(frozen=True)
class Share:
    """A member's place in a split; `claimable` and `claimed` are that member's."""

    account: int
    index: int
    members: tuple[str, ...]
    weights: tuple[int, ...]
    claimable: int
    claimed: int
    whole: AccountRewards


@dataclass(frozen=True)
class Rewards:
    """What an owner earns: by its own accounts, and by its places in splits. `wallet` in TALLY-wei."""

    owner: str
    schedule: Schedule
    accounts: tuple[AccountRewards, ...] = ()
    shares: tuple[Share, ...] = ()
    wallet: int = 0

    def all_accounts(self) -> tuple[AccountRewards, ...]:
        """The owner's accounts and splits. Raises OperatorRefusal when there are none."""
        found = {one.account: one for one in (*self.accounts, *(share.whole for share in self.shares))}
        return tuple(found.values()) or self.only(None)

    def only(self, account: int | None) -> tuple[AccountRewards, ...]:
        """The owner's accounts, or the one that is meant. Raises OperatorRefusal."""
        found = tuple(one for one in self.accounts if account in (None, one.account))
        if account is not None and not found:
            raise OperatorRefusal("not_owner", f"account {account} does not belong to {self.owner}")
        if not found:
            text = f"{self.owner} has no account in Escrow: `ape run provider register` creates one"
            raise OperatorRefusal("unknown_account", text)
        return found


def account_rewards(
    number: int, life: Sequence[int], due: int, history: Supplier, schedule: Schedule
) -> AccountRewards:
    """An account out of the views `lifetimeOf` and `claimable`, and its history out of events."""
    fees, waiting, credited, vested, claimed = life
    kept = history.kept(fees)
    until_now, in_a_day = (kept.vested(schedule.vesting, at) for at in (schedule.now, schedule.now + DAY))
    return AccountRewards(
        account=number,
        fees=fees,
        waiting=waiting,
        credited=credited,
        vested=vested,
        claimed=claimed,
        claimable=due,
        overturned=max(0, history.fees - fees),
        next_day=in_a_day - until_now,
        whole_at=kept.grants[-1].vests_from + schedule.vesting if kept.grants else 0,
    )


def checkpoint(schedule: Schedule, accounts: Sequence[AccountRewards]) -> list[Action]:
    """Counts the new fees of accounts, and takes back what was overturned. Passes over those with nothing new."""
    new = [one for one in accounts if one.waiting or one.overturned]
    if not new:
        numbers = _numbers(accounts)
        raise OperatorRefusal("nothing_to_count", f"no fees of {numbers} wait to be counted")
    if schedule.left_today == 0 and not any(one.overturned for one in new):
        text = (
            f"{schedule.money(schedule.daily_fees)} counted today, which is all that a day takes: "
            f"{schedule.money(sum(one.waiting for one in new))} wait until {utc(schedule.tomorrow)}"
        )
        raise OperatorRefusal("day_full", text)
    actions, left = [], schedule.left_today
    for part in _chunks(new, schedule.most):
        waiting = sum(one.waiting for one in part)
        fits = min(waiting, left)
        left -= fits
        says = f"count {schedule.money(fits)} of fees of {_numbers(part)}"
        if fits < waiting:
            says += f"; {schedule.money(waiting - fits)} wait for a later day"
        back = sum(one.overturned for one in part)
        if back:
            says += f"; take back what {schedule.money(back)} of overturned fees brought"
        data = load("SupplierRewards").encode("checkpoint", [one.account for one in part])
        actions.append(Action(says, schedule.rewards, data))
    return actions


def claim(rewards: Rewards, to: str | None = None, account: int | None = None) -> list[Action]:
    """Mints what has vested for the owner's accounts (or one of them), to the owner when `to` is None."""
    receiver = _receiver(to or rewards.owner)
    actions = []
    for part, amount in _due(rewards, account):
        says = f"claim what has vested of {_numbers(part)}, {format_tally(amount)} by now, to {receiver}"
        data = load("SupplierRewards").encode("claim", [one.account for one in part], receiver)
        actions.append(Action(says, rewards.schedule.rewards, data))
    return actions


def claim_and_stake(
    rewards: Rewards, staked: int, staker: str | None = None, account: int | None = None
) -> list[Action]:
    """As `claim`, and stakes it in the dividend vault. `staked`: TALLY-wei that `staker` (the owner) has there."""
    whose = _receiver(staker or rewards.owner)
    actions = []
    for part, amount in _due(rewards, account):
        staked += amount
        if staked < MIN_DIVIDEND_STAKE:
            text = (
                f"{format_tally(staked)} would be staked for {whose}; the least is {format_tally(MIN_DIVIDEND_STAKE)}: "
                "wait until more has vested, or claim without --stake"
            )
            raise OperatorRefusal("below_minimum", text)
        says = f"claim what has vested of {_numbers(part)}, {format_tally(amount)} by now, and stake it for {whose}"
        data = load("SupplierRewards").encode("claimAndStake", [one.account for one in part], whose)
        actions.append(Action(says, rewards.schedule.rewards, data))
    return actions


def claim_share(rewards: Rewards, shares: Sequence[Share], to: str | None = None) -> list[Action]:
    """Mints a member its part of what has vested for splits, to the member when `to` is None."""
    receiver = _receiver(to or rewards.owner)
    if not shares:
        raise OperatorRefusal("not_member", f"{rewards.owner} is a member of no split here")
    for one in shares:
        if one.index >= len(one.members) or one.members[one.index] != rewards.owner:
            text = f"{rewards.owner} is not member {one.index} of account {one.account}"
            raise OperatorRefusal("not_member", text)
    due = [one for one in shares if one.claimable]
    if not due:
        whole = [one.whole for one in shares]
        raise OperatorRefusal(
            "nothing_to_claim", _why_nothing(rewards, whole, sum(one.claimed for one in shares))
        )
    return [
        Action(
            f"claim the share of member {one.index} of account {one.account}, {format_tally(one.claimable)} by now, "
            f"to {receiver}",
            rewards.schedule.rewards,
            load("SupplierRewards").encode(
                "claimShare", one.account, one.index, list(one.members), list(one.weights), receiver
            ),
        )
        for one in due
    ]


def describe_schedule(schedule: Schedule) -> list[str]:
    """The network's emission in lines."""
    per_unit = format_tally(schedule.rate * 10**6)
    next_halving = schedule.halving - schedule.counted % schedule.halving
    return [
        f"suppliers' rewards {schedule.rewards} at {utc(schedule.now)}",
        f"  rate          {per_unit} for {schedule.money(10**6)} of fees"
        f" (it began at {format_tally(schedule.first_rate * 10**6)})",
        f"  fees          {schedule.money(schedule.counted)} counted;"
        f" the rate halves after {schedule.money(next_halving)} more",
        f"  today         {schedule.money(schedule.left_today)} of {schedule.money(schedule.daily_fees)} still count,"
        f" until {utc(schedule.tomorrow)}",
        f"  credited      {format_tally(schedule.credited)}, ever",
        f"  forfeited     {format_tally(schedule.forfeited)}",
        f"  minted        {format_tally(schedule.minted)}",
    ]


def describe(rewards: Rewards) -> list[str]:
    """What an owner earns, in lines."""
    lines = [f"{rewards.owner}", f"  wallet        {format_tally(rewards.wallet)}"]
    for one in rewards.accounts:
        lines.append(f"account {one.account} in Escrow")
        lines += _account_lines(rewards.schedule, one)
    for share in rewards.shares:
        weight, whole = share.weights[share.index], sum(share.weights)
        lines.append(
            f"member {share.index} of account {share.account}, weight {weight} of {whole}; the account:"
        )
        lines += _account_lines(rewards.schedule, share.whole)
        lines += [
            f"  your part     {format_tally(share.claimable)} claimable, {format_tally(share.claimed)} claimed, ever"
        ]
    if not rewards.accounts and not rewards.shares:
        lines.append("no account in Escrow and no place in a split: nothing earns rewards")
    return lines


def _account_lines(schedule: Schedule, one: AccountRewards) -> list[str]:
    lines = [
        f"  counted       {schedule.money(one.fees)} of fees",
        f"  waiting       {schedule.money(one.waiting)}{': `ape run rewards checkpoint`' if one.waiting else ''}",
    ]
    if one.overturned:
        lines.append(f"  overturned    {schedule.money(one.overturned)} of fees, which count no longer")
    lines += [
        f"  credited      {format_tally(one.credited)}",
        f"  vested        {format_tally(one.vested)}",
        f"  claimed       {format_tally(one.claimed)}",
        f"  claimable     {format_tally(one.claimable)}",
    ]
    if one.claimed > one.vested:
        lines.append(f"  set off       {format_tally(one.claimed - one.vested)} were paid and then forfeited")
    if one.vested < one.credited:
        lines.append(f"  next day      {format_tally(one.next_day)} vest; all of it by {utc(one.whole_at)}")
    return lines


def _due(rewards: Rewards, account: int | None) -> list[tuple[list[AccountRewards], int]]:
    accounts = rewards.only(account)
    due = [one for one in accounts if one.claimable]
    if not due:
        raise OperatorRefusal(
            "nothing_to_claim", _why_nothing(rewards, accounts, sum(one.claimed for one in accounts))
        )
    return [(part, sum(one.claimable for one in part)) for part in _chunks(due, rewards.schedule.most)]


def _why_nothing(rewards: Rewards, accounts: Sequence[AccountRewards], claimed: int) -> str:
    credited, vested = sum(one.credited for one in accounts), sum(one.vested for one in accounts)
    if credited == 0:
        why = "no fees of it have counted yet: `ape run rewards checkpoint`"
    elif vested == 0:
        why = (
            f"{format_tally(credited)} are credited and begin to vest at the midnight (UTC) after they counted, "
            f"the next is {utc(rewards.schedule.tomorrow)}"
        )
    else:
        why = (
            f"of {format_tally(credited)} credited {format_tally(vested)} have vested, "
            f"and {format_tally(claimed)} were claimed"
        )
    return f"{rewards.owner} has no rewards to claim: {why}"


def _chunks(accounts: Sequence[AccountRewards], most: int) -> Iterator[list[AccountRewards]]:
    for start in range(0, len(accounts), most):
        yield list(accounts[start : start + most])


def _numbers(accounts: Sequence[AccountRewards]) -> str:
    numbers = [str(one.account) for one in accounts]
    if len(numbers) > 8:
        return f"{len(numbers)} accounts ({numbers[0]} to {numbers[-1]})"
    return f"account{'s' if len(numbers) != 1 else ''} {', '.join(numbers)}"


def _receiver(to: str) -> str:
    if to == NOBODY:
        raise OperatorRefusal("bad_value", "the zero address cannot receive anything")
    return to
