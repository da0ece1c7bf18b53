"""Text made comparable: one spelling of what looks alike, lower case as each language has it, and words."""

from __future__ import annotations

import re
import unicodedata

LANGUAGES = ("en", "de", "tr")
"""Languages that comments are read in."""

EMOJI = "[\u2600-\u27bf\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]"
_INVISIBLE = re.compile(f"[\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]|(?<!{EMOJI})(?<!\ufe0f)(?<![\U0001f3fb-\U0001f3ff])\u200d")
_LIKE = str.maketrans({**dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-"), **dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'")})
_SPACE = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_TURKISH = str.maketrans({"I": "ı", "İ": "i"})
_FOLDED = {
    "de": str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}),
    "tr": str.maketrans({"ı": "i", "ğ": "g", "ş": "s", "ç": "c", "ö": "o", "ü": "u", "â": "a", "î": "i", "û": "u"}),
}
_WORD = re.compile(rf"{EMOJI}[\ufe0f\U0001f3fb-\U0001f3ff]*(?:\u200d{EMOJI}[\ufe0f\U0001f3fb-\U0001f3ff]*)*|[^\W_]+(?:['.-][^\W_]+)*")
_PLAIN_WORD = re.compile(r"[^\W_]+")


def normalised(text: str) -> str:
    """Return a text in the compatibility composition of Unicode, without invisible characters and with one kind of space, hyphen and apostrophe.

    Full-width digits, no-break spaces and hyphens, and characters with a combining mark beside them become the ordinary ones; line breaks stay.

    Examples
    --------
    >>> normalised("CRM’imiz\u00a0０３０\u2011１２")
    "CRM'imiz 030-12"
    """
    if text.isascii():
        return _SPACE.sub(" ", text.replace("`", "'")).strip()
    composed = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_LIKE)
    return _SPACE.sub(" ", composed).strip()


def lowered(text: str, language: str) -> str:
    """Return a normalised text in lower case: in Turkish I becomes ı and İ becomes i, elsewhere both become i.

    Python alone makes "İ" an i with a combining dot, in any language.

    Examples
    --------
    >>> lowered("İYİ IŞIK", "tr"), lowered("I İ", "en")
    ('iyi ışık', 'i i')
    """
    return (text.translate(_TURKISH) if language == "tr" else text.replace("İ", "i")).lower()


def folded(text: str, language: str) -> str:
    """Return a text as it is compared: lower case, and letters with marks as people write them who lack the key.

    German ä, ö, ü, ß become ae, oe, ue, ss; Turkish letters lose their marks, so that "ÇOK YAVAŞ", "çok yavaş" and "cok yavas" are one, whichever
    capital I was meant.

    Examples
    --------
    >>> folded("GROSS", "de") == folded("groß", "de"), folded("KULLANICI", "tr") == folded("kullanici", "tr")
    (True, True)
    """
    small = lowered(normalised(text), language).translate(_FOLDED.get(language, {}))
    if small.isascii():
        return small
    return "".join(mark for mark in unicodedata.normalize("NFKD", small) if not unicodedata.combining(mark))


def words(text: str, language: str) -> list[str]:
    """Return the words of a text in lower case, an emoji being a word.

    Hyphens and apostrophes join ("e-mail", "can't", "preis-leistung"), German compounds stay whole, and in Turkish an ending that an apostrophe sets
    off from a name goes ("CRM'imiz" is "crm").

    Examples
    --------
    >>> words("CRM'imiz çok YAVAŞ 👍🏽", "tr")
    ['crm', 'çok', 'yavaş', '👍🏽']
    """
    found: list[str] = _WORD.findall(lowered(normalised(text), language))
    return [word.split("'", 1)[0] for word in found] if language == "tr" else found


def matching_words(text: str, language: str) -> list[str]:
    """Return the folded words by which a codebook finds its terms: parts of hyphenated words one by one, "can't" as "cant".

    Examples
    --------
    >>> matching_words("Can't do Single sign-on", "en")
    ['cant', 'do', 'single', 'sign', 'on']
    """
    plain = folded(text, language)
    plain = re.sub(r"(?<=\w)'\w+", "", plain) if language == "tr" else plain.replace("'", "")
    return _PLAIN_WORD.findall(plain)
