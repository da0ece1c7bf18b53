"""Run axe-core over pages in a headless browser, light and dark, and list what it finds.

Usage: AXE=path/to/axe.min.js python tools/check_accessibility.py PAGE.html [PAGE.html ...]

Needs Chromium or Chrome, and axe-core (the package `axe-core-python` has it). The script is put into each page by the browser; nothing is fetched or changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import websocket

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SCHEMES = ("light", "dark")
RUN = "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations))"


class Tab:
    """A page open in the browser, spoken to by its debugging protocol."""

    def __init__(self, address: str) -> None:
        self._socket, self._numbers = websocket.create_connection(address, timeout=120, suppress_origin=True), count(1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv())).get("id") != number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def value(self, expression: str) -> Any:
        """Return what an expression, or its promise, gives."""
        result = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"])[:300])
        return result["result"].get("value")


@contextmanager
def open_tab() -> Iterator[Tab]:
    """Start a browser with a profile of its own and yield its tab."""
    program = next(path for name in BROWSERS if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank"]
        browser = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            told = Path(folder) / "DevToolsActivePort"
            until = time.monotonic() + 30
            while not (told.exists() and "\n" in told.read_text()) and time.monotonic() < until:
                time.sleep(0.1)
            port = told.read_text().splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            yield Tab(pages[0]["webSocketDebuggerUrl"])
        finally:
            browser.kill()
            browser.wait()


def violations(tab: Tab, page: Path, *, axe: str, scheme: str) -> list[dict[str, Any]]:
    """Return what axe-core finds on a page in a colour scheme."""
    tab.ask("Page.enable")
    tab.ask("Page.setBypassCSP", enabled=True)
    tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    tab.ask("Page.navigate", url=page.resolve().as_uri())
    while tab.value("document.readyState + location.href") != f"complete{page.resolve().as_uri()}":
        time.sleep(0.1)
    tab.value(axe)
    found: list[dict[str, Any]] = json.loads(tab.value(RUN))
    return found


def main(pages: list[str]) -> int:
    """Check the pages and return the number of violations."""
    axe, total = Path(os.environ["AXE"]).read_text(encoding="utf-8"), 0
    with open_tab() as tab:
        for page in pages:
            for scheme in SCHEMES:
                found = violations(tab, Path(page), axe=axe, scheme=scheme)
                total += len(found)
                print(f"{page} ({scheme}): {len(found) or 'no'} violations", flush=True)
                for one in found:
                    print(f"  {one['id']} ({one['impact']}, {len(one['nodes'])} places): {one['help']}")
                    print(*(f"    {node['html'][:160]} | {node['failureSummary'][:200]!r}" for node in one["nodes"][:3]), sep="\n")
    return total


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
