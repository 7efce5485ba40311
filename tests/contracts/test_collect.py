"""Countersigned receipts: paid at once and finally, by anyone who holds both signatures; each item by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account as EthAccount

from tallystick.protocol.enums import KeyKind, ReceiptFault
from tallystick.protocol.keys import CURVE_ORDER
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, SAM
from tests.support.evm import Account, Evm, account, reverts
from tests.support.receipts import (
    ATTESTED,
    DEVICE,
    QUORUM,
    VERIFIER_KEYS,
    Bench,
    faults,
    open_bench,
    seat_bench,
    sign_receipt,
)

CAP = 2**64 - 1
STRANGER = account("stranger")
SESSION = account("session")


def only_fault(bench: Bench, item: tuple[Any, ...]) -> ReceiptFault:
    """What `collect` says of one item, which must move nothing and must not reach the Escrow."""
    receipt = bench.collect(item)
    assert receipt.result == 0
    assert receipt.events("SettleSigned") == []
    ((index, reason),) = faults(receipt)
    assert index == 0
    return ReceiptFault(reason)


# Happy


def test_collect__both_signatures__paid_at_once_by_a_stranger() -> None:
    bench = open_bench()
    bench.agree(7, budget=1_000, feeCustomer=200)
    receipt = bench.collect(bench.signed(7, 400, customer=ANN))
    # 400 µ of gross, and floor(400 x 2 %) = 8 of the customer's fee.
    assert receipt.result == 408
    assert receipt.event("Collected").args == {"agreement": 7, "units": 400, "gross": 400}
    (figure,) = receipt.event("SettleSigned").args["figures"]
    assert figure == {"agreement": 7, "units": 400, "until": bench.now, "cap": CAP}
    assert faults(receipt) == []


def test_collect__many__one_call_to_the_escrow_and_a_result_for_each() -> None:
    bench = open_bench()
    for number in (7, 8, 9):
        bench.agree(number, budget=100)
    items = [
        bench.signed(7, 40, customer=ANN),
        bench.signed(8, 50, customer=MALLORY),
        bench.signed(9, 500, customer=ANN),
        bench.signed(7, 39, customer=ANN),
        bench.signed(10, 1, customer=ANN),
    ]
    receipt = bench.collect(*items)
    assert receipt.result == 140
    assert [log.args for log in receipt.events("Collected")] == [
        {"agreement": 7, "units": 40, "gross": 40},
        {"agreement": 9, "units": 500, "gross": 100},
    ]
    assert sorted(faults(receipt)) == [
        (1, ReceiptFault.BAD_ACCEPTANCE),
        (3, ReceiptFault.NOTHING_DUE),
        (4, ReceiptFault.UNKNOWN_AGREEMENT),
    ]
    assert len(receipt.event("SettleSigned").args["figures"]) == 3


def test_collect__again__moves_nothing() -> None:
    bench = open_bench()
    bench.agree(7)
    item = bench.signed(7, 400, customer=ANN)
    assert bench.collect(item, item).result == 400
    receipt = bench.collect(item)
    assert (receipt.result, faults(receipt)) == (0, [(0, ReceiptFault.NOTHING_DUE)])


def test_collect__reordered__the_newest_counts_and_the_older_is_stale() -> None:
    bench = open_bench()
    bench.agree(7)
    newer, older = bench.signed(7, 900, customer=ANN), bench.signed(7, 400, customer=ANN)
    receipt = bench.collect(newer, older)
    assert (receipt.result, faults(receipt)) == (900, [(1, ReceiptFault.NOTHING_DUE)])


def test_collect__lease__says_how_far_the_clock_is_accepted() -> None:
    bench = open_bench()
    bench.agree(7, mode=1)
    until = bench.now - 100
    receipt = bench.collect(bench.signed(7, 30, customer=ANN, period_start=bench.now - 900, period_end=until))
    (figure,) = receipt.event("SettleSigned").args["figures"]
    assert figure == {"agreement": 7, "units": 30, "until": until, "cap": CAP}


def test_collect__under_every_kind__acceptance_stands_in_for_verdicts() -> None:
    bench = open_bench()
    for number, policy in ((7, ATTESTED), (8, QUORUM)):
        bench.agree(number, policy=policy)
        assert bench.collect(bench.signed(number, 5, customer=ANN)).result == 5


def test_collect__nothing_and_too_much() -> None:
    bench = open_bench()
    bench.agree(7, budget=2**56 - 1)
    assert bench.collect().result == 0
    receipt = bench.collect(bench.signed(7, 0, customer=ANN))
    assert (receipt.result, faults(receipt)) == (0, [(0, ReceiptFault.NOTHING_DUE)])
    assert bench.collect(bench.signed(7, 2**80 - 1, customer=ANN)).result == 2**56 - 1
    item = bench.signed(7, 1, customer=ANN)
    assert bench.collect(*[item] * 128).result == 0
    with reverts("ReceiptLedger_TooManyItems", items=129):
        bench.collect(*[item] * 129)


def test_collect__receipt_and_acceptance_by_eth_account__accepted() -> None:
    bench = open_bench()
    bench.agree(7)
    claim = bench.claim(7, 2**79 + 3, exclusive=False)
    fields = [
        ("uint64", "agreement"),
        ("uint80", "units"),
        ("uint32", "periodStart"),
        ("uint32", "periodEnd"),
        ("bytes32", "outputRoot"),
        ("bool", "exclusive"),
    ]
    domain = {
        "name": "Tallystick ReceiptLedger",
        "version": "1",
        "chainId": 31_337,
        "verifyingContract": bench.ledger.address,
    }

    def sign(who: Account, kind: str, count: int) -> bytes:
        types = {kind: [{"type": each, "name": name} for each, name in fields[:count]]}
        message = {name: value for (_, name), value in zip(fields[:count], claim, strict=False)}
        return bytes(EthAccount.sign_typed_data(who.key.secret, domain, types, message).signature)

    item = sign_receipt(
        bench.evm,
        bench.ledger,
        claim,
        device=sign(DEVICE, "Receipt", 6),
        customer=sign(ANN, "Acceptance", 5),
    )
    assert bench.collect(item).result == 1_000_000


# Who must sign


@pytest.mark.parametrize("who", [ANN, OTTO, PAULA, STRANGER, VERIFIER_KEYS[3], None])
def test_device__anybody_elses_key__refused(who: Account | None) -> None:
    bench = open_bench()
    bench.agree(7)
    item = bench.signed(7, 5, device=who, customer=ANN)
    assert only_fault(bench, item) == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_device__key_of_another_operator_or_another_kind__refused() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.staking.transact("authoriseKey", 3, int(KeyKind.DEVICE), STRANGER.address, sender=account("vera"))
    bench.staking.transact("authoriseKey", 1, int(KeyKind.SIGNER), STRANGER.address, sender=OTTO)
    item = bench.signed(7, 5, device=STRANGER, customer=ANN)
    assert only_fault(bench, item) == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_device__revoked__good_for_a_day_and_not_a_second_longer() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.staking.transact("revokeKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    revoked = bench.now + DAY
    bench.evm.warp_to(revoked - 1)
    item = bench.signed(7, 5, customer=ANN)
    assert bench.collect(item).result == 5
    bench.evm.warp_to(revoked)
    assert only_fault(bench, bench.signed(7, 6, customer=ANN)) == ReceiptFault.BAD_DEVICE_SIGNATURE


@pytest.mark.parametrize("who", [DEVICE, OTTO, PAULA, SAM, STRANGER, None])
def test_acceptance__by_anybody_but_the_customers_owner__refused(who: Account | None) -> None:
    bench = open_bench()
    bench.agree(7)
    assert only_fault(bench, bench.signed(7, 5, customer=who)) == ReceiptFault.BAD_ACCEPTANCE


_MANGLED: list[Callable[[bytes], bytes]] = [
    lambda s: (
        s[:32] + (CURVE_ORDER - int.from_bytes(s[32:64], "big")).to_bytes(32, "big") + bytes([55 - s[64]])
    ),
    lambda s: s[:64] + bytes([s[64] - 27]),
    lambda s: s[:64],
    lambda s: s + b"\0",
    lambda s: b"",
    lambda s: bytes(65),
]


@pytest.mark.parametrize("mangle", _MANGLED)
@pytest.mark.parametrize("place", [1, 3])
def test_signatures__malleated_cut_or_empty__refused(place: int, mangle: Callable[[bytes], bytes]) -> None:
    """1 is the device's, 3 the customer's."""
    bench = open_bench()
    bench.agree(7)
    item = list(bench.signed(7, 5, customer=ANN))
    item[place] = mangle(item[place])
    expected = ReceiptFault.BAD_DEVICE_SIGNATURE if place == 1 else ReceiptFault.BAD_ACCEPTANCE
    assert only_fault(bench, tuple(item)) == expected


@pytest.mark.parametrize(
    ("change", "device_too"),
    [
        ({"units": 6}, True),
        ({"agreement": 8}, True),
        ({"period_start": -61}, True),
        ({"period_end": -1}, True),
        ({"output_root": bytes(32)}, True),
        ({"exclusive": False}, False),
    ],
)
def test_acceptance__of_another_receipt__refused(change: dict[str, Any], device_too: bool) -> None:
    """The acceptance is for the same figure, period and output; whether the device is exclusive is not its matter."""
    bench = open_bench()
    bench.agree(7)
    bench.agree(8)
    claim = bench.claim(7, 5)
    changed = {key: bench.now + value if key.startswith("period") else value for key, value in change.items()}
    other = sign_receipt(bench.evm, bench.ledger, claim._replace(**changed), customer=ANN)
    good = sign_receipt(bench.evm, bench.ledger, claim, customer=ANN)
    crossed = (*good[:3], other[3], *good[4:])
    if device_too:
        assert only_fault(bench, crossed) == ReceiptFault.BAD_ACCEPTANCE
    else:
        assert bench.collect(crossed).result == 5
    crossed = (good[0], other[1], *good[2:])
    assert only_fault(bench, crossed) == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_signatures__for_another_chain__refused() -> None:
    bench = open_bench()
    bench.agree(7)
    item = bench.signed(7, 5, customer=ANN)
    for place, expected in ((1, ReceiptFault.BAD_DEVICE_SIGNATURE), (3, ReceiptFault.BAD_ACCEPTANCE)):
        foreign = bench.signed(7, 5, customer=ANN, chain_id=1)
        crossed = (*item[:place], foreign[place], *item[place + 1 :])
        assert only_fault(bench, crossed) == expected
    twin = Bench(seat_bench(Evm(chain_id=1)))
    assert twin.ledger.address == bench.ledger.address
    twin.agree(7)
    assert only_fault(twin, item) == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_signatures__for_the_extensions_address__refused() -> None:
    """The extension's code checks them, but the contract that they name is the ledger."""
    bench = open_bench()
    bench.agree(7)
    extension = bench.evm.at("ReceiptLedgerExtension", bench.ledger.call("EXTENSION"))
    item = sign_receipt(bench.evm, extension, bench.claim(7, 5), customer=ANN)
    assert only_fault(bench, item) == ReceiptFault.BAD_DEVICE_SIGNATURE


def test_device__good_for_one_operator__is_not_for_the_next_of_the_same_call() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.agree(8, operator=3)
    receipt = bench.collect(bench.signed(7, 5, customer=ANN), bench.signed(8, 5, customer=ANN))
    assert (receipt.result, faults(receipt)) == (5, [(1, ReceiptFault.BAD_DEVICE_SIGNATURE)])


def test_acceptance__of_many_customers_in_one_call__each_by_its_own_owner() -> None:
    """Accounts 1 and 9 share a place where owners are kept during a call, account 2 does not."""
    bench = open_bench()
    bench.escrow.transact("setOwner", 9, SAM.address, sender=MALLORY)
    for number, customer in ((7, 1), (8, 9), (9, 2)):
        bench.agree(number, customer=customer, funder=customer)
    wrong = bench.collect(*[bench.signed(number, 5, customer=ANN) for number in (7, 8, 9, 7)])
    assert sorted(faults(wrong)) == [
        (1, ReceiptFault.BAD_ACCEPTANCE),
        (2, ReceiptFault.BAD_ACCEPTANCE),
        (3, ReceiptFault.NOTHING_DUE),
    ]
    owners = ((7, ANN), (8, SAM), (9, PAULA), (8, SAM), (7, ANN))
    right = bench.collect(
        *[bench.signed(who, 6 + i, customer=owner) for i, (who, owner) in enumerate(owners)]
    )
    assert (right.result, faults(right)) == (10 - 5 + 9 + 8, [])


# Contract wallets


@pytest.mark.parametrize(
    ("answer", "good"),
    [(0, True), (1, True), (2, False), (3, False), (4, False), (7, False), (8, False), (9, False)],
)
def test_acceptance__by_a_contract_wallet__as_it_answers(answer: int, good: bool) -> None:
    """HONEST, YES; NO, EMPTY, SHORT, HUGE_NO, REVERTS, and BURNS: only its own receipt suffers."""
    bench = open_bench()
    bench.agree(7, customer=5, funder=5)
    bench.agree(8)
    wallet = bench.evm.deploy("WalletMock", ANN.address)
    bench.escrow.transact("setOwner", 5, wallet.address, sender=MALLORY)
    wallet.transact("setAnswer", answer, "0x" + "00" * 20, b"", bytes(32), sender=ANN)
    receipt = bench.collect(bench.signed(7, 5, customer=ANN), bench.signed(8, 6, customer=ANN))
    assert receipt.result == (11 if good else 6)
    assert faults(receipt) == ([] if good else [(0, ReceiptFault.BAD_ACCEPTANCE)])


def test_acceptance__wallet_that_calls_back__cannot_write() -> None:
    """It is called statically, so entering the ledger again fails as any write does."""
    bench = open_bench()
    bench.agree(7, customer=5, funder=5)
    wallet = bench.evm.deploy("WalletMock", ANN.address)
    bench.escrow.transact("setOwner", 5, wallet.address, sender=MALLORY)
    again = bench.ledger.encode("collect", [])
    wallet.transact("setAnswer", 10, bench.ledger.address, again, bytes(32), sender=ANN)
    assert only_fault(bench, bench.signed(7, 5, customer=ANN)) == ReceiptFault.BAD_ACCEPTANCE


# Sponsors


def test_funder__another_than_the_customer__signs_too() -> None:
    bench = open_bench()
    bench.agree(7, funder=3)
    for who in (None, ANN, STRANGER):
        item = bench.signed(7, 5, customer=ANN, funder=who)
        assert only_fault(bench, item) == ReceiptFault.BAD_FUNDER_ACCEPTANCE
    assert bench.collect(bench.signed(7, 5, customer=ANN, funder=SAM)).result == 5


def test_funder__waived_by_the_policy__need_not_sign() -> None:
    bench = open_bench()
    waived = bench.system.add_policy(relayer=2, funderWaived=True)
    bench.agree(7, funder=3, policy=waived)
    assert bench.collect(bench.signed(7, 5, customer=ANN)).result == 5
    assert only_fault(bench, bench.signed(7, 6, customer=SAM)) == ReceiptFault.BAD_ACCEPTANCE


# What the agreement says


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": 0}, ReceiptFault.UNKNOWN_AGREEMENT),
        ({"status": 2}, ReceiptFault.CLOSED),
        ({"frozen": True}, ReceiptFault.FROZEN),
    ],
)
def test_agreement__not_payable__refused(changes: dict[str, Any], expected: ReceiptFault) -> None:
    bench = open_bench()
    bench.agree(7, **changes)
    assert only_fault(bench, bench.signed(7, 5, customer=ANN)) == expected


@pytest.mark.parametrize(
    ("start", "end", "good"),
    [
        (-1_000, 0, True),
        (-1_001, 0, False),  # before the agreement's clock
        (-1, 0, True),
        (0, 0, False),  # nothing
        (5, 0, False),  # backwards
        (-10, 1, False),  # ahead of now
    ],
)
def test_period__relative_to_now__within_start_and_now(start: int, end: int, good: bool) -> None:
    bench = open_bench()
    bench.agree(7)
    item = bench.signed(7, 5, customer=ANN, period_start=bench.now + start, period_end=bench.now + end)
    if good:
        assert bench.collect(item).result == 5
    else:
        assert only_fault(bench, item) == ReceiptFault.OUTSIDE_PERIOD


def test_period__up_to_the_end__also_when_shown_after_it() -> None:
    bench = open_bench()
    end = bench.now + 50
    bench.agree(7, end=end)
    bench.evm.warp(500)
    late = bench.signed(7, 5, customer=ANN, period_start=end - 10, period_end=end + 1)
    assert only_fault(bench, late) == ReceiptFault.OUTSIDE_PERIOD
    good = bench.signed(7, 5, customer=ANN, period_start=end - 10, period_end=end)
    assert bench.collect(good).result == 5


# Session keys


def grant(bench: Bench, *, total: int = 0, agreements: tuple[int, ...] = (), seconds: int = 1_000) -> None:
    bench.system.session_keys.transact(
        "grant", 1, SESSION.address, bench.now + seconds, total, list(agreements), sender=ANN
    )


def test_session__listed_agreement__accepts_without_limit_and_no_other() -> None:
    bench = open_bench()
    bench.agree(7, budget=2**56 - 1)
    bench.agree(8)
    grant(bench, agreements=(7,))
    assert bench.collect(bench.signed(7, 2**56 - 1, session=SESSION)).result == 2**56 - 1
    assert only_fault(bench, bench.signed(8, 1, session=SESSION)) == ReceiptFault.SESSION_NOT_GOOD


def test_session__up_to_a_total__over_agreements_and_calls_and_not_one_more() -> None:
    bench = open_bench()
    keys = bench.system.session_keys
    bench.agree(7)
    bench.agree(8)
    grant(bench, total=100)
    # 60 and 30 in one call; of the 11 that come next only 10 are left, so nothing moves.
    items = [bench.signed(7, 60, session=SESSION), bench.signed(8, 30, session=SESSION)]
    receipt = bench.collect(*items, bench.signed(7, 71, session=SESSION))
    assert (receipt.result, faults(receipt)) == (90, [(2, ReceiptFault.NOTHING_DUE)])
    assert [log.args["spent"] for log in receipt.events("SessionSpent")] == [60, 90]
    assert keys.call("sessionOf", 1, SESSION.address)["spent"] == 90
    caps = [log.args["figures"][0]["cap"] for log in receipt.events("SettleSigned")]
    assert caps == [100, 40, 10]
    assert bench.collect(bench.signed(7, 70, session=SESSION)).result == 10
    assert only_fault(bench, bench.signed(7, 71, session=SESSION)) == ReceiptFault.SESSION_NOT_GOOD
    assert bench.collect(bench.signed(7, 71, customer=ANN)).result == 1


def test_session__expiry_to_the_second() -> None:
    bench = open_bench()
    bench.agree(7)
    grant(bench, total=100, seconds=50)
    bench.evm.warp(49)
    assert bench.collect(bench.signed(7, 1, session=SESSION)).result == 1
    bench.evm.warp(1)
    assert only_fault(bench, bench.signed(7, 2, session=SESSION)) == ReceiptFault.SESSION_NOT_GOOD


def test_session__revoked__ends_within_the_hour() -> None:
    bench = open_bench()
    bench.agree(7)
    grant(bench, total=100, seconds=10_000)
    bench.system.session_keys.transact("revoke", 1, SESSION.address, sender=ANN)
    bench.evm.warp(3_599)
    assert bench.collect(bench.signed(7, 1, session=SESSION)).result == 1
    bench.evm.warp(1)
    assert only_fault(bench, bench.signed(7, 2, session=SESSION)) == ReceiptFault.SESSION_NOT_GOOD


def test_session__named_but_signed_by_another__refused() -> None:
    bench = open_bench()
    bench.agree(7)
    grant(bench, total=100)
    item = list(bench.signed(7, 5, customer=ANN))
    item[2] = SESSION.address
    assert only_fault(bench, tuple(item)) == ReceiptFault.BAD_ACCEPTANCE
    item = list(bench.signed(7, 5, session=SESSION))
    item[2] = "0x" + "00" * 20
    assert only_fault(bench, tuple(item)) == ReceiptFault.BAD_ACCEPTANCE


def test_session__of_another_customer__refused() -> None:
    bench = open_bench()
    bench.agree(7, customer=3, funder=3)
    grant(bench, total=100)
    assert only_fault(bench, bench.signed(7, 5, session=SESSION)) == ReceiptFault.SESSION_NOT_GOOD


def test_session__does_not_stand_in_for_a_sponsor() -> None:
    bench = open_bench()
    bench.agree(7, funder=3)
    grant(bench, agreements=(7,))
    assert only_fault(bench, bench.signed(7, 5, session=SESSION)) == ReceiptFault.BAD_FUNDER_ACCEPTANCE
    assert bench.collect(bench.signed(7, 5, session=SESSION, funder=SAM)).result == 5


# One contract of two


def test_extension__at_its_own_address__answers_nothing() -> None:
    bench = open_bench()
    extension = bench.evm.at("ReceiptLedgerExtension", bench.ledger.call("EXTENSION"))
    item = bench.signed(7, 5, customer=ANN)
    for name, values in (
        ("collect", ([],)),
        ("reportDowntime", ([],)),
        ("selfPost", ([],)),
        ("postSigned", (1, [])),
        ("answerRelease", (1, 0, item)),
        ("silentAt", (1,)),
        ("faultOf", (item,)),
        ("bondOf", (1,)),
        ("pledgeBonds", (1,)),
        ("SESSION_KEYS", ()),
        ("CREDENTIALS", ()),
    ):
        with reverts("ReceiptLedger_NotHere"):
            extension.transact(name, *values, sender=MALLORY)


def test_ledger__unknown_selector_or_money__refused() -> None:
    bench = open_bench()
    with reverts("reverted"):
        bench.evm.transact(bench.ledger.address, b"\x12\x34\x56\x78", sender=MALLORY)
    with reverts("reverted"):
        bench.evm.transact(bench.ledger.address, b"", sender=MALLORY)


def test_links__of_both_halves__as_deployed() -> None:
    bench = open_bench()
    assert bench.ledger.call("SESSION_KEYS") == bench.system.session_keys.address
    assert bench.ledger.call("CREDENTIALS") == bench.system.credentials.address
    assert bench.ledger.call("MAX_PAUSE") == 259_200
    assert bench.ledger.call("authority") == bench.system.authority.address
