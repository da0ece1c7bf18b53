"""Every metric and term once, in English, German and Turkish: what it is called, how it is computed, what it is divided by, and how it misleads.

`glossary.find("churn")` shows an entry in a notebook. The texts stand in `{en,de,tr}.toml`: `[metric.NAME]` tables, and the words that figures, tables and
pages use: `[label]`, `[key]` for the names of key columns and `[value.COLUMN]` for what stands in them; and in `terms.{en,de,tr}.toml`.
What does not depend on the language (unit, direction, function, reference, links) is written in the English files alone.
"""

from cs_analysis.glossary.entries import TRANSLATED, Direction, Entry, entry, names, title
from cs_analysis.glossary.finding import Found, find
from cs_analysis.glossary.terms import Term, links, term, term_names
from cs_analysis.glossary.texts import LANGUAGES, Language, _texts, check_language, key_label, label, value_label

__all__ = [
    "LANGUAGES",
    "TRANSLATED",
    "Direction",
    "Entry",
    "Found",
    "Language",
    "Term",
    "_texts",
    "check_language",
    "entry",
    "find",
    "key_label",
    "label",
    "links",
    "names",
    "term",
    "term_names",
    "title",
    "value_label",
]
