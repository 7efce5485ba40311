"""Which JSON-RPC endpoints to use: flags win, else TALLYSTICK_RPC_URL or TALLYSTICK_RPC_URL_FILE.

The address of a paid node holds an API key, and flags are seen by everybody on the machine (`ps`): such
addresses come by the environment or a file. No error here quotes one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .errors import ChainError

__all__ = [
    "RPC_VARIABLE",
    "BadEndpoints",
    "chosen_endpoints",
    "endpoints_from",
    "handed_over",
    "split_endpoints",
]

RPC_VARIABLE: Final = "TALLYSTICK_RPC_URL"

# A comma may be part of an address; one that separates two stands before the next one's scheme, or at the end.
_BETWEEN: Final = re.compile(r",\s*(?=https?://)|,\s*$|\s+")


class BadEndpoints(ChainError):
    """TALLYSTICK_RPC_URL or its file cannot be used. Code `bad_endpoints`, exit code 2."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__("bad_endpoints", message)


def endpoints_from(flags: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The endpoints that flags name, else those of the environment; empty when neither names one.

    Raises BadEndpoints when both variables are set, the file cannot be read, or one is no http(s) address.
    """
    if flags:
        return tuple(flags)
    direct, file = environment.get(RPC_VARIABLE), environment.get(f"{RPC_VARIABLE}_FILE")
    if direct and file:
        raise BadEndpoints(f"{RPC_VARIABLE} and {RPC_VARIABLE}_FILE are both set: unset one of them")
    if direct:
        return split_endpoints(direct, RPC_VARIABLE)
    if not file:
        return ()
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise BadEndpoints(f"the file {file} that {RPC_VARIABLE}_FILE names cannot be read: {why}") from None
    return split_endpoints(text, f"{RPC_VARIABLE}_FILE")


def chosen_endpoints(flag: str | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The endpoints of a flag that may be left out (none: whatever the environment says, nobody's node is used
    unasked) or be `env` (those of the environment).

    Raises BadEndpoints as `endpoints_from` does, and for `env` when the environment names none.
    """
    if flag is None:
        return ()
    if flag != "env":
        return (flag,)
    urls = endpoints_from((), environment)
    if not urls:
        raise BadEndpoints(f"`env` needs {RPC_VARIABLE} or {RPC_VARIABLE}_FILE: neither is set")
    return urls


def split_endpoints(text: str, name: str) -> tuple[str, ...]:
    """Addresses separated by commas or line ends. Raises BadEndpoints, in the name of the variable `name`."""
    urls = tuple(part for part in _BETWEEN.split(text.strip()) if part)
    if not urls:
        raise BadEndpoints(f"{name} names no endpoint: give http(s) addresses, separated by commas or lines")
    for place, url in enumerate(urls, 1):
        if not url.startswith(("http://", "https://")):
            raise BadEndpoints(f"entry {place} of {name} does not start with http:// or https://")
    return urls


def handed_over(urls: Sequence[str]) -> dict[str, str]:
    """What to put into a child's environment so that it uses exactly these endpoints."""
    return {RPC_VARIABLE: "\n".join(urls), f"{RPC_VARIABLE}_FILE": ""}
