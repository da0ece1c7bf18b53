"""Quoting for assembled SQL: the only two ways by which a name or a text gets into a statement."""

from __future__ import annotations


def name(identifier: str) -> str:
    """Return `identifier` as a quoted SQL name.

    Examples
    --------
    >>> name('the "best" plan')
    '"the ""best"" plan"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as a SQL string literal.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
