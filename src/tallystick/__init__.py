"""Tallystick: settlement layer for GPU marketplaces."""

import os

__version__ = "0.1.0"

# eth-hash would take pycryptodome first; the C extension of safe-pysha3 hashes more than three times as fast.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
