"""Write `requirements.lock`: exact versions with hashes of everything in pyproject.toml, one file for every supported Python.

The resolver lives in a temporary environment. Versions that still fit are kept, unless `--upgrade` is given.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = (
    *("pip", "compile", "--quiet", "pyproject.toml", "--all-extras", "--universal", "--python-version", "3.11", "--system-certs"),
    *("--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "--output-file", "requirements.lock"),
)


def main(options: list[str]) -> int:
    """Resolve, write the lock and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="cs-analysis-lock-") as folder:
        venv.create(folder, with_pip=True)
        scripts = Path(folder) / "bin"
        subprocess.run([scripts / "python", "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"], check=True)
        return subprocess.run([scripts / "uv", *COMPILE, *options], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
