"""Bringing the one-machine cluster up and down.

Debian: `apt-get install --no-install-recommends slurmctld slurmd slurm-client munge`. Neither
systemd, cgroups, a running munge nor a database is needed. `auth/none` trusts every process that
reaches the daemons' ports: they are bound to the loopback address, but any user of the machine
can submit as you. Use it on a machine of your own.
"""

import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slurm.errors import SlurmError, SlurmInputError

NODES = ("n1", "n2", "n3", "n4")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
CONF = Path(__file__).with_name("slurm.conf.in")
QUICK = Path(__file__).with_name("quick.conf.in")
START_S = 60
STOP_S = 15


def missing_programs() -> list[str]:
    """Programs of SLURM that are not installed; the cluster can come up when this is empty."""
    return [name for name in PROGRAMS if _which(name) is None]


@dataclass(frozen=True)
class Cluster:
    """A cluster folder: configuration, logs, state and pid files."""

    folder: Path

    @property
    def conf(self) -> Path:
        return self.folder.resolve() / "etc" / "slurm.conf"

    def environment(self) -> dict[str, str]:
        """What a client needs in its environment to talk to this cluster."""
        return {"SLURM_CONF": str(self.conf)}

    def run(self, *command: str, check: bool = True) -> str:
        """Run a client such as `squeue` against this cluster and return what it prints."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode:
            raise SlurmError(f"{' '.join(command)} failed: {done.stderr.strip()}")
        return done.stdout

    def idle_nodes(self) -> int:
        out = self.run("sinfo", "-h", "-N", "-p", "debug", "-t", "idle", "-o", "%N", check=False)
        return len(out.split())

    def start_controller(self) -> None:
        self._daemon("slurmctld")

    def stop_controller(self) -> None:
        _stop([self.folder / "run" / "slurmctld.pid"])

    def start_node(self, node: str) -> None:
        """Start a node's daemon, and take the node back into service if it had been given up."""
        self._daemon("slurmd", "-N", node)
        self.run("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)

    def stop_node(self, node: str) -> None:
        """Kill a node's daemon as a power cut would (its jobs' processes are left alone)."""
        _stop([self.folder / "run" / f"slurmd-{node}.pid"], signal.SIGKILL)

    def kill_job(self, job_id: str) -> None:
        """Kill every process of a job, by SLURM's plain number, as a power cut would: none of them
        is left a moment to say how another ended."""
        found = _processes_with(f"SLURM_JOB_ID={job_id}", ("",))
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if f"slurmstepd: [{job_id}." in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _daemon(self, name: str, *arguments: str) -> None:
        program = _which(name)
        assert program
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
        done = subprocess.run(
            [program, *arguments],
            env={**environment, **self.environment()},
            capture_output=True,
            text=True,
            timeout=START_S,
            cwd=self.folder,
        )
        if done.returncode:
            raise SlurmError(
                f"{name} did not start: {done.stderr.strip()} (see {self.folder / 'log'})"
            )


def up(folder: Path, quick: bool = True, **settings: object) -> Cluster:
    """Start a cluster in `folder` (made if need be) and wait until its four nodes are idle.

    Args:
        quick: set as a kind administrator would, and quick; else as SLURM is by default.
        settings: further lines of slurm.conf, such as MinJobAge=10.

    Raises:
        SlurmInputError: SLURM is not installed, or a cluster runs there already.
        SlurmError: a daemon failed, or the nodes were not idle in time; nothing is left running.
    """
    if missing := missing_programs():
        raise SlurmInputError(
            f"SLURM is not installed ({', '.join(missing)} not found). On Debian or Ubuntu: "
            f"apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
        )
    folder = folder.resolve()
    if _alive(folder / "run" / "slurmctld.pid"):
        raise SlurmInputError(
            f"a cluster already runs in {folder}; stop it with: python -m slurm.cluster down "
            f"{folder}"
        )
    for name in ("etc", "run", "log", "state", "dev", *(f"spool/{node}" for node in NODES)):
        (folder / name).mkdir(parents=True, exist_ok=True)
    port = _free_ports(len(NODES) + 2)
    lines = [QUICK.read_text().strip()] if quick else []
    lines += [f"{key}={value}" for key, value in settings.items()]
    (folder / "etc" / "slurm.conf").write_text(
        CONF.read_text()
        .replace("@SETTINGS@", "\n".join(lines))
        .replace("@GRACE@", "30" if quick else "0")
        .replace("@FOLDER@", str(folder))
        .replace("@USER@", getpass.getuser())
        .replace("@CONTROLLER_PORT@", str(port))
        .replace("@NODE_PORT@", str(port + 1))
        .replace("@NODE_PORTS@", f"{port + 2}-{port + 1 + len(NODES)}")
    )
    for device in ("gpu0", "gpu1"):
        (folder / "dev" / device).touch()
    (folder / "etc" / "gres.conf").write_text(
        f"AutoDetect=off\nNodeName=n[1-4] Name=gpu Type=h100 File={folder}/dev/gpu[0-1]\n"
    )
    cluster = Cluster(folder)
    try:
        cluster.start_controller()
        for node in NODES:
            cluster.start_node(node)
        _until(lambda: cluster.idle_nodes() == len(NODES), START_S, "the nodes to be idle", folder)
    except SlurmError:
        down(folder)
        raise
    return cluster


def down(folder: Path) -> None:
    """Stop the cluster of `folder`: its jobs, its daemons, its step daemons. Idempotent."""
    folder = folder.resolve()
    cluster = Cluster(folder)
    if not cluster.conf.exists():
        return
    pids = [folder / "run" / f"slurmd-{node}.pid" for node in NODES]
    controller = folder / "run" / "slurmctld.pid"
    if _alive(controller):
        with contextlib.suppress(subprocess.TimeoutExpired):
            cluster.run("scancel", "-u", getpass.getuser(), check=False)
            cluster.run("scancel", "-s", "KILL", "-u", getpass.getuser(), check=False)
    _stop([*pids, controller])
    for pid in _processes_with(f"SLURM_CONF={cluster.conf}", ("slurmstepd", "slurmd", "slurmctld")):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def _free_ports(count: int) -> int:
    """The first of `count` neighbouring free ports below the ephemeral range."""
    for base in random.SystemRandom().sample(range(20000, 31000, 10), 100):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise SlurmError(f"no {count} neighbouring free ports between 20000 and 31000")


def _until(ready: Callable[[], bool], seconds: float, what: str, folder: Path) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SlurmError(f"waited {seconds:g} s for {what}; see the logs in {folder / 'log'}")
        time.sleep(0.05)


def _pid(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _alive(path: Path) -> bool:
    pid = _pid(path)
    try:
        # A pid file may outlive its daemon and name a stranger by now.
        return pid is not None and b"slurm" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _stop(pid_files: list[Path], number: int = signal.SIGTERM) -> None:
    running = [path for path in pid_files if _alive(path)]
    deadline = time.monotonic() + STOP_S
    while running:
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        for path in running:
            pid = _pid(path)
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        time.sleep(0.05)
        running = [path for path in running if _alive(path)]
    for path in pid_files:
        path.unlink(missing_ok=True)


def _processes_with(variable: str, names: tuple[str, ...]) -> list[int]:
    """Our processes of these names whose environment has this variable with this value."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name = (entry / "comm").read_text().strip()
                environment = (entry / "environ").read_bytes().split(b"\0")
                if name.startswith(names) and variable.encode() in environment:
                    found.append(int(entry.name))
    return found
