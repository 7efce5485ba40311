"""`ape run dispute …`: what parties and jurors do by hand in a dispute.

    ape run dispute open --agreement N --units U (--batch B --leaf I | --receipt FILE) --account NAME --network …
    ape run dispute respond N [--evidence FILE|0x…] [--uri …]      contests a proposal, shows evidence
    ape run dispute vote N --units U                               commits to a vote, as a juror
    ape run dispute reveal N                                       opens it
    ape run dispute appeal N ["110 USDC"]
    ape run dispute execute N                                      rules, carries out, clears: whatever is due
    ape run dispute show N

A vote's salt is kept in .cache/votes (or --votes FOLDER) before the commitment is sent: without it nothing can be
revealed. Of a lease, --units are payable seconds, and neither a leaf nor a receipt is shown. Every command takes
--dry-run.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from scripts._common import Command, Settings, acting, common, echo

from tallystick.chain import dispute_ops as ops
from tallystick.chain.dispute_desk import DisputeDesk
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_ops import Action
from tallystick.chain.votes import Votes
from tallystick.protocol.amounts import parse_amount
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.reasons import DisputeReason

Planner = Callable[[DisputeDesk, str], list[Action]]
REASONS = {
    one.name.lower().replace("_", "-"): one
    for one in DisputeReason
    if one not in (DisputeReason.VOID_LEAF, DisputeReason.EQUIVOCATION)
}


def run(
    provider: Any, ecosystem: Any, settings: Settings, planner: Planner, shown: int | None = None
) -> None:
    """Plans on the chain's state, says what will be done, and does it. `shown`: the dispute to describe afterwards."""
    with acting(provider, ecosystem, settings) as session:
        desk = DisputeDesk(session.node, session.deployment)
        actions = planner(desk, session.address)
        if actions and session.carry_out(actions) is None:
            return
        if shown is not None:
            echo(ops.describe(desk.case(shown, session.address)))


def evidence_of(text: str | None) -> bytes | None:
    """A 32-byte hash, or the keccak-256 of a file; None when left out."""
    if not text:
        return None
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
    """Open, answer, decide and carry out disputes."""


@cli.command("open", cls=Command)
@common()
@click.option("--agreement", type=click.IntRange(1), required=True, help="Its number.")
@click.option(
    "--units", type=click.IntRange(0), required=True, help="Units that stand; of a lease payable seconds."
)
@click.option("--batch", type=click.IntRange(1), help="Of the posted leaf that is attacked.")
@click.option("--leaf", type=click.IntRange(0, 255), help="Its index in the batch.")
@click.option(
    "--receipt", type=click.Path(path_type=Path, dir_okay=False), help="The signed receipt that is attacked."
)
@click.option("--reason", type=click.Choice(list(REASONS)), default="units-overstated", help="Why.")
@click.option("--evidence", help="Hash of what shows it, or the file to hash.")
@click.option("--uri", default="", help="Where the evidence lies.")
def open_dispute(provider: Any, ecosystem: Any, **settings: Any) -> None:
    """Open a dispute; the bond is approved first when it must be."""

    def planner(desk: DisputeDesk, owner: str) -> list[Action]:
        batch, leaf, receipt = settings["batch"], settings["leaf"], settings["receipt"]
        if (batch is None) != (leaf is None) or (batch is not None and receipt is not None):
            raise OperatorRefusal(
                "bad_value", "say --batch and --leaf together, or --receipt, or neither for a lease"
            )
        claim = ops.NO_CLAIM
        if batch is not None:
            claim = desk.claim_of_leaf(batch, leaf)
        elif receipt is not None:
            claim = desk.claim_of_receipt(receipt)
        return ops.open_dispute(
            desk.purse(owner),
            settings["agreement"],
            settings["units"],
            desk.bond_for(settings["agreement"]),
            claim,
            reason=int(REASONS[settings["reason"]]),
            evidence=evidence_of(settings["evidence"]) or bytes(32),
            uri=settings["uri"],
        )

    run(provider, ecosystem, settings, planner)


@cli.command(cls=Command)
@common()
@click.argument("dispute", type=click.IntRange(1))
@click.option("--evidence", help="Hash of what shows it, or the file to hash.")
@click.option("--uri", default="", help="Where the evidence lies.")
@click.option("--side", type=click.Choice(["challenger", "provider"]), help="Whose; by default one's own.")
def respond(provider: Any, ecosystem: Any, dispute: int, **settings: Any) -> None:
    """Contest a proposal, or show evidence, or both."""

    def planner(desk: DisputeDesk, owner: str) -> list[Action]:
        side = None if settings["side"] is None else settings["side"] == "challenger"
        evidence = evidence_of(settings["evidence"])
        return ops.respond(
            desk.case(dispute, owner), evidence=evidence, uri=settings["uri"], for_challenger=side
        )

    run(provider, ecosystem, settings, planner, dispute)


FOLDER = click.option(
    "--votes",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of one's own votes; by default .cache/votes in the project.",
)


@cli.command(cls=Command)
@common()
@click.argument("dispute", type=click.IntRange(1))
@click.option("--units", type=click.IntRange(0), required=True, help="Units that stand.")
@FOLDER
def vote(provider: Any, ecosystem: Any, dispute: int, units: int, **settings: Any) -> None:
    """Commit to a vote, as a juror; again to change it. Nobody sees it before it is revealed."""

    def planner(desk: DisputeDesk, owner: str) -> list[Action]:
        case = desk.case(dispute, owner)
        place = desk.seat_place(case)
        ops.vote(case, units, bytes(32))  # refuses before anything is written down
        salt = bytes(32) if settings["dry_run"] else Votes(settings["votes"]).remember(place, units)
        return ops.vote(case, units, desk.vote_hash(case, units, salt))

    run(provider, ecosystem, settings, planner, dispute)


@cli.command(cls=Command)
@common()
@click.argument("dispute", type=click.IntRange(1))
@FOLDER
def reveal(provider: Any, ecosystem: Any, dispute: int, **settings: Any) -> None:
    """Reveal the vote, as a juror, once the time to commit is over."""

    def planner(desk: DisputeDesk, owner: str) -> list[Action]:
        case = desk.case(dispute, owner)
        salt, votes = Votes(settings["votes"]).read(desk.seat_place(case)) or (bytes(32), [])
        return ops.reveal(case, salt, votes, lambda units: desk.vote_hash(case, units, salt))

    run(provider, ecosystem, settings, planner, dispute)


@cli.command(cls=Command)
@common()
@click.argument("dispute", type=click.IntRange(1))
@click.argument("amount", required=False)
def appeal(provider: Any, ecosystem: Any, dispute: int, amount: str | None, **settings: Any) -> None:
    """Pay AMOUNT into the bond of an appeal, or all that is missing."""

    def planner(desk: DisputeDesk, owner: str) -> list[Action]:
        wanted = None if amount is None else parse_amount(amount)
        return ops.appeal(desk.case(dispute, owner), wanted)

    run(provider, ecosystem, settings, planner, dispute)


@cli.command(cls=Command)
@common()
@click.argument("dispute", type=click.IntRange(1))
def execute(provider: Any, ecosystem: Any, dispute: int, **settings: Any) -> None:
    """Move a dispute on: take the ruling, carry it out, or let the agreement run on."""
    run(provider, ecosystem, settings, lambda desk, owner: ops.execute(desk.case(dispute, owner)), dispute)


@cli.command(cls=Command)
@common()
@click.argument("dispute", type=click.IntRange(1))
def show(provider: Any, ecosystem: Any, dispute: int, **settings: Any) -> None:
    """Show a dispute as it stands."""
    run(provider, ecosystem, settings, lambda _desk, _owner: [], dispute)
