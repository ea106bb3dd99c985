"""Work done in a fork of this process, which has all that is imported, and may end as it likes."""

import json
import math
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

WALL_S = 1800  # of a fork, on a busy machine


class Ended(NamedTuple):
    """How a fork ended: what it returned (None if it did not), the signal that ended it, and what
    it had printed."""

    result: Any
    signal: int
    log: str


def in_fork(work: Callable[[], Any], *, cpu_s: float = 0) -> Ended:
    """What `work` returns in a fork of this process, by way of JSON.

    Args:
        cpu_s: seconds of computing after which it is ended; 0 for no limit.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        result, log = Path(folder) / "result.json", Path(folder) / "log"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _alone(Path(folder), log, cpu_s)
                result.write_text(json.dumps(work()))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        said = log.read_text(errors="replace")[-4000:] if log.exists() else ""
        return Ended(json.loads(result.read_text()) if result.exists() else None, ended, said)


def _alone(folder: Path, log: Path, cpu_s: float) -> None:
    """Make a fork print into a file, keep its files in a folder, and end in time."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
    tempfile.tempdir = None
    if cpu_s:
        signal.alarm(WALL_S)
        seconds = math.ceil(cpu_s)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
