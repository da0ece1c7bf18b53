"""Pages of a pack as tagged PDF, printed by a Chromium or Chrome that is on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cs_analysis.errors import ReportError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 180
_OPTIONS = ("--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--generate-pdf-document-outline")


def browser() -> str:
    """Return the browser that prints.

    Raises
    ------
    ReportError
        There is none.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise ReportError(f"PDF needs Chromium or Chrome on the PATH ({', '.join(BROWSERS)}); there is none. Install one, or leave out --pdf.")
    return found


def print_pages(folder: Path) -> None:
    """Print every page of a folder beside it, as a tagged PDF with an outline; the details that a click opens are open.

    Raises
    ------
    ReportError
        There is no browser, or it did not print a page.
    """
    program = browser()
    for page in sorted(folder.glob("*.html")):
        _print(page, page.with_suffix(".pdf"), program=program)


def _print(page: Path, target: Path, *, program: str) -> None:
    with tempfile.TemporaryDirectory(prefix="cs-", ignore_cleanup_errors=True) as profile:
        unfolded = Path(profile) / page.name
        unfolded.write_text(page.read_text(encoding="utf-8").replace("<details>", "<details open>"), encoding="utf-8")
        as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # Chromium refuses to run as root with it
        command = [program, *_OPTIONS, *as_root, f"--user-data-dir={profile}/profile", f"--print-to-pdf={target}", unfolded.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise ReportError(f"{page.name} could not be printed: {program} took longer than {_SECONDS} seconds.") from None
    if done.returncode or not target.exists():
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ReportError(f"{page.name} could not be printed: {program} ended with code {done.returncode} ({said}).")
