"""Where reports are written, and how: checked before anything starts, and whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile

from tallystick.protocol.errors import TallystickError

__all__ = ["UsageProblem", "make_folder", "write_text"]


class UsageProblem(TallystickError):
    """What was asked cannot be done as asked; nothing was started. Code `bad_usage`, exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_usage", message)


def make_folder(folder: Path) -> None:
    """Makes a folder for reports when it is missing, and checks that files can be made in it.

    Raises:
        UsageProblem: when it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageProblem(
            f"The folder {folder} for the report cannot be made: {problem.strerror or problem}."
        ) from None
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise UsageProblem(
            f"The report cannot be written to the folder {folder}: {problem.strerror or problem}."
        ) from None


def write_text(path: Path, text: str) -> None:
    """Writes a file through a temporary neighbour, so that a reader sees the old one or the new one.

    Raises:
        OSError: when it cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
