"""Two or more tasks of one job meet through torch.distributed and agree on a sum."""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    value = torch.tensor([float(dist.get_rank() + 1)])
    dist.all_reduce(value)
    gathered: list[object] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, (dist.get_rank(), os.environ["SLURMD_NODENAME"]))
    dist.barrier()
    if dist.get_rank() == 0:
        draft = folder / "draft"
        draft.write_text(json.dumps({"sum": value.item(), "ranks": gathered}))
        os.replace(draft, folder / "DONE.json")
    dist.destroy_process_group()


main(Path(sys.argv[1]))
