"""Results carried from one machine to another: all of an archive that is true, or nothing."""

import io
import json
import tarfile
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from helpers import kept
from helpers.slurm_tasks import ends_after
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.cells.archive import MANIFEST, pack
from benchmarks.cells.merging import Stores, merge
from benchmarks.cells.reader import CELL, SCORES, KeptCell
from benchmarks.runs.folder import MAKES, Run, load
from benchmarks.study import load_study
from dreamtext.errors import RunError, UserError

ASKED = ("supervision", "--preset", "smoke", "--seeds", "1", "--where", "task=editing")


def finished(run: Run) -> Run:
    """A run folder as if its stage had been done."""
    run.prepare()
    (run.folder / "lease-000001.json").write_text("{}")
    (run.folder / "shards").mkdir()
    (run.folder / "shards" / "lease-000003.json").write_text("{}")
    for name in (*MAKES[run.stage], "pictures/0001.png"):
        (run.folder / name).parent.mkdir(exist_ok=True)
        (run.folder / name).write_text(f"{name} of {run.name}")
    (run.folder / "DONE.json").write_text('{"seconds": 1.0}')
    return run


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> Stores:
    """Another machine: cells of which all but one are kept, and the runs of one of them."""
    root = tmp_path_factory.mktemp("there")
    study = load_study("supervision").narrowed(
        preset="smoke", seeds=range(1), where={"task": "editing"}
    )
    cells = study.cells(root / "runs", root / "cells")
    for cell in cells[1:]:
        kept.keep(cell, root / "cells", skill=0.5, n=8, shown=2)
    for run in cells[1].runs:
        finished(run)
    return Stores(root / "cells", root / "runs")


@pytest.fixture(scope="module")
def packed(there, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "results.tar"
    pack(sorted(there.cells.iterdir()), sorted(there.runs.iterdir()), out)
    return out


@pytest.fixture
def here(tmp_path) -> Stores:
    return Stores(tmp_path / "here" / "cells", tmp_path / "here" / "runs")


def contents(stores: Stores) -> dict[str, bytes]:
    """Everything in both stores, without leases."""
    return {
        f"{kind}/{path.relative_to(stores.place(kind))}": path.read_bytes()
        for kind in ("cells", "runs")
        for path in stores.place(kind).rglob("*")
        if path.is_file() and not path.name.startswith("lease-")
    }


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar.getmembers()}


def written(path: Path, files: dict[str, bytes], more: list[tarfile.TarInfo] = ()) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in more:
            tar.addfile(info)
    return path


def test_cells_and_runs_arrive_as_they_were_and_once_is_enough(there, packed, here):
    assert not [name for name in members(packed) if "lease" in name]
    first = merge(packed, here)
    assert contents(here) == contents(there)
    assert len(first.new) == len(contents_of_folders(there))
    for folder in here.cells.iterdir():
        assert KeptCell(folder).scores()
    assert all(load(folder).state == "done" for folder in here.runs.iterdir())
    second = merge(packed, here)
    assert (second.new, sorted(second.same)) == ([], sorted(first.new))
    assert contents(here) == contents(there)


def contents_of_folders(stores: Stores) -> list[Path]:
    return [*stores.cells.iterdir(), *stores.runs.iterdir()]


def test_the_same_results_make_the_same_archive(there, packed, tmp_path):
    pack(sorted(there.cells.iterdir()), sorted(there.runs.iterdir()), tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()


def test_the_commands_carry_a_studys_results(there, here, tmp_path):
    """A study's scored cells with their run folders; what is not scored is counted."""
    run = CliRunner().invoke
    where = ["--runs", str(there.runs), "--cells", str(there.cells)]
    out = str(tmp_path / "results.tar")
    said = run(cli.app, ["runs", "pack", *ASKED, out, "--whole", *where])
    assert said.exit_code == 0, said.output
    assert "2 cells and 3 of 9 run folders" in said.output
    assert "1 cells are not scored yet" in said.output
    to = ["--runs", str(here.runs), "--cells", str(here.cells)]
    assert "5 new, 0 here already" in run(cli.app, ["runs", "merge", out, *to]).output
    assert contents(here) == contents(there)
    assert "0 new, 5 here already" in run(cli.app, ["runs", "merge", out, *to]).output


def test_nothing_to_pack_is_said(tmp_path):
    with pytest.raises(UserError, match="none of these cells is done"):
        pack([], [], tmp_path / "out.tar")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["scores.json", "model/model.safetensors"])
def test_a_changed_byte_is_named_and_nothing_merged(packed, here, tmp_path, part):
    files = members(packed)
    name = next(name for name in files if name.endswith(part))
    files[name] = files[name][:-1] + b"#"
    with pytest.raises(RunError, match=rf"{name} has another hash.*Nothing was merged"):
        merge(written(tmp_path / "changed.tar", files), here)
    assert not contents(here)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95])
def test_a_truncated_archive_is_refused_and_nothing_merged(packed, here, tmp_path, share):
    data = packed.read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(RunError, match="is damaged"):
        merge(tmp_path / "cut.tar", here)
    assert not contents(here)
    assert not list(here.cells.glob(".*"))


def test_a_whole_folder_left_out_at_the_end_is_missed(packed, here, tmp_path):
    files = members(packed)
    last = list(files)[-1]
    del files[last]
    with pytest.raises(RunError, match=rf"{last} is missing"):
        merge(written(tmp_path / "short.tar", files), here)
    assert not contents(here)


RUN = "runs/train-0123456789abcdef"
OUTSIDE = [
    "/tmp/outside",
    "../outside",
    "runs/../outside",
    f"{RUN}/../../../outside",
    f"{RUN}/a/../../outside",
    f"{RUN}/./a",
    f"{RUN}//a",
    f"{RUN}/",
    "cells/anything/a",
    "runs/train-0123456789abcdef",
    "launch/submissions/1.json",
    f"{RUN}/..\\outside",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_outside_is_refused(packed, here, tmp_path, name):
    """Whether the manifest names it or not."""
    files = members(packed)
    evil = {**files, name: b"evil"}
    with pytest.raises(RunError, match="was not made by `dreamtext runs pack`"):
        merge(written(tmp_path / "evil.tar", evil), here)
    said = json.loads(files[MANIFEST])
    said["files"][name] = {"bytes": 4, "sha256": "0" * 64}
    evil[MANIFEST] = json.dumps(said).encode()
    with pytest.raises(RunError, match="was not made by `dreamtext runs pack`"):
        merge(written(tmp_path / "evil.tar", evil), here)
    assert not contents(here)
    assert sorted(p.name for p in tmp_path.iterdir()) in (["evil.tar"], ["evil.tar", "here"])


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_a_device_is_refused(packed, here, tmp_path, kind):
    files = members(packed)
    name = next(name for name in files if name.endswith(SCORES))
    link = tarfile.TarInfo(name)
    link.type, link.linkname = kind, "/etc/passwd"
    del files[name]
    with pytest.raises(RunError, match="as a plain file"):
        merge(written(tmp_path / "link.tar", files, [link]), here)
    assert not contents(here)


def test_a_file_that_comes_twice_is_refused(packed, here, tmp_path):
    """The second would lie over the first, which was checked."""
    files = members(packed)
    name = next(name for name in files if name.endswith(SCORES))
    with pytest.raises(RunError, match="does not name once"):
        merge(written(tmp_path / "twice.tar", files, [tarfile.TarInfo(name)]), here)
    assert not contents(here)


def test_a_cell_under_another_signature_is_refused(there, here, tmp_path):
    """Hashes are as they should be: only the name lies."""
    files = {}
    for path in sorted(next(there.cells.iterdir()).iterdir()):
        files[f"cells/score-{'0' * 16}/{path.name}"] = path.read_bytes()
    about = {n: {"bytes": len(d), "sha256": digest(d)} for n, d in files.items()}
    text = json.dumps({"format": 1, "files": about}).encode()
    with pytest.raises(RunError, match=r"is not what its name and its cell\.json say"):
        merge(written(tmp_path / "other.tar", {MANIFEST: text, **files}), here)
    assert not contents(here)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def test_what_is_here_in_another_form_is_named_and_stays(there, packed, here):
    name = sorted(there.cells.iterdir())[0].name
    (here.cells / name).mkdir(parents=True)
    (here.cells / name / CELL).write_text("mine")
    before = contents(here)
    with pytest.raises(RunError, match=rf"{name} differs in .*--keep-mine"):
        merge(packed, here)
    assert contents(here) == before
    found = merge(packed, here, differing="keep")
    assert found.kept == [f"cells/{name}"]
    mine = {k: v for k, v in contents(here).items() if k.startswith(f"cells/{name}/")}
    assert mine == {f"cells/{name}/{CELL}": b"mine"}
    theirs = {k: v for k, v in contents(there).items() if not k.startswith(f"cells/{name}/")}
    assert theirs.items() <= contents(here).items()


@pytest.mark.parametrize("text", [b"", b"no tar", b"{}"])
def test_what_is_no_archive_is_said(tmp_path, here, text):
    (tmp_path / "a.tar").write_bytes(text)
    with pytest.raises(RunError, match="is damaged"):
        merge(tmp_path / "a.tar", here)
    with pytest.raises(UserError, match="no archive of results"):
        merge(written(tmp_path / "b.tar", {"a": text}), here)
    with pytest.raises(UserError, match="there is no archive"):
        merge(tmp_path / "c.tar", here)


def test_killed_after_any_move_the_same_command_ends_it(there, packed, tmp_path):
    for moves in range(1, 20):
        here = Stores(tmp_path / f"{moves}" / "cells", tmp_path / f"{moves}" / "runs")
        killed = ends_after(moves, partial(merge, packed, here))
        for folder in [*here.cells.glob("[!.]*"), *here.runs.glob("[!.]*")]:
            assert names(folder) == names(there.place(folder.parent.name) / folder.name)
        merge(packed, here)
        assert contents(here) == contents(there)
        assert not [*here.cells.glob(".*"), *here.runs.glob(".*")]
        if not killed:
            break
    assert moves > len(contents_of_folders(there))


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.is_file() and p.name[:6] != "lease-"}
