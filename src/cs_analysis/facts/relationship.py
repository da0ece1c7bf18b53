"""Whether customers are bound by a contract or buy when they like: read from the tables, and held against what the caller says."""

from __future__ import annotations

from typing import Literal, get_args

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingTableError, ParameterError
from cs_analysis.facts.orders import refuse_bills

Relationship = Literal["contract", "orders"]


def relationship_of(ds: Dataset, asked: str | None = None) -> Relationship:
    """Return `contract` where there are subscriptions, `orders` where there are only orders, or what is asked for if the tables bear it.

    With both tables the contract is what the subscriptions say, and one-off orders are a stream of their own, to be asked for by name.
    Orders that look like bills of a contract (at regular intervals, of equal amounts) are no free purchases: the models of buying would read
    the rhythm of the bills as a habit.

    Raises
    ------
    MissingTableError
        There are neither subscriptions nor orders.
    ParameterError
        A contract is asked for without subscriptions, or orders without orders, or of orders that are bills; another word.
    """
    if asked is not None and asked not in get_args(Relationship):
        raise ParameterError(f"relationship must be 'contract' or 'orders', or left out to be read from the tables, not {asked!r}.")
    contract, bought = (has_rows(ds, table) for table in ("subscriptions", "orders"))
    if not contract and not bought and asked is None:
        raise MissingTableError("subscriptions", ds.tables)
    if asked == "contract" and not contract:
        raise ParameterError(
            "relationship='contract' needs rows in `subscriptions`: without them nobody's end is on record, and who has not bought for a while is not "
            "known to have left. Add the subscriptions, or use relationship='orders'."
        )
    if asked == "orders" and not bought:
        raise ParameterError("relationship='orders' needs rows in `orders`. Add the orders, or use relationship='contract'.")
    found: Relationship = "contract" if asked == "contract" or (asked is None and contract) else "orders"
    if found == "orders":
        refuse_bills(ds)
    return found


def has_rows(ds: Dataset, table: str) -> bool:
    """Tell whether a table has a row that is known by `as_of`."""
    if table not in ds.tables:
        return False
    rows = relation(ds, table)
    return bool(engine_of(ds).run(rows.agg(rows=rows.count()).order_by("rows"))["rows"].iloc[0])
