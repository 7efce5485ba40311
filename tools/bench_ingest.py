#!/usr/bin/env python3
"""What ingest costs a receipt (parse, hash, recover, durable insert), beside a bare recovery in the same run.

    .venv/bin/python tools/bench_ingest.py [--receipts 20000] [--agreements 1000] [--max-ratio 2.0]

Prints one line a figure, in microseconds of one core, and ends with 1 when the ratio is above --max-ratio.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import coincurve
from sqlalchemy import insert

from tallystick.protocol.eip712 import Receipt, Verdict, credentials_domain, digest, ledger_domain
from tallystick.protocol.keys import PrivateKey
from tallystick.protocol.messages import Outcome
from tallystick.relayer.ingest import Ingest
from tallystick.store import tables
from tallystick.store.database import Database, set_meta

DOMAIN = ledger_domain(31_337, bytes(range(20)))
CREDENTIALS = credentials_domain(31_337, bytes(range(1, 21)))
DEVICE = PrivateKey.from_seed("bench", "device")
VERIFIER = PrivateKey.from_seed("bench", "verifier")
ROOT = bytes(range(32))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--receipts", type=int, default=20_000)
    parser.add_argument("--agreements", type=int, default=1_000)
    parser.add_argument("--max-ratio", type=float, default=2.0)
    options = parser.parse_args()
    count, width = options.receipts, options.agreements

    receipts = [Receipt(1 + i % width, 1 + i // width, 0, 10, ROOT, False) for i in range(count)]
    verdicts = [Verdict(item.agreement, item.units, ROOT, True, 1, 10_000) for item in receipts]
    digests = [digest(DOMAIN, item.hash_struct()) for item in receipts]
    signatures = [DEVICE.sign(item) for item in digests]
    receipt_body = b"".join(map(_receipt_line, receipts, signatures))
    verdict_body = b"".join(
        _verdict_line(item, VERIFIER.sign(digest(DOMAIN, item.hash_struct()))) for item in verdicts
    )

    bare = [signature[:64] + bytes([signature[64] - 27]) for signature in signatures]
    recover = coincurve.PublicKey.from_signature_and_message
    started = time.process_time()
    for signature, item in zip(bare, digests, strict=True):
        recover(signature, item, hasher=None)
    recovering = (time.process_time() - started) / count

    gc.collect()
    gc.freeze()  # as the service does once it runs: what was there before is no matter of each collection
    with tempfile.TemporaryDirectory() as folder:
        database = _market(Path(folder), width)
        ingest = Ingest(database, DOMAIN, CREDENTIALS)
        cpu, wall = _timed(ingest.receipts, receipt_body, count)
        again_cpu, _ = _timed(ingest.receipts, receipt_body, count, "duplicate")
        verdict_cpu, _ = _timed(ingest.verdicts, verdict_body, count)
        database.close()

    print(f"bare recover         {recovering * 1e6:8.1f} µs")
    print(f"receipt, new         {cpu * 1e6:8.1f} µs   {cpu / recovering:5.2f} x bare")
    print(f"  by the wall clock  {wall * 1e6:8.1f} µs")
    print(f"receipt, duplicate   {again_cpu * 1e6:8.1f} µs   {again_cpu / recovering:5.2f} x bare")
    print(f"verdict, new         {verdict_cpu * 1e6:8.1f} µs   {verdict_cpu / recovering:5.2f} x bare")
    if cpu / recovering > options.max_ratio:
        print(f"a new receipt costs more than {options.max_ratio} x a bare recovery", file=sys.stderr)
        return 1
    return 0


def _timed(
    take: Callable[[bytes], list[Outcome]], body: bytes, count: int, status: str = "accepted"
) -> tuple[float, float]:
    """Seconds of processor and of wall clock an item."""
    cpu, wall = time.process_time(), time.perf_counter()
    outcomes = take(body)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    wrong = [outcome for outcome in outcomes if outcome.status != status]
    if wrong or len(outcomes) != count:
        raise SystemExit(f"{len(wrong)} of {len(outcomes)} items are not {status}: {wrong[:1]}")
    return cpu / count, wall / count


def _market(folder: Path, width: int) -> Database:
    database = Database.open(folder / "bench.sqlite3")
    with database.write() as connection:
        policy: dict[str, object] = {column.name: 0 for column in tables.policies.columns}
        policy |= {"policy": 1, "kind": 1, "quorum": 1, "verifiers": [2], "retired": False}
        connection.execute(insert(tables.policies).values(policy))
        for operator, kind, key in ((1, 0, DEVICE), (2, 1, VERIFIER)):
            connection.execute(
                insert(tables.operator_keys).values(
                    operator=operator, kind=kind, key=key.address, valid_from=0, revoked_at=0
                )
            )
        row = {column.name: 1 for column in tables.agreements.columns}
        row |= {"unit_price": 1_000_000, "budget": 10**12, "start": 0, "expiry": 10_000}
        row |= {"stop_at": 0, "paid": 0}
        connection.execute(insert(tables.agreements), [row | {"agreement": 1 + i} for i in range(width)])
        set_meta(connection, "chain_time", "100")
        set_meta(connection, "followed_block", "1")
    return database


def _receipt_line(item: Receipt, signature: bytes) -> bytes:
    fields = {
        "agreement": str(item.agreement),
        "units": item.units,
        "periodStart": item.period_start,
        "periodEnd": item.period_end,
        "outputRoot": "0x" + item.output_root.hex(),
        "exclusive": item.exclusive,
        "signature": "0x" + signature.hex(),
    }
    return json.dumps(fields).encode() + b"\n"


def _verdict_line(item: Verdict, signature: bytes) -> bytes:
    fields = {
        "agreement": str(item.agreement),
        "units": item.units,
        "outputRoot": "0x" + item.output_root.hex(),
        "valid": item.valid,
        "verifierVersion": item.verifier_version,
        "confidence": item.confidence,
        "signature": "0x" + signature.hex(),
    }
    return json.dumps(fields).encode() + b"\n"


if __name__ == "__main__":
    sys.exit(main())
