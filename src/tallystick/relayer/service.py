"""The service: loops over one head of the chain after the other, in one thread, one step at a time.

    head -> follow -> engine -> submit -> answer -> propose -> batch -> keep -> checkpoint -> credentials
         -> engine (when something new was asked for)

Every step leaves the database whole, so the process may die between any two lines. Decisions take the chain's
time, pacing takes real time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from tallystick.chain.engine import TransactionEngine
from tallystick.chain.rpc import Head, RpcPool, WrongChain
from tallystick.chain.signers import TransactionSigner
from tallystick.protocol.eip712 import ledger_domain
from tallystick.protocol.errors import TallystickError
from tallystick.store.database import Database, get_meta
from tallystick.store.tables import batches, challenges, figures, statements, transactions
from tallystick.store.transactions import SqlTransactionStore

from .answer import Answerer
from .apply import OPENING_PAUSED, POSTING_PAUSED
from .batch import UNSETTLED, Batcher, bury_closed
from .checkpoint import Checkpointer
from .config import RelayerConfig
from .contracts import Contracts
from .credentials import CredentialPoster
from .follow import CHAIN_TIME, ChainRewritten, Follower
from .keep import Keeper
from .metrics import LOOPS, Metrics
from .propose import Proposer
from .rewards import fees_waiting
from .submit import Submitter, take_over

__all__ = ["Relayer"]

LONGEST_PAUSE: Final = 5.0
"""Seconds between two rounds while the chain cannot be reached."""

_ASKED: Final = frozenset(
    {
        "batch_planned",
        "batch_settling",
        "batch_post_again",
        "batch_new_deadline",
        "refund_asked",
        "poke_asked",
        "checkpoint_asked",
        "credentials_asked",
        "challenge_answer_asked",
        "proposal_asked",
    }
)
_BAD_NEWS: Final = frozenset(
    {"transaction_reverted", "transaction_refused", "transaction_reorged", "transaction_not_taken",
     "nonce_lost", "batch_waits", "batch_lost", "batch_back_to_planned", "batch_retry_settle", "credentials_failed",
     "challenge_unanswerable", "challenge_answer_refused", "challenge_retry", "challenge_lost", "proposal_refused",
     "proposal_retry", "checkpoint_refused"}
)  # fmt: skip

Step = Callable[[Head], Any]


class Pauses(NamedTuple):
    """Chain seconds until which posting and opening are paused by the guardian; 0: they are not."""

    posting: int
    opening: int


def _go_on(place: str) -> None:
    """Commit points matter to tests, which stop there."""


class Relayer:
    """All loops of one relayer. `run` drives them until told to stop; `round` is one time around."""

    def __init__(
        self,
        config: RelayerConfig,
        pool: RpcPool,
        database: Database,
        contracts: Contracts,
        signer: TransactionSigner,
        metrics: Metrics,
        *,
        log: Any = None,
        reached: Callable[[str], None] = _go_on,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`log` is structlog's; `reached` is told of every commit point; `clock` counts real seconds."""
        self._config = config
        self._pool = pool
        self._database = database
        self._metrics = metrics
        self._log = log if log is not None else structlog.get_logger()
        self._clock = clock
        self._asked = False
        self._reachable = True
        self._good_at = dict.fromkeys(LOOPS, clock())
        self.engine = TransactionEngine(
            pool,
            signer,
            SqlTransactionStore(database, bytes.fromhex(signer.address[2:])),
            contracts.listed(config.keep_refunds, config.poke_interval > 0, config.checkpoint_interval > 0),
            limits=config.engine,
            notice=self._notice,
            reached=reached,
        )
        self._follower = Follower(
            pool,
            database,
            contracts.addresses,
            contracts.first_block,
            log_range=config.log_range,
            notice=self._notice,
            reached=reached,
        )
        left = take_over(database, self.engine.sender)
        if left:
            self._log.warning("transactions_of_another_key", transactions=left, sender=signer.address)
        common: dict[str, Any] = {"notice": self._notice, "reached": reached}
        self._submitter = Submitter(
            database, contracts, self.engine, config.operator, post_deadline=config.post_deadline, **common
        )
        self._batchers = [
            Batcher(
                database,
                contracts,
                self.engine,
                policy,
                config.operator,
                config.batch,
                post_deadline=config.post_deadline,
                clock=clock,
                **common,
            )
            for policy in config.policies
        ]
        self._keeper = Keeper(
            database,
            contracts,
            self.engine,
            config.operator,
            refunds=config.keep_refunds,
            poke_interval=config.poke_interval,
            policies=config.policies,
            **common,
        )
        self._checkpointer = Checkpointer(
            database,
            contracts,
            self.engine,
            config.operator,
            interval=config.checkpoint_interval,
            least=config.checkpoint_fees,
            gas=config.batch.gas,
            **common,
        )
        self._poster = CredentialPoster(
            database, contracts, self.engine, age=config.credentials_age, **common
        )
        domain = ledger_domain(pool.chain_id, contracts.ledger)
        self._answerer = Answerer(database, contracts, self.engine, config.operator, domain, **common)
        self._proposer = Proposer(database, contracts, self.engine, **common)
        self._loops: tuple[tuple[str, Step], ...] = (
            ("follow", self._follower.step),
            ("engine", self.engine.step),
            ("submit", self._submitter.step),
            ("answer", self._answerer.step),
            ("propose", self._proposer.step),
            ("batch", self._batch),
            ("keep", self._keeper.step),
            ("checkpoint", self._checkpointer.step),
            ("credentials", self._poster.step),
        )
        metrics.watch_ages(self.ages)
        metrics.watch_pauses(self.pauses)
        metrics.watch_store(self._count_pending, self._count_waiting, self._count_unsettled)
        metrics.watch_credentials(self._count_credentials)
        metrics.watch_challenges(self._count_challenges)
        metrics.watch_rewards(self.fees_waiting)

    # -- rounds ------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Goes round until `stop` is set; the round that runs is finished.

        Raises WrongChain or ChainRewritten when the endpoints turn out to be of another chain.
        """
        pause = self._config.poll
        while not stop.is_set():
            started = self._clock()
            self.round()
            pause = self._config.poll if self._reachable else min(pause * 2, LONGEST_PAUSE)
            stop.wait(max(pause - (self._clock() - started), 0.001))

    def round(self) -> None:
        """One time around. An error in one loop is told, and keeps no other from its turn.

        Raises WrongChain or ChainRewritten, which no further round can mend.
        """
        heads: list[Head] = []
        self._try("head", lambda: heads.append(self._pool.head()))
        self._reachable = bool(heads)
        if not heads:
            return
        head = heads[0]
        self._metrics.head.set(head.number)
        self._metrics.chain_time.set(head.timestamp)
        self._asked = False
        for name, step in self._loops:
            self._try(name, lambda step=step: step(head))  # type: ignore[misc]
        if self._asked:
            self._try("engine", lambda: self.engine.step(head))

    def _batch(self, head: Head) -> None:
        buried = bury_closed(self._database, head.timestamp)
        if buried:
            self._log.warning("figures_set_aside", figures=buried, reason="agreement_closed")
        for batcher in self._batchers:
            batcher.step(head)

    def _try(self, loop: str, step: Callable[[], Any]) -> None:
        try:
            step()
        except (WrongChain, ChainRewritten):
            raise
        except TallystickError as error:
            self._failed(loop, error.code, error.message)
        except SQLAlchemyError as error:
            self._failed(loop, "database", f"{type(error).__name__}: {getattr(error, 'orig', error)}")
        except Exception as error:  # noqa: BLE001 - a fault in one loop must not stop the others
            self._failed(loop, "fault", f"{type(error).__name__}: {error}", exc_info=True)
        else:
            self._good_at[loop] = self._clock()

    def _failed(self, loop: str, code: str, message: str, **extra: Any) -> None:
        self._metrics.errors.labels(loop, code).inc()
        self._log.error("loop_failed", loop=loop, code=code, message=message, **extra)

    def _notice(self, event: str, **details: Any) -> None:
        self._asked = self._asked or event in _ASKED
        self._metrics.count(event, details)
        if event == "followed" and not details["events"]:
            return
        (self._log.warning if event in _BAD_NEWS else self._log.info)(event, **details)

    # -- what others want to know ----------------------------------------------------------------

    def ages(self) -> dict[str, float]:
        """Real seconds since each loop last went well."""
        now = self._clock()
        return {loop: now - at for loop, at in self._good_at.items()}

    def age_limit(self) -> float:
        """Real seconds after which a loop counts as stuck."""
        return max(30.0, 20 * self._config.poll)

    @property
    def reachable(self) -> bool:
        """Whether the chain answered in the last round."""
        return self._reachable

    def pauses(self) -> Pauses:
        """The guardian's pauses that last, by the chain's clock."""
        with self._database.read() as connection:
            keys = (CHAIN_TIME, POSTING_PAUSED, OPENING_PAUSED)
            now, posting, opening = (int(get_meta(connection, key) or 0) for key in keys)
        return Pauses(posting if now < posting else 0, opening if now < opening else 0)

    def fees_waiting(self) -> tuple[int, int, int]:
        """µ of final fees that no checkpoint has counted, their payees, and chain seconds of the longest wait."""
        with self._database.read() as connection:
            waiting = fees_waiting(connection)
            now = int(get_meta(connection, CHAIN_TIME) or 0)
        return waiting.fees, waiting.accounts, max(now - waiting.since, 0) if waiting.accounts else 0

    def _count_pending(self) -> int:
        wanted = transactions.c.state.in_(("queued", "sent", "mined"))
        return self._count(select(func.count()).select_from(transactions).where(wanted))

    def _count_waiting(self) -> int:
        wanted = figures.c.units > figures.c.batched_units
        return self._count(select(func.count()).select_from(figures).where(wanted))

    def _count_unsettled(self) -> int:
        return self._count(select(func.count()).select_from(batches).where(batches.c.state.in_(UNSETTLED)))

    def _count_credentials(self, state: str) -> int:
        wanted = statements.c.state == state
        return self._count(select(func.count()).select_from(statements).where(wanted))

    def _count_challenges(self) -> int:
        """Those of our leaves that wait for an answer."""
        mine = (challenges.c.state == "open", challenges.c.relayer == self._config.operator)
        return self._count(select(func.count()).select_from(challenges).where(*mine))

    def _count(self, query: Any) -> int:
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())
