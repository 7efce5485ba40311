"""Signed receipts and verdicts that a watcher is given: in files of NDJSON, or by a relayer that is asked for each
leaf."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import httpx
import msgspec

from tallystick.chain.node import redacted
from tallystick.protocol.backing import Leaf
from tallystick.protocol.eip712 import Domain, Receipt, Verdict
from tallystick.protocol.messages import Outcome, lines_of, parse_receipt, parse_verdict

from .errors import WatchProblem

__all__ = ["Evidence", "FileEvidence", "RelayerEvidence", "Seen", "SourceSilent", "read_truth"]

TIMEOUT: Final = 10.0
"""Seconds for one answer of a relayer."""

_ENDINGS: Final = (".ndjson", ".jsonl", ".json")
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode


class Seen(NamedTuple):
    """What is known behind one leaf: receipts with their devices' signatures, verdicts with signature and signing
    key."""

    receipts: tuple[tuple[Receipt, bytes], ...] = ()
    verdicts: tuple[tuple[Verdict, bytes, bytes], ...] = ()

    def __add__(self, other: object) -> Seen:
        assert isinstance(other, Seen)
        return Seen(self.receipts + other.receipts, self.verdicts + other.verdicts)


class SourceSilent(Exception):
    """A source did not answer: nothing can be said of a leaf by it now. Its text says which, and why."""


class Evidence(Protocol):
    """Somebody who may know what stands behind a leaf."""

    def behind(self, leaf: Leaf) -> Seen:
        """What it knows; nothing when it has nothing. Raises SourceSilent."""


class FileEvidence:
    """All receipts and verdicts of some files, by agreement and output.

    `unread`: lines that are neither, as (file, line, code).
    """

    def __init__(self, domain: Domain, paths: Iterable[Path] = ()) -> None:
        self._domain = domain
        self._receipts: dict[tuple[int, bytes], list[tuple[Receipt, bytes]]] = defaultdict(list)
        self._verdicts: dict[tuple[int, bytes], list[tuple[Verdict, bytes, bytes]]] = defaultdict(list)
        self.unread: list[tuple[str, int, str]] = []
        for path in paths:
            for file in _files(path):
                self.take(file.name, _read(file))

    def take(self, name: str, body: bytes) -> None:
        """Takes an NDJSON body in; what cannot be read is noted in `unread`."""
        for line, content in lines_of(body):
            problem = self._take_line(line, content)
            if problem is not None:
                self.unread.append((name, line, problem.code))

    def behind(self, leaf: Leaf) -> Seen:
        """See Evidence."""
        key = (leaf.agreement, leaf.output_root)
        return Seen(tuple(self._receipts.get(key, ())), tuple(self._verdicts.get(key, ())))

    def _take_line(self, line: int, content: bytes) -> Outcome | None:
        try:
            is_receipt = "periodStart" in _fields(content)
        except msgspec.DecodeError:
            return Outcome(line, "rejected", "", "malformed_json", "This is no JSON object.")
        if is_receipt:
            receipt = parse_receipt(self._domain, line, content)
            if isinstance(receipt, Outcome):
                return receipt
            place = (receipt.receipt.agreement, receipt.receipt.output_root)
            self._receipts[place].append((receipt.receipt, receipt.signature))
            return None
        verdict = parse_verdict(self._domain, line, content)
        if isinstance(verdict, Outcome):
            return verdict
        if verdict.signer is not None:
            place = (verdict.verdict.agreement, verdict.verdict.output_root)
            self._verdicts[place].append((verdict.verdict, verdict.signature, verdict.signer))
        return None


class RelayerEvidence:
    """A relayer's read API. It is believed nothing: what it shows must be signed, and fit."""

    def __init__(self, url: str, domain: Domain, key: str | None = None) -> None:
        """`key`: an API key of the relayer."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.name = redacted(url)
        self._domain = domain
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=TIMEOUT)

    def behind(self, leaf: Leaf) -> Seen:
        """See Evidence. A relayer that does not know the leaf has nothing to show for it."""
        try:
            response = self._client.get(f"/v1/batches/{leaf.batch}/leaves/{leaf.idx}")
        except httpx.HTTPError as error:
            raise SourceSilent(f"{self.name} does not answer ({type(error).__name__})") from None
        if response.status_code == 404:
            return Seen()
        if response.status_code != 200:
            raise SourceSilent(f"{self.name} answered {response.status_code}")
        try:
            shown = _object(response.content)
            lines = [msgspec.json.encode(one) for name in ("receipts", "verdicts") for one in shown[name]]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise SourceSilent(f"{self.name} answered with something else than a leaf") from None
        inside = FileEvidence(self._domain)
        inside.take(self.name, b"\n".join(lines))
        return inside.behind(leaf)

    def close(self) -> None:
        """Lets the connection go."""
        self._client.close()


def read_truth(path: Path | None) -> Mapping[int, int]:
    """What the watcher itself knows to be delivered: units by agreement, from NDJSON of {agreement, units}. The last
    line of an agreement counts. Raises WatchProblem `bad_truth`."""
    if path is None:
        return {}
    try:
        body = path.read_bytes()
    except OSError as error:
        raise WatchProblem("bad_truth", f"{path} cannot be read: {error.strerror}.") from None
    truth: dict[int, int] = {}
    for line, content in lines_of(body):
        try:
            said = _object(content)
            agreement, units = int(said["agreement"]), int(said["units"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise WatchProblem("bad_truth", f"{path}, line {line}: give {{agreement, units}}.") from None
        if units < 0 or agreement <= 0:
            raise WatchProblem("bad_truth", f"{path}, line {line}: neither may be below zero.")
        truth[agreement] = units
    return truth


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.is_file() and one.suffix in _ENDINGS)
    return (path,)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WatchProblem("bad_evidence", f"{path} cannot be read: {error.strerror}.") from None
