"""What a funnel is asked to count, checked in one place: every option and every pair of options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from types import MappingProxyType
from typing import Literal, get_args

from cs_analysis.data.local_days import Moment
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, by_columns
from cs_analysis.windows import Window, parse_window

Order = Literal["ordered", "strict", "any"]
Entry = Literal["first", "best"]
Actor = Literal["user", "account", "session", "lead"]
Names = str | Sequence[str]
Length = str | timedelta
Attribution = Literal["first", "last"] | int

_LONGEST_MONTH_DAYS = 31
_UNDEFINED = frozenset(
    frozenset(pair)
    for pair in (
        ("order='any'", "step_within"),
        ("order='strict'", "optional"),
        ("order='any'", "optional"),
        ("step_within", "optional"),
        ("step_within", "a name that occurs twice"),
        ("order='strict'", "a name that occurs twice"),
    )
)


@dataclass(frozen=True, kw_only=True)
class FunnelDefinition:
    """What counts as an entrant, as reaching a step, and how entrants are grouped; see the decision page on funnels.

    Raises
    ------
    ParameterError
        An option is not among its choices, names a step that there is not, or has no meaning beside another; all problems are named.
    """

    steps: Sequence[str]
    within: Length
    order: Order = "ordered"
    by: By = None
    entry: Entry = "first"
    actor: Actor = "user"
    step_within: Mapping[str, Length] | None = None
    optional: Names = ()
    exclude: Names = ()
    hold: str | None = None
    start: Moment | None = None
    end: Moment | None = None
    attribution: Attribution = "first"
    window: Window = field(init=False)
    step_windows: Mapping[str, Window] = field(init=False)

    def __post_init__(self) -> None:
        lengths = dict(self.step_within or {})
        made = {
            "steps": _names(self.steps),
            "optional": _names(self.optional),
            "exclude": _names(self.exclude),
            "window": parse_window(self.within, name="within"),
            "step_windows": MappingProxyType({name: parse_window(length, name=f"step_within[{name!r}]") for name, length in lengths.items()}),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)
        by_columns(self.by)
        problems = [*_wrong_choices(self), *_wrong_names(self), *_undefined_pairs(self)]
        if problems:
            raise ParameterError(f"the options of a funnel must fit together: {'; '.join(problems)}.")

    @property
    def required(self) -> list[int]:
        """Numbers of the steps that later ones wait for."""
        return [number for number, event in enumerate(self.steps, start=1) if event not in self.optional]

    @property
    def before(self) -> list[int]:
        """Of each step after the first, the number of the required step before it."""
        return [max(other for other in self.required if other < number) for number in range(2, len(self.steps) + 1)]

    @property
    def codes(self) -> dict[str, int]:
        """Number of each name in the database: listed ones in the order of the steps, then excluded ones."""
        return {name: number for number, name in enumerate(dict.fromkeys((*self.steps, *self.exclude)), start=1)}

    @property
    def listed(self) -> int:
        """How many names are listed; their codes are 1 up to this."""
        return len(set(self.steps))

    @property
    def horizon_days(self) -> float:
        """Days by which every window is over, on the grid of 1e-9 day: the window itself, or months of 31 days."""
        if self.window.months:
            return float(self.window.months * _LONGEST_MONTH_DAYS)
        return (self.window.microseconds * 10 // 864) / 1e9

    @property
    def clustered(self) -> bool:
        """Whether several actors belong to one account."""
        return self.actor in ("user", "session")


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _wrong_choices(asked: FunnelDefinition) -> Iterable[str]:
    """Yield what is wrong with options that are one of a few."""
    for name, choices in (("order", Order), ("entry", Entry), ("actor", Actor)):
        if getattr(asked, name) not in get_args(choices):
            yield f"{name} must be one of {', '.join(map(repr, get_args(choices)))}, not {getattr(asked, name)!r}"
    numbers = range(1, len(asked.steps) + 1)
    if asked.attribution not in ("first", "last") and (isinstance(asked.attribution, bool) or asked.attribution not in numbers):
        yield f"attribution must be 'first', 'last' or the number of a step (1 to {len(asked.steps)}), not {asked.attribution!r}"


def _wrong_names(asked: FunnelDefinition) -> Iterable[str]:
    """Yield what is wrong with the names of events."""
    if len(asked.steps) < 2 or not all(isinstance(name, str) for name in asked.steps):
        yield f"steps must be a list of at least two names of events, not {list(asked.steps)!r}"
        return
    later = asked.steps[1:]
    for option, names in (("optional", asked.optional), ("step_within", asked.step_windows)):
        if unknown := [name for name in names if name not in later]:
            yield f"{option} must name steps after the first ({', '.join(map(repr, later))}), not {', '.join(map(repr, unknown))}"
    for option, others in (("optional", asked.optional[:1] and asked.steps[:1]), ("exclude", asked.steps)):
        if both := [name for name in getattr(asked, option) if name in others]:
            yield f"{option} may not name {', '.join(map(repr, both))}, which is a step that must be done"


def _undefined_pairs(asked: FunnelDefinition) -> Iterable[str]:
    """Yield each pair of options in use that has no meaning everybody would agree on."""
    twice = {name for name in asked.steps if asked.steps.count(name) > 1}
    used = {
        f"order='{asked.order}'": True,
        "step_within": bool(asked.step_windows),
        "optional": bool(asked.optional),
        "a name that occurs twice": bool(twice),
    }
    for one, other in combinations([name for name, is_used in used.items() if is_used], 2):
        if frozenset((one, other)) in _UNDEFINED:
            yield f"{one} and {other} have no common meaning; leave one of them out"
    if both := sorted(twice & set(asked.optional)):
        yield f"optional and a name that occurs twice have no common meaning ({', '.join(map(repr, both))}); leave one of them out"
