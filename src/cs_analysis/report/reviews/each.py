"""One review an account, segment, plan or manager: thousands of pages from one reading of the data, taken up again where a run was broken off."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import jinja2
import pandas as pd

from cs_analysis import __version__, glossary
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.fingerprint import fingerprint
from cs_analysis.data.reading import Moment, OnError, read_dataset
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.groups import MISSING_GROUP
from cs_analysis.report import markup
from cs_analysis.report.batch import PackResult, Progress
from cs_analysis.report.html import page_style
from cs_analysis.report.place import building, move
from cs_analysis.report.reviews.book import Book, gathered
from cs_analysis.report.reviews.groups import by_revenue, group_cards, members
from cs_analysis.report.reviews.page import cards, profile, sections, title_of
from cs_analysis.show.text import date_text

_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")
_TELL_EVERY = 100


def run_each(
    *,
    data: str | Path,
    as_of: Moment,
    out: str | Path,
    each: str = "account",
    only: Sequence[str] | None = None,
    weights: str = "gainsight",
    language: str = "en",
    timezone: str | None = None,
    currency: str | None = None,
    on_error: OnError = "raise",
    pseudonyms: str | None = None,
    progress: Progress = None,
) -> PackResult:
    """Write a business review of every account, with an index; or an index page a segment, plan or manager with the reviews of its accounts.

    All figures are counted once for all accounts. The folder appears whole or not at all; a run that was broken off is taken up where it stood by the next one
    on the same data and with the same options.

    Parameters
    ----------
    data : path
        Folder of tables or DuckDB file.
    as_of : date, str or Timestamp
        Last day or instant that counts.
    out : path
        New folder, empty folder or earlier reviews; replaced as a whole at the end.
    each : str
        "account", or a column of `accounts` such as "csm", each value of which gets a page of its own above those of its accounts.
    only : sequence of str, optional
        Write the reviews of these accounts (or of these values of the column) alone.
    weights : str
        Rules of the health score.
    language : {"en", "de", "tr"}
        Language of the pages.
    timezone, currency, on_error, pseudonyms
        As in `read_dataset`.
    progress : callable, optional
        Called with a line of text now and then.

    Returns
    -------
    PackResult
        Folder and index page; a review does not fail by itself.

    Raises
    ------
    MissingColumnsError, ParameterError
        `accounts` has no such column; `only` names what there is not.
    ContractError
        The data break the contract.
    ReportError
        `out` holds something else, or another run is writing to it.

    Examples
    --------
    In a checkout, on the demo data::

        result = run_each(data="data/demo", as_of="2026-10-31", out="reports/reviews", each="csm")
        print(result.index)
    """
    ds = read_dataset(data, as_of=as_of, timezone=timezone, currency=currency, on_error=on_error, pseudonyms=pseudonyms)
    groups = _groups(ds, each, only)
    accounts = [account for listed in groups.values() for account in listed]
    out, word = Path(out).resolve(), _word(ds, each=each, accounts=accounts, weights=weights, language=language)
    with building(out, resume=word) as folder:
        (folder / "accounts").mkdir(exist_ok=True)
        missing = [account for account in accounts if not (folder / _file(account)).exists()]
        if missing or not accounts:
            _tell(progress, f"counting for {len(accounts)} accounts")
        book = gathered(ds, weights=weights)
        for number, account in enumerate(missing):
            if number % _TELL_EVERY == 0:
                _tell(progress, f"review {len(accounts) - len(missing) + number + 1} of {len(accounts)}")
            _write(folder / _file(account), _page(book, account, language=language))
        files = [_file(account) for account in accounts] + _write_groups(folder, book, groups, each=each, language=language)
        _write(folder / "run.json", _manifest(ds, files, each=each, weights=weights, language=language))
        shutil.rmtree(folder / "notebooks", ignore_errors=True)  # a pack of reports has one
        place = move(folder, out, complete=True)
    return PackResult(place, place / "index.html", True, {})


def _groups(ds: Dataset, each: str, only: Sequence[str] | None) -> dict[str, list[str]]:
    """Return the accounts of each page, in order; all of them under no name where each account has a page of its own."""
    accounts = ds.tables["accounts"].to_pandas().sort_values("account_id")
    if each != "account" and each not in accounts:
        raise MissingColumnsError([each], ds.tables["accounts"].columns, table="accounts")
    value = accounts["account_id"] if each == "account" else accounts[each].astype("object").fillna(MISSING_GROUP).map(str)
    unknown = sorted(set(only or ()) - set(value))
    if unknown:
        raise ParameterError(f"there is no {each} {', '.join(map(repr, unknown[:5]))} in the data. Names are those of the table `accounts`.")
    kept = accounts[value.isin(only)] if only is not None else accounts
    if each == "account":
        return {"": list(kept["account_id"])}
    return {str(name): list(own["account_id"]) for name, own in kept.groupby(value.loc[kept.index], sort=True)}


def _page(book: Book, account: str, *, language: str) -> str:
    return _rendered(
        title=title_of(book, account),
        cover=profile(book, account, language=language),
        cards=cards(book, account, language=language),
        sections=list(sections(book, account, language=language)),
        back="../index.html",
        book=book,
        language=language,
    )


def _write_groups(folder: Path, book: Book, groups: dict[str, list[str]], *, each: str, language: str) -> list[str]:
    """Write the index and the page of each group, and return the files of the groups."""
    title = glossary.label("review_index", language)
    if each == "account":
        _write(folder / "index.html", _listing(book, groups[""], title=title, back="", language=language))
        return []
    (folder / "groups").mkdir(exist_ok=True)
    for name, accounts in groups.items():
        _write(folder / _file(name, "groups"), _listing(book, accounts, title=name, back="../index.html", language=language))
    listed = pd.DataFrame(
        {glossary.key_label(each, language): list(groups), glossary.label("review_accounts", language): [len(own) for own in groups.values()]}
    )
    table = markup.table(listed, caption=title, figures=1, links=[_file(name, "groups") for name in groups])
    _write(folder / "index.html", _rendered(title=title, cover="", cards="", sections=[("", table)], back="", book=book, language=language))
    return [_file(name, "groups") for name in groups]


def _listing(book: Book, accounts: list[str], *, title: str, back: str, language: str) -> str:
    """Return a page that lists accounts with their figures, each linked to its review."""
    ordered = by_revenue(book, accounts)
    links = [("../" if back else "") + _file(account) for account in ordered]
    table = markup.table(members(book, ordered, language=language), caption=glossary.label("review_accounts", language), figures=4, links=links)
    shown = group_cards(book, accounts, language=language)
    return _rendered(title=title, cover="", cards=shown, sections=[("", table)], back=back, book=book, language=language)


def _rendered(*, title: str, cover: str, cards: str, sections: Iterable[tuple[str, str]], back: str, book: Book, language: str) -> str:
    provenance = f"{glossary.label('data_as_of', language)} {date_text(book.now - pd.Timedelta(1, 'us'), language)} · cs-analysis {__version__}"
    words = {"language": language, "css": page_style(), "back": back, "back_text": glossary.label("review_all", language), "provenance": provenance}
    return _template().render(title=title, cover=cover, cards=cards, sections=sections, **words)


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parents[1] / "template")
    return jinja2.Environment(loader=loader, autoescape=False, undefined=jinja2.StrictUndefined).get_template("review.html.j2")  # noqa: S701 - `markup` escapes every text


def _file(name: str, folder: str = "accounts") -> str:
    """Return the file of an account or group: its name where that is plain, else what is plain of it and a mark of all of it."""
    plain = _PLAIN.sub("-", name)[:60]
    return f"{folder}/{plain}.html" if plain == name else f"{folder}/{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.html"


def _word(ds: Dataset, *, accounts: Sequence[str], **options: str) -> str:
    """Return what tells one making of reviews from another: data, options, accounts and version."""
    made = {"data": fingerprint(ds), "as_of": ds.as_of.isoformat(), "accounts": list(accounts), "version": __version__, **options}
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def _manifest(ds: Dataset, files: Sequence[str], **options: str) -> str:
    about = {"parameters": options, "error": "", "files": list(files)}
    content = {"status": "complete", "as_of": ds.as_of.isoformat(), "data_fingerprint": fingerprint(ds), "reports": {"reviews": about}}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _tell(progress: Progress, line: str) -> None:
    if progress is not None:
        progress(line)
