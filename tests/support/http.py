"""A client of an ASGI application without a socket: one event loop, faults answered and not raised."""

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp


class Client:
    """Blocking requests to `app`, as `httpx.Client` makes them. Close it when done."""

    def __init__(self, app: ASGIApp) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://relayer")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request."""
        return self._runner.run(self._client.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """POST."""
        return self.request("POST", path, **options)

    def close(self) -> None:
        """Ends the event loop."""
        self._runner.run(self._client.aclose())
        self._runner.close()
