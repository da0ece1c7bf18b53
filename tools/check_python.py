"""Print one sentence when this interpreter is too old; kept readable for Python 2.7, which would otherwise show a traceback."""

import sys

NEEDED = (3, 11)

if sys.version_info < NEEDED:
    found = ".".join(str(part) for part in sys.version_info[:3])
    print("cs-analysis needs Python 3.11 or newer, but this is Python " + found + ": name a newer one, such as PYTHON=python3.12, after 'make'")
