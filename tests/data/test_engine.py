import gc

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.data.engine import Engine
from cs_analysis.data.fingerprint import fingerprint
from helpers import accounts


def test_running_out_of_memory_is_told_in_our_words() -> None:
    engine = Engine()
    engine.execute("SET memory_limit = '20MB'")
    engine.execute("SET temp_directory = ''")
    with pytest.raises(cs.errors.CSAnalysisError, match=r"needs more memory than the database may use.*Parquet"):
        engine.rows("SELECT list(i) FROM range(20000000) t(i)")


@pytest.mark.slow
def test_scratch_space_goes_away_with_the_engine() -> None:
    engine = Engine()
    scratch = engine.scratch
    assert scratch.is_dir()
    del engine
    gc.collect()
    assert not scratch.exists()


def test_a_staged_table_is_run_once_and_read_again() -> None:
    engine = Engine()
    table = engine.lookup(pd.DataFrame({"x": [3, 1, 2]}))
    staged = engine.stage(table.mutate(y=table.x * 2))
    assert engine.run(staged.order_by("x"))["y"].tolist() == [2, 4, 6]


def test_the_session_is_in_utc() -> None:
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01")}, as_of="2026-01-31")
    assert engine_of(ds).rows("SELECT current_setting('TimeZone')") == [("UTC",)]


class TestFingerprint:
    tables = {"accounts": accounts(a="2026-01-01", b="2026-01-02", later="2026-06-01")}

    def of(self, frame: pd.DataFrame, as_of: str = "2026-01-31") -> str:
        return fingerprint(cs.read_dataset({"accounts": frame}, as_of=as_of))

    def test_neither_order_nor_later_rows_enter(self) -> None:
        frame = self.tables["accounts"]
        assert self.of(frame) == self.of(frame.iloc[::-1]) == self.of(frame.iloc[:2])

    def test_every_visible_cell_does(self) -> None:
        frame = self.tables["accounts"]
        changed = frame.assign(account_id=["a", "c", "later"])
        assert len({self.of(frame), self.of(changed), self.of(frame, "2026-06-30"), self.of(frame.assign(segment="x"))}) == 4
