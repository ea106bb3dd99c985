"""The training log: one JSON object a line, in the order of steps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dreamtext.files import LOG, refuse_if_overtaken, write_text


class Log:
    """`log.jsonl`: one JSON object a line, in the order of steps."""

    def __init__(
        self,
        folder: Path,
        *,
        enabled: bool = True,
        also: Callable[[dict[str, Any]], None] = lambda line: None,
    ) -> None:
        self.path, self.enabled, self.also = folder / LOG, enabled, also

    def append(self, values: dict[str, Any]) -> None:
        if self.enabled:
            refuse_if_overtaken()
            with open(self.path, "a") as file:
                file.write(json.dumps(values) + "\n")
            self.also(values)

    def cpu_s(self) -> float:
        """CPU seconds that the run has taken, as far as its last line tells."""
        told = [line["cpu_s"] for line in read_log(self.path) if "cpu_s" in line]
        return told[-1] if told else 0.0

    def truncate(self, step: int) -> None:
        """Drop what was logged after `step`, or half written: it is about to be repeated."""
        if not self.enabled:
            return
        kept = [line for line in read_log(self.path) if line["step"] <= step]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))


def read_log(path: Path) -> list[dict[str, Any]]:
    """Every whole line of a log; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines
