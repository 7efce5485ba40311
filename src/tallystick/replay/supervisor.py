"""The relayer as a child process: started, watched, started again on the same database when it dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tallystick.replay.errors import RelayerGone
from tallystick.replay.guard import Guard

__all__ = ["Chaos", "Supervisor"]

MAX_FAILED_STARTS = 5
"""Starts in a row that the relayer itself gave up on, or that stayed silent."""
MAX_KILLED_STARTS = 50
"""Starts in a row that somebody killed before it was up; not its fault, so more are allowed."""


class Supervisor:
    """Keeps one relayer running.

    `command` is everything but `--ready-file`; `say` gets one sentence for people at each start and death.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        guard: Guard,
        *,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        start_timeout: float = 60.0,
        pause: float = 0.2,
    ) -> None:
        """`pause`: seconds until a second start, a little longer before each further one."""
        self.ready_file = folder / "relayer.json"
        self.log_file = folder / "relayer.log"
        self._command = [*command, "--ready-file", str(self.ready_file)]
        self._folder = folder
        self._guard = guard
        self._environment = {**os.environ, **environment}
        self._say = say
        self._start_timeout = start_timeout
        self._pause = pause
        self._process: subprocess.Popen[bytes] | None = None
        self._killed_by_others = False
        self.url = ""
        self.restarts = 0

    @property
    def pid(self) -> int:
        """Process id; 0 when it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Starts the relayer and waits until it listens.

        Raises:
            RelayerGone: when it died or stayed silent several times in a row.
        """
        failed = killed = 0
        while failed < MAX_FAILED_STARTS and killed < MAX_KILLED_STARTS:
            if self._start_once():
                self._say(f"relayer runs: pid {self.pid}, {self.url}, files in {self._folder}")
                return
            if self._killed_by_others:
                killed += 1
                self._say("the relayer was killed before it was up; starting it again")
            else:
                failed += 1
                self._say(f"the relayer did not come up (start {failed} of {MAX_FAILED_STARTS})")
                time.sleep(self._pause * failed)
        raise RelayerGone(f"The relayer does not start; it last said: {self.last_words()}")

    def launch(self) -> None:
        """Starts the process without waiting for it; `start` then does."""
        self.ready_file.unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )
        self._process = process
        self._guard.watch(process.pid)

    def _start_once(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            self.launch()
        process = self._process
        assert process is not None
        until = time.monotonic() + self._start_timeout
        while time.monotonic() < until and process.poll() is None:
            said = self._ready()
            if said and said.get("pid") == process.pid:
                self.url = str(said["url"])
                return True
            time.sleep(0.03)
        self._killed_by_others = (process.poll() or 0) < 0
        self.stop(grace=0)
        return False

    def _ready(self) -> dict[str, object] | None:
        try:
            said = json.loads(self.ready_file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return said if isinstance(said, dict) else None

    def ensure(self) -> bool:
        """Starts the relayer again when it is dead. Returns whether that was needed.

        Raises:
            RelayerGone: when it does not come up.
        """
        process = self._process
        if process is not None and process.poll() is None:
            return False
        if process is not None:
            self._guard.release(process.pid)
            self._say(
                f"the relayer (pid {process.pid}) {_how(process.returncode)};"
                " starting it again on the same database"
            )
            self.restarts += 1
        self.start()
        return True

    def kill(self) -> None:
        """SIGKILL, as a crash would be; `ensure` notices."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def stop(self, grace: float = 10.0) -> None:
        """Ends the relayer: SIGTERM, and SIGKILL after `grace` seconds. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            if grace > 0:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(grace if grace > 0 else 0.001)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._guard.release(process.pid)

    def last_words(self, lines: int = 6) -> str:
        """The end of its log, on one line."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - 8192))
                said = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return "nothing"
        return " | ".join(line.strip() for line in said[-lines:] if line.strip()) or "nothing"


def _how(code: int) -> str:
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with exit code {code}"


class Chaos:
    """Kills the relayer at moments that are drawn from a seed, as shares of the run's progress.

    Each kill comes a random fraction of a second after its moment, from another thread, so that it hits the
    relayer in the middle of whatever it does.
    """

    def __init__(self, kills: int, seed: int, relayer: Supervisor, say: Callable[[str], None]) -> None:
        dice = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
        self._moments = sorted(dice.random() for _ in range(kills))
        self._delays = [dice.uniform(0.0, 0.12) for _ in range(kills)]
        self._relayer = relayer
        self._say = say
        self._timer: threading.Timer | None = None
        self._struck = 0
        self.done = 0

    @property
    def left(self) -> int:
        """Kills still to come."""
        return len(self._moments) - self.done

    def progress(self, share: float) -> None:
        """Tells how much of the run is done, 0 to 1; starts the next kill when it is due and none is under
        way."""
        if self._timer is not None and self._timer.is_alive():
            return
        if self._relayer.pid == self._struck:
            return  # it is dying, and nobody has noticed yet
        if self.left and share >= self._moments[self.done]:
            self._timer = threading.Timer(self._delays[self.done], self._strike, [self._relayer.pid])
            self._timer.daemon = True
            self._timer.start()

    def _strike(self, pid: int) -> None:
        # A relayer that is just being started again is another one: this kill then waits for it.
        if pid and pid == self._relayer.pid:
            self._struck = pid
            self._relayer.kill()
            self.done += 1
            self._say(f"chaos: killed the relayer (pid {pid}), {self.left} to go")

    def finish(self) -> None:
        """Strikes that are still due, one after another, each answered by a restart."""
        while self.left or self._relayer.pid == self._struck:
            self.progress(1.0)
            if self._timer is not None:
                self._timer.join()
            self._relayer.ensure()
