"""The command `cs-analysis`: the package's verbs for schedulers and terminals.

Results go to stdout; errors and progress to stderr. Exit codes: 0 all is well, 1 the run or the check found errors, 2 the
command was used wrongly, 3 a headline figure changed for the worse beyond noise (`diff`), 130 broken off. Heavy modules load
only when a verb needs them, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cs_analysis import __version__
from cs_analysis.cli_course import add_course
from cs_analysis.cli_glossary import add_glossary
from cs_analysis.cli_options import add_as_of, add_data, add_reading, add_timeout, add_verb, assignment, jobs
from cs_analysis.errors import CSAnalysisError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from cs_analysis.report.batch import PackResult

FINE, FOUND_ERRORS, USAGE, WORSE, BROKEN_OFF = 0, 1, 2, 3, 130
LANGUAGES = ("en", "de", "tr")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler that stops us is Ctrl-C to us: clear up, then go
    if arguments.debug:
        return _flushed(arguments.verb, arguments)
    sys.excepthook = _say_unexpected
    try:
        return _flushed(arguments.verb, arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FOUND_ERRORS
    except KeyboardInterrupt:
        _say("broken off; what was finished before stays as it is.")
        return BROKEN_OFF
    except (CSAnalysisError, OSError) as error:
        _say(f"error: {_told_os(error) if isinstance(error, OSError) else error}")
        return USAGE if isinstance(error, ParameterError) else FOUND_ERRORS


def _told_os(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{error}. Free some space and run again; what was finished before stays as it is." if full else str(error)


def _flushed(verb: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a verb and empty the output, so that a closed pipe shows here and not at the end of the interpreter."""
    code = verb(arguments)
    sys.stdout.flush()
    return code


def _say(text: str) -> None:
    print(f"cs-analysis: {_lines(text)}", file=sys.stderr)


def _say_unexpected(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    _say(f"unexpected error: {kind.__name__}: {error}\nThis is a fault of cs-analysis. Run the command again with --debug to see where it happened.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="cs-analysis", description="Customer-success analytics: one folder of tables in, honest reports out.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"cs-analysis {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in (_add_report, _add_run, _add_diff, _add_check, _add_simulate, _add_list, _add_pseudonyms, add_course, add_glossary):
        add(verbs)
    return parser


def _add_report(verbs: Any) -> None:
    parser = add_verb(verbs, "report", verb=_report, about="run every report on a folder of tables and write their pages")
    parser.add_argument("--config", type=Path, metavar="FILE", help="file that says what to run, such as reports.toml; options given here come before it")
    add_data(parser, required=False)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the pages go")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these reports alone (see `list`), or these reviews")
    parser.add_argument(
        "--period",
        help="month reported on, such as 2026-10 (default: the last one over); with --config also last-month, last-quarter, 2026-Q3",
    )
    parser.add_argument("--by", metavar="COLUMN", help="column of accounts to group by")
    about = "instead of the reports, a business review of each account ('account'), or of the accounts of each value of a column, such as csm"
    parser.add_argument("--each", metavar="COLUMN", help=about)
    parser.add_argument("--conf-level", type=float, metavar="LEVEL", help="level of the intervals (default: 0.95)")
    parser.add_argument("--language", choices=LANGUAGES, help="language of the pages (default: en)")
    parser.add_argument("--company", metavar="NAME", help="whose customers these are; stands at the head of the pages")
    parser.add_argument("--observed-from", metavar="DATE", help="first day from which leavers are on record, if customers go back further")
    parser.add_argument("--previous", type=Path, metavar="FOLDER", help="earlier pack that the pages compare with (default: the one that is replaced)")
    parser.add_argument("--history", type=Path, metavar="FILE", help="table of the figures of all periods (default: history.csv beside the pack)")
    about = "what to do with rows that break the contract: stop (default), or set them aside with their reasons and go on"
    parser.add_argument("--on-error", choices=("raise", "quarantine"), help=about)
    about = "write stable pseudonyms in place of accounts, users and managers; the environment variable NAME holds the key"
    parser.add_argument("--pseudonyms", metavar="env:NAME", help=about)
    add_timeout(parser)
    parser.add_argument("--jobs", type=jobs, metavar="N", help="how many reports run side by side (default: one for each core)")
    parser.add_argument("--pdf", action="store_const", const=True, help="print each page as PDF, too, with the Chromium or Chrome on this machine")
    add_reading(parser)


def _add_run(verbs: Any) -> None:
    parser = add_verb(verbs, "run", verb=_run, about="run one notebook with parameters and write its page")
    parser.add_argument("notebook", help="a report's name (see `list`) or the path of a notebook")
    add_data(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the page goes")
    parser.add_argument(
        "-p", "--parameter", action="append", default=[], type=assignment, metavar="NAME=VALUE", help="a parameter that the notebook declares; repeatable"
    )
    add_timeout(parser)


def _add_diff(verbs: Any) -> None:
    parser = add_verb(verbs, "diff", verb=_diff, about="what changed beyond noise between two runs; exit code 3 if a headline figure changed for the worse")
    parser.add_argument("before", type=Path, metavar="RUN_A", help="folder of the earlier run")
    parser.add_argument("after", type=Path, metavar="RUN_B", help="folder of the later run")
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text", help="how to print the changes (default: text)")
    about = "share of runs that may show a changed headline figure where none has changed (default: 0.05)"
    parser.add_argument("--rate", type=float, default=0.05, metavar="RATE", help=about)
    parser.epilog = "Exit codes: 0 no headline figure changed for the worse beyond noise, 1 a folder is no run, 2 wrong use, 3 one did."


def _add_pseudonyms(verbs: Any) -> None:
    parser = add_verb(verbs, "pseudonyms", verb=_pseudonyms, about="write which account is behind which pseudonym, for the holder of the key alone")
    add_data(parser)
    add_reading(parser)
    parser.add_argument("--pseudonyms", required=True, metavar="env:NAME", help="environment variable that holds the key")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="CSV that only its owner may read")


def _add_check(verbs: Any) -> None:
    parser = add_verb(verbs, "check", verb=_check, about="list every problem of a folder of tables; exit code 1 if there is an error")
    parser.add_argument("data", metavar="FOLDER", help="folder of tables or DuckDB file")
    add_as_of(parser)
    add_reading(parser)
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text", help="how to print the findings (default: text)")
    parser.add_argument("--quarantine", type=Path, metavar="FOLDER", help="also write the rows at fault there, each with its reason")


def _add_simulate(verbs: Any) -> None:
    parser = add_verb(verbs, "simulate", verb=_simulate, about="make the tables of a company with known parameters")
    parser.add_argument("--into", required=True, type=Path, metavar="FOLDER", help="where the tables go")
    parser.add_argument("--accounts", type=int, default=400, help="number of accounts (default: 400)")
    parser.add_argument("--months", type=int, default=24, help="months of history (default: 24)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same company (default: 0)")


def _add_list(verbs: Any) -> None:
    add_verb(verbs, "list", verb=_list, about="list the reports and their parameters")


def _check(arguments: argparse.Namespace) -> int:
    from cs_analysis.data.reading import check_dataset

    reading = {"as_of": arguments.as_of, "timezone": arguments.timezone, "currency": arguments.currency}
    findings = check_dataset(arguments.data, **reading)
    print(FORMATS[arguments.format](findings))
    if arguments.quarantine:
        _quarantine(arguments, reading)
    return FOUND_ERRORS if (findings["severity"] == "error").any() else FINE


def _quarantine(arguments: argparse.Namespace, reading: dict[str, Any]) -> None:
    from cs_analysis.data.reading import read_dataset
    from cs_analysis.errors import ContractError

    try:
        read_dataset(arguments.data, **reading, on_error="quarantine", quarantine=arguments.quarantine)
    except ContractError:
        _say("no rows were set aside: a table is unreadable or lacks a column, which no row can answer for. Correct that first.")
    else:
        _say(f"the rows at fault are in {arguments.quarantine}.")


def findings_text(findings: pd.DataFrame) -> str:
    """Return findings as blocks that fit a terminal, and their number."""
    width = min(max(shutil.get_terminal_size().columns, 60), 120)
    blocks = [_block(finding, width) for finding in findings.itertuples(index=False)]
    severities = list(findings["severity"])
    counted = [_number(severities.count(severity), severity) for severity in ("error", "warning")]
    return "\n\n".join([*blocks, f"{', '.join(counted)}."])


def _block(finding: Any, width: int) -> str:
    """Return one finding: what and where, how often, what to do."""
    place = f"{finding.table}.{finding.column}" if finding.column else finding.table
    head = f"{finding.severity.upper():<9}{place}: {finding.rule}"
    example = _printable(finding.example)
    first = f"{_number(finding.rows, 'row')}, first: row {finding.first_row}" + (f", '{example}'" if example else "")
    indented = [
        textwrap.fill(line, width, initial_indent=" " * 9, subsequent_indent=" " * 9) for line in (first if finding.rows else example, finding.what_to_do)
    ]
    return "\n".join([head, *(line for line in indented if line)])


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _printable(value: object) -> str:
    """Return a value of the data with control characters spelled out, so that no file can steer a terminal."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(value))


def _lines(text: str) -> str:
    return "\n".join(_printable(line) for line in text.splitlines())


FORMATS: dict[str, Callable[[pd.DataFrame], str]] = {
    "text": findings_text,
    "csv": lambda findings: findings.to_csv(index=False).rstrip("\n"),
    "json": lambda findings: findings.to_json(orient="records", indent=2, force_ascii=False),
}


def _simulate(arguments: argparse.Namespace) -> int:
    from cs_analysis.data.simulator import simulate_company

    ds, _ = simulate_company(accounts=arguments.accounts, months=arguments.months, seed=arguments.seed, into=arguments.into)
    print(f"{_number(arguments.accounts, 'account')} over {_number(arguments.months, 'month')}, known up to {ds.as_of:%Y-%m-%d}: {arguments.into}")
    return FINE


def _report(arguments: argparse.Namespace) -> int:
    missing = [f"--{name.replace('_', '-')}" for name in ("data", "as_of", "out") if getattr(arguments, name) is None]
    if arguments.config:
        return _periodic(arguments)
    if missing:
        raise ParameterError(f"the following arguments are required: {', '.join(missing)}, or --config.")
    if arguments.each:
        return _reviews(arguments)
    from cs_analysis.report.pack import run_pack

    return _told(run_pack(**_given(arguments, *PACK_OPTIONS), progress=_progress()))


PACK_OPTIONS = (
    *("data", "as_of", "timezone", "currency", "on_error", "pseudonyms", "out", "period", "by", "conf_level"),
    *("language", "company", "only", "observed_from", "previous", "history", "timeout", "jobs", "pdf"),
)


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name in names if (value := getattr(arguments, name)) is not None}


def _periodic(arguments: argparse.Namespace) -> int:
    from cs_analysis.report.periodic import run_config

    if arguments.each:
        raise ParameterError("--each goes with --data, --as-of and --out, not with --config.")
    results = run_config(arguments.config, now=datetime.now(UTC), given=_given(arguments, *PACK_OPTIONS), progress=_progress())
    return max([_told(result) for result in results])


def _told(result: PackResult) -> int:
    for name, error in result.errors.items():
        _say(f"the report {name} is incomplete: {error}")
    print(f"The reports: {result.index}")
    return FINE if result.ok else FOUND_ERRORS


def _reviews(arguments: argparse.Namespace) -> int:
    from cs_analysis.report.reviews.each import run_each

    options = ("data", "as_of", "out", "each", "only", "language", "timezone", "currency", "on_error", "pseudonyms")
    result = run_each(**_given(arguments, *options), progress=_progress())
    print(f"The reviews: {result.index}")
    return FINE


def _pseudonyms(arguments: argparse.Namespace) -> int:
    from cs_analysis.data.pseudonyms import key_of, who_is_who
    from cs_analysis.data.reading import read_dataset
    from cs_analysis.report.lists import write_list

    key = key_of(arguments.pseudonyms)
    ds = read_dataset(arguments.data, **_given(arguments, "as_of", "timezone", "currency"))
    print(f"Who is who: {write_list(who_is_who(ds.tables['accounts'].to_pandas(), key=key), arguments.out, private=True)}")
    return FINE


def _run(arguments: argparse.Namespace) -> int:
    from cs_analysis.report.notebooks import find_report
    from cs_analysis.report.parameters import from_texts
    from cs_analysis.report.run import run_report

    parameters = from_texts(find_report(arguments.notebook).parameters, _once(arguments.parameter))
    options = {name: getattr(arguments, name) for name in ("data", "as_of", "out", "timeout")}
    result = run_report(arguments.notebook, **options, parameters=parameters, progress=_progress())
    if not result.ok:
        _say(f"the report is incomplete: {result.error}")
    print(f"The report: {result.page}")
    return FINE if result.ok else FOUND_ERRORS


def _diff(arguments: argparse.Namespace) -> int:
    from cs_analysis.report import changes
    from cs_analysis.report.comparison import compare_packs

    found = compare_packs(arguments.before, arguments.after, rate=arguments.rate)
    print(changes.FORMATS[arguments.format](found))
    return WORSE if found.worse else FINE


def _once(assignments: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return names and values if each name is given once."""
    names = [name for name, _ in assignments]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ParameterError(f"a parameter must be given once; {', '.join(twice)} is given several times.")
    return dict(assignments)


def _list(_: argparse.Namespace) -> int:
    from cs_analysis.report.notebooks import list_reports

    for report in list_reports():
        print(report)
    return FINE


def _progress() -> Callable[[str], None] | None:
    """Return what shows progress: a line on a terminal, nothing elsewhere."""
    return (lambda line: print(_lines(line), file=sys.stderr, flush=True)) if sys.stderr.isatty() else None
