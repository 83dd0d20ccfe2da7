"""Counts of requests, in the text format that Prometheus reads."""

import time
from collections import Counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class RequestCounts:
    """ASGI middleware that counts an application's answers by status, and the time that they took.

    Paths are not counted apart: they hold what people look for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._answers: Counter[int] = Counter()
        self._seconds = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers[message["status"]] += 1
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            self._seconds += time.perf_counter() - began

    def text(self, gauges: dict[str, Any]) -> str:
        """Return all counts."""
        lines = ["# TYPE keyart_requests_total counter"]
        lines += [f'keyart_requests_total{{status="{status}"}} {n}' for status, n in sorted(self._answers.items())]
        lines += ["# TYPE keyart_request_seconds_total counter", f"keyart_request_seconds_total {self._seconds:.6f}"]
        for name, value in gauges.items():
            lines += [f"# TYPE keyart_{name} gauge", f"keyart_{name} {value}"]
        return "\n".join(lines) + "\n"
