"""`ape run verifier …`: what a verifier does by hand. Amounts as people write them: "2500 USDC".

    ape run verifier register --account NAME --network …   ape run verifier stake "2500 USDC"
    ape run verifier authorise-key 0x…                     ape run verifier unstake "500 USDC"
    ape run verifier enlist "200 USDC"                     ape run verifier resign | withdraw
    ape run verifier sign --agreement N --units U --output-root 0x… --valid|--invalid
    ape run verifier show

`enlist` puts a deposit into the jury, beside the stake. `sign` prints a verdict for `POST /v1/verdicts`, signed by
the key in TALLYSTICK_VERIFIER_KEY or TALLYSTICK_VERIFIER_KEY_FILE; of an invalid one, --units says how many units
are valid. Every command that sends takes --dry-run. --network is as for `ape run deploy`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from scripts._common import DEPLOYMENTS, Command, Settings, acting, common, echo, reading

from tallystick.chain import provider_ops as stakes
from tallystick.chain import verifier_ops as ops
from tallystick.chain.abi import checksum, from_hex
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.signers import KeySigner
from tallystick.chain.verifier_desk import VerifierDesk
from tallystick.protocol.amounts import parse_amount
from tallystick.protocol.eip712 import Verdict
from tallystick.protocol.enums import Role

KEY_VARIABLE = "TALLYSTICK_VERIFIER_KEY"
Planner = Callable[[VerifierDesk, stakes.Position], list[stakes.Action]]
OPERATOR = click.option("--operator", type=int, help="Its number, when the account has several verifiers.")


def run(provider: Any, ecosystem: Any, settings: Settings, planner: Planner | None) -> None:
    """Plans on what the account has on the chain, says what will be done, and does it; without a planner it shows."""
    with acting(provider, ecosystem, settings) as session:
        desk = VerifierDesk(session.node, session.deployment)
        position = desk.position(session.address)
        if planner is None:
            juror = ops.describe_juror(position, desk.juror(session.address))
            echo([*stakes.describe(position), *juror])
        elif session.carry_out(planner(desk, position)) is not None:
            echo(stakes.news(position, desk.position(session.address)))


def verifier_of(position: stakes.Position, settings: Settings) -> int:
    """The number of the verifier that is meant."""
    return position.stake(settings["operator"], Role.VERIFIER).operator


def jury_of(desk: VerifierDesk, position: stakes.Position) -> ops.JurorView:
    """The owner in the jury. Raises OperatorRefusal when there is none."""
    juror = desk.juror(position.owner)
    if juror is None:
        raise OperatorRefusal("no_jury", "this deployment has no jury")
    return juror


@click.group()
def cli() -> None:
    """Register, stake, sign and sit on juries as a verifier."""


@cli.command(cls=Command)
@common(OPERATOR)
@click.option("--another", is_flag=True, help="Also when the account has a verifier already.")
def register(provider: Any, ecosystem: Any, another: bool, **settings: Any) -> None:
    """Register the account as a verifier."""
    run(provider, ecosystem, settings, lambda _, position: ops.register(position, another=another))


@cli.command(cls=Command)
@common(OPERATOR)
@click.argument("amount")
def stake(provider: Any, ecosystem: Any, amount: str, **settings: Any) -> None:
    """Add AMOUNT to the free stake; the currency is approved first when it must be."""

    def planner(_: VerifierDesk, position: stakes.Position) -> list[stakes.Action]:
        return stakes.stake(position, parse_amount(amount), verifier_of(position, settings))

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
@click.argument("amount")
def unstake(provider: Any, ecosystem: Any, amount: str, **settings: Any) -> None:
    """Start to thaw AMOUNT of free stake, or `all` of it."""

    def planner(_: VerifierDesk, position: stakes.Position) -> list[stakes.Action]:
        wanted = None if amount == "all" else parse_amount(amount)
        return stakes.unstake(position, wanted, verifier_of(position, settings))

    run(provider, ecosystem, settings, planner)


@cli.command("authorise-key", cls=Command)
@common(OPERATOR)
@click.argument("address")
def authorise_key(provider: Any, ecosystem: Any, address: str, **settings: Any) -> None:
    """Let the key ADDRESS sign verdicts."""

    def planner(desk: VerifierDesk, position: stakes.Position) -> list[stakes.Action]:
        key, number = checksum(address, "the key's address"), verifier_of(position, settings)
        return ops.authorise_key(position, key, desk.key_known(number, key), number)

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
@click.argument("amount")
def enlist(provider: Any, ecosystem: Any, amount: str, **settings: Any) -> None:
    """Put AMOUNT into the jury: from tomorrow on the account can be drawn, the more the likelier."""

    def planner(desk: VerifierDesk, position: stakes.Position) -> list[stakes.Action]:
        number = verifier_of(position, settings)
        return ops.enlist(position, jury_of(desk, position), parse_amount(amount), number)

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
def resign(provider: Any, ecosystem: Any, **settings: Any) -> None:
    """Leave the jury; the deposit is free after its delay."""
    run(provider, ecosystem, settings, lambda desk, position: ops.resign(position, jury_of(desk, position)))


@cli.command(cls=Command)
@common(OPERATOR)
def withdraw(provider: Any, ecosystem: Any, **settings: Any) -> None:
    """Take the deposit out of the jury again."""

    def planner(desk: VerifierDesk, position: stakes.Position) -> list[stakes.Action]:
        return ops.withdraw_seat(position, jury_of(desk, position))

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
def show(provider: Any, ecosystem: Any, **settings: Any) -> None:
    """Show the parts of the stake, and what is in the jury."""
    run(provider, ecosystem, settings, None)


@cli.command(cls=Command)
@DEPLOYMENTS
@click.option("--agreement", type=click.IntRange(1), required=True, help="Its number.")
@click.option(
    "--units", type=click.IntRange(0), required=True, help="Of the figure; of an invalid one: that are valid."
)
@click.option("--output-root", required=True, help="Of the figure: 32 bytes.")
@click.option("--valid/--invalid", default=True, help="What the verdict says.")
@click.option(
    "--software", "version", type=click.IntRange(0), default=1, help="Version of the verifier's software."
)
@click.option("--confidence", type=click.IntRange(0, 10_000), default=10_000, help="In basis points.")
def sign(provider: Any, deployments: Path | None, **verdict: Any) -> None:
    """Print a signed verdict, as `POST /v1/verdicts` takes it. Nothing is sent."""
    with reading(provider, deployments) as here:
        desk = VerifierDesk(here.node, here.deployment)
        root = from_hex(verdict["output_root"], "the output root")
        said = Verdict(
            verdict["agreement"],
            verdict["units"],
            root,
            verdict["valid"],
            verdict["version"],
            verdict["confidence"],
        )
        key = KeySigner.from_environment(KEY_VARIABLE).key
        click.echo(json.dumps(ops.signed_verdict(desk.domain, key, said)))
