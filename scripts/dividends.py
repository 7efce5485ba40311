"""`ape run dividends …`: what a holder of TALLY does by hand. Amounts as people write them: "300 TALLY".

    ape run dividends stake "300 TALLY" [--for 0x…] --account NAME --network …
    ape run dividends unstake "100 TALLY" | all            ape run dividends withdraw [--to 0x…]
    ape run dividends claim [--to 0x…]                     ape run dividends payout 0x… | none
    ape run dividends claim-for 0x… 0x…                    ape run dividends pull-fees
    ape run dividends show [0x…]                           ape run dividends faucet "300 TALLY"
    ape run dividends statement [0x…] --out FILE.csv [--from YYYY-MM-DD] [--to YYYY-MM-DD]

`payout` lets anybody have one's dividends sent to an address by `claim-for`. Every command that sends takes --dry-run.
`show` and `statement` of an address need no account. --network is as for `ape run deploy`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from scripts._common import (
    DEPLOYMENTS,
    TO,
    Command,
    Settings,
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

from tallystick.chain import dividend_ops as ops
from tallystick.chain.abi import checksum
from tallystick.chain.dividend_desk import DividendDesk
from tallystick.chain.dividend_statement import DIVIDEND_COLUMNS
from tallystick.chain.provider_ops import Action
from tallystick.chain.statements import Span, to_csv
from tallystick.protocol.amounts import parse_tally

Planner = Callable[[DividendDesk, ops.Holding], list[Action]]


def run(provider: Any, ecosystem: Any, settings: Settings, planner: Planner) -> None:
    """Plans on what the account has, says what will be done, does it, and says what changed."""
    with acting(provider, ecosystem, settings) as session:
        desk = DividendDesk(session.node, session.deployment)
        holding = desk.holding(session.address)
        receipts = session.carry_out(planner(desk, holding))
        if receipts is not None:
            echo([*desk.sent_by(receipts, holding.pool), *ops.news(holding, desk.holding(session.address))])


@click.group()
def cli() -> None:
    """Stake TALLY, and earn a share of the fees."""


@cli.command(cls=Command)
@common()
@click.argument("amount")
@click.option("--for", "beneficiary", help="For whom, who then owns it; the account itself by default.")
def stake(provider: Any, ecosystem: Any, amount: str, beneficiary: str | None, **settings: Any) -> None:
    """Stake AMOUNT of TALLY; the token is approved first when it must be."""

    def planner(desk: DividendDesk, holding: ops.Holding) -> list[Action]:
        whose = receiver(beneficiary, "--for")
        other = desk.holding(whose, holding.pool) if whose and whose != holding.owner else None
        return ops.stake(holding, parse_tally(amount), other)

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common()
@click.argument("amount")
def unstake(provider: Any, ecosystem: Any, amount: str, **settings: Any) -> None:
    """Stop AMOUNT of TALLY earning, or `all` of it; it can be withdrawn after a delay."""

    def planner(_: DividendDesk, holding: ops.Holding) -> list[Action]:
        return ops.unstake(holding, None if amount == "all" else parse_tally(amount))

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common()
@TO
def withdraw(provider: Any, ecosystem: Any, to: str | None, **settings: Any) -> None:
    """Withdraw what has left, once its delay is over."""
    run(provider, ecosystem, settings, lambda _, holding: ops.withdraw(holding, receiver(to)))


@cli.command(cls=Command)
@common()
@TO
def claim(provider: Any, ecosystem: Any, to: str | None, **settings: Any) -> None:
    """Pay out the dividends."""
    run(provider, ecosystem, settings, lambda _, holding: ops.claim(holding, receiver(to)))


@cli.command(cls=Command)
@common()
@click.argument("address")
def payout(provider: Any, ecosystem: Any, address: str, **settings: Any) -> None:
    """Let anybody have the dividends sent to ADDRESS; `none` takes it back."""

    def planner(_: DividendDesk, holding: ops.Holding) -> list[Action]:
        return ops.set_payout(holding, ops.NOBODY if address == "none" else checksum(address, "the address"))

    run(provider, ecosystem, settings, planner)


@cli.command("claim-for", cls=Command)
@common()
@click.argument("stakers", nargs=-1, required=True)
def claim_for(provider: Any, ecosystem: Any, stakers: tuple[str, ...], **settings: Any) -> None:
    """Send the dividends of STAKERS to the payout addresses that they have set."""
    with acting(provider, ecosystem, settings) as session:
        desk = DividendDesk(session.node, session.deployment)
        pool = desk.pool()
        owners = dict.fromkeys(checksum(one, "a staker") for one in stakers)
        actions, left_out = ops.claim_for(pool, [desk.holding(one, pool) for one in owners])
        echo([f"{line}." for line in left_out])
        receipts = session.carry_out(actions)
        if receipts is not None:
            echo(desk.sent_by(receipts, pool))


@cli.command("pull-fees", cls=Command)
@common()
def pull_fees(provider: Any, ecosystem: Any, **settings: Any) -> None:
    """Bring the fees that wait into next week's stream. Anybody."""
    run(provider, ecosystem, settings, lambda _, holding: ops.pull_fees(holding.pool))


@cli.command(cls=Command)
@common()
@click.argument("amount")
@TO
def faucet(provider: Any, ecosystem: Any, amount: str, to: str | None, **settings: Any) -> None:
    """Mint TALLY, on a local network."""

    def planner(_: DividendDesk, holding: ops.Holding) -> list[Action]:
        return ops.faucet(holding, parse_tally(amount), receiver(to))

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@owned
@DEPLOYMENTS
def show(provider: Any, deployments: Path | None, **who: Any) -> None:
    """Show the vault, and what OWNER or the account has in it."""
    with reading(provider, deployments) as here:
        desk = DividendDesk(here.node, here.deployment)
        pool = desk.pool()
        echo([*ops.describe_pool(pool), *ops.describe(desk.holding(owner_of(who), pool))])


@cli.command(cls=Command)
@owned
@spanning
@DEPLOYMENTS
def statement(provider: Any, deployments: Path | None, out: str, first: str, last: str, **who: Any) -> None:
    """Write what happened to OWNER's or the account's stake and dividends as CSV; docs/dividends.md has its columns."""
    with reading(provider, deployments) as here:
        span = Span.of_days(first, last)
        rows = DividendDesk(here.node, here.deployment).statement(owner_of(who), span)
        write(out, to_csv(rows, DIVIDEND_COLUMNS), len(rows))
