"""Matplotlib keeps its list of fonts inside the checkout."""

import os
from pathlib import Path

os.environ.setdefault("MPLCONFIGDIR", str(Path(__file__).resolve().parents[3] / ".cache" / "matplotlib"))
