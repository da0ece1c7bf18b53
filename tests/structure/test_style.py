"""What `make lint` asks for holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "tool",
    [("ruff", "check"), ("ruff", "format", "--check"), pytest.param(("mypy",), marks=pytest.mark.slow)],
    ids=["style", "formatting", "types"],
)
def test_the_tool_has_nothing_to_say(repository: Path, tool: tuple[str, ...]) -> None:
    said = subprocess.run([sys.executable, "-m", *tool], cwd=repository, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
