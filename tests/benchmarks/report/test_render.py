"""One table in Markdown, CSV, LaTeX and HTML."""

import shutil
import subprocess

import pandas as pd
import pytest
from helpers.records import record_of, small_study
from helpers.tables import BALANCED, FULL, NONE, READ

from benchmarks.report import (
    render,
    results,
)


def test_written_from_the_same_values_twice_it_is_the_same_bytes(record, tmp_path):
    for name in ("one", "two"):
        scores = results.write_tables(small_study(), record, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert [str(f) for f in files] == [
        *("contrasts.csv", "scores.csv", "table.html", "table.md"),
        *("tables/declared-contrasts.csv", "tables/declared-contrasts.tex"),
        *("tables/reconstruction-pictures.csv", "tables/reconstruction-pictures.tex"),
        *("tables/reconstruction-reading.csv", "tables/reconstruction-reading.tex"),
    ]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    again = pd.read_csv(tmp_path / "one" / "scores.csv", dtype={"seed": str})
    assert set(again.seed) == {"0", "1", "2", "all"}
    pd.testing.assert_series_equal(again.value, scores.value, rtol=1e-5)
    full = again[(again.variant == "full") & (again.metric == READ)]
    assert full.value.tolist() == pytest.approx([0.7] * 4)
    assert full[full.seed == "all"][["n", "seeds", "planned"]].to_numpy().tolist() == [[10, 3, 3]]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_and_fits_its_page(tmp_path):
    record = record_of(
        {("none", READ): NONE, ("balanced", READ): BALANCED, ("full", READ): FULL},
        font_seen=[i < 5 for i in range(10)],
    )
    study = small_study(name="50 % & more_", reference="balanced")
    results.write_tables(study, record, tmp_path)
    made = sorted((tmp_path / "tables").glob("*.tex"))
    assert len(made) == 3
    wide = pd.DataFrame([["0.123 [0.100, 0.150]"] * 14], index=["long name"], columns=range(14))
    made.append(tmp_path / "tables" / "wide.tex")
    made[-1].write_text(render.latex(render.Table("Wide", "", wide), "wide"))
    lines = [r"\documentclass{article}", r"\usepackage{booktabs,graphicx}", r"\begin{document}"]
    lines += [*(f"\\input{{{path.stem}}}" for path in made), r"\end{document}"]
    (tmp_path / "tables" / "all.tex").write_text("\n".join(lines))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path / "tables",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert r"Overfull \hbox" not in done.stdout  # too wide


def test_renderings_escape_what_their_language_reads():
    frame = pd.DataFrame(
        [["50 % & more_", "-1.0 [-2.0, -0.5]"]],
        index=pd.Index(["a|b <c>"], name="variant"),
        columns=pd.MultiIndex.from_tuples([("m ↑", "value"), ("m ↑", "Δ a_b")]),
    )
    table = render.Table("T", "of `code` & 5 %", frame, frozenset({(0, 1)}), ("note <1>",))
    text = render.markdown(table)
    assert "| variant | m ↑ | Δ a_b (m ↑) |" in text
    assert r"| a\|b <c> | 50 % & more_ | **-1.0 [-2.0, -0.5]** |" in text
    assert text.startswith("## T\n\nof `code` & 5 %\n\n")
    assert text.endswith("- note <1>\n")
    tex = render.latex(table, "it")
    assert r"\caption{T. of \texttt{code} \& 5 \%}" in tex
    assert r"50 \% \& more\_ & \bfseries $-$1.0 [$-$2.0, $-$0.5]" in tex
    assert r"$\Delta$ a\_b" in tex
    assert all(
        rule in tex for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:it}")
    )
    assert tex.startswith("% \\usepackage{booktabs,graphicx} in the preamble\n% note <1>\n")
    page = render.html(table)
    assert "<p>of <code>code</code> &amp; 5 %</p>" in page
    assert "a|b &lt;c&gt;" in page
    assert "<li>note &lt;1&gt;</li>" in page
    assert "font-weight: bold" in page
    assert render.csv(table).splitlines()[0] == "variant,m ↑,Δ a_b (m ↑)"
    assert render.csv(table).splitlines()[1] == 'a|b <c>,50 % & more_,"-1.0 [-2.0, -0.5]"'
