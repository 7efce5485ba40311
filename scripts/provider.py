"""`ape run provider …`: what a provider does by hand. Amounts as people write them: "2500 USDC".

    ape run provider register --hardware-class data-centre-gpu --region US --account NAME --network …
    ape run provider stake "2500 USDC"          ape run provider unstake "500 USDC"
    ape run provider withdraw                   ape run provider earnings
    ape run provider claim --to 0x…             ape run provider authorise-device 0x…

Every command takes --dry-run, which says what would happen and sends nothing. Without --account Ape asks for
one;
--network is as for `ape run deploy`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from scripts._common import TO, Command, Settings, acting, common, echo, receiver

from tallystick.chain import provider_ops as ops
from tallystick.chain.abi import checksum
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_desk import ProviderDesk
from tallystick.chain.regions import parse_region
from tallystick.protocol.amounts import parse_amount
from tallystick.protocol.hashing import keccak256

Planner = Callable[[ProviderDesk, ops.Position], list[ops.Action]]
OPERATOR = click.option("--operator", type=int, help="Its number, when the account has several.")


def run(provider: Any, ecosystem: Any, settings: Settings, planner: Planner | None) -> None:
    """Plans on what the account has on the chain, says what will be done, and does it; without a planner it
    shows."""
    with acting(provider, ecosystem, settings) as session:
        desk = ProviderDesk(session.node, session.deployment)
        position = desk.position(session.address)
        if planner is None:
            echo(ops.describe(position))
        elif session.carry_out(planner(desk, position)) is not None:
            echo(ops.news(position, desk.position(session.address)))


def parse_metadata(text: str | None) -> bytes:
    """A 32-byte hash, or the keccak-256 of a file; zero when left out."""
    if not text:
        return bytes(32)
    if text.startswith("0x") and len(text) == 66:
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            pass
    elif Path(text).is_file():
        return keccak256(Path(text).read_bytes())
    raise OperatorRefusal("bad_value", f"{text!r} is neither a file nor a hash (0x and 64 hex digits)")


@click.group()
def cli() -> None:
    """Register, stake and earn as a provider."""


@cli.command(cls=Command)
@common(OPERATOR)
@click.option("--hardware-class", required=True, help="data-centre-gpu, consumer-gpu, asic or consumer-soc.")
@click.option("--region", default="", help="ISO 3166: US, or 840.")
@click.option(
    "--source", type=click.IntRange(0, 2**32 - 1), default=0, help="Network of the supply; 0 is our own."
)
@click.option("--metadata", help="Hash of the public description, or the file to hash.")
@click.option("--another", is_flag=True, help="Also when the account has a provider already.")
def register(provider: Any, ecosystem: Any, **settings: Any) -> None:
    """Register the account as a provider, with an account to earn into."""

    def planner(_: ProviderDesk, position: ops.Position) -> list[ops.Action]:
        return ops.register(
            position,
            hardware=ops.parse_hardware(settings["hardware_class"]),
            region=parse_region(settings["region"]),
            source=settings["source"],
            metadata=parse_metadata(settings["metadata"]),
            another=settings["another"],
        )

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
@click.argument("amount")
def stake(provider: Any, ecosystem: Any, amount: str, **settings: Any) -> None:
    """Add AMOUNT to the free stake; the currency is approved first when it must be."""

    def planner(_: ProviderDesk, position: ops.Position) -> list[ops.Action]:
        return ops.stake(position, parse_amount(amount), settings["operator"])

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
@click.argument("amount")
def unstake(provider: Any, ecosystem: Any, amount: str, **settings: Any) -> None:
    """Start to thaw AMOUNT of free stake, or `all` of it."""

    def planner(_: ProviderDesk, position: ops.Position) -> list[ops.Action]:
        wanted = None if amount == "all" else parse_amount(amount)
        return ops.unstake(position, wanted, settings["operator"])

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
@TO
def withdraw(provider: Any, ecosystem: Any, to: str | None, **settings: Any) -> None:
    """Withdraw what has thawed."""

    def planner(_: ProviderDesk, position: ops.Position) -> list[ops.Action]:
        return ops.withdraw(position, receiver(to), settings["operator"])

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
def earnings(provider: Any, ecosystem: Any, **settings: Any) -> None:
    """Show what was earned, claimed and can be claimed, and the parts of the stake."""
    run(provider, ecosystem, settings, None)


@cli.command(cls=Command)
@common(OPERATOR)
@TO
@click.option("--from-account", type=int, help="One of the accounts in Escrow; by default all.")
def claim(provider: Any, ecosystem: Any, to: str | None, from_account: int | None, **settings: Any) -> None:
    """Pay out what the account has earned."""

    def planner(_: ProviderDesk, position: ops.Position) -> list[ops.Action]:
        return ops.claim(position, receiver(to), from_account)

    run(provider, ecosystem, settings, planner)


@cli.command("authorise-device", cls=Command)
@common(OPERATOR)
@click.argument("address")
def authorise_device(provider: Any, ecosystem: Any, address: str, **settings: Any) -> None:
    """Let the device key ADDRESS sign receipts."""

    def planner(desk: ProviderDesk, position: ops.Position) -> list[ops.Action]:
        key = checksum(address, "the device's address")
        number = position.stake(settings["operator"]).operator
        return ops.authorise_device(position, key, desk.device_known(number, key), number)

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common(OPERATOR)
@click.argument("amount")
@TO
def faucet(provider: Any, ecosystem: Any, amount: str, to: str | None, **settings: Any) -> None:
    """Mint test dollars, on a local network."""

    def planner(_: ProviderDesk, position: ops.Position) -> list[ops.Action]:
        return ops.faucet(position, parse_amount(amount), receiver(to))

    run(provider, ecosystem, settings, planner)
