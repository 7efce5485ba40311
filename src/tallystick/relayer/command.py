"""`tallystick relayer`: flags and environment in, a running process out.

Exit codes: 0 told to end and done, 2 a setting is wrong or a key is missing, 3 chain, deployment or database
are not what they should be. Logs are JSON lines on standard output; what explains an exit is on standard error.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
import typer
from filelock import FileLock, Timeout
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from tallystick.chain.endpoints import RPC_VARIABLE, BadEndpoints, endpoints_from
from tallystick.chain.engine import EngineLimits
from tallystick.chain.errors import SignerProblem
from tallystick.chain.fees import FeeLimits
from tallystick.chain.registry import TOKEN_SIDE, Registry, default_folder, write_atomically
from tallystick.chain.rpc import RpcPool
from tallystick.chain.signers import KeySigner, TransactionSigner
from tallystick.protocol.eip712 import credentials_domain, ledger_domain
from tallystick.protocol.errors import TallystickError
from tallystick.store.database import Database, DatabaseProblem, get_meta
from tallystick.store.tables import (
    agreements,
    batches,
    dead_letters,
    figures,
    receipts,
    statements,
    transactions,
    verdicts,
)

from .config import BadConfig, BatchLimits, RelayerConfig, parse_listen
from .contracts import Contracts
from .follow import CHAIN_TIME, FOLLOWED_BLOCK
from .metrics import Metrics
from .service import Relayer

__all__ = ["app", "run_relayer"]

KEY_VARIABLE: Final = "TALLYSTICK_RELAYER_KEY"
USAGE, UNFIT = 2, 3
DRAIN_LIMIT: Final = 8.0
"""Seconds after SIGTERM at which the process ends, whatever still hangs; nothing is lost by it."""
LEADER_WAIT: Final = 3.0
"""Seconds to wait for a relayer that is just ending."""
GWEI: Final = 10**9

app = typer.Typer(
    help="The relayer: takes signed usage in, posts batches, settles them.", no_args_is_help=True
)


@app.callback()
def _root() -> None:
    """The relayer: takes signed usage in, posts batches, settles them."""


@app.command()
def run(
    database: Annotated[str, typer.Option(help="sqlite:///FILE, or a path.")],
    policy: Annotated[list[int], typer.Option(help="Policy to post for; give it again for another one.")],
    operator: Annotated[int, typer.Option(help="The relayer's operator number in Staking.")],
    rpc: Annotated[
        list[str] | None,
        typer.Option(
            help="JSON-RPC endpoint; give it again for another one. Left out: "
            f"{RPC_VARIABLE} or {RPC_VARIABLE}_FILE, which keep an API key out of the list of processes."
        ),
    ] = None,
    deployments: Annotated[Path | None, typer.Option(help="Folder with the registry of deployments.")] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT; port 0 picks a free one.")] = "127.0.0.1:0",
    key_file: Annotated[
        Path | None, typer.Option(help=f"File with the key; else {KEY_VARIABLE} or {KEY_VARIABLE}_FILE.")
    ] = None,
    batch_age: Annotated[int, typer.Option(help="Chain seconds that a figure waits at most.")] = 3_600,
    batch_size: Annotated[int, typer.Option(help="Figures in a batch, at most 256.")] = 256,
    batch_waiting: Annotated[
        int, typer.Option(help="Agreements that must wait before size counts; 0: as many as batch-size.")
    ] = 0,
    batch_gas: Annotated[int, typer.Option(help="Estimated gas of one transaction at most.")] = 12_000_000,
    poll_interval: Annotated[float, typer.Option(help="Seconds between two rounds of the loops.")] = 0.5,
    confirmations: Annotated[int, typer.Option(help="Depth that counts as final, besides the tag.")] = 1,
    max_fee_gwei: Annotated[int, typer.Option(help="The most ever offered for a unit of gas.")] = 500,
    replace_after: Annotated[int, typer.Option(help="Chain seconds before fees are raised.")] = 30,
    log_range: Annotated[int, typer.Option(help="Blocks in one request for logs.")] = 2_000,
    keep_refunds: Annotated[bool, typer.Option(help="Refund agreements whose waiting is over.")] = False,
    poke_interval: Annotated[
        int, typer.Option(help="Chain seconds between two payments of a lease's clock; 0: never.")
    ] = 86_400,
    checkpoint_interval: Annotated[
        int, typer.Option(help="Chain seconds between two checkpoints of a payee's rewards; 0: never.")
    ] = 86_400,
    checkpoint_fees: Annotated[
        int, typer.Option(help="µ of a payee's new fees that are worth a checkpoint; less waits for a week.")
    ] = 1_000_000,
    credentials_age: Annotated[
        int, typer.Option(help="Chain seconds that a credential waits at most for others to be posted with.")
    ] = 60,
    api_keys: Annotated[Path | None, typer.Option(help="File of API keys, one 'name key' a line.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written once it listens: url and pid.")] = None,
) -> None:
    """Run the relayer until SIGTERM or SIGINT."""
    with _sentences():
        host, port = parse_listen(listen)
        if max_fee_gwei < 1 or replace_after < 0:
            raise BadConfig("--max-fee-gwei is at least 1, --replace-after zero or more.")
        config = RelayerConfig(
            rpc=endpoints_from(rpc or (), os.environ),
            deployments=deployments if deployments is not None else default_folder(),
            database=database,
            policies=tuple(policy),
            operator=operator,
            host=host,
            port=port,
            poll=poll_interval,
            batch=BatchLimits(batch_age, batch_size, batch_waiting, batch_gas),
            engine=EngineLimits(FeeLimits(max_fee_gwei * GWEI, replace_after), confirmations=confirmations),
            log_range=log_range,
            keep_refunds=keep_refunds,
            poke_interval=poke_interval,
            checkpoint_interval=checkpoint_interval,
            checkpoint_fees=checkpoint_fees,
            credentials_age=credentials_age,
            ready_file=ready_file,
        )
        run_relayer(config, _signer(key_file, os.environ), api_keys)


@app.command()
def status(database: Annotated[str, typer.Option(help="sqlite:///FILE, or a path.")]) -> None:
    """Show what a relayer's database holds, as JSON. Works beside a relayer that runs."""
    with _sentences():
        path = Path(database.removeprefix("sqlite:///"))
        if not path.is_file():
            raise DatabaseProblem("bad_database", f"There is no database {path}.")
        store = Database.open(database, upgrade=False)
        try:
            typer.echo(json.dumps(_figures_of(store), indent=2, sort_keys=True))
        finally:
            store.close()


def run_relayer(config: RelayerConfig, signer: TransactionSigner, api_keys: Path | None = None) -> None:
    """Runs until SIGTERM or SIGINT. Raises TallystickError when it cannot start or must not go on."""
    from tallystick.relayer.ingest import Ingest
    from tallystick.web.api import create_app
    from tallystick.web.context import Health, LoopHealth, WebContext, check_listen, read_api_keys
    from tallystick.web.server import WebServer

    log = _start_logging()
    if config.ready_file is not None:
        config.ready_file.unlink(missing_ok=True)
    keys = read_api_keys(api_keys) if api_keys is not None else {}
    check_listen(config.host, keys)
    stop = threading.Event()
    with ExitStack() as stack:
        pool = RpcPool.connect(config.rpc)
        stack.callback(pool.close)
        contracts = Contracts(pool.node, Registry(config.deployments).open(pool.node, without=TOKEN_SIDE))
        database = Database.open(config.database, upgrade=False)
        stack.callback(database.close)
        stack.enter_context(_leadership(database))
        database.upgrade()
        database.remember(pool.chain_id, contracts.addresses)
        now = pool.head().timestamp
        key = bytes.fromhex(signer.address[2:])
        for policy in config.policies:
            contracts.check_relayer(policy, config.operator, key, now)
        registry = CollectorRegistry()
        metrics = Metrics(registry)
        relayer = Relayer(config, pool, database, contracts, signer, metrics, log=log)
        ingest = Ingest(
            database,
            ledger_domain(pool.chain_id, contracts.ledger),
            credentials_domain(pool.chain_id, contracts.credentials),
            policies=config.policies,
            post_grace=contracts.post_grace(),
            observe=lambda kind, outcomes: metrics.count_answers(
                kind, ((one.status, one.code) for one in outcomes)
            ),
        )

        def health() -> Health:
            limit = relayer.age_limit()
            loops = tuple(LoopHealth(name, age, limit) for name, age in relayer.ages().items())
            return Health(loops, relayer.reachable, *relayer.pauses())

        relayer.round()
        web = WebServer(
            create_app(
                WebContext(database=database, ingest=ingest, health=health, registry=registry, api_keys=keys)
            ),
            config.host,
            config.port,
        )
        _drain_on_signals(stop, log)
        web.start()
        stack.callback(database.checkpoint)
        stack.callback(web.stop, 5.0)
        if config.ready_file is not None:
            write_atomically(config.ready_file, json.dumps({"url": web.url, "pid": os.getpid()}) + "\n")
        log.info(
            "relayer_runs",
            url=web.url,
            pid=os.getpid(),
            chain_id=pool.chain_id,
            operator=config.operator,
            policies=list(config.policies),
            sender=signer.address,
            endpoints=pool.name,
        )
        relayer.run(stop)
    log.info("relayer_ended")


@contextmanager
def _leadership(database: Database) -> Iterator[None]:
    """Holds the lock beside the database: one relayer at a time. It is free when the process dies."""
    lock = FileLock(database.lock_path, timeout=LEADER_WAIT)
    try:
        lock.acquire()
    except Timeout:
        raise DatabaseProblem(
            "another_relayer",
            f"Another relayer works on {database.path}; end it first, or give another file.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _drain_on_signals(stop: threading.Event, log: Any) -> None:
    """Sets `stop` at SIGTERM or SIGINT, and ends the process if it hangs after that.

    A handler runs in the middle of anything that the main thread does, also while that holds the lock of the
    log or of `stop`: all that it does itself is to wake a thread that may wait for these.
    """
    came: queue.SimpleQueue[int] = queue.SimpleQueue()

    def drain() -> None:
        number = came.get()
        stop.set()
        guard = threading.Timer(DRAIN_LIMIT, os._exit, [0])
        guard.daemon = True
        guard.start()
        log.info("relayer_drains", signal=signal.Signals(number).name)

    threading.Thread(target=drain, name="drain", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: came.put(caught))


def _signer(key_file: Path | None, environment: Mapping[str, str]) -> KeySigner:
    if key_file is not None:
        return KeySigner.from_file(key_file)
    return KeySigner.from_environment(KEY_VARIABLE, environment)


@contextmanager
def _sentences() -> Iterator[None]:
    """Errors as one sentence and an exit code."""
    try:
        yield
    except (BadConfig, BadEndpoints, SignerProblem) as error:
        typer.echo(f"tallystick relayer: {error}", err=True)
        raise typer.Exit(USAGE) from None
    except TallystickError as error:
        typer.echo(f"tallystick relayer: {error}", err=True)
        raise typer.Exit(UNFIT) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"tallystick relayer: {where}{error.strerror or error} [system]", err=True)
        raise typer.Exit(UNFIT) from None


def _start_logging() -> Any:
    """JSON lines on standard output, also for what libraries warn of. Their chatter is left out."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(sort_keys=True, default=str)],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(sort_keys=True, default=str),
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    return structlog.get_logger()


def _figures_of(database: Database) -> dict[str, Any]:
    tables = {
        "receipts": receipts,
        "verdicts": verdicts,
        "agreements": agreements,
        "deadLetters": dead_letters,
    }
    with database.read() as connection:
        found: dict[str, Any] = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.items()
        }
        waiting = select(func.count()).select_from(figures).where(figures.c.units > figures.c.batched_units)
        found["figuresWaiting"] = connection.execute(waiting).scalar_one()
        for name, table in (
            ("batches", batches),
            ("transactions", transactions),
            ("credentials", statements),
        ):
            by_state = select(table.c.state, func.count()).group_by(table.c.state)
            found[name] = {row[0]: row[1] for row in connection.execute(by_state)}
        found["followedBlock"] = int(get_meta(connection, FOLLOWED_BLOCK) or 0)
        found["chainTime"] = int(get_meta(connection, CHAIN_TIME) or 0)
        found["chainId"] = int(get_meta(connection, "chain_id") or 0)
    found["readAt"] = int(time.time())
    return found
