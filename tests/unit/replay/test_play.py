"""Receipts and verdicts: cumulative, signed by whom they must be, the newest verdicts first."""

import json

import pytest

from tallystick.protocol.eip712 import Receipt, Verdict, digest, ledger_domain
from tallystick.protocol.keys import PrivateKey, recover
from tallystick.replay.errors import TraceChanged
from tallystick.replay.plan import survey
from tallystick.replay.play import Script, in_chunks
from tallystick.sources.base import Rejected, Row

DOMAIN = ledger_domain(31337, bytes(range(20)))
DEVICES = [PrivateKey.from_seed("test", "device", j) for j in range(2)]
VERIFIER = PrivateKey.from_seed("test", "verifier")
ROWS = [Row(0, 2, 10), Row(1, 3, 20), Rejected(2, 4, "no_gpu"), Row(3, 6, 5)]
NUMBERS = [1 << 32 | 7, 2 << 32 | 8]


@pytest.fixture
def script():
    # One customer, two providers: rows 0 and 2 are provider 0's, rows 1 and 3 provider 1's.
    found = survey(ROWS, customers=1, providers=2, unit_price=1_000_000, fee_bps=0)
    return Script(DOMAIN, NUMBERS, DEVICES, VERIFIER, 100, 200, found)


def test_receipts__rows__are_cumulative_and_signed_by_the_agreements_device(script):
    seen = [json.loads(line) for line in script.receipts(ROWS)]
    assert [(int(one["agreement"]), one["units"]) for one in seen] == [
        (NUMBERS[0], 10),
        (NUMBERS[1], 20),
        (NUMBERS[1], 25),
    ]
    for one, device in zip(seen, [DEVICES[0], DEVICES[1], DEVICES[1]], strict=True):
        receipt = Receipt(
            int(one["agreement"]), one["units"], 100, 200, bytes.fromhex(one["outputRoot"][2:]), False
        )
        assert (one["periodStart"], one["periodEnd"], one["exclusive"]) == (100, 200, False)
        signed = digest(DOMAIN, receipt.hash_struct())
        assert recover(signed, bytes.fromhex(one["signature"][2:])) == device.address


def test_verdicts__rows__judge_every_receipt_once_the_newest_first(script):
    receipts = [json.loads(line) for line in script.receipts(ROWS)]
    verdicts = [json.loads(line) for line in script.verdicts(ROWS)]
    key = lambda one: (one["agreement"], one["units"], one["outputRoot"])  # noqa: E731
    assert sorted(map(key, verdicts)) == sorted(map(key, receipts))
    assert [one["units"] for one in verdicts] == [10, 25, 20]


def test_verdicts__each__is_signed_by_the_verifier(script):
    for line in script.verdicts(ROWS):
        one = json.loads(line)
        verdict = Verdict(
            int(one["agreement"]),
            one["units"],
            bytes.fromhex(one["outputRoot"][2:]),
            one["valid"],
            one["verifierVersion"],
            one["confidence"],
        )
        assert one["valid"] is True
        signed = digest(DOMAIN, verdict.hash_struct())
        assert recover(signed, bytes.fromhex(one["signature"][2:])) == VERIFIER.address


@pytest.mark.parametrize("changed", [ROWS[:-1], [*ROWS, Row(4, 7, 1)], [*ROWS[:-1], Row(3, 6, 4)]])
def test_receipts__trace_was_written_to_meanwhile__says_so(script, changed):
    with pytest.raises(TraceChanged):
        list(script.receipts(changed))


def test_in_chunks__seven_lines__come_in_threes_and_a_rest():
    lines = [str(n).encode() for n in range(7)]
    assert [len(chunk) for chunk in in_chunks(lines, 3)] == [3, 3, 1]
    assert [line for chunk in in_chunks(lines, 3) for line in chunk] == lines
    assert list(in_chunks([], 3)) == []
