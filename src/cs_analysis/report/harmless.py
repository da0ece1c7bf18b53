"""HTML that a notebook's cells or its text wrote, as HTML that can only be read.

What our own helpers write passes unchanged in what it shows. Anything else that a page must not hold, such as a script or an address
from which something would be loaded, appears as text or is left out.
"""

from __future__ import annotations

import re

from bleach import Cleaner  # type: ignore[import-untyped]

_BLOCKS = {"blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "hr", "li", "ol", "p", "pre", "section", "summary", "ul"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TABLES = {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
_WORDS = {"a", "abbr", "b", "br", "code", "del", "em", "i", "img", "kbd", "mark", "s", "samp", "small", "span", "strong", "sub", "sup", "u", "var"}
_EVERYWHERE = ("class", "id", "title", "lang", "role", "aria-label")
_OF_TAG = {"th": ("scope", "colspan", "rowspan"), "td": ("colspan", "rowspan"), "img": ("alt", "width", "height"), "details": ("open",), "ol": ("start",)}
_STYLE = re.compile(r"<style\b.*?</style\s*>", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"#|mailto:|https?:|[\w./ -]+([?#]|$)", re.IGNORECASE)


def harmless(html: str) -> str:
    """Return HTML without scripts, forms, frames and styles, and without anything that a browser would load."""
    return str(_CLEANER.clean(_STYLE.sub("", html)))


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("img", "src"):
        return value.startswith("data:image/")
    if (tag, name) == ("a", "href"):
        return _LINK.match(value) is not None
    return name in _EVERYWHERE or name in _OF_TAG.get(tag, ())


_CLEANER = Cleaner(
    tags=_BLOCKS | _HEADINGS | _TABLES | _WORDS, attributes=_is_allowed, protocols={"data", "http", "https", "mailto"}, strip=False, strip_comments=True
)
