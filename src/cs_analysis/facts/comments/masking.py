"""Contacts and numbers of accounts taken out of comments before anybody sees them."""

from __future__ import annotations

import re

from cs_analysis.facts.comments.text import normalised

_DOMAIN = r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,24}"
_EMAIL = re.compile(rf"(?<![\w.+%-])[\w.+%&'*/=?^~{{}}!#$|-]*[\w+%-][ ]?@[ ]?{_DOMAIN}", re.IGNORECASE)
_SPELT_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+[ ]?[\[(]at[\])][ ]?[\w-]+(?:(?:\.|[ ]?[\[(](?:dot|punkt|nokta)[\])][ ]?)[\w-]+)+", re.IGNORECASE)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\w+])(?:[0-9][ -]?){12,18}[0-9](?![\w])")
_DATE = r"(?:[0-3]?[0-9][./-][01]?[0-9][./-](?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2}[./-][01]?[0-9][./-][0-3]?[0-9])"
_NOT_PHONE = re.compile(rf"{_DATE}(?:[ T]+[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?)?")
_PHONE = re.compile(
    r"(?<![\w#])(?<![0-9][.,:/+-])(?<![A-Za-z]-)(?:"
    r"(?:\+|00)[ ]?[1-9](?:[ ()./-]{0,3}[0-9]){6,14}"  # with the code of a country
    r"|\(?0[1-9][0-9]{0,4}\)?(?:[ ()./-]{0,3}[0-9]){5,10}"  # with a leading zero, as in Germany and Turkey
    r"|\(?[2-9][0-9]{2}\)?[ .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}"  # as in North America
    r"|\([2-9][0-9]{2}\)[ ]?[2-9][0-9]{2}[ .-]?[0-9]{4}"
    r"|\(?5[0-9]{2}\)?[ .-]{1,2}[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{2}"  # Turkish mobile numbers without their zero
    r")(?![\w]|[.,:/-][0-9])"
)
_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 "
    "GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 "
    "NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
_IBAN_LENGTH = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}


def mask(text: str) -> str:
    """Return a text with addresses and account numbers replaced by `[e-mail]`, `[phone]`, `[IBAN]` and `[card]`.

    Look-alikes are made ordinary first (full-width digits, no-break spaces and hyphens, invisible characters), so the text comes back normalised. An
    IBAN must have the right check digits, a card number too (Luhn), a telephone number a leading `+`, `00` or `0`, or the North American shape. Dates,
    amounts, versions, years and the numbers of tickets stay. Names and postal addresses are not looked for.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text, fit to be shown.

    References
    ----------
    ISO 13616 (IBAN), ISO/IEC 7064 (check digits modulo 97), ISO/IEC 7812 (Luhn).

    Examples
    --------
    >>> mask("Ticket 48213: call 030/1234567 or jo@example.com, DE89 3704 0044 0532 0130 00")
    'Ticket 48213: call [phone] or [e-mail], [IBAN]'
    """
    plain = normalised(text)
    plain = _SPELT_EMAIL.sub("[e-mail]", _EMAIL.sub("[e-mail]", plain) if "@" in plain else plain)
    if not any(mark.isdigit() for mark in plain):
        return plain
    plain = _IBAN.sub(_account, plain)
    plain = _CARD.sub(_card, plain)
    return _phones(plain)


def _account(found: re.Match[str]) -> str:
    """Return what an IBAN-like text becomes: its longest beginning with right check digits is masked, as words may follow."""
    text = found.group()
    for end in range(len(text), 0, -1):
        if text[end - 1] not in " -" and is_iban(text[:end]) and (end == len(text) or text[end] in " -"):
            return f"[IBAN]{text[end:]}"
    return text


def is_iban(text: str) -> bool:
    """Tell whether a text, spaces aside, has the form and the check digits of an IBAN.

    Examples
    --------
    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = re.sub("[ -]", "", text).upper()
    if len(plain) != _IBAN_LENGTH.get(plain[:2]) or not re.fullmatch("[A-Z]{2}[0-9]{2}[A-Z0-9]+", plain):
        return False
    return int("".join(str(int(mark, 36)) for mark in plain[4:] + plain[:4])) % 97 == 1


def _card(found: re.Match[str]) -> str:
    digits = [int(mark) for mark in found.group() if mark.isdigit()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return "[card]" if sum(doubled) % 10 == 0 and digits[0] in (2, 3, 4, 5, 6) else found.group()


def _phones(text: str) -> str:
    """Return a text with telephone numbers masked, except where a date stands."""
    pieces, done = [], 0
    for found in _NOT_PHONE.finditer(text):
        if (found.start() and text[found.start() - 1].isalnum()) or text[found.end() : found.end() + 1].isdigit():
            continue
        pieces += [_PHONE.sub("[phone]", text[done : found.start()]), found.group()]
        done = found.end()
    return "".join([*pieces, _PHONE.sub("[phone]", text[done:])])
