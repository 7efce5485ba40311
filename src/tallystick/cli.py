"""The `tallystick` command: `replay`, `demo`, `simulate`, `watch`, `bisect-demo`, `relayer run`. Flags in, sentences
out.

Exit codes: 0 done, 1 something failed or a figure differs, 2 what was asked cannot be done as asked, 4 a watcher found
wrong leaves, 130 interrupted, 143 told to end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from tallystick import __version__
from tallystick.protocol.errors import TallystickError

__all__ = ["app", "main"]

FAILED, USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143

app = typer.Typer(
    name="tallystick",
    help="Settlement for GPU marketplaces: signed usage in, exact stablecoin balances out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

HIDDEN = "For tests: "
STOPPED = "Anvil and the relayer that this run had started are stopped"


class _Terminated(BaseException):
    """SIGTERM or SIGHUP arrived."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tallystick {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Settlement for GPU marketplaces: signed usage in, exact stablecoin balances out."""


@app.command()
def replay(
    trace: Annotated[Path, typer.Argument(help="File of usage, one row a job.")],
    format: Annotated[str, typer.Option(help="azure-llm, openb or csv.")],
    unit_price: Annotated[int, typer.Option(help="µ per 1e6 units.")],
    fee_bps: Annotated[int, typer.Option(help="The provider's fee in basis points, at most 2000.")],
    report: Annotated[Path, typer.Option(help="JSON to write; an HTML page goes beside it.")],
    customers: Annotated[int, typer.Option(help="How many customers.")] = 10,
    providers: Annotated[int, typer.Option(help="How many providers.")] = 4,
    units_column: Annotated[str | None, typer.Option(help="csv: the column that holds the units.")] = None,
    units_scale: Annotated[
        str | None, typer.Option(help="csv: what a unit of the column counts for.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Read the first N data rows only.")] = None,
    mode: Annotated[
        str, typer.Option(help="metered, or with openb lease: each job leases the node that runs it.")
    ] = "metered",
    nodes: Annotated[
        Path | None, typer.Option(help="lease: CSV of the nodes (sn, gpu); they are the providers.")
    ] = None,
    budget_seconds: Annotated[
        int | None,
        typer.Option(help="lease: no lease has money for more seconds; all of its job's when left out."),
    ] = None,
    rpc: Annotated[
        str | None,
        typer.Option(
            help="Use this node instead of an own Anvil; `env` takes it from TALLYSTICK_RPC_URL or"
            " TALLYSTICK_RPC_URL_FILE. Gas is paid by TALLYSTICK_DEPLOYER_KEY or"
            " TALLYSTICK_DEPLOYER_KEY_FILE, on chain 31337 by Anvil's first account when neither is set."
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Challenge window in seconds; 86400 on an own Anvil, 30 with --rpc, when left out."
        ),
    ] = None,
    chaos_kills: Annotated[
        int, typer.Option(hidden=True, help=HIDDEN + "kill the relayer this often, with SIGKILL.")
    ] = 0,
    chaos_seed: Annotated[int, typer.Option(hidden=True, help=HIDDEN + "when to kill it.")] = 0,
    work: Annotated[
        Path | None,
        typer.Option(hidden=True, help=HIDDEN + "folder for the relayer's files, kept afterwards."),
    ] = None,
) -> None:
    """Play a trace through contracts and a relayer, and hold every µ against the model.

    Exits with 0 when everything agrees, with 1 when a figure differs (the report is written all the same),
    with 2 when something about the request is wrong.
    """
    from tallystick.chain.endpoints import chosen_endpoints
    from tallystick.replay.command import replay_trace
    from tallystick.replay.options import ReplayOptions

    with _sentences():
        endpoints = chosen_endpoints(rpc, os.environ)
        options = ReplayOptions(
            trace=trace,
            format=format,
            report=report,
            unit_price=unit_price,
            fee_bps=fee_bps,
            customers=customers,
            providers=providers,
            units_column=units_column,
            units_scale=units_scale,
            limit=limit,
            mode=mode,
            nodes=nodes,
            budget_seconds=budget_seconds,
            rpc=endpoints[0] if endpoints else None,
            more_rpc=endpoints[1:],
            window=window,
            chaos_kills=chaos_kills,
            chaos_seed=chaos_seed,
        )
        conserved = replay_trace(options, work)
    raise typer.Exit(0 if conserved else FAILED)


@app.command()
def demo(
    trace: Annotated[
        Path | None, typer.Option(help="A trace of your own, in the Azure LLM or openb format.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")] = Path("build/demo"),
) -> None:
    """Settle a small trace, pay the dividends, and tell where every µ went."""
    from tallystick.demo.command import run_demo

    with _sentences():
        conserved = run_demo(trace, out)
    raise typer.Exit(0 if conserved else FAILED)


@app.command()
def simulate(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENARIO]...", help="growth, decline, crash, wash, whale, sweeper; all when left out."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for report.json, report.html and the charts.")] = Path(
        "build/simulate"
    ),
    weeks: Annotated[int, typer.Option(help="growth, decline, crash: how many weeks, 8 to 260.")] = 104,
    seed: Annotated[int, typer.Option(help="growth, decline, crash: draws demand by day and supplier.")] = 0,
    fees: Annotated[
        str, typer.Option(help="Fees of the growing market's first week; the others' are multiples of it.")
    ] = "20000 USDC",
    price: Annotated[
        str, typer.Option(help="growth, decline, crash: price of one TALLY; crash begins with it.")
    ] = "0.05 USDC",
    suppliers: Annotated[int, typer.Option(help="How many suppliers, 1 to 20.")] = 3,
    block: Annotated[int, typer.Option(help="sweeper: seconds between two blocks.")] = 12,
) -> None:
    """Play the token's economics on the pure model, and hold them against what was worked out apart.

    Exits with 0 when every check holds, with 1 when one does not (the report is written all the same), with 2 when
    something about the request is wrong.
    """
    from tallystick.simulate.command import run_simulation
    from tallystick.simulate.options import SCENARIOS, SimulateOptions, amount_of

    with _sentences("the simulation is not finished, and nothing was written"):
        options = SimulateOptions(
            scenarios=tuple(scenarios) if scenarios else SCENARIOS,
            out=out,
            weeks=weeks,
            seed=seed,
            fees=amount_of("--fees", fees),
            price=amount_of("--price", price),
            suppliers=suppliers,
            block=block,
        )
        good = run_simulation(options)
    raise typer.Exit(0 if good else FAILED)


@app.command()
def watch(
    evidence: Annotated[
        list[str] | None,
        typer.Option(
            help="NDJSON of signed receipts and verdicts: a file or a folder; or a relayer's address. Repeatable."
        ),
    ] = None,
    rpc: Annotated[
        list[str] | None,
        typer.Option(
            help="JSON-RPC endpoint, repeatable; left out: TALLYSTICK_RPC_URL or TALLYSTICK_RPC_URL_FILE."
        ),
    ] = None,
    deployments: Annotated[Path | None, typer.Option(help="Folder with the registry of deployments.")] = None,
    challenge: Annotated[
        bool, typer.Option("--challenge", help="Post the bond against each wrong leaf, and see it through.")
    ] = False,
    truth: Annotated[
        Path | None,
        typer.Option(help="NDJSON of {agreement, units} that were delivered: a figure above is disputed."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File with the key; else TALLYSTICK_WATCH_KEY or TALLYSTICK_WATCH_KEY_FILE."),
    ] = None,
    purse: Annotated[
        str | None, typer.Option(help='Most in bonds at a time, like "200 USDC"; else what the wallet holds.')
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    poll_interval: Annotated[float, typer.Option(help="Seconds between two looks.")] = 12.0,
    first_block: Annotated[int | None, typer.Option(help="Where to begin to read batches.")] = None,
    report: Annotated[Path | None, typer.Option(help="JSON to write after each look.")] = None,
) -> None:
    """Re-derive every posted leaf, judge it by its signatures, and challenge the wrong ones.

    Exits with 0 when nothing is wrong, with 4 when leaves are, with 1 when it failed, with 2 when something about the
    request is wrong.
    """
    from tallystick.protocol.amounts import parse_amount
    from tallystick.watch.command import WRONG, WatchOptions
    from tallystick.watch.command import watch as run_watch

    with _sentences("challenges that are under way go on, and are taken up at the next start"):
        options = WatchOptions(
            evidence=tuple(evidence or ()),
            rpc=tuple(rpc or ()),
            deployments=deployments,
            challenge=challenge,
            truth=truth,
            key_file=key_file,
            purse=None if purse is None else parse_amount(purse),
            once=once,
            poll=poll_interval,
            first_block=first_block,
            report=report,
        )
        good = run_watch(options, typer.echo)
    raise typer.Exit(0 if good else WRONG)


@app.command("bisect-demo")
def bisect_demo(
    fault: Annotated[
        str,
        typer.Option(
            help="Operation at which the solver cheats, from 0 (checkpoint x operations + operation),"
            " or none: an honest solver is accused."
        ),
    ],
    report: Annotated[Path, typer.Option(help="JSON to write.")],
    checkpoints: Annotated[int, typer.Option(help="Steps whose states the work commits to.")] = 1_024,
    operations: Annotated[int, typer.Option(help="Operations in each of them.")] = 4_096,
    lie: Annotated[
        int | None,
        typer.Option(help="With --fault none: where the challenger lies; the seed decides when left out."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the network, and where the challenger lies.")] = 0,
) -> None:
    """Bisect a computation down to the one operation in dispute, which the chain executes.

    Plays a whole dispute about deterministic work on an Anvil of its own. Exits with 0 when the right side won at the
    right operation, with 1 when not, with 2 when something about the request is wrong.
    """
    from tallystick.bisect.command import play_bisection
    from tallystick.bisect.options import BisectOptions

    with _sentences():
        play_bisection(
            BisectOptions(
                checkpoints=checkpoints,
                operations=operations,
                fault=fault,
                report=report,
                lie=lie,
                seed=seed,
            )
        )


@contextmanager
def _sentences(stopped: str = STOPPED) -> Iterator[None]:
    """Turns errors and signals into one sentence and an exit code, once everything inside has been cleaned
    up. `stopped`: what there is to say of an interruption."""

    def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
        raise _Terminated

    before = [(signal.SIGINT, signal.getsignal(signal.SIGINT))]
    before += [(number, signal.signal(number, terminate)) for number in (signal.SIGTERM, signal.SIGHUP)]
    try:
        yield
    except TallystickError as error:
        _fail(
            f"{error.message} [{error.code}]",
            USAGE if error.code == "bad_usage" else getattr(error, "exit_code", FAILED),
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        _fail(f"interrupted; {stopped}", INTERRUPTED)
    except _Terminated:
        _fail(f"told to end; {stopped}", TERMINATED)
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"tallystick: {sentence}", err=True)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the console script."""
    if len(sys.argv) < 2 or sys.argv[1] in ("relayer", "--help"):  # its imports take a while
        from tallystick.relayer.command import app as relayer

        app.add_typer(relayer, name="relayer")
    app()


if __name__ == "__main__":
    main()
