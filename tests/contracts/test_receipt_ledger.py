"""Posting batches: who may, what, how much of it at a time, and the root that the chain computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from Crypto.Hash import keccak as other_keccak
from eth_account import Account as EthAccount

from tallystick.chain.abi import short_string
from tallystick.chain.contracts import load
from tallystick.protocol import eip712
from tallystick.protocol.enums import KeyKind
from tallystick.protocol.figures import batch_root, encode_figure, encode_figures
from tallystick.protocol.keys import CURVE_ORDER
from tests.support.escrow import DAY, MALLORY, OTTO, RITA, SIGNER, Desk, open_desk
from tests.support.evm import Account, Bound, Evm, Reverted, account, reverts
from tests.support.system import DOLLAR

FREE = 20_000 * DOLLAR  # the relayer's stake; ten times that may be in flight
LIMIT = 10 * FREE
SECOND, THIRD = account("second signer"), account("third signer")
BY_ADDRESS = sorted((SIGNER, SECOND, THIRD), key=lambda who: who.address)


def h(data: bytes) -> bytes:
    return other_keccak.new(digest_bits=256, data=data).digest()


def oracle_root(figures: bytes, outputs: bytes) -> bytes:
    """From PROTOCOL section 5, recursively: node j = H(sorted(2j+1, 2j+2)), leaf i at 2n-2-i; another Keccak."""
    n = len(figures) // 18
    by_place = {
        2 * n - 2 - i: h(i.to_bytes(2, "big") + figures[18 * i : 18 * i + 18] + outputs[32 * i : 32 * i + 32])
        for i in range(n)
    }

    def node(j: int) -> bytes:
        return by_place[j] if j in by_place else h(b"".join(sorted((node(2 * j + 1), node(2 * j + 2)))))

    return node(0)


def figures_of(count: int) -> tuple[bytes, bytes]:
    """Figures whose every byte varies, and outputs."""
    rows = [
        (1 + (i << 48) + int.from_bytes(h(bytes([i % 256]))[:5], "big"), 2**79 + i**3) for i in range(count)
    ]
    return encode_figures(rows), b"".join(h(b"output %d" % i) for i in range(count))


def post(desk: Desk, encoded: bytes, outputs: bytes, signatures: Sequence[bytes] = (), **header: Any) -> int:
    """Posts raw bytes as Rita's signer key, so that the bytes alone decide."""
    head = tuple(desk.header(**header))
    receipt = desk.ledger.transact("post", head, encoded, outputs, list(signatures), sender=SIGNER)
    return int(receipt.result)


# The root


@pytest.mark.parametrize(
    "count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 100, 127, 129, 255, 256]
)
def test_root__on_chain__equals_the_protocols_and_the_oracles(count: int) -> None:
    desk = open_desk()
    encoded, outputs = figures_of(count)
    root = desk.ledger.call("rootOf", encoded, outputs)
    assert root == batch_root(encoded, outputs) == oracle_root(encoded, outputs)
    number = post(desk, encoded, outputs)
    batch = desk.ledger.call("batchOf", number)
    assert (batch["root"], batch["figuresHash"], batch["leaves"]) == (root, h(encoded), count)


def test_root__257_leaves__only_off_chain() -> None:
    desk = open_desk()
    encoded, outputs = figures_of(257)
    assert batch_root(encoded, outputs) == oracle_root(encoded, outputs)
    with reverts("ReceiptLedger_BadLength", figures=257 * 18, outputs=257 * 32):
        desk.ledger.call("rootOf", encoded, outputs)
    with reverts("ReceiptLedger_BadLength", figures=257 * 18, outputs=257 * 32):
        post(desk, encoded, outputs)


@pytest.mark.parametrize(
    ("figures", "outputs"),
    [(0, 0), (0, 32), (17, 32), (19, 32), (18, 31), (18, 33), (18, 64), (36, 32), (1, 0)],
)
def test_lengths__that_do_not_fit__refused(figures: int, outputs: int) -> None:
    desk = open_desk()
    for run in (desk.ledger.call, desk.ledger.transact):
        with reverts("ReceiptLedger_BadLength", figures=figures, outputs=outputs):
            if run == desk.ledger.call:
                desk.ledger.call("rootOf", b"\1" * figures, b"\2" * outputs)
            else:
                post(desk, b"\1" * figures, b"\2" * outputs)


@pytest.mark.parametrize(
    ("numbers", "place"),
    [([0], 0), ([0, 1], 0), ([5, 5], 1), ([5, 4], 1), ([1, 2, 2**64 - 1, 3], 3), ([1, 3, 2], 2)],
)
def test_agreements__zero_twice_or_out_of_order__refused(numbers: list[int], place: int) -> None:
    desk = open_desk()
    encoded = b"".join(encode_figure(number, 1) for number in numbers)
    with reverts("ReceiptLedger_NotRising", index=place):
        post(desk, encoded, bytes(32 * len(numbers)))
    assert desk.ledger.call("nextNonce", 1, 2) == 0


# Posting


def test_post__records_and_tells() -> None:
    desk = open_desk()
    agreement = desk.opened()
    encoded, outputs = encode_figures([(agreement, 5), (agreement + 1, 6)]), h(b"a") + h(b"b")
    header = desk.header(value=77)
    signature = SIGNER.sign(desk.batch_digest(header, encoded, outputs))
    receipt = desk.ledger.transact("post", tuple(header), encoded, outputs, [signature], sender=MALLORY)
    number = (1 << 80) | (2 << 48) | 0
    assert receipt.result == number == desk.ledger.call("batchNumber", 1, 2, 0)
    root = oracle_root(encoded, outputs)
    assert receipt.event("BatchPosted").args == {
        "batch": number, "policy": 1, "relayer": 2, "leaves": 2, "value": 77, "root": root, "figuresHash": h(encoded),
    }  # fmt: skip
    assert desk.ledger.call("batchOf", number) == {
        "postedAt": desk.now, "policy": 1, "leaves": 2, "relayer": 2, "value": 77, "moved": 0, "flags": 0,
        "root": root, "figuresHash": h(encoded),
    }  # fmt: skip
    assert desk.ledger.call("inFlight", 2) == 77
    assert desk.ledger.call("nextNonce", 1, 2) == 1
    assert desk.ledger.call("settleableAt", number) == desk.now + DAY


def test_post__signature_by_eth_account__accepted() -> None:
    desk = open_desk()
    encoded, outputs = figures_of(3)
    header = desk.header()
    kinds = [
        part.split(" ") for part in eip712.BATCH_TYPE.removeprefix("Batch(").removesuffix(")").split(",")
    ]
    message = {
        "policy": header.policy, "value": header.value, "figures": h(encoded),
        "root": oracle_root(encoded, outputs), "nonce": header.nonce, "deadline": header.deadline,
    }  # fmt: skip
    domain = {
        "name": "Tallystick ReceiptLedger",
        "version": "1",
        "chainId": 31_337,
        "verifyingContract": desk.ledger.address,
    }
    types = {"Batch": [{"type": kind, "name": name} for kind, name in kinds]}
    signature = bytes(EthAccount.sign_typed_data(SIGNER.key.secret, domain, types, message).signature)
    desk.ledger.transact("post", tuple(header), encoded, outputs, [signature], sender=MALLORY)


def test_post__nonce__in_order_and_per_policy() -> None:
    desk = open_desk()
    other = desk.system.add_policy(relayer=2)
    for wrong in (1, 2**48 - 1):
        with reverts("ReceiptLedger_WrongNonce", expected=0, given=wrong):
            desk.post([(5, 1)], nonce=wrong)
    assert desk.post([(5, 1)]).number == desk.ledger.call("batchNumber", 1, 2, 0)
    with reverts("ReceiptLedger_WrongNonce", expected=1, given=0):
        desk.post([(5, 1)], nonce=0)
    assert desk.post([(5, 1)], policy=other).number == desk.ledger.call("batchNumber", other, 2, 0)
    assert desk.post([(5, 1)], nonce=1).number == desk.ledger.call("batchNumber", 1, 2, 1)


def test_post__deadline__last_second_and_one_later() -> None:
    desk = open_desk()
    desk.post([(5, 1)], deadline=desk.now)
    with reverts("ReceiptLedger_DeadlinePassed", deadline=desk.now - 1):
        desk.post([(5, 1)], deadline=desk.now - 1)


@pytest.mark.parametrize("policy", [0, 2, 65_535])
def test_post__unknown_policy__refused(policy: int) -> None:
    desk = open_desk()
    with reverts("ReceiptLedger_UnknownPolicy", policy=policy):
        desk.post([(5, 1)], policy=policy)


def test_post__under_a_retired_policy__still_possible() -> None:
    """Old agreements run off."""
    desk = open_desk()
    agreement = desk.opened()
    desk.system.policy_book.transact("retire", 1, sender=desk.system.admin)
    assert desk.pay([(agreement, 7)]).event("Settled").args["paid"] == 7


def test_post__relayer_below_its_minimum__refused_until_it_is_back() -> None:
    desk = open_desk()
    staking = desk.system.staking
    staking.transact("unstake", 2, 10_000 * DOLLAR, sender=RITA)
    desk.post([(5, 1)])
    staking.transact("unstake", 2, 1, sender=RITA)
    with reverts("ReceiptLedger_RelayerNotActive", operator=2):
        desk.post([(5, 1)])
    staking.transact("cancelThaw", 2, sender=RITA)
    desk.post([(5, 1)])


@pytest.mark.parametrize("relayer", [1, 3])
def test_post__relayer_without_the_role_or_unknown__refused(relayer: int) -> None:
    desk = open_desk()
    policy = desk.system.add_policy(relayer=relayer)
    with reverts("ReceiptLedger_RelayerNotActive", operator=relayer):
        desk.post([(5, 1)], policy=policy, nonce=0)


# Signers


def _threshold(desk: Desk, threshold: int) -> None:
    """Three signer keys, of which so many must sign."""
    for who in (SECOND, THIRD):
        desk.system.staking.transact("authoriseKey", 2, int(KeyKind.SIGNER), who.address, sender=RITA)
    desk.system.staking.transact("setSignerThreshold", 2, threshold, sender=RITA)


def test_signers__two_of_three__any_two_and_also_all() -> None:
    desk = open_desk()
    _threshold(desk, 2)
    for signers in ((SIGNER, SECOND), (SIGNER, THIRD), (SECOND, THIRD), (SIGNER, SECOND, THIRD)):
        desk.post([(5, 1)], signers=signers)
    for one in (SIGNER, SECOND, THIRD):
        with reverts("ReceiptLedger_BadSignatures", valid=1, threshold=2):
            desk.post([(5, 1)], signers=(one,))
    with reverts("ReceiptLedger_BadSignatures", valid=0, threshold=2):
        desk.post([(5, 1)], signers=())


def test_signers__the_caller_counts_once() -> None:
    desk = open_desk()
    _threshold(desk, 2)
    desk.post([(5, 1)], signers=(SECOND,), sender=SIGNER)
    for sent in ((), (SIGNER,), (SIGNER, SECOND)):
        with pytest.raises(Reverted) as caught:
            desk.post([(5, 1)], signers=sent, sender=SIGNER)
        assert caught.value.name == "ReceiptLedger_BadSignatures"
    # The operator's owner is no signer key by itself.
    with reverts("ReceiptLedger_BadSignatures", valid=1, threshold=2):
        desk.post([(5, 1)], signers=(SECOND,), sender=RITA)


def _signatures(desk: Desk, header: eip712.BatchHeader, who: Sequence[Account]) -> list[bytes]:
    digest = desk.batch_digest(header, encode_figure(5, 1), bytes(32))
    return [signer.sign(digest) for signer in who]


@pytest.mark.parametrize(
    "who",
    [
        pytest.param([0, 0], id="one twice"),
        pytest.param([1, 0], id="falling"),
        pytest.param([0, 1, 1], id="enough, then one again"),
        pytest.param([0, 2, 1], id="enough, then out of order"),
    ],
)
def test_signers__not_rising__refused(who: list[int]) -> None:
    desk = open_desk()
    _threshold(desk, 2)
    header = desk.header()
    signatures = _signatures(desk, header, [BY_ADDRESS[place] for place in who])
    with pytest.raises(Reverted) as caught:
        desk.ledger.transact(
            "post", tuple(header), encode_figure(5, 1), bytes(32), signatures, sender=MALLORY
        )
    assert caught.value.name == "ReceiptLedger_BadSignatures"
    assert desk.ledger.call("nextNonce", 1, 2) == 0


@pytest.mark.parametrize("stranger", [MALLORY, RITA, OTTO, account("device")])
def test_signers__stranger_owner_provider_or_device_key__refused(stranger: Account) -> None:
    desk = open_desk()
    device = account("device").address
    desk.system.staking.transact("authoriseKey", 2, int(KeyKind.DEVICE), device, sender=RITA)
    desk.system.staking.transact("authoriseKey", 2, int(KeyKind.VERIFIER), device, sender=RITA)
    desk.system.staking.transact("authoriseKey", 1, int(KeyKind.SIGNER), OTTO.address, sender=OTTO)
    with reverts("ReceiptLedger_BadSignatures", valid=0, threshold=1):
        desk.post([(5, 1)], signers=(stranger,))
    with reverts("ReceiptLedger_BadSignatures", valid=0, threshold=1):
        desk.post([(5, 1)], signers=(), sender=stranger)


def test_signers__revoked_key__refused_at_once() -> None:
    desk = open_desk()
    desk.post([(5, 1)])
    desk.system.staking.transact("revokeKey", 2, int(KeyKind.SIGNER), SIGNER.address, sender=RITA)
    for signers, sender in (((SIGNER,), MALLORY), ((), SIGNER)):
        with reverts("ReceiptLedger_BadSignatures", valid=0, threshold=1):
            desk.post([(5, 1)], signers=signers, sender=sender)


_MANGLED: list[Callable[[bytes], bytes]] = [
    lambda s: (
        s[:32] + (CURVE_ORDER - int.from_bytes(s[32:64], "big")).to_bytes(32, "big") + bytes([55 - s[64]])
    ),
    lambda s: s[:32] + bytes([s[32] | (s[64] - 27) << 7]) + s[33:64],
    lambda s: s[:64] + bytes([s[64] - 27]),
    lambda s: s[:64],
    lambda s: b"",
    lambda s: bytes(65),
]


@pytest.mark.parametrize("mangle", _MANGLED)
def test_signers__mangled_signature__refused(mangle: Callable[[bytes], bytes]) -> None:
    desk = open_desk()
    header = desk.header()
    (signature,) = _signatures(desk, header, [SIGNER])
    arguments = tuple(header), encode_figure(5, 1), bytes(32)
    with reverts("ReceiptLedger_BadSignatures", valid=0, threshold=1):
        desk.ledger.transact("post", *arguments, [mangle(signature)], sender=MALLORY)
    desk.ledger.transact("post", *arguments, [signature], sender=MALLORY)


def test_signatures__for_other_bytes_chain_or_contract__refused() -> None:
    desk = open_desk()
    header = desk.header()
    figure, output = encode_figure(5, 1), bytes(32)
    (signature,) = _signatures(desk, header, [SIGNER])
    others = [
        (header, encode_figure(5, 2), output),
        (header, encode_figure(6, 1), output),
        (header, figure, bytes(31) + b"\1"),
        (header._replace(value=header.value + 1), figure, output),
        (header._replace(deadline=header.deadline + 1), figure, output),
    ]
    for head, figures, outputs in others:
        with reverts("ReceiptLedger_BadSignatures"):
            desk.ledger.transact("post", tuple(head), figures, outputs, [signature], sender=MALLORY)
    twin = open_desk(evm=Evm(chain_id=1))
    assert twin.ledger.address == desk.ledger.address
    with reverts("ReceiptLedger_BadSignatures"):
        twin.ledger.transact("post", tuple(header), figure, output, [signature], sender=MALLORY)
    sibling = _sibling(desk)
    with reverts("ReceiptLedger_BadSignatures"):
        sibling.transact("post", tuple(header), figure, output, [signature], sender=MALLORY)
    desk.ledger.transact("post", tuple(header), figure, output, [signature], sender=MALLORY)
    with reverts("ReceiptLedger_WrongNonce", expected=1, given=0):
        desk.ledger.transact("post", tuple(header), figure, output, [signature], sender=MALLORY)


def _sibling(desk: Desk) -> Bound:
    """A second ledger over the same Escrow, Staking and policies, at another address."""
    system, directory = desk.system, desk.system.directory
    index = directory.call("count") + 1
    parameters = {
        "authority": system.authority.address,
        "ledger": directory.call("addressOf", index),
        "extension": desk.ledger.call("EXTENSION"),
        "disputes": system.at["ReceiptLedgerDisputes"],
        "escrow": system.escrow.address,
        "court": system.court.address,
        "challenges": system.challenges.address,
        "staking": system.staking.address,
        "policyBook": system.policy_book.address,
        "credentials": system.credentials.address,
        "sessionKeys": system.session_keys.address,
        "maxPause": system.parameters.max_pause,
    }
    code = load("ReceiptLedger").init_code({"p": parameters})
    directory.transact("deploy", short_string("Sibling"), index, code, sender=system.admin)
    return desk.evm.at("ReceiptLedger", parameters["ledger"])


# Value in flight


def test_value__ten_times_the_free_stake__and_not_one_more() -> None:
    desk = open_desk()
    with reverts("ReceiptLedger_ValueAboveLimit", inFlight=0, value=LIMIT + 1, limit=LIMIT):
        desk.post([(5, 1)], value=LIMIT + 1)
    desk.post([(5, 1)], value=LIMIT - 10)
    with reverts("ReceiptLedger_ValueAboveLimit", inFlight=LIMIT - 10, value=11, limit=LIMIT):
        desk.post([(5, 1)], value=11)
    desk.post([(5, 1)], value=10)
    desk.post([(5, 1)], value=0)
    with reverts("ReceiptLedger_ValueAboveLimit", inFlight=LIMIT, value=2**64 - 1, limit=LIMIT):
        desk.post([(5, 1)], value=2**64 - 1)


def test_value__policys_cap__counts_all_of_the_relayers_policies() -> None:
    desk = open_desk()
    small = desk.system.add_policy(relayer=2, valueCap=1_000)
    with reverts("ReceiptLedger_ValueAboveLimit", inFlight=0, value=1_001, limit=1_000):
        desk.post([(5, 1)], policy=small, value=1_001)
    desk.post([(5, 1)], value=600)
    with reverts("ReceiptLedger_ValueAboveLimit", inFlight=600, value=401, limit=1_000):
        desk.post([(5, 1)], policy=small, value=401)
    desk.post([(5, 1)], policy=small, value=400)


def test_value__thawing_stake__carries_nothing() -> None:
    desk = open_desk()
    desk.system.staking.transact("unstake", 2, FREE // 2, sender=RITA)
    with reverts("ReceiptLedger_ValueAboveLimit", limit=LIMIT // 2):
        desk.post([(5, 1)], value=LIMIT // 2 + 1)
    desk.post([(5, 1)], value=LIMIT // 2)


def test_retire__after_the_window_once__frees_the_value_and_settling_still_works() -> None:
    desk = open_desk()
    agreement = desk.opened()
    batch = desk.post([(agreement, 50)], value=LIMIT)
    with reverts("ReceiptLedger_WindowOpen", batch=batch.number, endsAt=desk.now + DAY):
        desk.ledger.transact("retire", batch.number, sender=MALLORY)
    desk.evm.warp(DAY)
    receipt = desk.ledger.transact("retire", batch.number, sender=MALLORY)
    assert receipt.event("BatchRetired").args == {"batch": batch.number, "value": LIMIT}
    assert desk.ledger.call("inFlight", 2) == 0
    assert desk.ledger.call("batchOf", batch.number)["flags"] == 1
    with reverts("ReceiptLedger_AlreadyRetired", batch=batch.number):
        desk.ledger.transact("retire", batch.number, sender=MALLORY)
    desk.post([(agreement, 60)], value=LIMIT)
    receipt = desk.settle(batch)
    assert (receipt.result, receipt.events("BatchRetired")) == (50, [])
    assert desk.ledger.call("inFlight", 2) == LIMIT  # the second's, untouched


def test_settle__retires_by_itself_once() -> None:
    desk = open_desk()
    agreement = desk.opened()
    batch, other = desk.post([(agreement, 50)], value=700), desk.post([(agreement, 60)], value=30)
    desk.evm.warp(DAY)
    assert desk.settle(batch).event("BatchRetired").args["value"] == 700
    assert desk.ledger.call("inFlight", 2) == 30
    assert desk.settle(batch).events("BatchRetired") == []
    with reverts("ReceiptLedger_AlreadyRetired", batch=batch.number):
        desk.ledger.transact("retire", batch.number, sender=MALLORY)
    assert desk.ledger.call("inFlight", 2) == 30
    assert desk.settle(other).result == 10
    assert desk.ledger.call("inFlight", 2) == 0


def test_post__dirty_header__reverts() -> None:
    """policy, value, nonce and deadline with a bit above their width."""
    desk = open_desk()
    encoded, outputs = encode_figure(5, 1), bytes(32)
    data = desk.ledger.encode("post", tuple(desk.header()), encoded, outputs, [])
    for place, width in enumerate((16, 64, 48, 40)):
        at = 4 + 32 * place
        word = int.from_bytes(data[at : at + 32], "big") | 1 << width
        with reverts("reverted"):
            desk.evm.transact(
                desk.ledger.address, data[:at] + word.to_bytes(32, "big") + data[at + 32 :], sender=SIGNER
            )
    desk.evm.transact(desk.ledger.address, data, sender=SIGNER)
    assert desk.ledger.call("nextNonce", 1, 2) == 1


def test_links__as_deployed() -> None:
    desk = open_desk()
    system = desk.system
    assert desk.ledger.call("ESCROW") == system.escrow.address
    assert desk.ledger.call("STAKING") == system.staking.address
    assert desk.ledger.call("POLICY_BOOK") == system.policy_book.address
    assert desk.ledger.call("batchNumber", 2**16 - 1, 2**32 - 1, 2**48 - 1) == 2**96 - 1
