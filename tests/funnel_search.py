"""What a funnel counts, by trying all chains of events: written from the decision page alone, in plain Python, for small lists of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

FAR = 10**15


@dataclass(frozen=True)
class Row:
    """One row of the event table; instants are whole microseconds from some origin."""

    actor: str
    event: str
    at: int
    account: str = "a"
    held: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Asked:
    """The options, lengths of time in microseconds."""

    steps: Sequence[str]
    within: int
    order: str = "ordered"
    entry: str = "first"
    step_within: dict[str, int] | None = None
    optional: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hold: bool = False
    start: int = 0
    end: int = FAR
    attribution: str | int = "first"

    @property
    def required(self) -> list[int]:
        return [number for number, name in enumerate(self.steps, 1) if name not in self.optional]


@dataclass(frozen=True)
class Attempt:
    """One attempt: start, held value, end of it, and the instant of each step reached (step number -> instant)."""

    start: int
    held: Any
    until: int
    reached: dict[int, int]
    account: str = ""
    value: str | None = None


def attempts_of(rows: list[Row], asked: Asked) -> dict[str, Attempt]:
    """Return the attempt that counts of each entrant."""
    actors = sorted({row.actor for row in rows})
    found = {actor: list(tries([row for row in rows if row.actor == actor], asked)) for actor in actors}
    return {actor: chosen(each, asked) for actor, each in found.items() if each}


def chosen(tried: list[Attempt], asked: Asked) -> Attempt:
    if asked.entry == "first":
        return min(tried, key=lambda each: (each.start, each.held or ""))
    length = {id(each): sum(step in each.reached for step in asked.required) for each in tried}
    return min(tried, key=lambda each: (-length[id(each)], each.start, each.held or ""))


def tries(rows: list[Row], asked: Asked) -> Iterator[Attempt]:
    """Yield every attempt of one actor."""
    firsts = asked.steps if asked.order == "any" else asked.steps[:1]
    if asked.hold:
        rows = [row for row in rows if row.held is not None]
    starts = {(row.at, row.held if asked.hold else None) for row in rows if row.event in firsts and asked.start <= row.at < asked.end}
    for at, held in sorted(starts, key=str):
        own = [row for row in rows if not asked.hold or row.held == held]
        ended = [row.at for row in own if row.event in asked.exclude and row.at > at]
        until = min([at + asked.within, *ended])
        unique = sorted({(row.at, row.event) for row in own if row.event in asked.steps and row.at >= at})
        reached = {1: at} | ways(unique, asked, start=at, until=until)
        at_start = [row for row in own if row.at == at and row.event in firsts]
        value = smallest(row.value for row in value_rows(own, asked, reached))
        yield Attempt(at, held, until, reached, min(row.account for row in at_start), value)


def smallest(values: Iterator[str | None]) -> str | None:
    return min((value for value in values if value is not None), default=None)


def value_rows(own: list[Row], asked: Asked, reached: dict[int, int]) -> list[Row]:
    """Return the rows at which a column of the event table is read."""
    steps = {"first": 1, "last": max(step for step in asked.required if step in reached)}
    step = steps.get(asked.attribution, asked.attribution)  # type: ignore[call-overload]
    if step not in reached:
        return []
    names = asked.steps if asked.order == "any" else [asked.steps[step - 1]]
    return [row for row in own if row.at == reached[step] and row.event in names]


def ways(unique: list[tuple[int, str]], asked: Asked, *, start: int, until: int) -> dict[int, int]:
    """Return step -> earliest instant for the steps after the first."""
    if asked.order == "any":
        return any_order(unique, asked, until=until)
    if asked.order == "strict":
        return strictly(unique, asked, start=start, until=until)
    inside = [row for row in unique if row[0] <= until]
    needed = [asked.steps[number - 1] for number in asked.required]
    ends: dict[int, list[int]] = {}
    for chain in chains(inside, needed, asked, so_far=[(start, asked.steps[0])]):
        ends.setdefault(len(chain), []).append(chain[-1][0])
    reached = {asked.required[length - 1]: min(times) for length, times in ends.items()}
    for number, name in enumerate(asked.steps, 1):
        if number not in asked.required:
            before = max(step for step in asked.required if step < number)
            after = min((step for step in asked.required if step > number), default=0)
            bound = reached.get(after, until)
            times = [at for at, event in inside if event == name and before in reached and reached[before] <= at <= bound]
            reached |= {number: min(times)} if times else {}
    reached.pop(1)
    return reached


def chains(rows: list[tuple[int, str]], names: Sequence[str], asked: Asked, *, so_far: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Yield every chain of different rows, none before the one before it, that begins with those chosen so far."""
    yield so_far
    if len(so_far) == len(names):
        return
    name, last = names[len(so_far)], so_far[-1][0]
    longest = (asked.step_within or {}).get(name, FAR)
    for row in rows:
        if row[1] == name and row not in so_far and last <= row[0] <= last + longest:
            yield from chains(rows, names, asked, so_far=[*so_far, row])


def strictly(unique: list[tuple[int, str]], asked: Asked, *, start: int, until: int) -> dict[int, int]:
    numbers = {name: number for number, name in enumerate(asked.steps, 1)}
    ordered = sorted(unique, key=lambda row: (row[0], numbers[row[1]]))
    place = ordered.index((start, asked.steps[0]))
    reached, last = {}, start
    for step, (at, name) in enumerate(ordered[place + 1 :], 2):
        late = at > until or at > last + (asked.step_within or {}).get(name, FAR)
        if step > len(asked.steps) or name != asked.steps[step - 1] or late:
            break
        reached[step] = last = at
    return reached


def any_order(unique: list[tuple[int, str]], asked: Asked, *, until: int) -> dict[int, int]:
    inside = [row for row in unique if row[0] <= until]
    done = {at: most_done(list(asked.steps), [row for row in inside if row[0] <= at]) for at, _ in inside}
    steps = range(2, len(asked.steps) + 1)
    return {step: min(at for at, number in done.items() if number >= step) for step in steps if max(done.values()) >= step}


def most_done(steps: list[str], rows: list[tuple[int, str]]) -> int:
    """Return how many of the steps can each have a row of its own."""
    if not steps:
        return 0
    fitting = [row for row in rows if row[1] == steps[0]]
    without = most_done(steps[1:], rows)
    return max([without, *(1 + most_done(steps[1:], [other for other in rows if other != row]) for row in fitting)])
