"""`ape run rewards …`: what a supplier does about its rewards in TALLY.

    ape run rewards checkpoint N [N …] | --all-mine | --all --account NAME --network …
    ape run rewards claim [--to 0x…] [--stake] [--escrow-account N]
    ape run rewards claim-share [--escrow-account N] [--index I --members 0x…,0x… --weights 7,3] [--to 0x…]
    ape run rewards show [0x…]
    ape run rewards statement [0x…] [--escrow-account N] --out FILE.csv [--from YYYY-MM-DD] [--to YYYY-MM-DD]

N is the number of an account in the Escrow (--account is the one in Ape that acts). Every command that sends takes
--dry-run. `show` and `statement` of an address need no account. --network is as for `ape run deploy`.
"""

from pathlib import Path
from typing import Any

import click
from scripts._common import (
    DEPLOYMENTS,
    TO,
    Command,
    acting,
    common,
    echo,
    owned,
    owner_of,
    reading,
    receiver,
    spanning,
    write,
)

from tallystick.chain import reward_ops as ops
from tallystick.chain.dividend_desk import DividendDesk
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_ops import Action
from tallystick.chain.reward_desk import RewardDesk
from tallystick.chain.reward_statement import REWARD_COLUMNS
from tallystick.chain.statements import Span, to_csv
from tallystick.protocol.amounts import format_tally

NUMBER = click.option(
    "--escrow-account",
    "number",
    type=click.IntRange(1),
    help="One account in the Escrow; by default all of one's own.",
)


@click.group()
def cli() -> None:
    """Have fees counted, and claim the TALLY that they brought."""


@cli.command(cls=Command)
@common()
@click.argument("numbers", type=click.IntRange(1), nargs=-1)
@click.option("--all-mine", is_flag=True, help="The accounts and splits of the account that acts.")
@click.option("--all", "everybody", is_flag=True, help="Every account that has something new.")
def checkpoint(
    provider: Any, ecosystem: Any, numbers: tuple[int, ...], all_mine: bool, everybody: bool, **settings: Any
) -> None:
    """Count the new fees of the accounts NUMBERS, anybody's. What counts today begins to vest at midnight (UTC)."""
    with acting(provider, ecosystem, settings) as session:
        desk = RewardDesk(session.node, session.deployment)
        if sum((bool(numbers), all_mine, everybody)) != 1:
            raise OperatorRefusal("bad_value", "say which accounts: their numbers, --all-mine or --all")
        schedule = desk.schedule()
        if all_mine:
            found = list(desk.rewards(session.address).all_accounts())
        else:
            found = desk.accounts(numbers or range(1, desk.account_count() + 1), schedule)
        receipts = session.carry_out(ops.checkpoint(schedule, found))
        if receipts is not None:
            echo(desk.news(receipts, schedule))


@cli.command(cls=Command)
@common()
@NUMBER
@TO
@click.option("--stake", is_flag=True, help="Stakes it in the dividend vault, for --to when it is given.")
def claim(
    provider: Any, ecosystem: Any, number: int | None, to: str | None, stake: bool, **settings: Any
) -> None:
    """Claim what has vested; new fees are counted with it."""
    with acting(provider, ecosystem, settings) as session:
        desk = RewardDesk(session.node, session.deployment)
        rewards, whose = desk.rewards(session.address, shares=False), receiver(to)
        if stake:
            staked = DividendDesk(session.node, session.deployment).holding(whose or session.address).staked
            actions = ops.claim_and_stake(rewards, staked, whose, number)
        else:
            actions = ops.claim(rewards, whose, number)
        finish(session, desk, rewards, actions)


@cli.command("claim-share", cls=Command)
@common()
@click.option(
    "--escrow-account", "number", type=click.IntRange(1), help="The split; by default all of one's own."
)
@click.option("--index", type=click.IntRange(0), help="One's place among the members, from 0 on.")
@click.option(
    "--members", help="All members in their order, separated by commas, where the node finds no events."
)
@click.option("--weights", help="Their weights, likewise.")
@TO
def claim_share(
    provider: Any, ecosystem: Any, number: int | None, index: int | None, to: str | None, **settings: Any
) -> None:
    """Claim one's share of what has vested for a split."""
    with acting(provider, ecosystem, settings) as session:
        desk = RewardDesk(session.node, session.deployment)
        members, weights = settings["members"], settings["weights"]
        given = [value is not None for value in (members, weights)]
        if any(given):
            if not all(given) or number is None or index is None:
                raise OperatorRefusal(
                    "bad_value", "say --escrow-account, --index, --members and --weights together"
                )
            rewards = desk.rewards(session.address, shares=False)
            shares = [desk.share(number, index, members.split(","), listed(weights), rewards.schedule)]
        else:
            rewards = desk.rewards(session.address)
            shares = [
                one for one in rewards.shares if number in (None, one.account) and index in (None, one.index)
            ]
        finish(session, desk, rewards, ops.claim_share(rewards, shares, receiver(to)))


def finish(session: Any, desk: RewardDesk, rewards: ops.Rewards, actions: list[Action]) -> None:
    """Carries out, and says what was counted and what arrived."""
    receipts = session.carry_out(actions)
    if receipts is None:
        return
    after = desk.rewards(session.address, shares=False)
    echo(desk.news(receipts, rewards.schedule))
    if after.wallet != rewards.wallet:
        echo([f"The wallet has {format_tally(after.wallet)}, after {format_tally(rewards.wallet)}."])


def listed(text: str) -> list[int]:
    """Whole numbers separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) < 2**32 for part in parts):
        raise OperatorRefusal("bad_value", f"weights are whole numbers separated by commas, not {text!r}")
    return [int(part) for part in parts]


@cli.command(cls=Command)
@owned
@DEPLOYMENTS
def show(provider: Any, deployments: Path | None, **who: Any) -> None:
    """Show the network's emission, and what OWNER or the account earns."""
    with reading(provider, deployments) as here:
        rewards = RewardDesk(here.node, here.deployment).rewards(owner_of(who))
        echo([*ops.describe_schedule(rewards.schedule), *ops.describe(rewards)])


@cli.command(cls=Command)
@owned
@NUMBER
@spanning
@DEPLOYMENTS
def statement(
    provider: Any, deployments: Path | None, number: int | None, out: str, first: str, last: str, **who: Any
) -> None:
    """Write what happened to the rewards of OWNER's or the account's accounts as CSV; docs/dividends.md has its
    columns."""
    with reading(provider, deployments) as here:
        span = Span.of_days(first, last)
        owner = owner_of(who) if number is None else ""
        rows = RewardDesk(here.node, here.deployment).statement(owner, number, span)
        write(out, to_csv(rows, REWARD_COLUMNS), len(rows))
