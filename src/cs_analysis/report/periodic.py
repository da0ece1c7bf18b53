"""Runs that a scheduler starts: what a file asks for, for one period, published beside the packs of earlier periods."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cs_analysis.data.local_days import time_zone
from cs_analysis.report.batch import PackResult, Progress
from cs_analysis.report.config import Config, read_config
from cs_analysis.report.notebooks import find_report
from cs_analysis.report.pack import run_pack
from cs_analysis.report.periods import Reported, reported_period
from cs_analysis.report.place import is_pack, manifest

_LABEL = r"\d{4}-(?:\d\d|Q[1-4])"


def run_config(path: str | Path, *, now: datetime, given: Mapping[str, Any] | None = None, progress: Progress = None) -> list[PackResult]:
    """Run the packs that a file asks for, one a language, and take away those of earlier periods beyond the number to keep.

    Parameters
    ----------
    path : path
        A file as `read_config` reads it.
    now : datetime
        The instant of the run, with its zone; its day in the file's `timezone` is what `last-month` looks back from where no `as_of` is given.
    given : mapping, optional
        Options of `run_pack` that come before those of the file.
    progress : callable, optional
        Called with a line of text before and after each report.

    Returns
    -------
    list of PackResult
        The packs in the order of the languages.

    Raises
    ------
    ParameterError
        The file cannot be used, or asks for what there is not; nothing is run then.
    ContractError, ReportError
        As in `run_pack`.
    """
    config, given = read_config(path), dict(given or {})
    zone = given.get("timezone", config.options.get("timezone", "UTC"))
    wanted = given.pop("period", config.period)
    reported = reported_period(wanted, as_of=given.pop("as_of", None), today=now.astimezone(time_zone(zone)).date(), timezone=zone)
    languages = (given.pop("language"),) if "language" in given else config.languages
    template = str(given.pop("out", config.out))
    results = []
    for language in languages:
        options = {**config.options, **given, "period": reported.month, "as_of": reported.as_of, "language": language}
        out = Path(template.replace("{period}", reported.label).replace("{language}", language))
        results.append(run_pack(**options, out=out, parameters=_parameters(config, reported, options.get("only")), progress=progress))
        if results[-1].ok and config.keep:
            _keep(template.replace("{language}", language), config.keep, newest=results[-1].folder, progress=progress)
    return results


def _parameters(config: Config, reported: Reported, only: list[str] | None) -> dict[str, Any]:
    """Return the file's parameters, those of reports that are left out excepted, with the targets of the period as the scorecard takes them."""
    chosen = None if only is None else {find_report(name).name for name in only}
    left_out = {name for name, value in config.parameters.items() if isinstance(value, Mapping) and chosen is not None and name not in chosen}
    parameters = {name: value for name, value in config.parameters.items() if name not in left_out}
    targets = [f"{name}={value}" for name, value in config.targets_of(reported.label).items()]
    if targets and (chosen is None or "scorecard" in chosen):
        parameters["scorecard"] = {"targets": targets, **parameters.get("scorecard", {})}
    return parameters


def _keep(template: str, number: int, *, newest: Path, progress: Progress) -> None:
    """Take away packs that lie at the places of other periods, the newest `number` excepted; what is no pack of ours stays."""
    name = Path(template).name
    pattern = re.compile(_LABEL.join(map(re.escape, name.split("{period}"))))
    if "{period}" not in name or not newest.parent.is_dir():
        return
    packs = [path for path in newest.parent.iterdir() if pattern.fullmatch(path.name) and not path.is_symlink() and is_pack(path)]
    packs.sort(key=lambda path: (path == newest, str(manifest(path).get("as_of", "")), path.name), reverse=True)
    for old in packs[number:]:
        shutil.rmtree(old)
        if progress:
            progress(f"took away {old}, as the newest {number} are kept")
