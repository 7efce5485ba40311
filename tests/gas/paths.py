"""What the gas table measures of leases, signatures, splits, releases, credentials, and of what challenges and disputes
do to leaves and agreements: a market of its own.

One customer (account 1), one provider (operator 1, paid into account 2), a relayer (operator 2). Policies, all relayed
by it and with the default windows: 1 NONE, 2 TEE, 3 NONE with a KYC credential of both sides. Everything is signed
with fixed keys at fixed times, so the figures repeat to the unit.
"""

from __future__ import annotations

from typing import Any, Final

from tallystick.protocol import eip712, figures, merkle
from tallystick.protocol.eip712 import (
    Acceptance,
    BatchHeader,
    Credential,
    Domain,
    EarlyRefund,
    Replacement,
    Terms,
    TopUp,
)
from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.enums import CredentialKind, KeyKind, Mode, VerificationKind
from tallystick.protocol.hashing import keccak256
from tests.support.evm import Account, Bound, Receipt, account
from tests.support.system import DOLLAR, Role, System, deploy_system

DAY: Final = 86_400
CUSTOMER, PAYEE, SPLIT = 1, 2, 3  # accounts
PROVIDER, RELAYER = 1, 2  # operators
NONE, TEE, KYC = 1, 2, 3  # policies
MANY: Final = 100
NOBODY: Final = "0x" + "00" * 20


class Paths:
    """Plays the paths once and keeps gas by name."""

    def __init__(self) -> None:
        self.system: System = deploy_system()
        self.gas: dict[str, int] = {}
        self.nonce = 0
        self.posted = 0
        self.customer, self.provider = account("gas customer 0"), account("gas provider 0")
        self.relay, self.device = account("gas relay"), account("gas device")
        self.issuer, self.outsider = account("gas issuer"), account("gas outsider")
        self.members = [account(f"gas member {i}") for i in range(8)]
        self.metered: list[int] = []
        self.leases: list[int] = []
        self.start = 0

    def run(self) -> dict[str, int]:
        """Gas by name, in the order of the table."""
        self._stage()
        self._deposit()
        self._open()
        self._sign()
        self._split()
        self._session()
        self._self_post()
        self._release()
        self._clock()
        self._change()
        self._credentials()
        self._dispute()
        self._end()
        return self.gas

    def measure(
        self, name: str, contract: Bound, function: str, *values: object, sender: Account, per: int = 1
    ) -> Receipt:
        """Runs a transaction and keeps its gas, divided by `per` items and rounded up."""
        receipt = contract.transact(function, *values, sender=sender, measure=True)
        self.gas[name] = -(-receipt.gas // per)
        return receipt

    # Signing

    def _domain(self, contract: Bound) -> Domain:
        make = {"Escrow": eip712.escrow_domain, "ReceiptLedger": eip712.ledger_domain}
        make["Credentials"] = eip712.credentials_domain
        return make[contract.name](self.system.evm.chain_id, bytes.fromhex(contract.address[2:]))

    def _signed(self, who: Account, contract: Bound, hash_struct: bytes) -> bytes:
        return who.sign(eip712.digest(self._domain(contract), hash_struct))

    def _terms(self, **changes: Any) -> Terms:
        self.nonce += 1
        now = self.system.evm.now
        fields: dict[str, Any] = {
            "customer": CUSTOMER, "funder": CUSTOMER, "operator": PROVIDER, "payee": PAYEE, "mode": Mode.METERED,
            "policy": NONE, "max_fee_provider": 500, "max_fee_customer": 0, "unit_price": 600_000,
            "budget": 50 * DOLLAR, "max_budget": 100 * DOLLAR, "start": now, "expiry": now + 300 * DAY,
            "work_hash": keccak256(b"work"), "customer_nonce": self.nonce, "operator_nonce": self.nonce,
            "deadline": now + DAY,
        }  # fmt: skip
        return Terms(**{**fields, **changes})

    def _pair(self, terms: Terms) -> tuple[bytes, bytes]:
        escrow, hashed = self.system.escrow, terms.hash_struct()
        return self._signed(self.customer, escrow, hashed), self._signed(self.provider, escrow, hashed)

    def _opened(self, name: str | None, count: int, **changes: Any) -> list[int]:
        """Opens `count` alike, sent by somebody who holds both signatures."""
        offers = [self._terms(**changes) for _ in range(count)]
        values = ([tuple(terms) for terms in offers], [self._pair(terms) for terms in offers])
        if name is None:
            receipt = self.system.escrow.transact("open", *values, sender=self.outsider)
        else:
            receipt = self.measure(name, self.system.escrow, "open", *values, sender=self.outsider, per=count)
        assert all(receipt.result), receipt.events("OpenRefused")
        return list(receipt.result)

    def _receipt(
        self, agreement: int, units: int, *, accepts: Account | None = None, key: str = NOBODY
    ) -> tuple[Any, ...]:
        """A receipt by the device, accepted by `accepts` or by nobody."""
        ledger, now = self.system.ledger, self.system.evm.now
        claim = Claim(agreement, units, now - 60, now, keccak256(b"output %d %d" % (agreement, units)), False)
        accepted = b""
        if accepts is not None:
            accepted = self._signed(accepts, ledger, Acceptance(*claim[:5]).hash_struct())
        signed = self._signed(self.device, ledger, claim.hash_struct())
        no_verdicts: list[Any] = []
        return tuple(claim), signed, key, accepted, b"", no_verdicts

    # The steps

    def _stage(self) -> None:
        s = self.system
        s.register(self.provider, Role.PROVIDER, free=10**12)
        s.register(self.relay, Role.RELAYER, free=10**12)
        for operator, owner, kind, key in (
            (PROVIDER, self.provider, KeyKind.DEVICE, self.device),
            (RELAYER, self.relay, KeyKind.SIGNER, self.relay),
        ):
            s.staking.transact("authoriseKey", operator, int(kind), key.address, sender=owner)
        mask = {"customerCredentials": 1 << CredentialKind.KYC_CUSTOMER}
        mask["operatorCredentials"] = 1 << CredentialKind.KYC_PROVIDER
        s.add_policy(relayer=RELAYER, valueCap=10**13)
        s.add_policy(relayer=RELAYER, kind=int(VerificationKind.TEE), issuer=self.issuer.address)
        s.add_policy(relayer=RELAYER, issuer=self.issuer.address, **mask)
        for owner in (self.customer, self.provider):
            s.escrow.transact("createAccount", owner.address, sender=owner)
        s.fund(self.customer, 10**13, s.escrow)
        s.escrow.transact("deposit", CUSTOMER, 10**12, sender=self.customer)

    def _deposit(self) -> None:
        """With a permit, and by an authorisation that anybody carries."""
        s, owner = self.system, self.customer
        amount, deadline = 1_000 * DOLLAR, 2**40
        separator = s.currency.call("DOMAIN_SEPARATOR")

        def signed(declared: str, *fields: Any) -> tuple[int, bytes, bytes]:
            words = b"".join(
                bytes.fromhex(one[2:]).rjust(32, b"\0") if isinstance(one, str)
                else one if isinstance(one, bytes) else one.to_bytes(32, "big")
                for one in fields
            )  # fmt: skip
            message = keccak256(keccak256(declared.encode()) + words)
            signature = owner.sign(keccak256(b"\x19\x01" + separator + message))
            return signature[64], signature[:32], signature[32:64]

        permit = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        proof = signed(permit, owner.address, s.escrow.address, amount, 0, deadline)
        self.measure(
            "deposit with a permit",
            s.escrow,
            "depositWithPermit",
            CUSTOMER,
            amount,
            deadline,
            *proof,
            sender=owner,
        )
        given = "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
        ref = b"\x07" * 32
        nonce = keccak256(CUSTOMER.to_bytes(32, "big") + ref)
        proof = signed(given + "bytes32 nonce)", owner.address, s.escrow.address, amount, 0, deadline, nonce)
        values = (owner.address, CUSTOMER, amount, ref, 0, deadline, *proof)
        if "receiveWithAuthorization" not in s.currency.contract.functions:
            return  # BRIDGE of this session: until the test dollar has it
        name = "deposit by authorisation (ERC-3009), carried by anybody"
        self.measure(name, s.escrow, "depositWithAuthorization", *values, sender=self.outsider)

    def _open(self) -> None:
        self._opened(None, 1)  # the parties' first
        self.metered = self._opened(None, MANY + 1)
        term = {
            "mode": Mode.LEASE,
            "unit_price": 100_000_000,
            "budget": 400 * DOLLAR,
            "max_budget": 800 * DOLLAR,
        }
        self._opened(None, 1, **term)
        self.leases = self._opened("open leases, batch of 100, each", MANY, **term)
        self.leases += self._opened(None, 3, **term)
        self.start = self.system.evm.now

    def _sign(self) -> None:
        """Countersigned, steady (the payee and each agreement were paid before), and posted by anybody."""
        s, customer = self.system, self.customer
        s.evm.warp(60)
        first = [self._receipt(one, 1_000_000, accepts=customer) for one in self.metered]
        s.ledger.transact("collect", first[:60], sender=self.outsider)
        s.ledger.transact("collect", first[60:], sender=self.outsider)
        s.evm.warp(60)
        again = [self._receipt(one, 2_203_441, accepts=customer) for one in self.metered]
        self.measure(
            "collect one countersigned receipt", s.ledger, "collect", again[:1], sender=self.outsider
        )
        many = "collect countersigned receipts, batch of 100, each"
        receipt = self.measure(many, s.ledger, "collect", again[1:], sender=self.outsider, per=MANY)
        assert len(receipt.events("Collected")) == MANY
        s.evm.warp(DAY)
        signed = [self._receipt(one, 3_203_441) for one in self.metered[1:]]
        name = "post with full signatures when the relayer is silent, batch of 100, each"
        self.measure(name, s.ledger, "postSigned", NONE, signed, sender=self.outsider, per=MANY)

    def _split(self) -> None:
        s = self.system
        members, weights = [one.address for one in self.members], list(range(100, 108))
        name = "create a split of 8 members"
        self.measure(name, s.escrow, "createSplit", members, weights, sender=self.outsider)
        (agreement,) = self._opened(None, 1, payee=SPLIT)
        for units, claimed in (
            (1_000_000, "claim a share of a split of 8, the first time"),
            (2_000_000, "claim a share of a split of 8"),
        ):
            s.evm.warp(60)
            item = self._receipt(agreement, units, accepts=self.customer)
            s.ledger.transact("collect", [item], sender=self.outsider)
            values = (SPLIT, 3, members, weights, members[3])
            self.measure(claimed, s.escrow, "claimShare", *values, sender=self.members[3])

    def _session(self) -> None:
        s, key = self.system, account("gas session")
        grant = (CUSTOMER, key.address, s.evm.now + DAY, 10 * DOLLAR)
        none: list[int] = []
        self.measure("grant a session key", s.session_keys, "grant", *grant, none, sender=self.customer)
        for units in (4_000_000, 4_500_000):
            s.evm.warp(60)
            item = self._receipt(self.metered[0], units, accepts=key, key=key.address)
            name = "collect one receipt that a session key accepted"
            self.measure(name, s.ledger, "collect", [item], sender=self.outsider)

    def _self_post(self) -> None:
        s = self.system
        s.evm.warp(60)
        item = self._receipt(self.metered[0], 5_000_000)
        receipt = self.measure("self-post one receipt", s.ledger, "selfPost", [item], sender=self.provider)
        (batch,) = receipt.result
        assert batch
        s.evm.warp(3 * DAY)
        figure = figures.encode_figure(self.metered[0], 5_000_000)
        self.measure(
            "settle a self-post, bond returned", s.ledger, "settle", batch, figure, sender=self.outsider
        )

    def _post(self, units: int) -> tuple[int, bytes, bytes]:
        """The relayer posts all metered agreements but the first."""
        ledger = self.system.ledger
        pairs = [(one, units) for one in self.metered]
        packed = figures.encode_figures(pairs)
        outputs = b"".join(keccak256(b"output %d %d" % pair) for pair in pairs)
        header = BatchHeader(policy=NONE, value=10**12, nonce=self.posted, deadline=2**40 - 1)
        no_signatures: list[bytes] = []
        ledger.transact("post", tuple(header), packed, outputs, no_signatures, sender=self.relay)
        self.posted += 1
        return eip712.batch_number(NONE, RELAYER, header.nonce), packed, outputs

    def _release(self) -> None:
        s = self.system
        number, packed, outputs = self._post(6_000_000)
        leaves = figures.leaves(packed, outputs)
        items = [
            (number, i, packed[18 * i : 18 * i + 18], outputs[32 * i : 32 * i + 32], merkle.proof(leaves, i))
            for i in range(MANY + 1)
        ]
        self.measure("release one posted leaf at once", s.ledger, "release", items[:1], sender=self.provider)
        name = "release posted leaves at once, batch of 100, each"
        receipt = self.measure(name, s.ledger, "release", items[1:], sender=self.provider, per=MANY)
        assert len(receipt.events("Released")) == MANY
        s.evm.warp(DAY)
        self.measure("finalise one release", s.ledger, "finalise", number, [0], sender=self.outsider)
        rest = list(range(1, MANY + 1))
        self.measure(
            "finalise releases, batch of 100, each",
            s.ledger,
            "finalise",
            number,
            rest,
            sender=self.outsider,
            per=MANY,
        )
        number, _, _ = self._post(7_000_000)
        self.measure("cancel a batch", s.ledger, "cancel", number, sender=s.admin)

    def _clock(self) -> None:
        """Leases paid by their clocks, steady: each was paid before."""
        s = self.system
        one, many = self.leases[:1], self.leases[:MANY]
        s.evm.warp(DAY)
        s.escrow.transact("poke", many, sender=self.outsider)
        s.evm.warp(3_600)
        self.measure("settle a lease by the clock, alone", s.escrow, "poke", one, sender=self.outsider)
        s.evm.warp(3_600)
        name = "settle leases by the clock, batch of 100, each"
        receipt = self.measure(name, s.escrow, "poke", many, sender=self.outsider, per=MANY)
        assert len(receipt.events("Settled")) == MANY
        item = self._receipt(self.leases[0], 600)
        self.measure("report a lease's downtime", s.ledger, "reportDowntime", [item], sender=self.outsider)

    def _change(self) -> None:
        s = self.system
        lease, old = self.leases[MANY], self.leases[MANY + 1]
        consent = self._signed(self.provider, s.escrow, TopUp(lease, 900 * DOLLAR, 2**40 - 1).hash_struct())
        values = (lease, 900 * DOLLAR, 2**40 - 1, consent)
        self.measure(
            "top up, with the operator's signature", s.escrow, "topUpSigned", *values, sender=self.customer
        )
        terms = self._terms()
        pair = self._pair(terms)
        receipt = s.escrow.transact("open", [tuple(terms)], [pair], sender=self.outsider)
        (metered,) = receipt.result
        more = (metered, 60 * DOLLAR, tuple(terms), pair)
        self.measure("top up, with the Terms", s.escrow, "topUp", *more, sender=self.customer)
        new = self._terms(
            mode=Mode.LEASE, unit_price=90_000_000, budget=200 * DOLLAR, max_budget=200 * DOLLAR
        )
        served = s.evm.now - self.start - 60
        hashed = Replacement(old, served, new).hash_struct()
        names = (self.customer, None, self.provider, None)
        signatures = tuple(self._signed(who, s.escrow, hashed) if who else b"" for who in names)
        change = (old, served, tuple(new), signatures)
        self.measure("replace a lease by another", s.escrow, "replace", *change, sender=self.outsider)

    def _credentials(self) -> None:
        s = self.system
        subjects = [account(f"gas subject {i}") for i in range(MANY)]
        items = [self._credential(CredentialKind.KYC_CUSTOMER, one) for one in subjects]
        values = [tuple(one) for one, _ in items], [signature for _, signature in items]
        name = "post credentials, batch of 100, each"
        self.measure(name, s.credentials, "post", *values, sender=self.outsider, per=MANY)
        (lease,) = self._opened(None, 1, mode=Mode.LEASE, policy=TEE, unit_price=100_000_000)
        for kind, subject, binding in (
            (CredentialKind.KYC_CUSTOMER, self.customer, 0),
            (CredentialKind.KYC_PROVIDER, self.provider, 0),
            (CredentialKind.TEE, self.device, lease),
        ):
            item, signature = self._credential(kind, subject, binding)
            s.credentials.transact("post", [tuple(item)], [signature], sender=self.outsider)
        self._opened("open one agreement with a credential of both sides", 1, policy=KYC)
        values_ = (lease, self.device.address)
        self.measure("begin a lease in a TEE", s.escrow, "begin", *values_, sender=self.provider)

    def _credential(
        self, kind: CredentialKind, subject: Account, binding: int = 0
    ) -> tuple[Credential, bytes]:
        s = self.system
        raw = Credential(
            bytes.fromhex(self.issuer.address[2:]), kind, bytes.fromhex(subject.address[2:]),
            binding.to_bytes(32, "big"), b"\x01" * 32, 2**40 - 1, 1,
        )  # fmt: skip
        signature = self._signed(self.issuer, s.credentials, raw.hash_struct())
        named = raw._replace(issuer=self.issuer.address, subject=subject.address)  # type: ignore[arg-type]
        return named, signature

    def _dispute(self) -> None:
        """By stand-ins of Challenges and Court, so without what these do themselves."""
        s, challenges, court = self.system, account("challenges"), account("court")
        number, packed, outputs = self._post(8_000_000)
        proof = merkle.proof(figures.leaves(packed, outputs), 5)
        leaf = (number, 5, packed[90:108], outputs[160:192], proof)
        self.measure("block a leaf under challenge", s.ledger, "hold", leaf, sender=challenges)
        end = (number, 5, self.metered[5], 0)
        self.measure("unblock a leaf that was answered", s.ledger, "unhold", *end, sender=challenges)

        # Two dollars of what was paid do not stand: the victim has them of the pledge, which is five dollars; two more
        # are slashed, for the challenger and the insurance. None of the three had a credit before.
        bad, running = self.metered[0], self.metered[1]
        paid = s.escrow.call("agreementOf", bad)["paid"]
        self.measure("freeze an agreement", s.escrow, "freeze", bad, sender=court)
        name = "close an agreement by a ruling: recover, slash, refund, three parties credited"
        order = self._ruling(bad, paid - 2 * DOLLAR, closes=True, slash=2 * DOLLAR)
        receipt = self.measure(name, s.escrow, "executeRuling", order, sender=court)
        assert receipt.result["slash"]["recovered"] == receipt.result["slash"]["slashed"] == 2 * DOLLAR
        (again,) = self._opened(None, 1)
        s.escrow.transact("freeze", again, sender=court)
        s.escrow.transact("executeRuling", self._ruling(again, 10 * DOLLAR, closes=False), sender=court)
        order = self._ruling(again, 8 * DOLLAR, closes=True, slash=2 * DOLLAR)
        self.measure(f"{name}, again", s.escrow, "executeRuling", order, sender=court)
        s.escrow.transact("freeze", running, sender=court)
        paid = s.escrow.call("agreementOf", running)["paid"]
        order = self._ruling(running, paid + DOLLAR, closes=False)
        name = "pay by a ruling, after which the agreement runs on"
        self.measure(name, s.escrow, "executeRuling", order, sender=court)
        values = (running, s.evm.now + 5 * DAY)
        self.measure("clear a frozen agreement", s.escrow, "clear", *values, sender=court)

    def _ruling(self, agreement: int, amount: int, *, closes: bool, slash: int = 0) -> tuple[Any, ...]:
        hunter = self.outsider.address
        return (agreement, amount, closes, False, 0, 0, 0, 0, slash, 0, NOBODY, hunter, 2_000, 1)

    def _end(self) -> None:
        s = self.system
        self.measure("close a lease by the provider", s.escrow, "close", self.leases[0], sender=self.provider)
        (early,) = self._opened(None, 1)
        s.escrow.transact("close", early, sender=self.provider)
        s.evm.warp(60)
        consent = self._signed(self.provider, s.escrow, EarlyRefund(early, 2**40 - 1).hash_struct())
        values = (early, 2**40 - 1, consent)
        name = "refund early, with the operator's signature"
        self.measure(name, s.escrow, "refundEarly", *values, sender=self.customer)
        for one in self.metered[1:]:
            s.escrow.transact("close", one, sender=self.provider)
        s.evm.warp(20 * DAY)
        name = "refund many, batch of 100, each"
        receipt = self.measure(name, s.escrow, "refundMany", self.metered[1:], sender=self.outsider, per=MANY)
        assert len(receipt.events("Closed")) == MANY
