"""Credentials: who may state what, for how long, and what a bad item of a batch does (nothing)."""

from __future__ import annotations

from typing import Any, Final

import pytest
from eth_account.messages import encode_typed_data

from tallystick.protocol.hashing import keccak256
from tests.support.evm import CHAIN_ID, Account, Bound, Evm, Receipt, account, reverts

ISSUER, SUBJECT, DEVICE, EVE, RELAYER = (
    account(name) for name in ("issuer", "subject", "device", "eve", "relayer")
)
ZERO: Final = "0x" + "00" * 20
NO_HASH: Final = bytes(32)
DAY: Final = 86_400
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141

KYC_PROVIDER, KYC_CUSTOMER, SANCTIONS, REGION = 0, 1, 2, 3
HARDWARE_CLASS, TEE, AUDIT = 8, 9, 10
BAD_SIGNATURE, STALE_NONCE, EXPIRED, BAD_BINDING, ZERO_SUBJECT = 1, 2, 3, 4, 5
AGREEMENT: Final = (7 << 32 | 0xABCDEF01).to_bytes(32, "big")

_TYPES: Final = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Credential": [
        {"name": "issuer", "type": "address"},
        {"name": "kind", "type": "uint8"},
        {"name": "subject", "type": "address"},
        {"name": "binding", "type": "bytes32"},
        {"name": "value", "type": "bytes32"},
        {"name": "expiresAt", "type": "uint40"},
        {"name": "nonce", "type": "uint64"},
    ],
    "Revocation": [
        {"name": "issuer", "type": "address"},
        {"name": "kind", "type": "uint8"},
        {"name": "subject", "type": "address"},
        {"name": "binding", "type": "bytes32"},
        {"name": "nonce", "type": "uint64"},
    ],
}


class Desk:
    """The contract, and the shapes of what an issuer signs."""

    def __init__(self, evm: Evm | None = None) -> None:
        self.evm = evm or Evm()
        self.book: Bound = self.evm.deploy("Credentials")

    def credential(self, **changes: Any) -> dict[str, Any]:
        return {
            "issuer": ISSUER.address,
            "kind": KYC_PROVIDER,
            "subject": SUBJECT.address,
            "binding": NO_HASH,
            "value": NO_HASH,
            "expiresAt": self.evm.now + 30 * DAY,
            "nonce": 1,
        } | changes

    def revocation(self, **changes: Any) -> dict[str, Any]:
        fields = ("issuer", "kind", "subject", "binding", "nonce")
        plain = {name: self.credential()[name] for name in fields} | {"nonce": 2}
        return plain | changes

    def sign(
        self, message: dict[str, Any], by: Account = ISSUER, *, book: Bound | None = None, **domain: Any
    ) -> bytes:
        """65 bytes by eth-account's hashing, which knows nothing of ours."""
        primary = "Credential" if "value" in message else "Revocation"
        signable = encode_typed_data(
            full_message={
                "types": {name: _TYPES[name] for name in ("EIP712Domain", primary)},
                "primaryType": primary,
                "domain": {
                    "name": "Tallystick Credentials",
                    "version": "1",
                    "chainId": CHAIN_ID,
                    "verifyingContract": (book or self.book).address,
                }
                | domain,
                "message": message,
            }
        )
        return by.sign(keccak256(b"\x19" + signable.version + signable.header + signable.body))

    def post(self, *items: tuple[dict[str, Any], bytes], sender: Account = RELAYER) -> Receipt:
        given = [tuple(message.values()) for message, _ in items]
        return self.book.transact("post", given, [signature for _, signature in items], sender=sender)

    def revoke(self, *items: tuple[dict[str, Any], bytes], sender: Account = RELAYER) -> Receipt:
        given = [tuple(message.values()) for message, _ in items]
        return self.book.transact("revoke", given, [signature for _, signature in items], sender=sender)

    def grant(self, **changes: Any) -> Receipt:
        """Posts a well signed credential that must be taken."""
        message = self.credential(**changes)
        receipt = self.post((message, self.sign(message)))
        assert not receipt.events("CredentialRefused")
        return receipt

    def withdraw(self, **changes: Any) -> Receipt:
        message = self.revocation(**changes)
        receipt = self.revoke((message, self.sign(message)))
        assert not receipt.events("CredentialRefused")
        return receipt

    def good(self, time: int | None = None, **of: Any) -> bool:
        c = self.credential(**of)
        at = self.evm.now if time is None else time
        return bool(self.book.call("isValid", c["issuer"], c["kind"], c["subject"], c["binding"], at))

    def record(self, **of: Any) -> dict[str, Any]:
        c = self.credential(**of)
        found = self.book.call("recordOf", c["issuer"], c["kind"], c["subject"], c["binding"])
        return dict(found)

    def only_fault(self, receipt: Receipt) -> int:
        """The one refusal of a call with one item."""
        (only,) = receipt.logs
        assert (only.name, only.args["index"]) == ("CredentialRefused", 0)
        return int(only.args["reason"])


@pytest.fixture
def desk() -> Desk:
    return Desk()


# Posting


def test_post__signed_by_the_issuer__is_kept_and_told(desk: Desk) -> None:
    now = desk.evm.now
    receipt = desk.grant(value=b"\5" * 32, nonce=3)
    assert receipt.event("CredentialPosted").args == {
        "issuer": ISSUER.address,
        "subject": SUBJECT.address,
        "kind": KYC_PROVIDER,
        "binding": NO_HASH,
        "value": b"\5" * 32,
        "validFrom": now,
        "expiresAt": now + 30 * DAY,
        "nonce": 3,
    }
    assert desk.record() == {
        "validFrom": now,
        "expiresAt": now + 30 * DAY,
        "revokedAt": 0,
        "nonce": 3,
        "value": b"\5" * 32,
    }
    ends = now + 30 * DAY
    assert [desk.good(at) for at in (0, now - 1, now, ends - 1, ends, 2**40 - 1)] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_post__by_the_issuer_itself__needs_no_signature(desk: Desk) -> None:
    assert not desk.post((desk.credential(), b""), sender=ISSUER).events("CredentialRefused")
    assert desk.good()
    assert desk.only_fault(desk.post((desk.credential(nonce=2), b""))) == BAD_SIGNATURE


def test_hashes__agree_with_eth_account(desk: Desk) -> None:
    credential = desk.credential(kind=TEE, binding=AGREEMENT, value=b"\7" * 32, nonce=2**64 - 1)
    revocation = desk.revocation(kind=TEE, binding=AGREEMENT)
    for function, message in (("hashCredential", credential), ("hashRevocation", revocation)):
        primary = "Credential" if function == "hashCredential" else "Revocation"
        signable = encode_typed_data(
            full_message={
                "types": {name: _TYPES[name] for name in ("EIP712Domain", primary)},
                "primaryType": primary,
                "domain": {
                    "name": "Tallystick Credentials",
                    "version": "1",
                    "chainId": CHAIN_ID,
                    "verifyingContract": desk.book.address,
                },
                "message": message,
            }
        )
        assert desk.book.call(function, tuple(message.values())) == signable.body


@pytest.mark.parametrize("field", ["kind", "subject", "value", "expiresAt", "nonce", "issuer"])
def test_post__another_word_than_was_signed__is_refused(desk: Desk, field: str) -> None:
    signed = desk.credential()
    changed = {
        "kind": KYC_CUSTOMER,
        "subject": EVE.address,
        "value": b"\1" * 32,
        "expiresAt": signed["expiresAt"] + 1,
        "nonce": 2,
        "issuer": EVE.address,
    }
    signature = desk.sign(signed)
    assert desk.only_fault(desk.post((signed | {field: changed[field]}, signature))) == BAD_SIGNATURE
    assert desk.only_fault(desk.post((signed, desk.sign(signed, EVE)))) == BAD_SIGNATURE
    assert not desk.good()


def test_post__tee_of_another_agreement_than_was_signed__is_refused(desk: Desk) -> None:
    signed = desk.credential(kind=TEE, subject=DEVICE.address, binding=AGREEMENT, value=b"\7" * 32)
    moved = signed | {"binding": b"\1" * 32}
    assert desk.only_fault(desk.post((moved, desk.sign(signed)))) == BAD_SIGNATURE
    desk.post((signed, desk.sign(signed)))
    assert desk.good(kind=TEE, subject=DEVICE.address, binding=AGREEMENT)
    assert not desk.good(kind=TEE, subject=DEVICE.address, binding=b"\1" * 32)


def test_post__signed_for_another_chain_contract_name_or_version__is_refused(desk: Desk) -> None:
    message = desk.credential()
    other = Desk(desk.evm)
    for signature in (
        desk.sign(message, chainId=1),
        desk.sign(message, book=other.book),
        desk.sign(message, name="Tallystick Escrow"),
        desk.sign(message, version="2"),
    ):
        assert desk.only_fault(desk.post((message, signature))) == BAD_SIGNATURE
    assert not desk.good()


def test_post__malleable_short_or_empty_signatures__are_refused(desk: Desk) -> None:
    message = desk.credential()
    good = desk.sign(message)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    flipped = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])  # the same signature, written otherwise
    for signature in (flipped, good[:64], good + b"\0", b"", bytes(65)):
        assert desk.only_fault(desk.post((message, signature))) == BAD_SIGNATURE
    desk.post((message, good))
    assert desk.good()


def test_post__replayed_or_older__is_refused(desk: Desk) -> None:
    old, new = desk.credential(nonce=5), desk.credential(nonce=6, value=b"\2" * 32)
    signed = desk.sign(old)
    desk.post((old, signed))
    assert desk.only_fault(desk.post((old, signed))) == STALE_NONCE
    desk.post((new, desk.sign(new)))
    assert desk.only_fault(desk.post((old, signed))) == STALE_NONCE
    assert desk.record()["value"] == b"\2" * 32
    zero = desk.credential(nonce=0, subject=EVE.address)
    assert desk.only_fault(desk.post((zero, desk.sign(zero)))) == STALE_NONCE


def test_post__expired__is_refused(desk: Desk) -> None:
    for ends in (0, desk.evm.now - 1, desk.evm.now):
        message = desk.credential(expiresAt=ends)
        assert desk.only_fault(desk.post((message, desk.sign(message)))) == EXPIRED
    message = desk.credential(expiresAt=desk.evm.now + 1)
    desk.post((message, desk.sign(message)))
    assert desk.good()
    desk.evm.warp(1)
    assert not desk.good()


def test_post__binding__is_for_tee_and_for_tee_alone(desk: Desk) -> None:
    for kind, binding in ((TEE, NO_HASH), (KYC_PROVIDER, AGREEMENT), (AUDIT, b"\0" * 31 + b"\1")):
        message = desk.credential(kind=kind, binding=binding)
        assert desk.only_fault(desk.post((message, desk.sign(message)))) == BAD_BINDING
        back = desk.revocation(kind=kind, binding=binding)
        assert desk.only_fault(desk.revoke((back, desk.sign(back)))) == BAD_BINDING


def test_post__about_nobody__is_refused(desk: Desk) -> None:
    message, back = desk.credential(subject=ZERO), desk.revocation(subject=ZERO)
    assert desk.only_fault(desk.post((message, desk.sign(message)))) == ZERO_SUBJECT
    assert desk.only_fault(desk.revoke((back, desk.sign(back)))) == ZERO_SUBJECT


def test_post__by_nobody__is_refused(desk: Desk) -> None:
    message = desk.credential(issuer=ZERO)
    for signature in (b"", bytes(65), desk.sign(message)):
        assert desk.only_fault(desk.post((message, signature))) == BAD_SIGNATURE


def test_post__a_bad_item_among_good_ones__holds_up_nobody(desk: Desk) -> None:
    first, second, third = (desk.credential(kind=kind) for kind in (KYC_PROVIDER, SANCTIONS, AUDIT))
    late = desk.credential(kind=REGION, expiresAt=1)
    receipt = desk.post(
        (first, desk.sign(first)),
        (second, desk.sign(first)),
        (late, desk.sign(late)),
        (third, desk.sign(third)),
        (third, desk.sign(third)),
    )
    assert [log.args["kind"] for log in receipt.events("CredentialPosted")] == [KYC_PROVIDER, AUDIT]
    refused = [
        (log.args["index"], log.args["issuer"], log.args["reason"])
        for log in receipt.events("CredentialRefused")
    ]
    assert refused == [
        (1, ISSUER.address, BAD_SIGNATURE),
        (2, ISSUER.address, EXPIRED),
        (4, ISSUER.address, STALE_NONCE),
    ]


def test_post__too_many_or_unequal_lists__are_refused(desk: Desk) -> None:
    one = tuple(desk.credential().values())
    back = tuple(desk.revocation().values())
    for function, item in (("post", one), ("revoke", back)):
        with reverts("Credentials_LengthMismatch"):
            desk.book.transact(function, [item], [], sender=EVE)
        with reverts("Credentials_TooManyItems", items=257):
            desk.book.transact(function, [item] * 257, [b""] * 257, sender=EVE)
        assert len(desk.book.transact(function, [item] * 256, [b""] * 256, sender=EVE).logs) == 256
        assert desk.book.transact(function, [], [], sender=EVE).logs == ()


# Renewal: what backs a leaf is judged by what was valid when it was posted


def test_renewal__before_the_end_and_with_the_same_value__keeps_its_beginning(desk: Desk) -> None:
    start = desk.evm.now
    desk.grant(nonce=1, value=b"\7" * 32, expiresAt=start + 100)
    desk.evm.warp(99)
    desk.grant(nonce=2, value=b"\7" * 32, expiresAt=start + 500)
    assert desk.record()["validFrom"] == start
    assert [desk.good(start + after) for after in (0, 99, 100, 499, 500)] == [True] * 4 + [False]


@pytest.mark.parametrize("how", ["expired", "revoked", "another value"])
def test_renewal__after_a_gap_or_with_another_value__begins_anew(desk: Desk, how: str) -> None:
    start = desk.evm.now
    desk.grant(nonce=1, value=b"\7" * 32, expiresAt=start + 100)
    if how == "revoked":
        desk.withdraw(nonce=2)
    desk.evm.warp(100 if how == "expired" else 50)
    now = desk.evm.now
    desk.grant(nonce=3, value=b"\x08" * 32 if how == "another value" else b"\7" * 32, expiresAt=start + 500)
    assert (desk.record()["validFrom"], desk.record()["revokedAt"]) == (now, 0)
    assert [desk.good(at) for at in (start, now - 1, now)] == [False, False, True]


def test_renewal__may_shorten(desk: Desk) -> None:
    start = desk.evm.now
    desk.grant(nonce=1, expiresAt=start + 500)
    desk.grant(nonce=2, expiresAt=start + 10)
    assert [desk.good(start + after) for after in (9, 10)] == [True, False]


# Revocation


def test_revoke__ends_it_at_once_and_not_before(desk: Desk) -> None:
    start = desk.evm.now
    desk.grant()
    desk.evm.warp(50)
    receipt = desk.withdraw()
    assert receipt.event("CredentialRevoked").args == {
        "issuer": ISSUER.address,
        "subject": SUBJECT.address,
        "kind": KYC_PROVIDER,
        "binding": NO_HASH,
        "revokedAt": start + 50,
        "nonce": 2,
    }
    assert [desk.good(start + after) for after in (0, 49, 50, 51)] == [True, True, False, False]


def test_revoke__again__moves_no_end(desk: Desk) -> None:
    start = desk.evm.now
    desk.grant()
    desk.withdraw(nonce=2)
    desk.evm.warp(50)
    receipt = desk.withdraw(nonce=3)
    assert receipt.event("CredentialRevoked").args["revokedAt"] == start
    assert (desk.record()["revokedAt"], desk.record()["nonce"]) == (start, 3)
    assert not desk.good(start + 49)


def test_revoke__before_the_credential_it_forbids__keeps_that_out(desk: Desk) -> None:
    desk.withdraw(nonce=4)
    message = desk.credential(nonce=4)
    assert desk.only_fault(desk.post((message, desk.sign(message)))) == STALE_NONCE
    assert not desk.good()
    desk.evm.warp(5)
    desk.grant(nonce=5)
    assert desk.good()
    assert not desk.good(desk.evm.now - 1)


def test_revoke__by_another_or_replayed__is_refused(desk: Desk) -> None:
    desk.grant()
    message = desk.revocation()
    assert desk.only_fault(desk.revoke((message, desk.sign(message, EVE)))) == BAD_SIGNATURE
    assert desk.only_fault(desk.revoke((message, desk.sign(desk.credential(nonce=2))))) == BAD_SIGNATURE
    assert desk.only_fault(desk.revoke((message, desk.sign(message, chainId=1)))) == BAD_SIGNATURE
    assert desk.good()
    stale = desk.revocation(nonce=1)
    assert desk.only_fault(desk.revoke((stale, desk.sign(stale)))) == STALE_NONCE
    assert desk.good()
    desk.revoke((message, b""), sender=ISSUER)
    assert not desk.good()
    desk.grant(nonce=3)
    assert desk.only_fault(desk.revoke((message, desk.sign(message)))) == STALE_NONCE
    assert desk.good()


def test_records__of_one_issuer_kind_and_subject__are_nobody_elses(desk: Desk) -> None:
    desk.grant()
    assert not desk.good(kind=KYC_CUSTOMER)
    assert not desk.good(subject=EVE.address)
    assert not desk.good(issuer=EVE.address)
    message = desk.credential(issuer=EVE.address, nonce=1)
    desk.post((message, desk.sign(message, EVE)))
    assert desk.good(issuer=EVE.address)
    desk.withdraw()
    assert desk.good(issuer=EVE.address)


# What policies ask


def test_is_valid_as__one_value__is_the_only_one_that_counts(desk: Desk) -> None:
    desk.grant(kind=TEE, subject=DEVICE.address, binding=AGREEMENT, value=b"\7" * 32)
    asked = (ISSUER.address, TEE, DEVICE.address, AGREEMENT)
    answers = [
        desk.book.call("isValidAs", *asked, value, desk.evm.now + after)
        for value, after in ((b"\7" * 32, 0), (NO_HASH, 0), (b"\x08" * 32, 0), (b"\7" * 32, 30 * DAY))
    ]
    assert answers == [True, True, False, False]


def test_meets__all_kinds_of_the_mask__and_an_empty_one_always(desk: Desk) -> None:
    def meets(mask: int, who: str = SUBJECT.address) -> bool:
        return bool(desk.book.call("meets", ISSUER.address, mask, who))

    assert meets(0)
    assert meets(0, EVE.address)
    desk.grant(kind=KYC_PROVIDER)
    desk.grant(kind=AUDIT)
    assert meets(1 << KYC_PROVIDER)
    assert meets(1 << KYC_PROVIDER | 1 << AUDIT)
    assert not meets(1 << KYC_PROVIDER | 1 << AUDIT | 1 << SANCTIONS)
    assert not meets(1 << KYC_PROVIDER, EVE.address)
    desk.evm.warp(30 * DAY)
    assert not meets(1 << KYC_PROVIDER)


@pytest.mark.parametrize("function", ["meets", "meetsAs"])
def test_meets__tee_or_kinds_that_there_are_not__never(desk: Desk, function: str) -> None:
    desk.grant(kind=TEE, subject=SUBJECT.address, binding=AGREEMENT)
    rest = (1, 276) if function == "meetsAs" else ()
    for mask in (1 << TEE, 1 << 11, 1 << 15, 0xFFFF):
        assert not desk.book.call(function, ISSUER.address, mask, SUBJECT.address, *rest)


def test_meets_as__region_and_hardware__must_be_what_the_operator_says(desk: Desk) -> None:
    def meets(mask: int, hardware: int, region: int) -> bool:
        return bool(desk.book.call("meetsAs", ISSUER.address, mask, SUBJECT.address, hardware, region))

    desk.grant(kind=REGION, value=(276).to_bytes(32, "big"))
    desk.grant(kind=HARDWARE_CLASS, value=(2).to_bytes(32, "big"))
    desk.grant(kind=KYC_PROVIDER, value=b"\x09" * 32)
    both = 1 << REGION | 1 << HARDWARE_CLASS | 1 << KYC_PROVIDER
    assert meets(both, 2, 276)
    assert not meets(both, 1, 276)
    assert not meets(both, 2, 250)
    assert not meets(both, 2, 0)  # a region that is not said is not any region
    assert meets(1 << REGION, 1, 276)
    assert meets(1 << HARDWARE_CLASS, 2, 0)
    assert meets(1 << KYC_PROVIDER, 4, 9)
    assert meets(0, 4, 9)
    assert not meets(1 << SANCTIONS, 2, 276)
    # 276 in the low bits of something greater is not 276.
    desk.grant(kind=REGION, value=b"\1" + (276).to_bytes(31, "big"), nonce=2)
    assert not meets(1 << REGION, 2, 276)


# Issuers that are contracts


def test_wallet__that_answers_honestly__issues_and_revokes(desk: Desk) -> None:
    wallet = desk.evm.deploy("WalletMock", ISSUER.address)
    message = desk.credential(issuer=wallet.address)
    assert desk.only_fault(desk.post((message, desk.sign(message, EVE)))) == BAD_SIGNATURE
    desk.post((message, desk.sign(message)))
    assert desk.good(issuer=wallet.address)
    back = desk.revocation(issuer=wallet.address)
    desk.revoke((back, desk.sign(back)))
    assert not desk.good(issuer=wallet.address)


@pytest.mark.parametrize("answer", [2, 3, 4, 5, 7, 8, 9])  # NO, EMPTY, SHORT, DIRTY, HUGE_NO, REVERTS, BURNS
def test_wallet__that_lies_or_burns_gas__is_refused_and_holds_up_nobody(desk: Desk, answer: int) -> None:
    wallet = desk.evm.deploy("WalletMock", ISSUER.address)
    wallet.transact("setAnswer", answer, ZERO, b"", NO_HASH, sender=EVE)
    hostile = desk.credential(issuer=wallet.address)
    honest = desk.credential()
    given = [(hostile, desk.sign(hostile)), (honest, desk.sign(honest))]
    items, signatures = [tuple(message.values()) for message, _ in given], [sig for _, sig in given]
    receipt = desk.book.transact("post", items, signatures, sender=EVE, measure=True)
    assert [log.name for log in receipt.logs] == ["CredentialRefused", "CredentialPosted"]
    assert receipt.events("CredentialRefused")[0].args["reason"] == BAD_SIGNATURE
    assert receipt.gas < 400_000  # 200 000 for the wallet at most
    assert desk.good()
    assert not desk.good(issuer=wallet.address)


def test_wallet__cannot_write_while_it_is_asked(desk: Desk) -> None:
    wallet = desk.evm.deploy("WalletMock", ISSUER.address)
    inner = desk.credential(issuer=wallet.address, kind=AUDIT)
    call = desk.book.encode("post", [tuple(inner.values())], [b""])
    wallet.transact("setAnswer", 10, desk.book.address, call, NO_HASH, sender=EVE)  # CALLS
    outer = desk.credential(issuer=wallet.address)
    assert desk.only_fault(desk.post((outer, b""))) == BAD_SIGNATURE
    assert not desk.good(issuer=wallet.address, kind=AUDIT)
    wallet.transact("execute", desk.book.address, call, sender=EVE)  # by itself it may
    assert desk.good(issuer=wallet.address, kind=AUDIT)


def test_gas__a_batch__is_cheap_enough_for_a_relayer(desk: Desk) -> None:
    messages = [
        desk.credential(subject=account(f"subject {i}").address, value=bytes([i + 1]) * 32) for i in range(50)
    ]
    items = [tuple(message.values()) for message in messages]
    signatures = [desk.sign(message) for message in messages]
    gas = desk.book.transact("post", items, signatures, sender=EVE, measure=True).gas
    assert gas / 50 < 65_000  # two new slots, an event, a recovery, 400 bytes of calldata
