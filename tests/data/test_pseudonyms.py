"""Pseudonyms: stable, keyed, in every table, and in place of names."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from pathlib import Path

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.pseudonyms import key_of, pseudonyms_of, who_is_who
from cs_analysis.errors import ContractError, ParameterError

KEY = "correct horse battery staple"
NAMED = pd.DataFrame(
    {
        "account_id": ["acme", "b", "c"],
        "started_at": pd.to_datetime(["2026-01-05"] * 3, utc=True),
        "name": ["ACME (Berlin)", "", None],
        "csm": ["Ada", "Ada", None],
        "segment": ["small", "small", "large"],
    }
)
ASKED = {"asked_at": "2026-02-01T10:00:00Z", "answered_at": "2026-02-02T10:00:00Z", "survey": "nps", "score": 9}
ANSWERS = pd.DataFrame(
    [
        {"response_id": "r1", "account_id": "acme", "user_id": "u1", **ASKED, "comment": "We at acme (berlin) like it. ACME too."},
        {"response_id": "r2", "account_id": "b", "user_id": "u2", **ASKED, "comment": "Nothing about us. B"},
        {"response_id": "r3", "account_id": "c", "user_id": None, **ASKED, "comment": None},
    ]
)
TABLES = {"accounts": NAMED, "responses": ANSWERS}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_KEY", KEY)


def read(**options: object) -> cs.Dataset:
    return cs.read_dataset(TABLES, as_of="2026-10-31", **options)  # type: ignore[arg-type]


def test_a_pseudonym_is_the_beginning_of_a_keyed_hash() -> None:
    letters = b32encode(hmac.new(KEY.encode(), b"account_id\0acme", hashlib.sha256).digest()).decode()
    assert pseudonyms_of(["acme"], kind="account_id", key=KEY.encode()) == {"acme": f"A-{letters[:5]}-{letters[5:10]}"}
    assert pseudonyms_of(["acme"], kind="user_id", key=KEY.encode())["acme"][1:] != f"-{letters[:5]}-{letters[5:10]}"


def test_names_that_would_share_one_get_longer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """SHA-256 cut to 50 bits does not collide here, so a poorer hash stands in: it knows only the length of the name, beyond ten letters all of it."""
    monkeypatch.setattr(hmac, "digest", lambda _, text, __: f"{len(text):06d}".encode() + text[-1:] + b"x" * 25)
    found = pseudonyms_of(["ab", "cd", "efg"], kind="csm", key=b"k")
    assert len(set(found.values())) == 3
    assert [len(text) for text in found.values()] == [len("M-12345-12345-12345-12345")] * 2 + [len("M-12345-12345")]


def test_every_table_holds_pseudonyms_that_still_belong_together() -> None:
    plain, hidden = read(), read(pseudonyms="env:CS_KEY")
    accounts, answers = (hidden.tables[name].to_pandas() for name in ("accounts", "responses"))
    pairs = pseudonyms_of(NAMED["account_id"], kind="account_id", key=KEY.encode())
    assert set(accounts["account_id"]) == set(pairs.values())
    assert accounts["name"].isna().all()
    assert accounts.set_index("account_id").loc[[pairs["acme"], pairs["b"]], "csm"].drop_duplicates().size == 1
    assert accounts["csm"].str.startswith("M-").sum() == 2
    assert answers.set_index("response_id")["account_id"].to_dict() == {"r1": pairs["acme"], "r2": pairs["b"], "r3": pairs["c"]}
    assert answers["user_id"].isna().sum() == 1
    assert cs.nps(hidden, by="segment").equals(cs.nps(plain, by="segment"))


def test_a_customers_own_name_and_id_in_a_comment_are_masked() -> None:
    comments = read(pseudonyms="env:CS_KEY").tables["responses"].to_pandas().set_index("response_id")["comment"]
    assert comments["r1"] == "We at [customer] like it. [customer] too."
    assert comments["r2"] == "Nothing about us. [customer]"
    assert pd.isna(comments["r3"])


def test_goals_and_topics_are_masked_too() -> None:
    goals = pd.DataFrame({"account_id": ["acme"], "goal": ["Roll out at Acme (Berlin)"], "set_at": ["2026-02-01T00:00:00Z"]})
    tickets = pd.DataFrame({"ticket_id": ["t1"], "account_id": ["acme"], "opened_at": ["2026-02-01T00:00:00Z"], "topic": ["acme: invoices"]})
    ds = cs.read_dataset({"accounts": NAMED, "goals": goals, "tickets": tickets}, as_of="2026-10-31", pseudonyms="env:CS_KEY")
    assert ds.tables["goals"].to_pandas()["goal"].item() == "Roll out at [customer]"
    assert ds.tables["tickets"].to_pandas()["topic"].item() == "[customer]: invoices"


def test_a_broken_contract_shows_no_name() -> None:
    twice = pd.concat([NAMED, NAMED.head(1)])
    with pytest.raises(ContractError, match="duplicate key") as raised:
        cs.read_dataset({"accounts": twice}, as_of="2026-10-31", pseudonyms="env:CS_KEY")
    assert "acme" not in str(raised.value).lower()
    assert "acme" not in raised.value.violations.to_csv().lower()


def test_the_key_alone_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (read(pseudonyms="env:CS_KEY").tables["accounts"].to_pandas()["account_id"].tolist() for _ in range(2))
    monkeypatch.setenv("CS_KEY", KEY + "!")
    other = read(pseudonyms="env:CS_KEY").tables["accounts"].to_pandas()["account_id"].tolist()
    assert first == again
    assert not set(first) & set(other)


def test_later_rows_are_hidden_too() -> None:
    """`ds.at` and rows after `as_of` look at the same relations."""
    early = read(pseudonyms="env:CS_KEY").at("2026-02-01").tables["responses"].to_pandas()
    assert early["account_id"].str.fullmatch("A-[A-Z2-7]{5}-[A-Z2-7]{5}").all()
    assert early["comment"].isna().all()


@pytest.mark.parametrize(
    ("reference", "told"), [(KEY, 'must be "env:NAME"'), ("env:NOT_SET", "NOT_SET must hold a key .* is not set"), ("env:SHORT", "it has 5")]
)
def test_a_key_is_named_and_long_and_never_told(reference: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "abcde")
    with pytest.raises(ParameterError, match=told) as raised:
        read(pseudonyms=reference)
    assert KEY not in str(raised.value)
    assert "abcde" not in str(raised.value)


def test_values_at_fault_are_not_shown() -> None:
    strange = ANSWERS.assign(survey=["nps", "nps", "nps"], score=[9, 9, 9], account_id=["acme", "acme", "acme"], response_id=["r1", "r2", "r3"])
    plain, hidden = (cs.read_dataset({"accounts": NAMED, "responses": strange}, as_of="2030-10-31", pseudonyms=key) for key in (None, "env:CS_KEY"))
    assert len(plain.findings) == len(hidden.findings)
    assert (hidden.findings["example"] == "").all()


def test_who_is_who_is_for_the_holder_of_the_key() -> None:
    table = who_is_who(read().tables["accounts"].to_pandas(), key=key_of("env:CS_KEY")).set_index("account_id")
    assert table.loc["acme", "pseudonym"] == pseudonyms_of(["acme"], kind="account_id", key=KEY.encode())["acme"]
    assert table.loc["acme", "name"] == "ACME (Berlin)"


def test_without_names_or_comments_there_is_nothing_else_to_hide(tmp_path: Path) -> None:
    ds = cs.read_dataset({"accounts": NAMED[["account_id", "started_at"]]}, as_of="2026-10-31", pseudonyms="env:CS_KEY")
    assert ds.tables["accounts"].columns == ("account_id", "started_at")
    assert ds.tables["accounts"].to_pandas()["account_id"].str.startswith("A-").all()
