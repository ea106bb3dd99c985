"""External systems through the real process path: the contract, and every fault of a runner."""

import json
import re

import numpy as np
import pytest
from helpers.external_systems import request, run
from helpers.stand_ins import stand_in

from baselines.catalogue import configured
from baselines.exchange import write_requests
from baselines.system import ask
from dreamtext.errors import RunError, UserError


def test_answers_come_with_pictures_seconds_and_findings(tmp_path):
    answers = run(tmp_path, "pass")
    assert [a.status for a in answers] == ["ok"] * 3
    for number, answer in enumerate(answers):
        assert (answer.image == 255 - request(number).image).all()
        assert answer.seconds == 0.25
        assert answer.meta == {"peak_memory_mib": 12, "meta": {"seed": 100 + number}}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("if number == 1: sys.exit('out of luck')", "exit code 1"),
        ("if number == 1: os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
        ("if number == 1: continue", "without an answer"),
        ("if number == 1: write('{not json'); continue", "1 of its lines were no answers"),
        ("if number == 1: write('[1]'); continue", "1 of its lines were no answers"),
        ("if number == 1: line['status'] = 'fine'", "unknown status 'fine'"),
        ("if number == 1: line['image'] = '../in/000001-image.png'", "outside"),
        ("if number == 1: line['image'] = '/etc/hostname'", "outside"),
        ("if number == 1: os.symlink('/etc', a.out + '/l'); line['image'] = 'l/x'", "outside"),
        ("if number == 1: line['image'] = 'nothing.png'", "cannot be read"),
        ("if number == 1: open(a.out + '/1.png', 'w').write('x')", "cannot be read"),
        ("if number == 1: line['image'] = None", "names no image"),
        ("if number == 1: Image.new('RGB', (5, 5)).save(a.out + '/1.png')", "was expected"),
        ("if number == 1: write(json.dumps(line))", "more than one answer"),
        ("if number == 1: line.update(status='error', reason='no luck')", "no luck"),
        ("if number == 1: line.update(seconds='soon')", "1 of its lines were no answers"),
    ],
)
def test_each_fault_is_named_on_its_sample_and_the_rest_is_kept(tmp_path, fault, reason):
    answers = run(tmp_path, fault)
    assert [a.status for a in answers[:2]] == ["ok", "error"]
    assert reason in answers[1].reason
    assert (answers[1].image == request(1).masked_image).all()
    dies = "exit code" in reason or "signal" in reason
    assert answers[2].status == ("error" if dies else "ok")


def test_what_a_dying_runner_said_last_is_told(tmp_path):
    assert "out of luck" in run(tmp_path, "if number == 1: sys.exit('out of luck')")[1].reason


def test_a_hanging_runner_is_ended_with_all_it_started(tmp_path):
    mark = tmp_path / "child"
    child = f"import time; time.sleep(8); open({str(mark)!r}, 'w')"
    body = f"""
    if number == 1:
        import subprocess
        subprocess.Popen([sys.executable, "-c", {child!r}])
        time.sleep(600)
    """
    answers = run(tmp_path, body, patience_s=4)
    assert [a.status for a in answers] == ["ok", "error", "error"]
    assert "hung: no answer for 4 s" in answers[2].reason
    import time

    time.sleep(6)
    assert not mark.exists()


def test_a_runner_without_any_answer_is_an_error_of_the_system(tmp_path):
    with pytest.raises(RunError, match=r"(?s)no answer at all.*ModuleNotFoundError"):
        run(tmp_path, "import not_installed_anywhere")


def test_an_unknown_id_is_an_error_of_the_system(tmp_path):
    with pytest.raises(RunError, match="not asked for"):
        run(tmp_path, "line['id'] = 'another'")


def test_unsupported_is_told_from_error(tmp_path):
    answers = run(tmp_path, "if number == 1: line.update(status='unsupported', reason='too long')")
    assert [a.status for a in answers] == ["ok", "unsupported", "ok"]


def test_options_and_settings_decide_identity_but_paths_do_not():
    plain = configured("mostel")
    moved = configured("mostel", ["checkout=elsewhere", "patience_s=5"])
    other = configured("mostel", ["options=[slm=false]"])
    assert plain.identity() == moved.identity() != other.identity()


@pytest.mark.parametrize(
    ("name", "option", "told"),
    [
        ("dreamtext-original", "noise_iters=10", "no option 'noise_iters=10'"),
        ("dreamtext-original", "aae_enabled=true", "one of steps, scale"),
        ("udifftext-original", "noise_iter=1", "nearest known one is 'noise_iters'"),
        ("mostel", "slm", "KEY=VALUE"),
    ],
)
def test_an_option_that_the_authors_code_would_ignore_is_refused(name, option, told):
    with pytest.raises(UserError, match=re.escape(told)):
        configured(name, [f"options=[{option}]"])


def test_an_option_of_the_wrong_kind_is_named(tmp_path):
    with pytest.raises(RunError, match="option slm must be bool, not 'maybe'"):
        ask(stand_in(tmp_path, "mostel", options=("slm=maybe",)), [request(0)])


def test_the_manifest_holds_the_contract(tmp_path):
    write_requests([request()], tmp_path)
    line = json.loads((tmp_path / "requests.jsonl").read_text())
    assert set(line) == {
        *("id", "image", "mask", "glyph", "quad", "box"),
        *("source_word", "word", "prompt", "seed"),
    }
    assert line["box"] == [8, 16, 88, 48]
    from PIL import Image

    assert (np.array(Image.open(tmp_path / line["mask"])) == request().region * 255).all()
    glyph = np.array(Image.open(tmp_path / line["glyph"]))
    assert glyph.min() < 64
    assert (glyph[~request().region] == 255).all()
