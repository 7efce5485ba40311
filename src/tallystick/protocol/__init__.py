"""The protocol in pure Python: types, hashes, keys, money, executable specification. No I/O, no clock."""

from .errors import TallystickError

__all__ = ["TallystickError"]
