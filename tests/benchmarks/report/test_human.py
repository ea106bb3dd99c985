"""People's votes: what the page exports is read back, and only votes on the same pictures."""

import json
import time
from pathlib import Path

import pytest
from helpers import kept
from helpers.browser import chromium, complaints

from benchmarks.report import human
from benchmarks.study import load_study
from dreamtext.errors import UserError

ASKED = human.Question("small", "reconstruction", "full", "none", ("0", "1", "2", "3"), "k1")


def export(path: Path, choices: str, **changed) -> Path:
    """A file of votes; a letter a sample: a, b or t for a tie."""
    names = {"a": "a", "b": "b", "t": "tie"}
    votes = [{"id": str(i), "choice": names[c]} for i, c in enumerate(choices)]
    known = {"key": "k1", "study": "small", "a": "full", "b": "none", "rater": path.stem}
    path.write_text(json.dumps({**known, "votes": votes, **changed}))
    return path


def test_votes_are_counted_and_ties_decide_nothing(tmp_path):
    files = [export(tmp_path / "one.json", "aaat"), export(tmp_path / "two.json", "aab")]
    found = human.result(human.read(files, ASKED))
    assert (found.preferred.value, found.preferred.n) == (5 / 6, 6)
    assert (found.ties, found.raters) == (1, 2)
    assert found.strength.value == pytest.approx(1.609, abs=1e-3)  # log 5
    assert "Neither is preferred" in human.markdown(ASKED, found)


def test_many_votes_of_one_mind_prefer(tmp_path):
    files = [export(tmp_path / f"{i}.json", "bbbb") for i in range(5)]
    text = human.markdown(ASKED, human.result(human.read(files, ASKED)))
    assert "None is preferred to full: 0.000" in text


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"key": "k2"}, "another question"),
        ({"votes": [{"id": "0", "choice": "a"}] * 2}, "votes twice"),
        ({"votes": [{"id": "9", "choice": "a"}]}, "one that was not shown"),
        ({"votes": [{"id": "0", "choice": "c"}]}, "not a, b or tie"),
        ({"votes": 3}, "is no file of votes"),
        ({"votes": []}, "no votes"),
    ],
)
def test_other_votes_are_refused(tmp_path, changed, expected):
    path = export(tmp_path / "one.json", "a", **changed)
    with pytest.raises(UserError, match=expected):
        human.read([path], ASKED)


def test_a_rater_counts_once(tmp_path):
    files = [export(tmp_path / f"{name}.json", "a", rater="r") for name in ("one", "two")]
    with pytest.raises(UserError, match="same rater"):
        human.read(files, ASKED)


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_the_page_takes_votes_by_keys_and_goes_on_after_a_reload(tmp_path):
    study = load_study("supervision").narrowed(seeds=(0,), where={"task": "reconstruction"})
    cells = kept.keep_all(study, tmp_path / "cells", n=6, shown=3)
    asked, page = human.write(study, cells, tmp_path / "out", "full", "none", "reconstruction")
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0]}))"
    with chromium() as browser:
        browser.get(page.as_uri())
        for key in ("ArrowLeft", "ArrowDown"):
            browser.execute_script(press, key)
        for _ in range(20):  # the browser keeps votes a moment after they were given
            browser.refresh()
            if "2 of 3" in browser.execute_script("return document.body.textContent"):
                break
            time.sleep(0.5)
        else:
            pytest.fail("after a reload the page does not go on where it was")
        browser.execute_script(press, "ArrowRight")
        path = tmp_path / "votes.json"
        path.write_text(browser.execute_script("return votes()"))
        assert complaints(browser) == []
    votes = human.read([path], asked)
    assert sorted(vote["id"] for vote in votes) == sorted(asked.ids)
    assert sum(vote["choice"] == "tie" for vote in votes) == 1
