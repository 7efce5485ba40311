"""Runs the application in a thread of its own, on a port that is known before the first request."""

from __future__ import annotations

import gc
import socket
import threading
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from tallystick.web.connection import BoundedHttp
from tallystick.web.context import WebProblem

_START_TIMEOUT: Final = 15.0
_BACKLOG: Final = 512


class WebServer:
    """Binds at once (port 0 picks a free one), serves from `start` to `stop`.

    Raises:
        WebProblem: `cannot_listen`: the address is taken or not ours.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen(_BACKLOG)
        except OSError as problem:
            self._socket.close()
            raise WebProblem(
                "cannot_listen", f"Cannot listen on {host}:{port}: {problem.strerror}."
            ) from problem
        self.port: int = self._socket.getsockname()[1]
        self.url = (
            f"http://[{host}]:{self.port}" if family == socket.AF_INET6 else f"http://{host}:{self.port}"
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=BoundedHttp,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_keep_alive=30,
                timeout_graceful_shutdown=10,
            )
        )
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Returns once requests are answered."""
        gc.collect()
        gc.freeze()  # what start-up made stays: collections need not walk over it while receipts pour in
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(_START_TIMEOUT / 0.01)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.01)
        if not self._server.started:
            raise WebProblem("cannot_listen", f"The web server at {self.url} did not start.")

    def stop(self, timeout: float = 15.0) -> None:
        """Takes no new requests, finishes those that run (seconds), then returns."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
