"""A provider cheats, a watcher sees it, a jury rules: the customer is refunded, the cheat slashed, the watcher paid.

Everything is done on the demo's own chain by the contracts and by `tallystick watch` itself. What must come out is
worked out here from the policy's terms, and compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from tallystick.chain.dispute_events import CourtBondReturned, CourtExecuted
from tallystick.chain.events import EventDecoder
from tallystick.chain.registry import Registry
from tallystick.chain.sender import Call, KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.amounts import format_amount
from tallystick.protocol.constants import DAY
from tallystick.protocol.eip712 import BatchHeader, Receipt, Terms, digest, ledger_domain
from tallystick.protocol.enums import HardwareClass, KeyKind, Mode, Role, VerificationKind
from tallystick.protocol.figures import batch_root, encode_figures, figures_hash
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.keys import PrivateKey, to_checksum
from tallystick.protocol.model import DisputeTerms, Policy
from tallystick.replay.opening import Offer, open_offers
from tallystick.replay.page import CURRENCY
from tallystick.replay.run import Replay
from tallystick.replay.stage import OWNER_GAS, add_policy, register_operator
from tallystick.replay.world import events, topic_int
from tallystick.watch.acting import Actor
from tallystick.watch.evidence import FileEvidence
from tallystick.watch.judging import Judge
from tallystick.watch.ledger import Ledger
from tallystick.watch.watcher import Watcher

__all__ = ["DisputeLine", "Quarrel", "quarrel"]

JURORS: Final = 7
UNITS: Final = 1_000_000
"""What the whole task is, and what the cheat signs for."""
DELIVERED: Final = 400_000
"""What it did deliver."""
PRICE: Final = 100_000_000
"""µ for the whole task, which is its budget: 100 dollars."""
STAKE: Final = 2_000_000_000
DEPOSIT: Final = 1_000_000_000
"""µ of a juror in the jury itself."""
PURSE: Final = 100_000_000
"""µ that the watcher has."""


@dataclass(frozen=True, slots=True)
class DisputeLine:
    """One dispute in report.json; all in µ. `refunded` and `paid`: to the customer's and the provider's accounts."""

    agreement: int
    kind: str
    outcome: str
    rounds: int
    slashed: int
    to_victim: int
    to_challenger: int
    to_insurance: int
    bond_returned: int
    refunded: int
    paid: int
    arbiter_fee: int

    def to_json(self) -> dict[str, Any]:
        """The object of the report."""
        return {
            "agreement": self.agreement,
            "kind": self.kind,
            "outcome": self.outcome,
            "rounds": self.rounds,
            "slashed": self.slashed,
            "to_victim": self.to_victim,
            "to_challenger": self.to_challenger,
            "to_insurance": self.to_insurance,
            "bond_returned": self.bond_returned,
            "refunded": self.refunded,
            "paid": self.paid,
            "arbiter_fee": self.arbiter_fee,
        }


@dataclass(slots=True)
class Quarrel:
    """What came of it. `differences` are sentences; none means that every figure is what the terms say."""

    lines: list[DisputeLine] = field(default_factory=list)
    story: tuple[str, ...] = ()
    differences: list[str] = field(default_factory=list)


def quarrel(session: Replay) -> Quarrel:
    """Plays the scene after `Replay.run`, on a chain of our own."""
    return _Scene(session).play()


class _Scene:
    """The cast and the steps."""

    def __init__(self, session: Replay) -> None:
        self._session = session
        self._world = session.world
        seed = session.cast.seed
        self._customer, self._cheat, self._device, self._watcher = (
            PrivateKey.from_seed(seed, f"dispute {name}")
            for name in ("customer", "cheat", "device", "watcher")
        )
        self._jurors = [PrivateKey.from_seed(seed, "juror", i) for i in range(JURORS)]
        self._result = Quarrel()

    def play(self) -> Quarrel:
        """All of it, in order."""
        policy, terms = self._seat()
        agreement = self._agree(policy)
        watcher = self._post(policy, agreement)
        watcher.round()
        dispute = int(self._world.read("Court", "activeOf", agreement))
        self._rule(dispute, terms)
        self._pass(terms.appeal_time)
        before = self._free_of_customer()
        watcher.round()
        self._reckon(agreement, dispute, terms, before)
        return self._result

    # Before it

    def _seat(self) -> tuple[int, DisputeTerms]:
        """Gas, money, stakes, jurors' deposits, and a policy whose first arbiter is the jury."""
        world, deployer = self._world, self._session.deployer
        everybody = [self._customer, self._cheat, self._watcher, *self._jurors]
        wei = OWNER_GAS * world.node.fees().max_fee * 20
        calls = [Call(to_checksum(key.address), b"", wei, 21_000) for key in everybody]
        amounts = [PRICE, STAKE, PURSE, *[STAKE + DEPOSIT] * JURORS]
        calls += [
            world.call("TestDollar", "mint", to_checksum(key.address), amount, gas=120_000)
            for key, amount in zip(everybody, amounts, strict=True)
        ]
        deployer.send_many(calls)
        for key in self._jurors:
            operator = register_operator(
                world, key, Role.VERIFIER, HardwareClass.NONE, 0, KeyKind.VERIFIER, key
            )
            self._send(
                key,
                world.call("TestDollar", "approve", world.address("Staking"), STAKE),
                world.call("TestDollar", "approve", world.address("Jury"), DEPOSIT),
                world.call("Staking", "stake", operator, STAKE),
                world.call("Jury", "deposit", operator, DEPOSIT),
            )
        self._operator = register_operator(
            world, self._cheat, Role.PROVIDER, HardwareClass.CONSUMER_GPU, 276, KeyKind.DEVICE, self._device
        )
        self._send(
            self._cheat,
            world.call("TestDollar", "approve", world.address("Staking"), STAKE),
            world.call("Staking", "stake", self._operator, STAKE),
        )
        terms = DisputeTerms(arbiter=world.address("Jury"), second_arbiter=world.address("Council"))
        policy = Policy(VerificationKind.NONE, 0, self._session.parties.relayer, dispute=terms)
        number = add_policy(world, deployer, policy)
        self._pass(DAY)  # deposits count from the day after
        return number, terms

    def _agree(self, policy: int) -> int:
        """A fixed-price task, paid into the Escrow before any work."""
        world = self._world
        made = self._send(
            self._customer,
            world.call("Escrow", "createAccount", to_checksum(self._customer.address)),
            world.call("TestDollar", "approve", world.address("Escrow"), PRICE),
        )
        made += self._send(
            self._cheat, world.call("Escrow", "createAccount", to_checksum(self._cheat.address))
        )
        self._account, payee = (topic_int(log, 1) for log in events(world, "Escrow", "AccountCreated", made))
        self._payee = payee
        self._send(self._customer, world.call("Escrow", "deposit", self._account, PRICE))
        now = world.node.timestamp()
        terms = Terms(
            customer=self._account,
            funder=self._account,
            operator=self._operator,
            payee=payee,
            mode=Mode.METERED,
            policy=policy,
            max_fee_provider=self._session.options.fee_bps,
            max_fee_customer=0,
            unit_price=PRICE,
            budget=PRICE,
            max_budget=PRICE,
            start=now,
            expiry=now + 30 * DAY,
            work_hash=keccak256(b"tallystick demo: a task that is cheated on"),
            customer_nonce=0,
            operator_nonce=0,
            deadline=now + DAY,
        )
        offer = Offer(terms, self._customer, self._cheat)
        return open_offers(world, self._session.deployer, [offer], lambda _: None).numbers[0]

    def _post(self, policy: int, agreement: int) -> Watcher:
        """The cheat signs for the whole task, the relayer posts what was signed. Returns the watcher that looks on."""
        world = self._world
        self._pass(600)
        now, domain = (
            world.node.timestamp(),
            ledger_domain(world.node.chain_id(), world.raw_address("ReceiptLedger")),
        )
        output = keccak256(b"what the cheat says the result is")
        receipt = Receipt(agreement, UNITS, now - 300, now - 1, output, True)
        signature = self._device.sign(digest(domain, receipt.hash_struct()))
        figures = encode_figures([(agreement, UNITS)])
        relayer = self._session.parties.relayer
        nonce = int(world.read("ReceiptLedger", "nextNonce", policy, relayer))
        header = BatchHeader(policy, PRICE, nonce, now + DAY)
        signed = digest(domain, header.hash_struct(figures_hash(figures), batch_root(figures, output)))
        key = self._session.cast.relayer_key
        call = world.call("ReceiptLedger", "post", tuple(header), figures, output, [key.sign(signed)])
        self._session.deployer.send(call.to, call.data)
        ledger = Ledger(world.node, Registry(self._session.deployments).open(world.node))
        seen = FileEvidence(domain)
        seen.take("the cheat's receipt", _line_of(receipt, signature))
        judge = Judge(ledger, [seen], {agreement: DELIVERED})
        actor = Actor(ledger, KeySender(world.node, KeySigner(self._watcher)))
        said: list[str] = []
        return Watcher(ledger, judge, actor, first_block=world.node.block_number() - 5, say=said.append)

    # The jury

    def _rule(self, dispute: int, terms: DisputeTerms) -> None:
        """Evidence, draw, sealed votes, reveal, ruling."""
        world, deployer = self._world, self._session.deployer
        seen = world.read("Court", "disputeOf", dispute)
        self._pass_to(seen["deadline"] + terms.ruling_time // 32)  # until then secrets could be sealed
        deployer.send(world.address("Jury"), world.call("Jury", "fixBlock", dispute, 1).data)
        for _ in range(4):
            self._session.clock.tick(0)
        times = world.read("Jury", "deadlinesOf", dispute, 1)
        deployer.send(world.address("Jury"), world.call("Jury", "catchBlock", dispute, 1).data)
        self._pass_to(times["secrets"])
        deployer.send(world.address("Jury"), world.call("Jury", "draw", dispute, 1).data)
        seated = {seat["juror"].lower() for seat in world.read("Jury", "seatsOf", dispute, 1)}
        panel = [key for key in self._jurors if to_checksum(key.address).lower() in seated]
        for key in panel:
            salt = keccak256(b"salt" + key.secret)
            sealed = world.read("Jury", "voteHash", dispute, 1, to_checksum(key.address), DELIVERED, salt)
            self._send(key, world.call("Jury", "commitVote", dispute, 1, sealed))
        self._pass_to(times["commit"])
        for key in panel:
            salt = keccak256(b"salt" + key.secret)
            self._send(key, world.call("Jury", "revealVote", dispute, 1, DELIVERED, salt))
        self._pass_to(times["reveal"])
        deployer.send(world.address("Court"), world.call("Court", "rule", dispute).data)
        deployer.send(world.address("Jury"), world.call("Jury", "settle", dispute, 1).data)

    # What came of it

    def _reckon(self, agreement: int, dispute: int, terms: DisputeTerms, before: int) -> None:
        world = self._world
        view = world.read("Court", "disputeOf", dispute)
        decoder = EventDecoder({"Court": world.address("Court")})
        blocks = (self._session.first_block, world.node.block_number())
        logs = [*world.logs("Court", "Executed", *blocks), *world.logs("Court", "BondReturned", *blocks)]
        found = [event for event in map(decoder.decode, logs) if event is not None]
        moved = next(e.moved for e in found if isinstance(e, CourtExecuted) and e.dispute == dispute)
        back = sum(e.amount for e in found if isinstance(e, CourtBondReturned) and e.dispute == dispute)
        slash = moved.slash
        line = DisputeLine(
            agreement=agreement,
            kind="work",
            outcome={1: "upheld", 2: "rejected", 3: "silent"}[int(view["outcome"])],
            rounds=int(view["round"]),
            slashed=slash.slashed,
            to_victim=slash.to_victim + slash.recovered,
            to_challenger=slash.to_challenger,
            to_insurance=slash.to_insurance,
            bond_returned=back,
            refunded=self._free_of_customer() - before,
            paid=moved.paid,
            arbiter_fee=slash.fee,
        )
        self._result.lines.append(line)
        self._compare(line, terms)
        self._result.story = _told(line)

    def _compare(self, line: DisputeLine, terms: DisputeTerms) -> None:
        """Every figure against what the policy's terms say of so much delivered."""
        gross = DELIVERED * PRICE // 1_000_000
        pledge = PRICE * 1_000 // 10_000
        reward = pledge * terms.reward_bps // 10_000
        fee = gross * self._session.options.fee_bps // 10_000
        purse = self._balance("TestDollar", self._watcher)
        self._expect("paid for what was delivered", line.paid, gross)
        self._expect("refunded to the customer", line.refunded, PRICE - gross)
        self._expect("slashed", line.slashed, pledge * terms.slash_bps // 10_000)
        self._expect("to the challenger", line.to_challenger, reward)
        self._expect("to the insurance", line.to_insurance, pledge - reward)
        self._expect("the bond that came back", line.bond_returned, terms.min_bond)
        self._expect("the jury's fee", line.arbiter_fee, terms.arbiter_fee)
        self._expect("the watcher's wallet, bond and reward back in it", purse, PURSE + reward)
        received, _, _ = self._world.read("Escrow", "earningsOf", self._payee)
        self._expect("the cheat's earnings", int(received), gross - fee)

    def _expect(self, what: str, chain: int, terms: int) -> None:
        if chain != terms:
            self._result.differences.append(f"{what}: {chain} on the chain, {terms} by the terms")

    # Small things

    def _send(self, key: PrivateKey, *calls: Call) -> list[Any]:
        sender = KeySender(self._world.node, KeySigner(key))
        return [sender.send(call.to, call.data) for call in calls]

    def _pass(self, seconds: int) -> None:
        self._pass_to(self._world.node.timestamp() + seconds)

    def _pass_to(self, time: int) -> None:
        self._session.clock.jump(time)

    def _balance(self, token: str, key: PrivateKey) -> int:
        return int(self._world.read(token, "balanceOf", to_checksum(key.address)))

    def _free_of_customer(self) -> int:
        return int(self._world.read("Escrow", "balanceOf", self._account)[0])


def _line_of(receipt: Receipt, signature: bytes) -> bytes:
    """A signed receipt as marketplaces send it."""
    return json.dumps(
        {
            "agreement": receipt.agreement,
            "units": receipt.units,
            "periodStart": receipt.period_start,
            "periodEnd": receipt.period_end,
            "outputRoot": "0x" + receipt.output_root.hex(),
            "exclusive": receipt.exclusive,
            "signature": "0x" + signature.hex(),
        }
    ).encode()


def _told(line: DisputeLine) -> tuple[str, ...]:
    def money(micro: int) -> str:
        return format_amount(micro, CURRENCY)

    share = f"{DELIVERED / UNITS:.0%}"
    return (
        f"A provider signed for a whole task of {money(PRICE)} and had done {share} of it;"
        f" a watcher put {money(line.bond_returned)} down against it, and a jury ruled for the watcher.",
        f"price {money(PRICE)} = paid for what was done {money(line.paid)}"
        f" + refunded to the customer {money(line.refunded)}",
        f"slashed {money(line.slashed)} = victim {money(line.to_victim)} + watcher {money(line.to_challenger)}"
        f" + insurance {money(line.to_insurance)}; the watcher's bond came back,"
        f" and the cheat paid the jury's {money(line.arbiter_fee)} besides.",
    )
