"""What can go wrong for a watcher, besides what the chain's side raises."""

from __future__ import annotations

from tallystick.protocol.errors import TallystickError

__all__ = ["WatchProblem"]


class WatchProblem(TallystickError):
    """What was asked of the watcher cannot be done.

    Codes: `bad_evidence`, `bad_truth`: a file that cannot be read, or holds something else; `bad_watch`: a setting that
    makes no sense; `no_challenges`: the deployment has no contract for it.
    """

    exit_code = 2
