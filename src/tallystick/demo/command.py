"""The `tallystick demo` command without its flags."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tallystick.demo.dispute import quarrel
from tallystick.demo.dividends import Payout, pay_out
from tallystick.demo.rewards import claim_rewards, count_rewards
from tallystick.protocol.amounts import format_amount, format_tally
from tallystick.replay.command import write_reports
from tallystick.replay.errors import UsageProblem
from tallystick.replay.guard import ignore_interrupts
from tallystick.replay.options import ReplayOptions, check_readable
from tallystick.replay.outcome import Outcome, Reward
from tallystick.replay.page import CURRENCY
from tallystick.replay.run import Replay
from tallystick.replay.terminal import Terminal, print_outcome

__all__ = ["format_of", "run_demo", "story_of"]

CUSTOMERS, PROVIDERS, UNIT_PRICE, FEE_BPS = 10, 4, 600_000, 500


def run_demo(trace: Path | None, out: Path, console: Console | None = None) -> bool:
    """Settles `trace` (our own when None), pays the dividends, writes report.json and report.html into `out`.

    Returns whether every figure agreed with the model.

    Raises:
        TallystickError: when it could not be run to its end.
    """
    console = console or Console(highlight=False)
    with resources.as_file(resources.files("tallystick.demo") / "trace.csv") as ours:
        path = trace or ours
        options = ReplayOptions(
            trace=path,
            format="azure-llm" if trace is None else format_of(trace),
            report=out / "report.json",
            unit_price=UNIT_PRICE,
            fee_bps=FEE_BPS,
            customers=CUSTOMERS,
            providers=PROVIDERS,
        )
        options.check_numbers()
        options.check_files()
        with Terminal() as terminal, Replay(options, terminal) as session:
            outcome = session.run()
            with terminal.phase("fees, dividends and claims", 1):
                payout = pay_out(session)
                count_rewards(session, payout)
            outcome.dividends = payout.stakers
            with terminal.phase("a fraud, a watcher and a jury", 1):
                dispute = quarrel(session)
            with terminal.phase("ninety days later: suppliers' rewards", 1):
                outcome.rewards = claim_rewards(session, payout)
            outcome.differences += payout.differences + dispute.differences
            outcome.disputes = [line.to_json() for line in dispute.lines]
            story = (*story_of(outcome, payout), *dispute.story, reward_story(outcome.rewards))
            ignore_interrupts()
            write_reports(options, outcome, session.bins, kind="demo", story=story)
    print_outcome(outcome, console)
    console.print("\n[bold]Where every µ went[/]")
    for line in story:
        console.print(f"  {escape(line)}", soft_wrap=True)
    console.print(escape(f"\nreports: {options.report} and {options.html}"), soft_wrap=True)
    return outcome.conserved


def story_of(outcome: Outcome, payout: Payout) -> tuple[str, ...]:
    """Who paid what, and where every µ of it went, one sentence each; all figures are the chain's."""

    def money(micro: int) -> str:
        return format_amount(micro, CURRENCY)

    earned = sum(payout.claimed_by_providers)
    claimed = sum(one.claimed for one in payout.stakers)
    each = ", ".join(f"provider {j} {money(net)}" for j, net in enumerate(payout.claimed_by_providers))
    stakers = [
        f"{one.staker}, who staked {format_tally(one.staked)}, claimed {money(one.claimed)} after the week."
        for one in payout.stakers
    ]
    return (
        f"{CUSTOMERS} customers paid {money(outcome.gross)} for {outcome.receipts:,} jobs"
        f" under {len(outcome.per_agreement)} agreements.",
        f"gross {money(outcome.gross)} = net {money(earned)} + fees {money(payout.fees)}"
        f"{_check(outcome.gross, earned + payout.fees)}",
        f"The providers claimed their net: {each}.",
        f"fees {money(payout.fees)} = dividends {money(payout.to_dividends)}"
        f" + insurance {money(payout.to_insurance)} + treasury {money(payout.to_treasury)}"
        f"{_check(payout.fees, payout.to_dividends + payout.to_insurance + payout.to_treasury)}",
        *stakers,
        f"dividends {money(payout.to_dividends)} = claimed {money(claimed)}"
        f" + {money(payout.kept_by_vault)} that rounding leaves to the next stream"
        f"{_check(payout.to_dividends, claimed + payout.kept_by_vault)}",
        f"The Escrow still holds {money(payout.left_in_escrow)}, locked for agreements that run on."
        if payout.left_in_escrow
        else "The Escrow holds nothing more: every budget was spent to the last µ.",
    )


def reward_story(rewards: Sequence[Reward]) -> str:
    """What suppliers earned in TALLY, in a sentence."""
    fees, claimed = sum(one.fees for one in rewards), sum(one.claimed for one in rewards)
    return (
        f"For the {format_amount(fees, CURRENCY)} of fees that their work had brought the providers claimed"
        f" {format_tally(claimed)} when it had vested, 90 days later; their pay was theirs long before."
    )


def _check(left: int, right: int) -> str:
    return "" if left == right else f": NOT equal, {left - right} µ apart"


def format_of(trace: Path) -> str:
    """Which format a trace is in, by its header.

    Raises:
        UsageProblem: when it is none of those that the demo plays.
    """
    check_readable(trace)
    with trace.open(encoding="utf-8-sig", errors="replace") as file:
        header = next((line for line in file if line.strip()), "")
    columns = {name.strip().strip('"') for name in header.split(",")}
    if {"ContextTokens", "GeneratedTokens"} <= columns:
        return "azure-llm"
    if {"num_gpu", "gpu_milli", "scheduled_time", "deletion_time"} <= columns:
        return "openb"
    raise UsageProblem(
        f"The demo plays traces in the Azure LLM or the openb format, and {trace} is neither by its header;"
        " for other files use `tallystick replay --format csv`."
    )
