"""Every path of `ReceiptLedger` that stands on signatures, releases and cancels, on both worlds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tallystick.protocol import figures
from tallystick.protocol.eip712 import Acceptance, Receipt, Verdict
from tallystick.protocol.enums import ReceiptFault
from tallystick.protocol.model import (
    ZERO_ADDRESS,
    ReleaseRequest,
    SettleOrder,
    SignedFigure,
    SignedReceipt,
    SignedVerdict,
)
from tests.stateful.worlds import PostedBatch, Worlds
from tests.support.evm import Account
from tests.support.evm import Receipt as Done


@dataclass
class Signing:
    """A receipt and who signs it; None: nobody. `session`: the acceptance is by this key."""

    receipt: Receipt
    device: Account | None = None
    session: Account | None = None
    customer: Account | None = None
    funder: Account | None = None
    verdicts: list[tuple[int, Account]] = field(default_factory=list)
    version: int = 3
    """Of the verifiers' software."""


class SignedSteps(Worlds):
    """Countersigned, reported, posted by anyone, self-posted, released, answered for, cancelled."""

    def shown(self, item: Signing) -> tuple[Any, ...]:
        """The SignedReceipt for the contract."""
        agreement, units, start, end, output, _ = item.receipt
        accepted = Acceptance(agreement, units, start, end, output).hash_struct()
        verdict = Verdict(agreement, units, output, True, item.version, 9_000).hash_struct()
        domain = self.ledger_domain
        return (
            tuple(item.receipt),
            self.sign(item.device, domain, item.receipt.hash_struct()),
            item.session.address if item.session else ZERO_ADDRESS,
            self.sign(item.customer, domain, accepted),
            self.sign(item.funder, domain, accepted),
            [(number, item.version, 9_000, self.sign(key, domain, verdict)) for number, key in item.verdicts],
        )

    @staticmethod
    def told(item: Signing) -> SignedReceipt:
        """The same for the model."""
        return SignedReceipt(
            item.receipt,
            item.device.address if item.device else ZERO_ADDRESS,
            item.session.address if item.session else ZERO_ADDRESS,
            item.customer.address if item.customer else None,
            item.funder.address if item.funder else ZERO_ADDRESS,
            tuple(SignedVerdict(number, key.address, item.version, 9_000) for number, key in item.verdicts),
            device_empty=item.device is None,
        )

    def _compare_faults(self, receipt: Done, faults: Sequence[tuple[int, ReceiptFault]], path: str) -> None:
        found = [
            (e.args["index"], e.args["agreement"], e.args["reason"]) for e in receipt.events("ReceiptRefused")
        ]
        wanted = [(i, number, int(fault)) for i, (number, fault) in enumerate(faults) if fault]
        assert sorted(found) == wanted, (path, found, wanted)
        for _, fault in faults:
            self.reached[f"{path} {fault.name}"] += 1

    def fault_of(self, item: Signing) -> None:
        found = self.system.ledger.call("faultOf", self.shown(item))
        fault = self.model.ledger.fault_of(self.told(item), now=self.now)
        assert found == int(fault), (item, ReceiptFault(found), fault)
        self.ok["ReceiptLedger.faultOf"] += 1

    def collect(self, caller: Account, items: Sequence[Signing]) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.collect",
            s.ledger,
            ([self.shown(item) for item in items],),
            caller,
            lambda: m.ledger.collect([self.told(item) for item in items], now=self.now),
        )
        if outcome is None:
            return
        receipt, (moved, done) = outcome
        assert receipt.result == moved
        self._compare_faults(receipt, [(one.agreement, one.fault) for one in done], "collect")
        paid = sorted((e.args["agreement"], e.args["gross"]) for e in receipt.events("Collected"))
        assert paid == sorted((one.agreement, one.step.gross) for one in done if one.step and not one.fault)
        for one in done:
            if one.step:
                self.reached[f"collected {one.step.reason.name}"] += 1

    def report_downtime(self, caller: Account, items: Sequence[Signing]) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.reportDowntime",
            s.ledger,
            ([self.shown(item) for item in items],),
            caller,
            lambda: m.ledger.report_downtime([self.told(item) for item in items], now=self.now),
        )
        if outcome is None:
            return
        receipt, done = outcome
        pairs = [(item.receipt.agreement, fault) for item, (fault, _) in zip(items, done, strict=True)]
        self._compare_faults(receipt, pairs, "downtime")
        reasons = [e.args["reason"] for e in receipt.events("FigureSkipped")]
        assert reasons == [int(reason) for _, reason in done if reason]

    def post_signed(self, caller: Account, policy: int, items: Sequence[Signing]) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.postSigned",
            s.ledger,
            (policy, [self.shown(item) for item in items]),
            caller,
            lambda: m.ledger.post_signed(policy, [self.told(item) for item in items], now=self.now),
        )
        if outcome is None:
            return
        receipt, (number, faults) = outcome
        assert receipt.result == number
        pairs = [(item.receipt.agreement, fault) for item, fault in zip(items, faults, strict=True)]
        self._compare_faults(receipt, pairs, "signed post")
        good = [item.receipt for item, fault in zip(items, faults, strict=True) if not fault]
        self._remember(number, good)

    def self_post(self, caller: Account, items: Sequence[Signing]) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.selfPost",
            s.ledger,
            ([self.shown(item) for item in items],),
            caller,
            lambda: m.ledger.self_post(
                [self.told(item) for item in items], caller=caller.address, now=self.now
            ),
        )
        if outcome is None:
            return
        receipt, done = outcome
        assert list(receipt.result) == [number for number, _ in done]
        pairs = [(item.receipt.agreement, fault) for item, (_, fault) in zip(items, done, strict=True)]
        self._compare_faults(receipt, pairs, "self-post")
        for item, (number, _) in zip(items, done, strict=True):
            if number:
                self._remember(number, [item.receipt])
                bond = m.ledger.bonds.get(number)
                self.reached[f"bond {bond.source.name if bond else 'NONE'}"] += 1

    def _remember(self, number: int, receipts: Sequence[Receipt]) -> None:
        packed = b"".join(figures.encode_figure(receipt.agreement, receipt.units) for receipt in receipts)
        outputs = b"".join(receipt.output_root for receipt in receipts)
        self.batches.append(PostedBatch(number, packed, outputs))

    # Releases

    def release(self, caller: Account, leaves: Sequence[tuple[PostedBatch, int, int]]) -> None:
        """Leaves by batch and place, each with the proof of another place or its own."""
        s, m = self.system, self.model
        requests = [
            ReleaseRequest(
                batch.number, leaf, batch.figure(leaf), batch.output(leaf), tuple(batch.proof(proven))
            )
            for batch, leaf, proven in leaves
        ]
        outcome = self.both(
            "ReceiptLedger.release",
            s.ledger,
            ([(*request[:4], list(request.proof)) for request in requests],),
            caller,
            lambda: m.ledger.release(requests, caller=caller.address, now=self.now),
        )
        if outcome is None:
            return
        receipt, done = outcome
        assert receipt.result == sum(one.amount for one in done)
        refused = [(e.args["item"], e.args["reason"]) for e in receipt.events("ReleaseRefused")]
        assert refused == [(i, int(one.reason)) for i, one in enumerate(done) if one.reason]
        for one in done:
            self.reached[f"release {one.reason.name}"] += 1

    def finalise(self, caller: Account, batch: int, leaves: Sequence[int]) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.finalise",
            s.ledger,
            (batch, list(leaves)),
            caller,
            lambda: m.ledger.finalise(batch, leaves, now=self.now),
        )
        if outcome is not None:
            ended = [e.args["index"] for e in outcome[0].events("ReleaseFinalised") if "index" in e.args]
            assert ended == outcome[1]

    def answer_release(self, caller: Account, batch: int, leaf: int, item: Signing) -> None:
        s, m = self.system, self.model
        self.both(
            "ReceiptLedger.answerRelease",
            s.ledger,
            (batch, leaf, self.shown(item)),
            caller,
            lambda: m.ledger.answer_release(batch, leaf, self.told(item), now=self.now),
        )

    def make_good(self, caller: Account, batch: int, leaf: int) -> None:
        s, m = self.system, self.model
        outcome = self.both(
            "ReceiptLedger.makeGood",
            s.ledger,
            (batch, leaf),
            caller,
            lambda: m.ledger.make_good(batch, leaf, now=self.now),
        )
        if outcome is not None:
            found = sum(event.args["amount"] for event in outcome[0].events("MadeGood"))
            assert found == outcome[1]
            self.reached[f"{'' if found else 'not '}made good"] += 1

    def cancel(self, caller: Account, batch: int) -> None:
        s, m = self.system, self.model
        self.both(
            "ReceiptLedger.cancel",
            s.ledger,
            (batch,),
            caller,
            lambda: m.ledger.cancel(batch, caller=caller.address, now=self.now),
        )

    # Doors of the Escrow that only the ledger may use

    def rattle_ledger_door(self, caller: Account, number: int, amount: int, door: str) -> None:
        s, m, who = self.system, self.model.escrow, caller.address
        order = SettleOrder(1, self.now, 2**64 - 1)
        figure = SignedFigure(number, amount, self.now, 2**64 - 1)
        doors: dict[str, tuple[tuple[Any, ...], Callable[[], Any]]] = {
            "settleSigned": (
                ([tuple(figure)],),
                lambda: m.settle_signed([figure], caller=who, now=self.now),
            ),
            "setDowntime": (
                (number, amount),
                lambda: m.set_downtime(number, amount, caller=who, now=self.now),
            ),
            "settleRelease": (
                (tuple(order), number, amount),
                lambda: m.settle_release(order, number, amount, caller=who),
            ),
            "finaliseRelease": (
                (number, amount, True),
                lambda: m.finalise_release(number, amount, True, caller=who),
            ),
            "raiseRefundFloor": (
                (1, self.now),
                lambda: m.raise_refund_floor(1, self.now, caller=who),
            ),
        }
        values, model = doors[door]
        self.both(f"Escrow.{door}", s.escrow, values, caller, model)
