"""What several verbs of the command share: options, and how a page is written."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any


def add_verb(verbs: Any, name: str, *, verb: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
    """Return the parser of a new verb, run by the function `verb`."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")
    parser.set_defaults(verb=verb)
    return parser


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Add `--timeout`."""
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="give a report up when one of its cells runs longer (default: never)")


def add_data(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add `--data` and `--as-of`."""
    parser.add_argument("--data", required=required, metavar="FOLDER", help="folder of tables or DuckDB file, or env:NAME")
    add_as_of(parser, required=required)


def add_as_of(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add `--as-of`."""
    about = "last day that counts, such as 2026-10-31, or an instant with its offset; nothing later changes a result"
    parser.add_argument("--as-of", required=required, type=moment, metavar="DATE", help=about)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how tables are read."""
    parser.add_argument("--timezone", metavar="ZONE", help="zone of instants that state none, such as Europe/Berlin")
    parser.add_argument("--currency", metavar="CODE", help="reporting currency, such as EUR")


def moment(text: str) -> str:
    """Return `text` if it is a date or an instant with its offset."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a date such as 2026-10-31, not {text!r}") from error
    if len(text) > len("2026-10-31") and instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"an instant needs its offset, as in 2026-10-31T18:00:00+01:00, not {text!r}")
    return text


def assignment(text: str) -> tuple[str, str]:
    """Return name and value of `NAME=VALUE`; the value may hold further equals signs."""
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")
    return name, value


def seconds(text: str) -> int:
    """Return a whole number of seconds."""
    return _whole(text, "a whole number of seconds above 0")


def jobs(text: str) -> int:
    """Return a number of processes."""
    return _whole(text, "a whole number above 0")


def _whole(text: str, wanted: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}")
    return int(text)


def write_page(text: str, path: Path) -> Path:
    """Write a page to a temporary name, move it into place, and return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.building")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
