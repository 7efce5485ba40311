"""Request bodies: read with a hard limit, and only as many at once as memory is meant for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.requests import ClientDisconnect

from tallystick.web.context import Limits
from tallystick.web.errors import ApiError


class Gate:
    """Counts the bodies that are being read or worked on, in requests and in bytes. One event loop only."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = 0
        self.bytes = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, which counts until the block ends.

        Raises:
            ApiError: `body_too_large` (at once when the header says so), `backlog_full`, `body_timeout`,
                `unsupported_media_type` (compressed bodies).
        """
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise ApiError("unsupported_media_type", "Send the body as it is, without Content-Encoding.")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limits.body:
            raise self._too_large()
        if self.requests >= self._limits.waiting_requests:
            raise self._full()
        taken = 0
        self.requests += 1
        try:
            parts: list[bytes] = []
            async for part in self._parts(request):
                taken += len(part)
                self.bytes += len(part)
                if taken > self._limits.body:
                    raise self._too_large()
                if self.bytes > self._limits.waiting_bytes:
                    raise self._full()
                parts.append(part)
            body = b"".join(parts)
            parts.clear()
            yield body
        finally:
            self.requests -= 1
            self.bytes -= taken

    async def _parts(self, request: Request) -> AsyncIterator[bytes]:
        stream = request.stream()
        clock = asyncio.get_running_loop().time
        end = clock() + self._limits.body_timeout
        while True:
            try:
                async with asyncio.timeout(min(self._limits.chunk_timeout, max(end - clock(), 0.0))):
                    part = await anext(stream, None)
            except TimeoutError:
                raise ApiError("body_timeout", "The body stopped coming; send it again.") from None
            except ClientDisconnect:
                raise ApiError("body_timeout", "The connection ended before the body did.") from None
            if part is None:
                return
            yield part

    def _too_large(self) -> ApiError:
        return ApiError(
            "body_too_large",
            f"A body has at most {self._limits.body} bytes; send the items in several requests.",
        )

    def _full(self) -> ApiError:
        return ApiError(
            "backlog_full",
            "Too much is waiting to be taken in; send it again a little later.",
            {"Retry-After": str(self._limits.retry_after)},
        )
