"""What can go wrong in a replay, with stable codes; the command line shows sentence and code."""

from __future__ import annotations

from tallystick.protocol.errors import TallystickError
from tallystick.reports.files import UsageProblem

__all__ = ["RelayerGone", "ReplayError", "ReplayStuck", "TraceChanged", "UsageProblem"]


class ReplayError(TallystickError):
    """Anything that the replay itself raises."""


class TraceChanged(ReplayError):
    """The trace read otherwise the second time: somebody wrote to it meanwhile. Code `trace_changed`."""

    def __init__(self, message: str) -> None:
        super().__init__("trace_changed", message)


class RelayerGone(ReplayError):
    """The relayer does not come up, however often it is started. Code `relayer_gone`."""

    def __init__(self, message: str) -> None:
        super().__init__("relayer_gone", message)


class ReplayStuck(ReplayError):
    """The chain or the relayer made no progress for too long. Code `replay_stuck`."""

    def __init__(self, message: str) -> None:
        super().__init__("replay_stuck", message)
