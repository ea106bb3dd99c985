"""A training under way is told in one line."""

import json
from pathlib import Path

from benchmarks.launch.pulse import goes, line


def under_way(folder: Path) -> Path:
    lines = [
        {"step": 100, "total": 0.9, "steps_per_s": 2.0},
        {"step": 100, "validation_miou": 0.25, "validation_SeqAcc": 0.1},
        *({"step": 100 + i, "total": 0.5, "steps_per_s": 4.0} for i in range(1, 41)),
    ]
    text = "".join(json.dumps(values) + "\n" for values in lines)
    (folder / "log.jsonl").write_text(text + '{"step": 141, "to')  # being written
    (folder / "validation").mkdir()
    for step in (50, 100):
        (folder / "validation" / f"step-{step:08d}.png").touch()
    return folder


def test_rate_time_left_loss_validation_and_its_newest_picture(tmp_path):
    told = line(under_way(tmp_path), 620)
    picture = tmp_path / "validation" / "step-00000100.png"
    assert told == (
        "step 140 of 620, 4.0 steps/s, 2.0 min left, loss 0.5000, validation mIoU 0.250, "
        f"validation SeqAcc 0.100, {picture}"
    )


def test_before_its_first_line_there_is_nothing_to_tell(tmp_path):
    assert goes(tmp_path) == ([], None)
    assert line(tmp_path, 10) == "step 0 of 10"
