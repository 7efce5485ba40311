"""What the scripts have in common: a command on a network, the options that all take, and how they act.

Ape leaves out files whose names begin with an underscore when it looks for scripts.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from ape.cli import AccountAliasPromptChoice, ConnectedProviderCommand, account_option
from ape.logging import logger

from tallystick.chain.abi import checksum
from tallystick.chain.ape_bridge import ApeSigner, ApeTransport, SaysWhenUnreachable
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.provider_desk import send_all
from tallystick.chain.provider_ops import Action
from tallystick.chain.registry import Deployment, Registry, write_atomically
from tallystick.chain.sender import KeySender
from tallystick.protocol.errors import TallystickError

Settings = dict[str, Any]
Decorator = Callable[[Callable[..., None]], Callable[..., None]]

ACCOUNT = account_option()
DEPLOYMENTS = click.option(
    "--deployments",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the registry; by default TALLYSTICK_DEPLOYMENTS, or deployments in the project.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Says what would happen; sends nothing.")
TO = click.option("--to", help="Who receives it; the account itself by default.")


def owned(command: Callable[..., None]) -> Callable[..., None]:
    """An address to look at, or else the account; without either Ape asks for one."""
    account = click.option(
        "--account", type=AccountAliasPromptChoice(), help="Whose, when no OWNER is given."
    )
    return account(click.argument("owner", required=False)(command))


def spanning(command: Callable[..., None]) -> Callable[..., None]:
    """Where a statement goes, and which days it is of."""
    for option in (
        click.option("--to", "last", metavar="YYYY-MM-DD", help="The last day (UTC); by default today."),
        click.option(
            "--from", "first", metavar="YYYY-MM-DD", help="The first day (UTC); by default the beginning."
        ),
        click.option("--out", required=True, metavar="FILE", help="The CSV file; - is the standard output."),
    ):
        command = option(command)
    return command


class Command(SaysWhenUnreachable, ConnectedProviderCommand):
    """One of Ape's commands on a network. With `--out -` the standard output is the statement's alone."""

    def invoke(self, ctx: click.Context) -> Any:
        """See `click.Command.invoke`. Ape says on the standard output that it connects."""
        if ctx.params.get("out") != "-":
            return super().invoke(ctx)
        with logger.at_level("WARNING"):
            return super().invoke(ctx)


def common(*more: Decorator) -> Decorator:
    """The options that every command has which may send, and `more` of its script."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed((ACCOUNT, *more, DEPLOYMENTS, DRY_RUN)):
            command = option(command)
        return command

    return decorate


@contextmanager
def one_sentence() -> Iterator[None]:
    """What goes wrong in a way that we know is a sentence with its code, and no traceback."""
    try:
        yield
    except TallystickError as error:
        raise click.ClickException(f"{error.message} [{error.code}]") from error


@dataclass(frozen=True)
class Reader:
    """A deployment on a node."""

    node: Node
    deployment: Deployment


@dataclass(frozen=True)
class Session(Reader):
    """A deployment on a node, and the account that acts."""

    sender: KeySender
    dry_run: bool

    @property
    def address(self) -> str:
        """Checksummed address of the account."""
        return self.sender.address

    def carry_out(self, actions: Sequence[Action]) -> list[TransactionReceipt] | None:
        """Says what will be done, and does it. None when this is a dry run."""
        for action in actions:
            click.echo(f"{'Would' if self.dry_run else 'Will'} {action.says}.")
        if self.dry_run:
            click.echo("Nothing was sent.")
            return None
        return send_all(actions, self.sender, click.echo)


@contextmanager
def reading(provider: Any, deployments: Path | None) -> Iterator[Reader]:
    """The deployment that a command only reads; what goes wrong inside is one sentence."""
    with one_sentence():
        node = Node(ApeTransport(provider))
        yield Reader(node, Registry(deployments).open(node))


@contextmanager
def acting(provider: Any, ecosystem: Any, settings: Settings) -> Iterator[Session]:
    """The deployment that a command with the `common` options acts on; what goes wrong inside is one sentence."""
    with one_sentence():
        node = Node(ApeTransport(provider))
        sender = KeySender(node, ApeSigner(settings["account"], ecosystem))
        deployment = Registry(settings["deployments"]).open(node)
        yield Session(node, deployment, sender, settings["dry_run"])


def receiver(to: str | None, where: str = "--to") -> str | None:
    """An address that may be left out, checked."""
    return checksum(to, where) if to else None


def owner_of(who: Settings) -> str:
    """The address that the options of `owned` mean."""
    if who["owner"]:
        return checksum(who["owner"], "the owner")
    account = who["account"] or AccountAliasPromptChoice().select_account()
    return checksum(str(account.address))


def write(out: str, text: str, rows: int) -> None:
    """Writes a statement in one piece; `-` is the standard output."""
    if out == "-":
        click.echo(text, nl=False)
        return
    try:
        write_atomically(Path(out), text)
    except OSError as error:
        raise OperatorRefusal("bad_value", f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"{rows} rows. The statement is {out}.")


def echo(lines: Sequence[str]) -> None:
    """Prints lines, if there are any."""
    if lines:
        click.echo("\n".join(lines))
