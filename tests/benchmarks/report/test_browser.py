"""The study's page in a real browser, opened from its file: it sorts, filters and lays over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import kept
from helpers.browser import chromium, complaints, narrow

from benchmarks.report import page
from benchmarks.study import load_study

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    study = load_study("supervision").narrowed(seeds=(0, 1))
    cells = kept.keep_all(study, root / "cells", n=24, shown=8)
    page.write(study, cells, root / "results" / "supervision")
    page.write_index(root / "results")
    return root / "results"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Any, report: Path) -> Any:
    browser.get((report / "supervision" / "report.html").as_uri())
    return browser


def script(browser: Any, text: str) -> Any:
    return browser.execute_script(f"return {text}")


def choose(browser: Any, name: str, value: str) -> None:
    """Choose in the gallery's form, as a hand would."""
    browser.execute_script(
        "const one = document.forms.filters.elements[arguments[0]]; one.value = arguments[1];"
        "one.dispatchEvent(new Event('change', {bubbles: true}))",
        name,
        value,
    )


def words(browser: Any) -> list[str]:
    return script(browser, "[...document.querySelectorAll('.card .word')].map(e => e.textContent)")


def test_nothing_is_complained_of_and_nothing_is_fetched(opened, report):
    assert complaints(opened) == []
    fetched = script(opened, "performance.getEntriesByType('resource').map(e => e.name)")
    assert all(name.startswith(("file:", "data:")) for name in fetched)
    opened.get((report / "index.html").as_uri())
    assert complaints(opened) == []


def test_a_table_sorts_by_its_numbers(opened):
    first = "document.querySelectorAll('table.sortable')[1]"
    column = f"[...{first}.tBodies[0].rows].map(r => Number(r.cells[1].dataset.sort))"
    head = f"{first}.tHead.rows[{first}.tHead.rows.length - 1].cells[1]"
    opened.execute_script(f"{head}.click()")
    opened.implicitly_wait(0.1)
    down = opened.execute_async_script(
        f"const done = arguments[0]; setTimeout(() => done({column}), 60)"
    )
    assert down == sorted(down, reverse=True)
    assert len(set(down)) > 1
    up = opened.execute_async_script(
        f"const done = arguments[0]; {head}.focus(); {head}.dispatchEvent(new KeyboardEvent("
        f"'keydown', {{key: 'Enter', bubbles: true}})); setTimeout(() => done({column}), 60)"
    )
    assert up == down[::-1]


def test_the_gallery_filters_by_reading_length_font_and_word(opened):
    about = "JSON.parse(document.getElementById('gallery-data').textContent).tasks.reconstruction"
    task = script(opened, about)
    every = [sample["word"] for sample in task["samples"]]
    assert words(opened) == every
    right = list(zip(*(v["right"]["composited"] for v in task["variants"]), strict=True))
    asked = {
        "misread": lambda r: 0 in r,
        "read": lambda r: 1 in r,
        "differ": lambda r: len(set(r)) > 1,
    }
    for value, test in asked.items():
        choose(opened, "reading", value)
        assert words(opened) == [w for w, r in zip(every, right, strict=True) if test(r)], value
    for kind in ("raw", "composited"):  # with the second judge's scores, and by its readings alone
        choose(opened, "kind", kind)
        choose(opened, "reading", "alone")
        read, second = (
            [[text == word for text, word in zip(v[judge][kind], every, strict=True)]
             for v in task["variants"]] for judge in ("read", "second")
        )  # fmt: skip
        assert read != second
        alone = [any(a[i] != b[i] for a, b in zip(read, second, strict=True))
                 for i in range(len(every))]  # fmt: skip
        assert words(opened) == [w for w, one in zip(every, alone, strict=True) if one], kind
        assert 0 < sum(alone) < len(every)
    choose(opened, "reading", "all")
    choose(opened, "letters", "3")
    assert {len(word) for word in words(opened)} == {3}
    choose(opened, "letters", "all")
    choose(opened, "font", "unseen")
    notes = script(opened, "[...document.querySelectorAll('.card > p')].map(e => e.textContent)")
    assert notes
    assert all("unseen font" in note for note in notes)
    choose(opened, "font", "all")
    choose(opened, "words", "random")
    assert words(opened) == ["VQX"]
    choose(opened, "words", "all")
    choose(opened, "text", "nothing like it")
    assert words(opened) == []
    assert script(opened, "!document.getElementById('empty').hidden")


def test_overlays_lie_over_the_pictures_level_by_level(opened):
    layers = "document.querySelectorAll('.card:first-child .shown:last-child .tile i')"
    assert script(opened, f"{layers}.length") == 1
    choose(opened, "overlay", "attention")
    assert script(opened, f"{layers}.length") == 2
    places = set()
    maps = script(opened, "[...document.forms.filters.elements.map.options].map(o => o.value)")
    assert {"0.3", "0.6", "0.9"} < set(maps)
    assert any("/" in name for name in maps)  # single layers
    for name in maps:
        choose(opened, "map", name)
        places.add(script(opened, f"{layers}[1].style.backgroundPosition"))
    assert len(places) == len(maps)
    choose(opened, "overlay", "masks")
    assert script(opened, f"{layers}[1].style.backgroundPosition") not in places
    choose(opened, "overlay", "true masks")
    shown = script(opened, f"{layers}[1].style.backgroundImage")
    assert "-maps.webp" in shown


def test_a_picture_opens_its_sample_and_arrows_go_on(opened):
    opened.execute_script("document.querySelector('.card button.tile').click()")
    title = "document.querySelector('dialog[open] h3').textContent"
    first = script(opened, title)
    assert first.startswith("COMB")
    tiles = "document.querySelectorAll('dialog .tile[aria-label^=\"masks/\"]').length"
    assert script(opened, tiles) == 3 * 5  # variants x (levels and layers)
    opened.execute_script(
        "document.getElementById('sample').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'ArrowRight'}))"
    )
    assert script(opened, title) != first
    assert complaints(opened) == []


def test_worst_samples_of_a_variant_come_first(opened):
    choose(opened, "order", "worst none")
    about = "JSON.parse(document.getElementById('gallery-data').textContent).tasks.reconstruction"
    found = script(opened, f"{about}.variants.find(v => v.name === 'none').likeness.composited")
    every = script(opened, f"{about}.samples.map(s => s.word)")
    order = sorted(range(len(found)), key=lambda i: (found[i], i))
    assert words(opened) == [every[i] for i in order]


def test_a_phone_shows_all_of_it_without_a_sideways_scroll(report):
    with chromium() as browser:
        narrow(browser)
        for name in ("index.html", "supervision/report.html"):
            browser.get((report / name).as_uri())
            assert script(browser, "innerWidth") == 390
            assert script(browser, "document.documentElement.scrollWidth") <= 390
        browser.execute_script("document.querySelector('.card button.tile').click()")
        assert script(browser, "document.getElementById('sample').scrollWidth") <= 390


def test_every_picture_and_link_of_the_page_is_there(report):
    import re

    for name in ("index.html", "supervision/report.html"):
        text = (report / name).read_text()
        for link in re.findall(r'(?:src|href)="([^"#:]+)"', text):
            assert (report / name).parent.joinpath(link).exists(), link
