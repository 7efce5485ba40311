"""Under TEE a metered receipt counts only from a device that is attested for its agreement, on every path."""

from __future__ import annotations

from typing import Any

from tallystick.protocol.enums import CredentialKind, ReceiptFault
from tests.support.escrow import ANN, DAY, MALLORY, OTTO
from tests.support.evm import Account, Receipt, account, reverts
from tests.support.receipts import DEVICE, Bench, faults, open_bench
from tests.support.system import DOLLAR

ISSUER, IMPOSTOR = account("issuer"), account("impostor")
MEASUREMENT = b"\x3e" * 32
NOT_ATTESTED = [(0, ReceiptFault.DEVICE_NOT_ATTESTED)]


def tee_bench(**policy: Any) -> tuple[Bench, int]:
    """A bench and a TEE policy, with agreement 7 under it."""
    bench = open_bench()
    terms = {"kind": 3, "issuer": ISSUER.address, "measurement": MEASUREMENT} | policy
    number = bench.system.add_policy(relayer=2, **terms)
    bench.agree(7, policy=number)
    return bench, number


def attest(bench: Bench, *, by: Account = ISSUER, **changes: Any) -> Receipt:
    """The issuer posts a credential of the device for agreement 7, or with these changes."""
    fields: dict[str, Any] = {
        "issuer": by.address,
        "kind": int(CredentialKind.TEE),
        "subject": DEVICE.address,
        "binding": (7).to_bytes(32, "big"),
        "value": MEASUREMENT,
        "expiresAt": bench.now + 1_000,
        "nonce": 1,
    } | changes
    receipt = bench.system.credentials.transact("post", [tuple(fields.values())], [b""], sender=by)
    assert receipt.events("CredentialRefused") == []
    return receipt


def test_tee__attested_device__is_paid_on_every_path() -> None:
    bench, policy = tee_bench()
    attest(bench, expiresAt=bench.now + 3 * DAY)
    assert bench.collect(bench.signed(7, 5, customer=ANN)).result == 5
    assert faults(bench.self_post(bench.signed(7, 6))) == []
    bench.evm.warp(DAY)
    receipt = bench.ledger.transact("postSigned", policy, [bench.signed(7, 7)], sender=MALLORY)
    assert faults(receipt) == []


def test_tee__device_without_a_credential__is_paid_on_none() -> None:
    bench, policy = tee_bench()
    assert faults(bench.collect(bench.signed(7, 5, customer=ANN))) == NOT_ATTESTED
    assert faults(bench.self_post(bench.signed(7, 5))) == NOT_ATTESTED
    assert bench.ledger.call("faultOf", bench.signed(7, 5, customer=ANN)) == ReceiptFault.DEVICE_NOT_ATTESTED
    bench.evm.warp(DAY)
    with reverts("ReceiptLedger_NothingToPost"):
        bench.ledger.transact("postSigned", policy, [bench.signed(7, 5)], sender=MALLORY)


def test_tee__credential_of_another_agreement_device_issuer_or_measurement__does_not_count() -> None:
    bench, _ = tee_bench()
    attest(bench, binding=(8).to_bytes(32, "big"))
    attest(bench, subject=OTTO.address)
    attest(bench, by=IMPOSTOR)
    assert faults(bench.self_post(bench.signed(7, 5))) == NOT_ATTESTED
    attest(bench, value=b"\x3f" * 32)
    assert faults(bench.self_post(bench.signed(7, 5))) == NOT_ATTESTED
    attest(bench, nonce=2)
    assert faults(bench.self_post(bench.signed(7, 5))) == []


def test_tee__any_measurement__where_the_policy_names_none() -> None:
    bench, _ = tee_bench(measurement=bytes(32))
    attest(bench, value=b"\x3f" * 32)
    assert faults(bench.self_post(bench.signed(7, 5))) == []


def test_tee__expiry_and_revocation__to_the_second() -> None:
    bench, _ = tee_bench()
    attest(bench, expiresAt=bench.now + 50)
    bench.evm.warp(49)
    assert faults(bench.self_post(bench.signed(7, 5))) == []
    bench.evm.warp(1)
    assert faults(bench.self_post(bench.signed(7, 6))) == NOT_ATTESTED
    attest(bench, nonce=2)
    assert faults(bench.self_post(bench.signed(7, 6))) == []
    revocation = (ISSUER.address, int(CredentialKind.TEE), DEVICE.address, (7).to_bytes(32, "big"), 3)
    bench.system.credentials.transact("revoke", [revocation], [b""], sender=ISSUER)
    assert faults(bench.self_post(bench.signed(7, 7))) == NOT_ATTESTED


def test_tee__a_leases_receipts__need_none_since_they_only_lower_the_bill() -> None:
    bench, policy = tee_bench()
    bench.agree(8, policy=policy, mode=1)
    assert faults(bench.ledger.transact("reportDowntime", [bench.signed(8, 30)], sender=MALLORY)) == []
    receipt = bench.collect(bench.signed(8, 31, customer=ANN))
    assert receipt.event("SettleSigned").args["figures"][0]["agreement"] == 8


def test_tee__answer_for_a_release__judged_at_the_posting() -> None:
    bench, policy = tee_bench()
    attest(bench, expiresAt=bench.now + 50)
    batch = bench.post([(7, 400)], policy=policy, value=100 * DOLLAR)
    bench.release(batch, 0)
    bench.ledger.transact("cancel", batch.number, sender=bench.system.admin)
    bench.evm.warp(100)
    item = bench.signed(7, 400)
    assert bench.ledger.call("faultOf", item) == ReceiptFault.DEVICE_NOT_ATTESTED
    bench.ledger.transact("answerRelease", batch.number, 0, item, sender=MALLORY)
