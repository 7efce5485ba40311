"""The second and third pass: every row as a provider's signed cumulative receipt and a verifier's signed
verdict.

Receipts go first, in the order of the trace. Then the verdicts, those of each agreement's newest receipt
before all others: a figure becomes payable with its verdict, so every agreement then waits with its last
figure, and is
posted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tallystick.protocol.eip712 import Domain, Receipt, Verdict, digest
from tallystick.protocol.keys import PrivateKey
from tallystick.replay.errors import TraceChanged
from tallystick.replay.plan import Step, Survey, Tally
from tallystick.sources.base import Rejected, Row

__all__ = ["Script", "in_chunks"]

CONFIDENCE = 10_000
"""Basis points; a replay's verifier has no doubts."""
VERIFIER_VERSION = 1


@dataclass(frozen=True, slots=True)
class Script:
    """What is needed to sign. `numbers` are agreements by slot; the period is that of every receipt, in chain
    seconds."""

    domain: Domain
    numbers: Sequence[int]
    device_keys: Sequence[PrivateKey]
    verifier_key: PrivateKey
    period_start: int
    period_end: int
    survey: Survey

    def receipts(self, rows: Iterable[Row | Rejected]) -> Iterator[bytes]:
        """One JSON line per accepted row, in order.

        Raises:
            TraceChanged: when the rows are not those of the first pass.
        """
        for step in self._steps(rows):
            receipt = Receipt(
                self.numbers[step.slot], step.total, self.period_start, self.period_end, step.root, False
            )
            key = self.device_keys[step.slot % self.survey.providers]
            signature = key.sign(digest(self.domain, receipt.hash_struct()))
            yield (
                f'{{"agreement":"{receipt.agreement}","units":{step.total},"periodStart":{self.period_start},'
                f'"periodEnd":{self.period_end},"outputRoot":"0x{step.root.hex()}","exclusive":false,'
                f'"signature":"0x{signature.hex()}"}}'
            ).encode()

    def verdicts(self, rows: Iterable[Row | Rejected]) -> Iterator[bytes]:
        """One JSON line per accepted row: first the newest of each agreement, then all others in order."""
        newest = self.survey.newest
        for last in newest:
            if last is not None:
                yield self._verdict(last)
        for step in self._steps(rows):
            if step != newest[step.slot]:
                yield self._verdict(step)

    def _verdict(self, step: Step) -> bytes:
        number = self.numbers[step.slot]
        verdict = Verdict(number, step.total, step.root, True, VERIFIER_VERSION, CONFIDENCE)
        signature = self.verifier_key.sign(digest(self.domain, verdict.hash_struct()))
        return (
            f'{{"agreement":"{number}","units":{step.total},"outputRoot":"0x{step.root.hex()}","valid":true,'
            f'"verifierVersion":{VERIFIER_VERSION},"confidence":{CONFIDENCE},"signature":"0x{signature.hex()}"}}'
        ).encode()

    def _steps(self, rows: Iterable[Row | Rejected]) -> Iterator[Step]:
        survey = self.survey
        tally = Tally(survey.customers, survey.providers, survey.unit_price)
        for row in rows:
            step = tally.take(row)
            if isinstance(step, Step):
                if step.total > survey.units[step.slot]:
                    raise TraceChanged(
                        "The trace changed while it was played: it has more units than when it was read."
                    )
                yield step
        if tally.units != survey.units:
            raise TraceChanged(
                "The trace changed while it was played: it has other units than when it was read."
            )


def in_chunks(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Lists of `size` lines; the last may be shorter, none is empty."""
    chunk: list[bytes] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
