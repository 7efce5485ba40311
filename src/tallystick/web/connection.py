"""uvicorn's HTTP connection with limits on what comes before a body, which uvicorn leaves open.

Nobody is known before the headers are read. Without limits, headers that never end fill the memory, and
connections that never ask fill the table of files, which the database and the chain's endpoints need too.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD: Final = 65_536
"""Bytes of request line and headers."""

HEAD_TIMEOUT: Final = 30.0
"""Seconds from the connection, or from a later request's first byte, to the end of its headers."""

MAX_CONNECTIONS: Final = 512
"""Open connections; further ones are closed at once."""


class BoundedHttp(HttpToolsProtocol):
    """One connection. Its limits are attributes, for tests."""

    max_head = MAX_HEAD
    head_timeout = HEAD_TIMEOUT
    max_connections = MAX_CONNECTIONS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = True
        self._head_bytes = 0
        self._overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head that is not complete."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._in_head or self._head_bytes == 0 or self.transport.is_closing():
            return
        if self._head_bytes > self.max_head:
            self.send_400_response("The request line and headers are too long.")
        elif self._overdue is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """The body begins, which `web.body` bounds."""
        self._in_head, self._head_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next request may begin."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def _wait_for_head(self) -> None:
        self._overdue = self.loop.call_later(self.head_timeout, self._give_up)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        self._overdue = None
        cycle: RequestResponseCycle | None = self.cycle
        answers = cycle is not None and not cycle.response_complete
        if self._in_head and not answers:
            self.transport.close()
