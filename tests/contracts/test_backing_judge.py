"""The watcher's judge and the contract's are one: the same answers for the same leaves, drawn at random, mostly
almost good.

`protocol.backing` decides off chain where a bond is put down and what is shown for one; `ReceiptLedger.backingFault`
decides on chain. Keys come and go around the posting, verdicts lack versions and confidence, receipts fit and do not.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from tallystick.protocol.backing import AgreementFacts, Item, KeyLife, Knowledge, Leaf, Signed, backing_fault
from tallystick.protocol.eip712 import Receipt, Verdict, digest, ledger_domain
from tallystick.protocol.enums import KeyKind, Mode, ReceiptFault, Status
from tallystick.protocol.judge import PolicyRule
from tests.support.escrow import OTTO
from tests.support.evm import Account, account
from tests.support.receipts import DEVICE, VERIFIER_KEYS, VERIFIERS, open_bench

LATE, REVOKED, STRANGER = account("late device"), account("revoked device"), account("stranger")
ROOT, OTHER = b"\x5a" * 32, b"\x5b" * 32
UNITS = 400


class Court:
    """A bench with a batch of four leaves, and keys that were not good when it was posted."""

    def __init__(self) -> None:
        self.bench = open_bench()
        bench = self.bench
        strict = {"verifierVersion": 5, "minConfidence": 8_000}
        self.policies = {
            "none": bench.system.add_policy(relayer=2),
            "quorum": bench.system.add_policy(relayer=2, kind=2, quorum=2, verifiers=[3, 4, 5], **strict),
        }
        self.authorise(1, KeyKind.DEVICE, REVOKED, OTTO)
        bench.staking.transact("revokeKey", 1, int(KeyKind.DEVICE), REVOKED.address, sender=OTTO)
        bench.evm.warp(86_400)
        self.agreements = {
            7: ("none", Mode.METERED, {}),
            8: ("quorum", Mode.METERED, {}),
            9: ("quorum", Mode.LEASE, {"end": bench.now + 50_000}),
            10: ("none", Mode.METERED, {"status": int(Status.CLOSED)}),
        }
        for number, (policy, mode, changes) in self.agreements.items():
            bench.agree(number, policy=self.policies[policy], mode=int(mode), budget=10**9, **changes)
        posted = bench.post([(7, UNITS)], policy=self.policies["none"])
        self.batch, self.posted_at = posted.number, bench.now
        bench.evm.warp(100)
        self.authorise(1, KeyKind.DEVICE, LATE, OTTO)
        bench.evm.warp(1_000)
        self.domain = ledger_domain(bench.evm.chain_id, bytes.fromhex(bench.ledger.address[2:]))

    def authorise(self, operator: int, kind: KeyKind, key: Account, owner: Account) -> None:
        self.bench.staking.transact("authoriseKey", operator, int(kind), key.address, sender=owner)

    def rule(self, number: int) -> PolicyRule:
        told = self.bench.system.policy_book.call("get", self.policies[self.agreements[number][0]])
        return PolicyRule(
            number, told["kind"], told["quorum"], frozenset(told["verifiers"]), bytes(20), bytes(32),
            told["verifierVersion"], told["minConfidence"],
        )  # fmt: skip

    def facts(self, number: int) -> AgreementFacts:
        view = self.bench.escrow.call("agreementOf", number)
        return AgreementFacts(
            number, view["operator"], view["policy"], view["mode"] == Mode.LEASE,
            view["status"] == Status.OPEN, view["start"], view["stopAt"] or view["end"],
        )  # fmt: skip

    def life(self, operator: int, kind: KeyKind, key: Account) -> KeyLife:
        told = self.bench.staking.call("keyValidity", operator, int(kind), key.address)
        return KeyLife(told["validFrom"], told["revokedAt"])

    def known(self) -> Knowledge:
        devices = {
            key.key.address: self.life(1, KeyKind.DEVICE, key) for key in (DEVICE, LATE, REVOKED, STRANGER)
        }
        verifiers = {
            (number, key.key.address): self.life(number, KeyKind.VERIFIER, key)
            for number in VERIFIERS
            for key in VERIFIER_KEYS.values()
        }
        return Knowledge(devices, verifiers)

    def receipt(self, dice: random.Random, number: int) -> Receipt:
        """Almost always one that fits."""
        start, end = self.posted_at - 60, self.posted_at
        if dice.random() < 0.15:
            start, end = dice.choice([(end, end), (start, self.bench.now + 1), (0, end), (start, 2**32 - 1)])
        return Receipt(
            dice.choice([number] * 9 + [number + 1]),
            UNITS + dice.choice([0, 0, 0, 0, 1, 50, -1]),
            start,
            end,
            dice.choice([ROOT] * 9 + [OTHER]),
            exclusive=dice.random() < 0.5,
        )

    def item(self, dice: random.Random, number: int) -> Item:
        receipt = self.receipt(dice, number)
        key = dice.choice([DEVICE] * 6 + [LATE, REVOKED, STRANGER])
        device = key.sign(digest(self.domain, receipt.hash_struct()))
        device = dice.choice([device] * 8 + [b"", device[:-1]])
        verdicts = []
        for operator in sorted(VERIFIERS):
            if dice.random() < 0.25:
                continue
            version, confidence = dice.choice([5, 5, 5, 6, 4]), dice.choice([8_000, 8_000, 10_000, 7_999])
            said = Verdict(
                receipt.agreement,
                receipt.units,
                receipt.output_root,
                dice.random() < 0.9,
                version,
                confidence,
            )
            signer = VERIFIER_KEYS[operator if dice.random() < 0.9 else 3]
            signature = signer.sign(digest(self.domain, said.hash_struct()))
            verdicts.append(Signed(operator, said._replace(valid=True), signature))
        if dice.random() < 0.15:
            verdicts = []  # where nobody is asked, a verdict is one too many
        return Item(receipt, device, tuple(verdicts))


@pytest.fixture(scope="module")
def court() -> Court:
    return Court()


@pytest.mark.parametrize("number", [7, 8, 9, 10])
def test_backing__random_answers__contract_and_watcher_agree(court: Court, number: int) -> None:
    dice = random.Random(number)
    facts, rule, known = court.facts(number), court.rule(number), court.known()
    leaf = Leaf(court.batch, 0, number, UNITS, ROOT, court.posted_at)
    seen: dict[str, int] = {}
    for _ in range(500):
        item = court.item(dice, number)
        ours = backing_fault(leaf, item, facts, rule, known, court.domain, court.bench.now)
        values: tuple[Any, ...] = (court.batch, number, UNITS, ROOT, item.arguments())
        theirs = ReceiptFault(court.bench.ledger.call("backingFault", *values))
        assert ours is theirs, (item, ours, theirs)
        seen[ours.name] = seen.get(ours.name, 0) + 1
    if number == 10:
        assert set(seen) == {"CLOSED", "UNKNOWN_AGREEMENT", "NOTHING_DUE"}
    else:
        assert seen["NONE"] > 25, seen
        assert {"OUTSIDE_PERIOD", "BAD_DEVICE_SIGNATURE", "NOTHING_DUE", "UNKNOWN_AGREEMENT"} - set(seen) <= (
            set() if number == 7 else {"OUTSIDE_PERIOD", "BAD_DEVICE_SIGNATURE"}
        )
