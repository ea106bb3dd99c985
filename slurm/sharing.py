"""Can the nodes see, and can we write, the folder of the runs? Asked before anything is queued."""

import os
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

from slurm.errors import SlurmInputError

# File systems of one machine only. Anything else (nfs4, lustre, beegfs, gpfs, fuse.*) may be shared
LOCAL = frozenset(
    {
        "tmpfs",
        "ramfs",
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "zfs",
        "f2fs",
        "overlay",
        "squashfs",
        "iso9660",
    }
)


def check_writable(folder: Path) -> None:
    """Raises SlurmInputError naming the folder if a file cannot be made in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        raise SlurmInputError(
            f"the runs folder {folder} cannot be written: {error.strerror}. Nothing was submitted."
        ) from error


def check_shared(folder: Path, nodes: Iterable[str]) -> None:
    """Raises SlurmInputError if `folder` is on a disk of this machine and nodes are elsewhere."""
    kind = file_system(folder)
    elsewhere = sorted(node for node in nodes if not is_here(node))
    if kind in LOCAL and elsewhere:
        raise SlurmInputError(
            f"the runs folder {folder} is on a disk of this machine ({kind}), and the cluster's "
            f"nodes ({elsewhere[0]}, ...) are other machines. Put it on a shared file system, or "
            f"say shared_filesystem = true in cluster.toml if they see it. Nothing was submitted."
        )


def file_system(folder: Path) -> str:
    """Type of the file system that a folder is on, as the kernel's mount table has it."""
    best, kind = "", ""
    path = os.path.realpath(folder)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, type_, *_ = line.split(" ")
        mount = mount.encode().decode("unicode_escape")
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, type_
    return kind


def is_here(node: str) -> bool:
    """Whether a node's address is this machine."""
    if node.partition(".")[0] == socket.gethostname().partition(".")[0]:
        return True
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(node, None)}
    except OSError:
        return False
    for address in addresses:
        family = socket.AF_INET6 if ":" in str(address) else socket.AF_INET
        with socket.socket(family) as probe:
            try:
                probe.bind((address, 0))  # only an address of our own can be bound
            except OSError:
                return False
    return True
