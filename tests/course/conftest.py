from pathlib import Path

import pytest

from cs_analysis.course import source

LESSON = '''+++
title = "A small lesson"
minutes = 20
seed = 4
data = "Four numbers."
goals = ["Add", "Divide"]
key_points = ["Sums", "Shares"]
+++

Four customers, one gone.

```python
stays = [1, 1, 1, 0]
```

### Exercise 1: how many stay?

```exercise
answers = ["kept"]
hint = "Add them up."
advice = "Look at the list again."
explain = "Three of four."
solution = "kept = sum(stays)"

[[wrong]]
code = "kept = len(stays)"
advice = "You counted everybody."

[[wrong]]
code = "kept = stays[3]"
advice = "You looked at one customer."
```

### Quiz 1: who left?

```quiz
options = { a = "the first", b = "the last", c = "nobody" }
answer = "b"
hint = "Look for the 0."
explain = "The fourth number is 0."

[advice]
a = "The first number is 1."
c = "There is a 0."
```

### Exercise 2: a share

```exercise
answers = ["share"]
value = "[share([1, 0]), share([1, 1, 1, 0])]"
stub = """
def share(values):
    ...
"""
hint = "Divide by how many there are."
advice = "Try it on two customers."
solution = """
def share(values):
    return sum(values) / len(values)
"""

[[wrong]]
code = "def share(values): return sum(values)"
advice = "A sum is no share."

[[wrong]]
code = "def share(values): return 1 - sum(values) / len(values)"
advice = "That is the share of those who left."
```
'''


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> source.Lesson:
    """Give a small lesson 07, the only one there is."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "07-small.md").write_text(LESSON, encoding="utf-8")
    monkeypatch.setattr(source, "LESSONS", tmp_path / "lessons")
    source._read.cache_clear()
    yield source.find_lesson("7")
    source._read.cache_clear()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place for progress, not kept yet."""
    monkeypatch.setenv("CS_ANALYSIS_COURSE", str(tmp_path / "progress"))
    return tmp_path / "progress"
