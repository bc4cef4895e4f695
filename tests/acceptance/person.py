"""Who drives a campaign from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.dev.stack import Stack
from tests.patience import PATIENCE_S

Revio = Callable[..., Any]


@dataclass
class Person:
    """Types `revio campaign …` and reads what it says."""

    stack: Stack
    revio: Revio
    tokens: Mapping[str, str] = field(default_factory=dict)
    """The console's, by the name of whoever may use them."""

    def types(self, *arguments: str, code: int = 0) -> Any:
        """Whoever a command names as `--by` has their token beside it, if there is one."""
        by = arguments[arguments.index("--by") + 1] if "--by" in arguments else ""
        proof = {"REVIO_CONSOLE_TOKEN": self.tokens[by]} if by in self.tokens else {}
        environment = {**self.stack.environment, **proof}
        result = self.revio("campaign", *arguments, "--json", env=environment)
        assert result.code == code, (arguments, result.code, result.out, result.err)
        return json.loads(result.out)

    def says(self, *arguments: str, code: int) -> str:
        """What a refused command has to say."""
        result = self.revio("campaign", *arguments, env=self.stack.environment)
        assert result.code == code, (arguments, result.code, result.out, result.err)
        return " ".join(f"{result.out} {result.err}".split())

    def look(self, run: str) -> Any:
        result = self.revio(
            "campaign", "watch", run, "--once", "--json", env=self.stack.environment
        )
        assert result.out, result.err
        return json.loads(result.out)

    def wait(self, run: str, until: Callable[[Any], bool], within_s: float = PATIENCE_S) -> Any:
        deadline = time.monotonic() + within_s
        while not (_is_answered(seen := self.look(run)) and until(seen)):
            assert seen.get("status") != "halted", seen["reason"]
            assert time.monotonic() < deadline, seen
            time.sleep(0.5)
        return seen

    def decides(self, what: str, *arguments: str) -> None:
        self.types(what, *arguments, "--reason", f"time to {what}", "--by", "bob")

    def executed(self) -> int:
        return sum(map(len, self.stack.sandbox.updates().values()))


def _is_answered(seen: Any) -> bool:
    """A Redis that does not answer in time, as on a busy machine, is asked again."""
    return "error" not in seen or seen["error"]["type"] != "Unavailable"
