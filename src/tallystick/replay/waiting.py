"""Waits for the relayer: until it knows the agreements, until everything is posted, until everything is
paid."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tallystick.replay.clock import ChainClock
from tallystick.replay.courier import Courier
from tallystick.replay.supervisor import Chaos, Supervisor
from tallystick.replay.watch import Move, Watch, next_move

__all__ = ["Waiting"]

PAUSE = 0.15
"""Real seconds between two looks at the chain."""
ANSWER_TIME = 2.5
"""Real seconds that the relayer has after a jump of the clock."""
PATIENCE = 120.0
"""Real seconds without anything new until waiting ends, beyond the challenge window where that passes in real
time."""


class Waiting:
    """The loops between the last receipt and the last µ. `problems` says what waiting gave up on."""

    def __init__(
        self,
        watch: Watch,
        clock: ChainClock,
        relayer: Supervisor,
        courier: Courier,
        chaos: Chaos,
        *,
        window: int,
        batch_age: int,
        say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`window` and `batch_age` in chain seconds."""
        self._watch = watch
        self._clock = clock
        self._relayer = relayer
        self._courier = courier
        self._chaos = chaos
        self._window = window
        self._batch_age = batch_age
        self._say = say
        self._now = now
        self._sleep = sleep
        self._patience = PATIENCE + (0 if clock.can_jump else 2 * (window + batch_age))
        self.problems: list[str] = []

    def until_known(self, numbers: Sequence[int], opened_block: int) -> None:
        """Waits until the relayer serves all agreements: it takes receipts only for openings that are
        final."""
        began = self._now()
        left = list(numbers)
        while left and self._now() - began < self._patience + PATIENCE:
            # They become known in order, so asking for the last one is nearly always enough.
            if self._courier.get(f"/v1/agreements/{left[-1]}").status_code == 200:
                left.pop()
                if len(left) > 1:
                    left = [left[0]]
                continue
            self._clock.tick(opened_block)
            self._sleep(PAUSE)
        if left:
            self._give_up("the relayer does not know the agreements that were opened")

    def until_posted(self, progress: Callable[[int], None]) -> None:
        """Waits until every agreement's last figure is in a batch."""
        total = len(self._watch.wanted)

        def done() -> bool:
            posted = total - self._watch.unposted
            progress(posted)
            self._chaos.progress(0.6 + 0.2 * (posted / total if total else 1.0))
            return posted == total

        self._until(done)

    def until_settled(self, progress: Callable[[int], None]) -> None:
        """Waits until every agreement is paid in full."""
        total = len(self._watch.wanted)

        def done() -> bool:
            paid = total - self._watch.unpaid
            progress(paid)
            self._chaos.progress(0.8 + 0.2 * (paid / total if total else 1.0))
            return paid == total

        self._until(done)

    def _until(self, done: Callable[[], bool]) -> None:
        watch, news_at, jumped_at = self._watch, self._now(), 0.0
        while True:
            self._relayer.ensure()
            if watch.look():
                news_at = self._now()
            if done():
                return
            now = self._now()
            if now - news_at > self._patience:
                missing = f"{watch.unposted} agreements not posted, {watch.unpaid} not paid"
                self._give_up(f"nothing new on the chain for {self._patience:.0f} s, {missing}")
                return
            node = watch.world.node
            time_now, ends = node.timestamp(), watch.last_post_time + self._window
            # After a jump the relayer gets a while to answer it before the clock moves again.
            idle = now - max(news_at, jumped_at + ANSWER_TIME)
            move = next_move(watch.unposted, watch.unpaid, time_now, ends, idle, self._clock.can_jump)
            if move is Move.BATCH_AGE:
                self._clock.jump(time_now + self._batch_age + 1)
                jumped_at = self._now()
            elif move is Move.WINDOW:
                self._clock.jump(ends + 1)
                jumped_at = self._now()
            else:
                self._clock.tick(watch.last_event_block)
            self._sleep(PAUSE)

    def _give_up(self, what: str) -> None:
        self.problems.append(f"{what}; the relayer last said: {self._relayer.last_words()}")
        self._say(self.problems[-1])
