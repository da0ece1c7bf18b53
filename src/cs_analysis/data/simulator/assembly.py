"""All tables of a company, block by block of accounts: in memory, or streamed to a folder of Parquet files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cs_analysis.data.contract import TABLES
from cs_analysis.data.simulator.block import Block, draw_block
from cs_analysis.data.simulator.events import events_table
from cs_analysis.data.simulator.goals import actions_table, goals_table
from cs_analysis.data.simulator.leads import touchpoints_table
from cs_analysis.data.simulator.messages import messages_table
from cs_analysis.data.simulator.orders import orders_table
from cs_analysis.data.simulator.people import accounts_table, subscriptions_table, users_table
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.service import Hours, checks_table, draw_hours, rates_table
from cs_analysis.data.simulator.support import Tickets, draw_tickets, tickets_table
from cs_analysis.data.simulator.tables import plain
from cs_analysis.data.simulator.truth import Truth, TruthBuilder
from cs_analysis.data.simulator.voice import responses_table
from cs_analysis.errors import ParameterError

BLOCK = 1_000
"""Accounts that are drawn at a time."""

_IN_PARTS = "events"


def simulate_tables(scenario: Scenario, accounts: int, *, block: int = BLOCK) -> tuple[dict[str, pa.Table], Truth]:
    """Return all tables in memory, with text as plain strings, and the truth."""
    truth = TruthBuilder(scenario)
    parts: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
    for name, table in _all_tables(scenario, accounts, block=block, truth=truth):
        parts[name].append(plain(table))
    return {name: pa.concat_tables(tables) for name, tables in parts.items()}, truth.finish()


def stream_tables(scenario: Scenario, accounts: int, folder: Path, *, block: int = BLOCK) -> Truth:
    """Write all tables to a new or empty folder, a block of accounts at a time, and return the truth."""
    truth = TruthBuilder(scenario)
    with _new_folder(folder) as building, ExitStack() as files:
        writers: dict[str, pq.ParquetWriter] = {}
        for name, table in _all_tables(scenario, accounts, block=block, truth=truth):
            if name == _IN_PARTS:
                _write_part(table, building / name)
                continue
            if name not in writers:
                writers[name] = files.enter_context(pq.ParquetWriter(building / f"{name}.parquet", table.schema, compression="zstd", store_schema=False))
            writers[name].write_table(table)
    return truth.finish()


def _all_tables(scenario: Scenario, accounts: int, *, block: int, truth: TruthBuilder) -> Iterator[tuple[str, pa.Table]]:
    """Yield the company's own tables, then those of each block of accounts; collect the truth on the way."""
    service = draw_hours(scenario)
    yield "checks", checks_table(scenario, service)
    yield "rates", rates_table(scenario)
    for first in range(0, accounts, block):
        index = np.arange(first, min(first + block, accounts))
        yield from _block_tables(scenario, index, service=service, truth=truth)


def _block_tables(scenario: Scenario, index: np.ndarray, *, service: Hours, truth: TruthBuilder) -> Iterator[tuple[str, pa.Table]]:
    block = draw_block(scenario, index, service=service)
    tickets = draw_tickets(block)
    truth.add(block, tickets)
    for name, maker in _OF_BLOCK.items():
        yield name, maker(block)
    yield from _ticket_tables(block, tickets)


def _ticket_tables(block: Block, tickets: Tickets) -> Iterator[tuple[str, pa.Table]]:
    yield "tickets", tickets_table(block, tickets)
    yield "responses", responses_table(block, tickets)


_OF_BLOCK = {
    "accounts": accounts_table,
    "users": users_table,
    "events": events_table,
    "touchpoints": touchpoints_table,
    "subscriptions": subscriptions_table,
    "orders": orders_table,
    "messages": messages_table,
    "goals": goals_table,
    "actions": actions_table,
}


def _write_part(table: pa.Table, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    part = folder / f"part-{len(list(folder.iterdir())):05d}.parquet"
    pq.write_table(table, part, compression="zstd", store_schema=False)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `folder` at the end, or vanishes when something goes wrong."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParameterError(f"into must name a new or empty folder, and {folder} is neither; choose another name or empty it.")
    building = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        if folder.exists():
            folder.rmdir()
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
