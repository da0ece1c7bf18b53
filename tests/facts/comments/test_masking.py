"""No contact survives, and innocent numbers do."""

from __future__ import annotations

import re
from string import ascii_lowercase, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_analysis.facts.comments.masking import is_iban, mask

IBAN_FORMS = {"DE": 18, "TR": 22, "AT": 16, "NL": 14, "FR": 23, "GB": 18, "NO": 11}
INNOCENT = [
    "version 10.4.2",
    "24/7",
    "2019-2024",
    "2026-03-31",
    "31.03.2026 14:30",
    "von 01.01.2026 bis 31.03.2026",
    "01/02/2026",
    "1.234,56 EUR",
    "$1,234.56",
    "ticket 48213",
    "ticket #0012345",
    "T0123456789",
    "INV-0212345678",
    "12.500.000 rows",
    "3 000 000",
    "0,5 %",
    "0.25",
    "007",
    "192.168.0.1",
    "2020 2021 2022",
    "ISBN 978-3-16-148410-0",
    "error 500",
    "10:30-12:45",
    "order 1234567890123",
    "we meet at (at) noon",
    "@home",
]


def with_check_digits(country: str, rest: str) -> str:
    """Return an IBAN, its check digits worked out as ISO 7064 has it: 98 minus the remainder of the number with 00 by 97."""
    number = int("".join(str(int(mark, 36)) for mark in f"{rest}{country}00"))
    return f"{country}{98 - number % 97:02d}{rest}"


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(IBAN_FORMS)))
    size = IBAN_FORMS[country]
    iban = with_check_digits(country, draw(st.text("0123456789", min_size=size, max_size=size)))
    separator = draw(st.sampled_from(["", " ", "-", "\u00a0"]))
    shown = separator.join(iban[start : start + 4] for start in range(0, len(iban), 4))
    return draw(st.sampled_from([shown, shown.lower(), shown.translate({ord(digit): ord(digit) + 0xFEE0 for digit in digits})]))


name = st.text(ascii_lowercase + digits, min_size=1, max_size=8)
emails = st.builds(
    lambda user, mark, last, host, end: f"{user}{mark}{last}@{host}.{end}",
    name,
    st.sampled_from([".", "_", "-", "+", ""]),
    name,
    st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4})?(\.[a-zäöü]{2,6})?", fullmatch=True),
    st.sampled_from(["com", "de", "com.tr", "co.uk", "museum", "DE"]),
)
number = st.text(digits, min_size=7, max_size=8)
phones = st.one_of(
    st.builds(
        lambda code, sep, n: f"{code}{sep}{n[:3]}{sep}{n[3:]}",
        st.sampled_from(["+49 30", "+90 212", "0049 89", "+1 202", "+44 (0)20"]),
        st.sampled_from(["", " ", "-", ".", "/"]),
        number,
    ),
    st.builds(
        lambda area, sep, n: f"{area}{sep}{n}", st.sampled_from(["030", "(089)", "0212", "(0532)", "0171"]), st.sampled_from(["/", " ", "-", ""]), number
    ),
    st.builds(
        lambda a, b, c: f"({a}) {b}-{c}",
        st.from_regex("[2-9][0-9]{2}", fullmatch=True),
        st.from_regex("[2-9][0-9]{2}", fullmatch=True),
        st.from_regex("[0-9]{4}", fullmatch=True),
    ),
    st.builds(lambda n: f"0212 {n[:3]} {n[3:5]} {n[5:7]}", number),
    st.builds(lambda n: f"0532 {n[:3]} {n[3:5]} {n[5:7]}", number),
)
around = st.sampled_from([("", ""), ("Call ", " please"), ("(", ")"), ("Tel.: ", "."), ("tel:", ""), ("yaz: ", "'ten"), ("x\u200b ", "!"), ("\n", "\n")])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(ibans(), around)
def test_no_iban_survives(iban: str, pair: tuple[str, str]) -> None:
    shown = mask(pair[0] + iban + pair[1])
    assert "[IBAN]" in shown
    assert not re.search(r"\d", shown)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(emails, around)
def test_no_address_survives(email: str, pair: tuple[str, str]) -> None:
    shown = mask(pair[0] + email + pair[1])
    assert "[e-mail]" in shown
    assert "@" not in shown


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(phones, around)
def test_no_telephone_number_survives(phone: str, pair: tuple[str, str]) -> None:
    shown = mask(pair[0] + phone + pair[1])
    assert shown.count("[phone]") == 1
    assert not re.search(r"\d", shown)


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_numbers_survive(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("０３０／１２３４５６７", "[phone]"),
        ("030\u20111234\u200b567", "[phone]"),
        ("jo\u200b@example\u2060.com", "[e-mail]"),
        ("jo(at)example(dot)com", "[e-mail]"),
        ("jo [at] example.com", "[e-mail]"),
        ("ｊｏ＠ｅｘａｍｐｌｅ．ｃｏｍ", "[e-mail]"),
        ("4111\u00a01111 1111 1111", "[card]"),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("a@b.com und 030 1234567, GB82WEST12345698765432", "[e-mail] und [phone], [IBAN]"),
        ("am 01.02.2026 unter 030 1234567", "am 01.02.2026 unter [phone]"),
    ],
)
def test_look_alikes_are_seen_through(hidden: str, shown: str) -> None:
    assert mask(hidden) == shown


@pytest.mark.slow
@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_masking_again_changes_nothing(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


def test_long_texts_take_no_time_to_speak_of() -> None:
    assert mask("a" * 10_000) == "a" * 10_000
    assert mask("1 " * 5_000).startswith("1 1")
    assert mask("a." * 5_000 + "@").endswith("@")


def test_check_digits_decide_what_is_an_iban() -> None:
    assert is_iban("DE89 3704 0044 0532 0130 00")  # the example of the European Committee for Banking Standards
    assert is_iban("tr33 0006 1005 1978 6457 8413 26")
    assert not is_iban("DE98 3704 0044 0532 0130 00")  # two digits changed places
    assert not is_iban("DE89 3704 0044 0532 0130")
