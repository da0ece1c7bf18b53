"""HTML of a report's parts. Every text that comes from data is escaped here; nothing else writes HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

_FITS = 9  # letters of a card's value in its usual size


@dataclass(frozen=True)
class Card:
    """One headline number in words: what it is, its value, its interval, its base, how it changed, what it means."""

    title: str
    value: str
    interval: str
    base: str
    change: str
    definition: str


def cover(title: str, facts: Iterable[tuple[str, str]], notes: Iterable[str] = ()) -> str:
    """Return the title block: a list of facts (name, value), then sentences about the data."""
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    sentences = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f'<section class="cover" aria-label="{escape(title)}"><dl>{listed}</dl>{sentences}</section>'


def cards(shown: Iterable[Card]) -> str:
    """Return headline numbers as a list of cards."""
    return f'<ul class="cards">{"".join(_card(card) for card in shown)}</ul>'


def table(frame: pd.DataFrame, *, caption: str, figures: int = 0, links: Sequence[str] = ()) -> str:
    """Return a table of texts with a caption; the first column names the row (and leads to its link), the last `figures` columns are set flush right.

    A table of more than eight columns is set in smaller type: what it is read for often stands in its last one.
    """
    numeric = [position >= len(frame.columns) - figures for position in range(len(frame.columns))]
    head = "".join(f'<th scope="col"{_flush(right)}>{escape(str(name))}</th>' for name, right in zip(frame.columns, numeric, strict=True))
    rows = zip(frame.astype(str).itertuples(index=False, name=None), links or [""] * len(frame), strict=True)
    body = "".join(f"<tr>{_cells(row, numeric, address)}</tr>" for row, address in rows)
    small = ' class="many"' if len(frame.columns) > 8 else ""
    reached = f'role="group" aria-label="{escape(caption)}" tabindex="0"'  # so that who has no mouse can scroll it
    return f'<div class="wide" {reached}><table{small}><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def folded(summary: str, content: str) -> str:
    """Return content that opens on a click; it needs no script."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def figure(encoded: str, *, alt: str) -> str:
    """Return a PNG picture, in base64, with a text for those who do not see it."""
    return f'<figure><img src="data:image/png;base64,{escape(encoded)}" alt="{escape(alt)}"></figure>'


def caption(text: str) -> str:
    """Return the caption of a figure."""
    return f'<p class="caption">{escape(text)}</p>'


def sentence(text: str, *, kind: str = "note") -> str:
    """Return one sentence as a paragraph of a kind: `headline`, `note`, `warning` or `error`."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>'


def listed(texts: Iterable[str]) -> str:
    """Return sentences as a list; nothing where there are none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def link(address: str, *, text: str) -> str:
    """Return a paragraph that leads to another file of the pack."""
    return f'<p class="note"><a href="{escape(address)}">{escape(text)}</a></p>'


def section(content: str, *, name: str, heading: str) -> str:
    """Return a part of a page under a heading of its own; `name` is its place to link to."""
    return f'<section class="{escape(name)}"><h2 id="{escape(name)}">{escape(heading)}</h2>{content}</section>'


def definitions(entries: Mapping[str, str], *, heading: str) -> str:
    """Return what the metrics mean, as a list under a heading; nothing where there are none."""
    if not entries:
        return ""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in entries.items())
    return f'<section class="definitions"><h2>{escape(heading)}</h2><dl>{listed}</dl></section>'


def _card(card: Card) -> str:
    lines = [
        f'<p class="title">{escape(card.title)}</p>',
        f'<p class="{"value long" if len(card.value) > _FITS else "value"}"><strong>{escape(card.value)}</strong></p>',
        f'<p class="interval">{escape(card.interval)}</p>',
        f'<p class="base">{escape(card.base)}</p>' if card.base else "",
        f'<p class="change">{escape(card.change)}</p>' if card.change else "",
    ]
    return f'<li title="{escape(card.definition)}">{"".join(lines)}</li>'


def _cells(row: tuple[str, ...], numeric: list[bool], address: str) -> str:
    first, *others = (escape(cell) for cell in row)
    first = f'<a href="{escape(address)}">{first}</a>' if address else first
    return f'<th scope="row">{first}</th>' + "".join(f"<td{_flush(right)}>{cell}</td>" for cell, right in zip(others, numeric[1:], strict=True))


def _flush(right: bool) -> str:
    return ' class="figure"' if right else ""
