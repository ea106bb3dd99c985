"""`python -m slurm.cluster up|down|env [FOLDER]`."""

import argparse
import shlex
import sys
from pathlib import Path

from slurm.cluster.lab import Cluster, down, up
from slurm.errors import SlurmError, SlurmInputError

DEFAULT = Path.home() / ".cache" / "dreamtext-cluster"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m slurm.cluster", description=__doc__)
    parser.add_argument("action", choices=("up", "down", "env"))
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument(
        "--defaults", action="store_true", help="up: with SLURM's default settings, slower"
    )
    arguments = parser.parse_args()
    try:
        if arguments.action == "down":
            down(arguments.folder)
            return 0
        cluster = Cluster(arguments.folder)
        if arguments.action == "up":
            cluster = up(arguments.folder, quick=not arguments.defaults)
    except (SlurmError, SlurmInputError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, SlurmInputError) else 1
    for name, value in cluster.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
