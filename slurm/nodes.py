"""Nodes that fail tasks which do not fail elsewhere: excluded for the rest of a submission.

`nodes.jsonl` in the launcher's folder has a line for every failure. A way to fail that was seen on
several nodes is the program's; one that was seen on a single node, with three different tasks, is
the node's.
"""

import contextlib
import json
import os
import time
from collections import defaultdict
from pathlib import Path

from slurm import queue, records

FAILURES = "nodes.jsonl"
DIFFERENT_TASKS = 3
RECENT_S = 7 * 86400.0


def note(home: Path, token: str, folder: Path, way: str) -> None:
    """A task failed on this node; a node that has failed too many is kept from waiting jobs."""
    node, owner = os.environ.get("SLURMD_NODENAME", ""), records.owner(home, token)
    if not node or owner is None:
        return
    submission = owner[0]
    before = excluded(home, submission.path.stem)
    line = {"submission": submission.path.stem, "node": node, "folder": str(folder), "way": way}
    line["time"] = str(time.time())
    with contextlib.suppress(OSError), open(home / FAILURES, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    now = excluded(home, submission.path.stem)
    if now.keys() != before.keys():  # fewer, too: the same failure was seen elsewhere by now
        queue.exclude((job.job_id for job in submission.jobs if job.job_id), now)


def excluded(home: Path, submission: str = "", within_s: float = RECENT_S) -> dict[str, str]:
    """Node -> why it is excluded, in a submission (by its record's stem) or in any recent one."""
    lines = []
    with contextlib.suppress(OSError):
        for text in (home / FAILURES).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, KeyError):
                line = json.loads(text)
                if time.time() - float(line["time"]) < within_s:
                    lines.append(line)
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)  # where each way to fail was seen
    for line in lines:
        seen[line["submission"], line["way"]].add(line["node"])
    failed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in lines:
        if submission in ("", line["submission"]):
            failed[line["submission"], line["way"]].add(line["folder"])
    return {
        node: f"failed {len(folders)} different tasks as none failed elsewhere: {way}"
        for (sent, way), folders in failed.items()
        if len(folders) >= DIFFERENT_TASKS and len(seen[sent, way]) == 1
        for node in seen[sent, way]
    }


def keep_away(home: Path, token: str, job_id: str) -> None:
    """Keep a job that was just requeued from the nodes excluded in its submission."""
    owner = records.owner(home, token)
    if owner and (found := excluded(home, owner[0].path.stem)):
        queue.exclude([job_id], found)
