"""Pages as PDF: tagged, with their title, and no failure of the pack where they cannot be printed."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import cs_analysis as cs
from cs_analysis.errors import ReportError
from cs_analysis.report import pdf
from cs_analysis.report.batch import Run, run_batch
from cs_analysis.report.notebooks import read_report
from cs_analysis.report.place import is_pack

BROWSER = pytest.mark.skipif(not any(map(shutil.which, pdf.BROWSERS)), reason="no Chromium or Chrome on this machine")
HEAD = "<!doctype html><html lang='en'><head><title>Churn &amp; more</title></head>"
PAGE = f"{HEAD}<body><h1>Churn</h1><details><summary>n</summary><p>inside</p></details></body></html>"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    for name in ("index", "churn"):
        (tmp_path / f"{name}.html").write_text(PAGE)
    return tmp_path


@pytest.mark.slow
@BROWSER
def test_each_page_is_a_tagged_document_with_a_title(pages: Path) -> None:
    pdf.print_pages(pages)
    for name in ("index", "churn"):
        content = (pages / f"{name}.pdf").read_bytes()
        assert content.startswith(b"%PDF-")
        assert b"/StructTreeRoot" in content
        assert re.search(rb"/Title\s*\(Churn & more\)", content)
        assert re.search(rb"/Lang\s*\(en", content)
        assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1


def test_without_a_browser_the_error_says_what_to_do(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(pages))
    with pytest.raises(ReportError, match=r"Install one, or leave out --pdf\."):
        pdf.print_pages(pages)


def test_a_browser_that_fails_is_named(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = pages / "chromium"
    fake.write_text("#!/bin/sh\necho 'no display' >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{pages}:/usr/bin:/bin")
    with pytest.raises(ReportError, match=r"churn\.html could not be printed: .*chromium ended with code 3 \(no display\)"):
        pdf.print_pages(pages)


@pytest.mark.slow
def test_a_pack_without_pdf_is_complete_and_the_log_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    accounts = pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-01"], utc=True)})
    small = cs.read_dataset({"accounts": accounts}, as_of="2026-10-31")
    notebook = new_notebook(cells=[new_markdown_cell("# Small"), new_code_cell("1")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "small.ipynb")
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    with caplog.at_level(logging.WARNING, logger="cs_analysis"):
        result = run_batch([Run(read_report(tmp_path / "small.ipynb"), {})], small, tmp_path / "out", pdf=True)
    assert result.ok
    assert is_pack(tmp_path / "out")
    assert [record.getMessage()[:8] for record in caplog.records if record.name == "cs_analysis"] == ["no PDF: "]
