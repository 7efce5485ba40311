"""The relayer's metrics, on a registry that is passed in.

| name | labels | meaning |
|---|---|---|
| tallystick_receipts_total | status, code | receipts answered: accepted, duplicate, or rejected with a code |
| tallystick_verdicts_total | status, code | verdicts answered, likewise |
| tallystick_credentials_total | status, code | credentials and revocations answered, likewise |
| tallystick_credentials_stored | state | those accepted: waiting, posting, posted, refused |
| tallystick_batches_total | criterion | batches closed, by the limit that fired: age, size or gas |
| tallystick_batch_leaves_total | | figures that went into batches |
| tallystick_batch_waits_total | reason | batches that were due but could not be closed |
| tallystick_batch_steps_total | step | what became of batches: posted, settling, lost, post_again, … |
| tallystick_transactions_total | event, kind | signed, replaced, mined, final, reverted, … |
| tallystick_transactions_pending | | logical transactions that are not final |
| tallystick_gas_used_total | kind | gas of final transactions: post, settle, refund, poke, answer, checkpoint, … |
| tallystick_figures_waiting | | agreements with a figure in no batch yet |
| tallystick_batches_unsettled | | batches planned, posted or settling |
| tallystick_followed_block | | newest final block in the mirror |
| tallystick_head_block | | newest block of the chain |
| tallystick_chain_time_seconds | | the newest block's time |
| tallystick_challenges_open | | challenges of our leaves that are neither answered nor over |
| tallystick_challenge_steps_total | step | what became: answer_asked, unanswerable, answer_refused, retry, lost |
| tallystick_proposal_steps_total | step | rejections by verifiers: asked, refused, retry, over |
| tallystick_checkpoint_steps_total | step | checkpoints of rewards: asked, waits (the day is full), refused |
| tallystick_reward_fees_waiting | | µ of final fees that no checkpoint has counted yet |
| tallystick_reward_accounts_waiting | | payees that they belong to |
| tallystick_reward_wait_seconds | | chain seconds since which the oldest of them wait; 0: none do |
| tallystick_paused | what | 1 while the guardian has paused it: posting, opening |
| tallystick_loop_age_seconds | loop | seconds since a loop last finished without an error |
| tallystick_loop_errors_total | loop, code | rounds of a loop that ended with an error |
"""

from __future__ import annotations

from collections import Counter as TallyOf
from collections.abc import Callable, Iterable
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["LOOPS", "Metrics"]

LOOPS: Final = (
    "head",
    "follow",
    "batch",
    "submit",
    "answer",
    "propose",
    "keep",
    "checkpoint",
    "credentials",
    "engine",
)

_CREDENTIAL_STATES: Final = ("waiting", "posting", "posted", "refused")

_TRANSACTION_EVENTS: Final = {
    "transaction_signed": "signed",
    "transaction_replaced": "replaced",
    "transaction_mined": "mined",
    "transaction_final": "final",
    "transaction_reverted": "reverted",
    "transaction_refused": "refused",
    "transaction_reorged": "reorged",
    "transaction_not_taken": "not_taken",
}


class Metrics:
    """All metrics, registered at construction. Ingest counts what it answers by status and code."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.receipts = Counter(
            "tallystick_receipts", "Receipts answered", ["status", "code"], registry=registry
        )
        self.verdicts = Counter(
            "tallystick_verdicts", "Verdicts answered", ["status", "code"], registry=registry
        )
        self.credentials = Counter(
            "tallystick_credentials",
            "Credentials and revocations answered",
            ["status", "code"],
            registry=registry,
        )
        self.credentials_stored = Gauge(
            "tallystick_credentials_stored",
            "Credentials and revocations by state",
            ["state"],
            registry=registry,
        )
        self.batches = Counter("tallystick_batches", "Batches closed", ["criterion"], registry=registry)
        self.leaves = Counter("tallystick_batch_leaves", "Figures that went into batches", registry=registry)
        self.waits = Counter("tallystick_batch_waits", "Batches held up", ["reason"], registry=registry)
        self.steps = Counter("tallystick_batch_steps", "What became of batches", ["step"], registry=registry)
        self.transactions = Counter(
            "tallystick_transactions", "Transactions by event", ["event", "kind"], registry=registry
        )
        self.gas = Counter("tallystick_gas_used", "Gas of final transactions", ["kind"], registry=registry)
        self.pending = Gauge("tallystick_transactions_pending", "Transactions not final", registry=registry)
        self.waiting = Gauge("tallystick_figures_waiting", "Figures in no batch yet", registry=registry)
        self.unsettled = Gauge("tallystick_batches_unsettled", "Batches not settled", registry=registry)
        self.followed = Gauge("tallystick_followed_block", "Newest final block read", registry=registry)
        self.head = Gauge("tallystick_head_block", "Newest block", registry=registry)
        self.chain_time = Gauge("tallystick_chain_time_seconds", "The newest block's time", registry=registry)
        self.paused = Gauge("tallystick_paused", "Paused by the guardian", ["what"], registry=registry)
        self.challenges = Gauge(
            "tallystick_challenges_open", "Challenges not answered and not over", registry=registry
        )
        self.challenge_steps = Counter(
            "tallystick_challenge_steps", "What became of challenges", ["step"], registry=registry
        )
        self.proposal_steps = Counter(
            "tallystick_proposal_steps", "What became of rejections", ["step"], registry=registry
        )
        self.checkpoint_steps = Counter(
            "tallystick_checkpoint_steps", "What became of checkpoints", ["step"], registry=registry
        )
        self.reward_fees = Gauge(
            "tallystick_reward_fees_waiting", "Final fees not counted for rewards", registry=registry
        )
        self.reward_accounts = Gauge(
            "tallystick_reward_accounts_waiting", "Payees whose fees wait", registry=registry
        )
        self.reward_wait = Gauge(
            "tallystick_reward_wait_seconds", "Since the oldest of them wait", registry=registry
        )
        self.ages = Gauge(
            "tallystick_loop_age_seconds", "Since a loop last went well", ["loop"], registry=registry
        )
        self.errors = Counter(
            "tallystick_loop_errors", "Rounds that failed", ["loop", "code"], registry=registry
        )

    def watch_ages(self, ages: Callable[[], dict[str, float]]) -> None:
        """Reads the loops' ages whenever the metrics are scraped."""
        for loop in LOOPS:
            self.ages.labels(loop).set_function(lambda loop=loop: ages()[loop])  # type: ignore[misc]

    def watch_pauses(self, pauses: Callable[[], tuple[int, int]]) -> None:
        """Reads which of posting and opening are paused (until a time that is not 0) at each scrape."""
        for place, what in enumerate(("posting", "opening")):
            self.paused.labels(what).set_function(lambda place=place: pauses()[place] > 0)  # type: ignore[misc]

    def watch_store(
        self, pending: Callable[[], int], waiting: Callable[[], int], unsettled: Callable[[], int]
    ) -> None:
        """Counts rows whenever the metrics are scraped."""
        self.pending.set_function(pending)
        self.waiting.set_function(waiting)
        self.unsettled.set_function(unsettled)

    def watch_credentials(self, count: Callable[[str], int]) -> None:
        """Counts accepted credentials and revocations by state whenever the metrics are scraped."""
        for state in _CREDENTIAL_STATES:
            self.credentials_stored.labels(state).set_function(lambda state=state: count(state))  # type: ignore[misc]

    def watch_challenges(self, count: Callable[[], int]) -> None:
        """Counts open challenges whenever the metrics are scraped."""
        self.challenges.set_function(count)

    def watch_rewards(self, waiting: Callable[[], tuple[int, int, int]]) -> None:
        """Reads the fees that wait to be counted, their payees and the longest wait at each scrape."""
        for place, gauge in enumerate((self.reward_fees, self.reward_accounts, self.reward_wait)):
            gauge.set_function(lambda place=place: waiting()[place])  # type: ignore[misc]

    def count_answers(self, kind: str, answers: Iterable[tuple[str, str | None]]) -> None:
        """Counts answers to receipts, verdicts or credentials (`kind`): status, and code when rejected."""
        counter = {"receipt": self.receipts, "verdict": self.verdicts, "credential": self.credentials}[kind]
        for (status, code), many in TallyOf(answers).items():
            counter.labels(status, code or "").inc(many)

    def count(self, event: str, details: dict[str, Any]) -> None:
        """Counts an event of the loops; those that are of no interest are ignored."""
        if event in _TRANSACTION_EVENTS:
            self.transactions.labels(_TRANSACTION_EVENTS[event], details["kind"]).inc()
            if event == "transaction_final":
                self.gas.labels(details["kind"]).inc(details["gas_used"])
        elif event == "batch_planned":
            self.batches.labels(details["criterion"]).inc()
            self.leaves.inc(details["leaves"])
        elif event == "followed":
            self.followed.set(details["block"])
        elif event == "batch_waits":
            self.waits.labels(details["reason"]).inc()
        elif event.startswith("challenge_"):
            self.challenge_steps.labels(event.removeprefix("challenge_")).inc()
        elif event.startswith("proposal_"):
            self.proposal_steps.labels(event.removeprefix("proposal_")).inc()
        elif event.startswith("checkpoint_"):
            self.checkpoint_steps.labels(event.removeprefix("checkpoint_")).inc()
        elif event.startswith("batch_"):
            self.steps.labels(event.removeprefix("batch_")).inc()
