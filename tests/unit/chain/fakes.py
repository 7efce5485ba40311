"""A node that answers from a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class FakeTransport:
    """Answers with `answers[method](*params)`; an Exception that it returns becomes a JSON-RPC error."""

    name = "a fake node"

    def __init__(self, answers: Mapping[str, Callable[..., Any]]) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, Sequence[Any]]] = []
        self.exchanges = 0

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        self.exchanges += 1
        return [self._answer(method, params) for method, params in requests]

    def _answer(self, method: str, params: Sequence[Any]) -> Mapping[str, Any]:
        self.asked.append((method, params))
        answer = self.answers[method](*params)
        return {"error": answer.args[0]} if isinstance(answer, Exception) else {"result": answer}

    def close(self) -> None:
        pass


def revert(data: str | None, message: str = "execution reverted") -> Exception:
    """A JSON-RPC error as nodes answer a call that reverts."""
    return Exception({"code": 3, "message": message, **({"data": data} if data is not None else {})})
