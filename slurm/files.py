"""Files that are whole or not there, and that outlast a power cut."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, values: Any, indent: int | None = None) -> None:
    """Write beside, bring to the disk, rename."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=indent)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
