from __future__ import annotations

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cs_analysis.report.front import Listed, front_page
from cs_analysis.report.html import report_html


def notebook(*cells: NotebookNode) -> NotebookNode:
    return new_notebook(cells=list(cells))


def shows(data: dict[str, object], **metadata: object) -> NotebookNode:
    return new_code_cell("hidden = 1", outputs=[new_output("display_data", data=data, metadata=metadata)])


def page(*cells: NotebookNode, error: str = "") -> str:
    return report_html(notebook(*cells), title="A <title>", language="de", error=error)


@pytest.mark.slow
def test_browsers_are_told_to_run_and_load_nothing() -> None:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert f'content="{policy}"' in page(new_markdown_cell("# A"))
    assert f'content="{policy}"' in front_page([], title="t", language="en", cover="")


def test_code_warnings_tracebacks_and_notebook_styles_are_not_shown() -> None:
    outputs = [new_output("stream", name="stderr", text="a warning"), new_output("error", ename="E", evalue="v", traceback=["a traceback"])]
    style = shows({"text/html": "<style>.jp-only {}</style>"}, **{"cs-analysis": "style"})
    html = page(new_markdown_cell("# A"), new_code_cell("hidden = 1", outputs=outputs), style)
    assert not any(text in html for text in ("hidden", "a warning", "a traceback", ".jp-only"))


def test_scripts_and_widgets_among_outputs_are_left_out() -> None:
    html = page(
        new_markdown_cell("# A"),
        shows({"application/javascript": "alert(1)"}),
        shows({"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "a slider"}),
    )
    assert "alert" not in html
    assert "widget" not in html
    assert "<pre>a slider</pre>" in html


def test_a_picture_keeps_its_alt_text() -> None:
    html = page(new_markdown_cell("# A"), shows({"image/png": "iVBORw0KGgo=", "text/plain": "words"}, **{"image/png": {"alt": 'A "line"'}}))
    assert "alt='A \"line\"'" in html or 'alt="A &quot;line&quot;"' in html
    assert "words" not in html


def test_contents_stand_before_the_first_section_and_link_to_each() -> None:
    html = page(
        new_markdown_cell("# A\n\nText."), shows({"text/html": "<p>cover</p>"}), new_markdown_cell("## One & two\n\n### Deep"), new_markdown_cell("## Three")
    )
    places = [html.index(part) for part in ("<p>cover</p>", 'aria-label="Inhalt"', '<h2 id="s1">One &amp; two</h2>', '<h2 id="s2">Three</h2>')]
    assert places == sorted(places)
    assert '<a href="#s1">One &amp; two</a>' in html
    assert '<a href="#s2">Three</a>' in html
    assert "Deep</a>" not in html


def test_one_section_needs_no_contents() -> None:
    assert "<nav" not in page(new_markdown_cell("# A"), new_markdown_cell("## One"))


def test_an_incomplete_page_says_so_at_its_head_even_without_a_heading() -> None:
    html = page(shows({"text/html": "<p>so far</p>"}), error="ValueError: <b>")
    places = [html.index(part) for part in ("<h1>A &lt;title&gt;</h1>", "Unvollständig", "ValueError: &lt;b&gt;", "<p>so far</p>")]
    assert places == sorted(places)


def test_a_heading_of_its_own_is_the_only_one() -> None:
    assert page(new_markdown_cell("# Mine")).count("<h1") == 1


def test_the_index_escapes_titles_and_errors() -> None:
    html = front_page([Listed("my report", "<b>", about="<u>", error="<i>")], title="T", language="tr", cover="")
    assert '<html lang="tr">' in html
    assert '<a href="my%20report.html">&lt;b&gt;</a>' in html
    assert "&lt;i&gt;" in html
    assert "&lt;u&gt;" in html


def test_what_cells_and_text_write_can_only_be_read() -> None:
    hostile = '<script>alert(1)</script><img src="https://e.org/a.png" onerror="x()"><a href="javascript:x()">a</a><p style="background:url(//e.org)">p</p>'
    html = page(
        new_markdown_cell(f"# A\n\n{hostile}\n\n![remote](https://e.org/b.png)"),
        shows({"text/html": hostile}),
        shows({"text/markdown": hostile + "\n\n*ends*"}),
    )
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    assert not any(part in html for part in ("<script", "onerror", "javascript:", "e.org", "url("))
    assert "<em>ends</em>" in html


def test_the_result_of_a_cell_is_shown_without_its_style() -> None:
    result = new_output("execute_result", data={"text/html": "<style scoped>b {}</style><table><tr><th>n</th></tr></table>"}, execution_count=1)
    html = page(new_markdown_cell("# A"), new_code_cell("frame", outputs=[result]))
    assert "<th>n</th>" in html
    assert "b {}" not in html


def test_pictures_without_alt_text_take_the_heading_above_them() -> None:
    html = page(
        new_markdown_cell("# A"), new_markdown_cell("## How long"), shows({"image/png": "iVBORw0KGgo="}), shows({"image/svg+xml": "<svg><script/></svg>"})
    )
    assert html.count('<img alt="How long" src="data:image/') == 2
    assert "<svg" not in html


def test_comments_in_code_are_no_headings() -> None:
    html = page(new_markdown_cell("# A\n\n```python\n# a comment\n```\n\n## Next"))
    assert html.count("<h1") == 1
    assert "a comment" in html


def test_printed_text_is_cut_and_without_colours() -> None:
    html = page(new_markdown_cell("# A"), new_code_cell("", outputs=[new_output("stream", name="stdout", text="\x1b[31mred" + "x" * 50_000)]))
    assert "\x1b" not in html
    assert "red" in html
    assert html.count("x") < 25_000
