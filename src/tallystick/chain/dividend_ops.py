"""What a holder of TALLY can do, decided before anything is sent. Pure: a holding on the chain in, transactions out.

Amounts of TALLY are TALLY-wei, dividends are µ. `dividend_desk` reads holdings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.chain.contracts import load
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_ops import Action
from tallystick.chain.sentences import utc
from tallystick.protocol.amounts import format_amount, format_tally
from tallystick.protocol.constants import MIN_DIVIDEND_STAKE, WEEK
from tallystick.protocol.enums import ClaimSkip

__all__ = [
    "NOBODY",
    "Holding",
    "Pool",
    "claim",
    "claim_for",
    "describe",
    "describe_pool",
    "faucet",
    "news",
    "pull_fees",
    "set_payout",
    "skipped",
    "stake",
    "unstake",
    "withdraw",
]

NOBODY = "0x" + "00" * 20


@dataclass(frozen=True)
class Pool:
    """The vault as everybody sees it. `faucet`: the token, where anybody may mint; None on real networks.

    :ivar most: stakers in one call of `claimFor`.
    :ivar staked: TALLY-wei of all that earn.
    :ivar this_week: µ that stream over this week (unix time / 604 800), `next_week` over the next.
    :ivar pullable: µ that `pullFees` would bring now.
    """

    vault: str
    token: str
    symbol: str
    faucet: str | None
    now: int
    exit_delay: int
    most: int
    staked: int
    this_week: int
    next_week: int
    received: int
    claimed: int
    pullable: int

    def money(self, micro: int) -> str:
        """µ with the currency's symbol."""
        return format_amount(micro, self.symbol)


@dataclass(frozen=True)
class Holding:
    """What one holder has. `allowance`: TALLY-wei that the vault may take; `coins`: µ in the wallet."""

    owner: str
    pool: Pool
    wallet: int = 0
    allowance: int = 0
    coins: int = 0
    staked: int = 0
    exiting: int = 0
    unlocks_at: int = 0
    claimable: int = 0
    earned: int = 0
    claimed: int = 0
    payout: str = NOBODY

    def weekly(self, stream: int) -> int:
        """µ of a week's stream that go to the holder if nobody's stake changes, floored."""
        return stream * self.staked // self.pool.staked if self.pool.staked else 0


def stake(holding: Holding, amount: int, beneficiary: Holding | None = None) -> list[Action]:
    """Stakes `amount` for `beneficiary`, the holder itself when left out; approves first when it must."""
    pool, whose = holding.pool, beneficiary or holding
    _positive(amount)
    if whose.owner == NOBODY:
        raise OperatorRefusal("bad_value", "nobody can stake for the zero address")
    after = whose.staked + amount
    if after < MIN_DIVIDEND_STAKE:
        text = f"{format_tally(after)} would be staked for {whose.owner}; the least is {_LEAST}"
        raise OperatorRefusal("below_minimum", text)
    if holding.wallet < amount:
        hint = f"; `ape run dividends faucet {format_tally(amount - holding.wallet)}`" if pool.faucet else ""
        text = (
            f"{holding.owner} has {format_tally(holding.wallet)}, but {format_tally(amount)} are wanted{hint}"
        )
        raise OperatorRefusal("not_enough_tally", text)
    actions = []
    if holding.allowance < amount:
        says = f"allow the dividend vault to take {format_tally(amount)}"
        data = load("TallyToken").encode("approve", pool.vault, amount)
        actions.append(Action(says, pool.token, data))
    says = f"stake {format_tally(amount)}"
    if whose.owner == holding.owner:
        data = load("DividendVault").encode("stake", amount)
    else:
        says += f" for {whose.owner}, to whom they belong from then on"
        data = load("DividendVault").encode("stakeFor", whose.owner, amount)
    says += f": {format_tally(after)} earn then; leaving takes {_days(pool.exit_delay)}"
    return [*actions, Action(says, pool.vault, data)]


def unstake(holding: Holding, amount: int | None) -> list[Action]:
    """Stops TALLY earning, all of it when `amount` is None; it can be withdrawn after the delay."""
    wanted = holding.staked if amount is None else amount
    if holding.staked == 0 or wanted > holding.staked:
        wish = "" if amount is None else f", but {format_tally(wanted)} are wanted"
        raise OperatorRefusal(
            "not_enough_staked", f"{holding.owner} has {format_tally(holding.staked)} staked{wish}"
        )
    _positive(wanted)
    rest = holding.staked - wanted
    if 0 < rest < MIN_DIVIDEND_STAKE:
        most = holding.staked - MIN_DIVIDEND_STAKE
        some = f"at most {format_tally(most)}, or " if most else ""
        text = f"{format_tally(rest)} would stay staked; the least is {_LEAST}: take {some}`all`"
        raise OperatorRefusal("below_minimum", text)
    ends = utc(holding.pool.now + holding.pool.exit_delay)
    says = f"stop {format_tally(wanted)} earning, to be withdrawn from about {ends} on"
    if holding.exiting:
        says += f"; the {format_tally(holding.exiting)} that leave already wait anew with it"
    return [Action(says, holding.pool.vault, load("DividendVault").encode("unstake", wanted))]


def withdraw(holding: Holding, to: str | None = None) -> list[Action]:
    """Takes out what has left, to the holder when `to` is None."""
    if holding.exiting == 0:
        text = f"nothing of {holding.owner} is on its way out: start with `ape run dividends unstake`"
        raise OperatorRefusal("nothing_leaves", text)
    if holding.pool.now < holding.unlocks_at:
        text = (
            f"{format_tally(holding.exiting)} of {holding.owner} are locked until {utc(holding.unlocks_at)} "
            f"(the chain's clock says {utc(holding.pool.now)})"
        )
        raise OperatorRefusal("still_locked", text)
    receiver = _receiver(to or holding.owner)
    says = f"withdraw {format_tally(holding.exiting)} to {receiver}"
    return [Action(says, holding.pool.vault, load("DividendVault").encode("withdraw", receiver))]


def claim(holding: Holding, to: str | None = None) -> list[Action]:
    """Pays out the dividends, to the holder when `to` is None."""
    pool = holding.pool
    if holding.claimable == 0:
        if holding.earned:
            why = f"all of the {pool.money(holding.earned)} earned so far was claimed"
        elif holding.staked:
            why = "nothing has streamed to its stake yet"
        else:
            why = "it has nothing staked: `ape run dividends stake`"
        raise OperatorRefusal("nothing_to_claim", f"{holding.owner} has no dividends to claim: {why}")
    receiver = _receiver(to or holding.owner)
    says = f"claim {pool.money(holding.claimable)} to {receiver}"
    return [Action(says, pool.vault, load("DividendVault").encode("claim", receiver))]


def set_payout(holding: Holding, payout: str) -> list[Action]:
    """Lets anyone have the dividends sent to `payout`; the zero address takes it back."""
    if payout == holding.payout:
        now = f"go to {payout} already" if payout != NOBODY else "go nowhere by themselves as it is"
        raise OperatorRefusal("already_set", f"the dividends of {holding.owner} {now}")
    says = f"let anybody have the dividends of {holding.owner} sent to {payout}"
    if payout == NOBODY:
        says = f"let nobody but {holding.owner} claim its dividends"
    return [Action(says, holding.pool.vault, load("DividendVault").encode("setPayout", payout))]


def claim_for(pool: Pool, holdings: Sequence[Holding]) -> tuple[list[Action], list[str]]:
    """Sends the dividends of others to the payout addresses they set: transactions, and who is left out and why.

    Raises OperatorRefusal when nobody can be sent anything.
    """
    due: dict[str, Holding] = {}
    left_out = []
    for one in holdings:
        reason = ClaimSkip.NO_PAYOUT if one.payout == NOBODY else ClaimSkip.NOTHING_OWED
        if one.payout == NOBODY or one.claimable == 0:
            left_out.append(skipped(one.owner, reason))
        else:
            due[one.owner] = one
    if not due:
        raise OperatorRefusal("nothing_to_claim", "nobody is sent anything: " + "; ".join(left_out))
    who, actions = list(due.values()), []
    for start in range(0, len(who), pool.most):
        part = who[start : start + pool.most]
        sums = ", ".join(f"{pool.money(one.claimable)} of {one.owner} to {one.payout}" for one in part)
        data = load("DividendVault").encode("claimFor", [one.owner for one in part])
        actions.append(Action(f"send {sums}", pool.vault, data))
    return actions, left_out


def skipped(staker: str, reason: ClaimSkip) -> str:
    """Why a staker was left out, in words."""
    why = {
        ClaimSkip.NO_PAYOUT: "it has set no payout address",
        ClaimSkip.NOTHING_OWED: "it is owed nothing",
        ClaimSkip.TRANSFER_REFUSED: "the currency does not send to its payout address; it stays owed",
    }
    return f"{staker} is left out: {why[reason]}"


def pull_fees(pool: Pool) -> list[Action]:
    """Brings the fees that wait into next week's stream."""
    if pool.pullable == 0:
        raise OperatorRefusal("nothing_to_pull", "no fees wait for the dividend vault")
    starts = utc((pool.now // WEEK + 1) * WEEK)
    says = f"pull {pool.money(pool.pullable)} of fees, which stream over the week from {starts} on"
    return [Action(says, pool.vault, load("DividendVault").encode("pullFees"))]


def faucet(holding: Holding, amount: int, to: str | None = None) -> list[Action]:
    """Mints TALLY, where the deployment has the test token."""
    if holding.pool.faucet is None:
        raise OperatorRefusal("no_faucet", "on this network nobody mints TALLY but the suppliers' rewards")
    _positive(amount)
    receiver = _receiver(to or holding.owner)
    data = load("TestTally").encode("drip", receiver, amount)
    return [Action(f"mint {format_tally(amount)} to {receiver}", holding.pool.faucet, data)]


def describe_pool(pool: Pool) -> list[str]:
    """The vault in lines."""
    ends = (pool.now // WEEK + 1) * WEEK
    return [
        f"dividend vault {pool.vault} at {utc(pool.now)}",
        f"  staked        {format_tally(pool.staked)}",
        f"  this week     {pool.money(pool.this_week)}, until {utc(ends)}",
        f"  next week     {pool.money(pool.next_week)}",
        f"  waiting       {pool.money(pool.pullable)}{': `ape run dividends pull-fees`' if pool.pullable else ''}",
        f"  received      {pool.money(pool.received)}, ever",
        f"  claimed       {pool.money(pool.claimed)}, ever",
    ]


def describe(holding: Holding) -> list[str]:
    """A holding in lines."""
    pool = holding.pool
    lines = [f"{holding.owner}", f"  wallet        {format_tally(holding.wallet)}"]
    lines.append(f"  staked        {format_tally(holding.staked)}{_share(holding)}")
    if holding.exiting:
        ready = pool.now >= holding.unlocks_at
        when = "can be withdrawn" if ready else f"locked until {utc(holding.unlocks_at)}"
        lines.append(f"  leaving       {format_tally(holding.exiting)}, {when}")
    lines += [
        f"  claimable     {pool.money(holding.claimable)}",
        f"  earned        {pool.money(holding.earned)}, ever",
        f"  claimed       {pool.money(holding.claimed)}, ever",
        f"  this week     {pool.money(holding.weekly(pool.this_week))} of the whole week's stream at present stakes",
        f"  next week     {pool.money(holding.weekly(pool.next_week))}",
        f"  payout        {holding.payout if holding.payout != NOBODY else 'none: only the holder claims'}",
    ]
    return lines


def news(before: Holding, after: Holding) -> list[str]:
    """What changed for the acting holder by what it sent."""
    lines = []
    if after.wallet != before.wallet:
        lines.append(f"The wallet has {format_tally(after.wallet)}, after {format_tally(before.wallet)}.")
    if after.coins != before.coins:
        pool = after.pool
        lines.append(f"The wallet has {pool.money(after.coins)}, after {pool.money(before.coins)}.")
    if after.staked != before.staked:
        lines.append(f"{format_tally(after.staked)} earn now.")
    if after.exiting and after.unlocks_at != before.unlocks_at:
        lines.append(f"{format_tally(after.exiting)} can be withdrawn from {utc(after.unlocks_at)} on.")
    return lines


_LEAST = format_tally(MIN_DIVIDEND_STAKE)


def _share(holding: Holding) -> str:
    """` (12.3456 % of all)`: hundredths of a basis point, floored."""
    if not holding.staked or not holding.pool.staked:
        return ""
    parts = holding.staked * 1_000_000 // holding.pool.staked
    return f" ({parts // 10_000}.{parts % 10_000:04d} % of all that earns)"


def _days(seconds: int) -> str:
    return f"{seconds // 86_400} days" if seconds % 86_400 == 0 and seconds >= 172_800 else f"{seconds} s"


def _receiver(to: str) -> str:
    if to == NOBODY:
        raise OperatorRefusal("bad_value", "the zero address cannot receive anything")
    return to


def _positive(amount: int) -> None:
    if amount <= 0:
        raise OperatorRefusal("bad_value", "the amount must be above zero")
