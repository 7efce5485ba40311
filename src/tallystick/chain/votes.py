"""Where a juror keeps what opens its votes: a salt for each seat, on disk before the commitment is sent.

A vote that cannot be revealed costs the juror's penalty. So the salt is drawn once a seat and never changed, every
vote that was ever committed to under it is remembered, and the file is written whole before anything goes to the chain.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.registry import write_atomically

__all__ = ["SeatPlace", "Votes", "default_votes"]


class SeatPlace(NamedTuple):
    """A seat: of which jury on which chain, in which round of which dispute, and whose. Addresses with checksum."""

    chain: int
    jury: str
    dispute: int
    round: int
    juror: str


def default_votes() -> Path:
    """`.cache/votes` of the checkout that this package lies in, else of the work folder."""
    checkout = Path(__file__).resolve().parents[3]
    return (checkout if (checkout / "ape-config.yaml").is_file() else Path.cwd()) / ".cache" / "votes"


class Votes:
    """A folder with one file a seat: `{"salt": 0x…, "units": ["…", …]}`."""

    def __init__(
        self, folder: Path | None = None, draw: Callable[[], bytes] = lambda: secrets.token_bytes(32)
    ) -> None:
        """`draw` gives 32 random bytes."""
        self.folder = folder if folder is not None else default_votes()
        self._draw = draw

    def path(self, place: SeatPlace) -> Path:
        """The file of a seat."""
        where = f"{place.chain}-{place.jury.lower()}-{place.dispute}-{place.round}-{place.juror.lower()}.json"
        return self.folder / where

    def read(self, place: SeatPlace) -> tuple[bytes, list[int]] | None:
        """Salt and votes of a seat; None when there never was one. Raises OperatorRefusal `bad_votes`."""
        path = self.path(place)
        if not path.is_file():
            return None
        try:
            told = json.loads(path.read_text("utf-8"))
            salt, units = bytes.fromhex(told["salt"][2:]), [int(one) for one in told["units"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OperatorRefusal(
                "bad_votes", f"{path} cannot be read ({type(error).__name__}): mend it first"
            ) from None
        if len(salt) != 32:
            raise OperatorRefusal("bad_votes", f"{path} holds no salt of 32 bytes: mend it first")
        return salt, units

    def remember(self, place: SeatPlace, units: int) -> bytes:
        """The seat's salt, with a vote for `units` written down beside it. Durable when it returns."""
        salt, known = self.read(place) or (self._draw(), [])
        votes = [*known, *([] if units in known else [units])]
        text = json.dumps({"salt": "0x" + salt.hex(), "units": [str(one) for one in votes]})
        path = self.path(place)
        write_atomically(path, text + "\n")
        path.chmod(0o600)
        return salt
