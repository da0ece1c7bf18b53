"""The data contract: which tables and columns a dataset may have, what they mean and what depends on what.

Everything that reads, checks or masks tables is driven by `TABLES`; no other file lists column names a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Kind = Literal["text", "instant", "month", "number", "money", "integer", "boolean", "currency"]


@dataclass(frozen=True)
class Column:
    """One column of the contract.

    `kind` is what its cells hold; an `instant` is stored in UTC, `money` as an exact decimal of the row's `currency`.
    A `folded` column holds code words: capitals and the Turkish dotless i make no difference in it.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    Attributes
    ----------
    key : tuple of str
        Columns that identify a row; empty where a row has no identity of its own.
    dated_by : str
        The instant at which the row became known. Rows dated after `as_of` are kept out.
    references : mapping
        Column -> table whose key it must name (checked when that table is present).
    known_with : mapping
        Instant column -> columns that were recorded at that instant and are missing before it.
    spans : tuple of pairs
        (start, end) instants of which the end may not come first.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    dated_by: str
    key: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    known_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spans: tuple[tuple[str, str], ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the contract's columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns without which the table cannot be read."""
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column:
        """Return the declaration of column `name`."""
        return next(column for column in self.columns if column.name == name)


def _text(name: str, meaning: str, *, required: bool = False, choices: tuple[str, ...] = (), folded: bool = False) -> Column:
    return Column(name, "text", meaning, required, choices, folded or bool(choices))


def _instant(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name, "instant", meaning, required)


_ACCOUNT = _text("account_id", "the account", required=True)

_TABLES = (
    Table(
        "accounts",
        "one row an account",
        (
            _ACCOUNT,
            _instant("started_at", "sign-up", required=True),
            _text("name", "display name"),
            _text("segment", "size or market segment"),
            _text("plan", "plan as of the export"),
            _text("region", "sales region"),
            _text("industry", "industry"),
            _text("touch", "service model", choices=("high", "low")),
            _text("csm", "customer-success manager as of the export"),
            Column("seats", "integer", "seats as of the export"),
            _text("channel", "acquisition channel"),
            Column("acquisition_cost", "money", "cost of acquiring the account, in the reporting currency"),
        ),
        dated_by="started_at",
        key=("account_id",),
    ),
    Table(
        "users",
        "one row a user of an account",
        (
            _text("user_id", "the user", required=True),
            _ACCOUNT,
            _instant("created_at", "first known", required=True),
            _text("role", "role in the account"),
        ),
        dated_by="created_at",
        key=("user_id",),
        references={"account_id": "accounts"},
    ),
    Table(
        "events",
        "one row a use of the product",
        (
            _instant("event_at", "when it happened", required=True),
            _ACCOUNT,
            _text("user_id", "the user", required=True),
            _text("event", "name of the event", required=True),
            _text("session_id", "session, if the source has one"),
            Column("duration_s", "number", "duration in seconds"),
            _text("object_id", "the thing it was done to"),
        ),
        dated_by="event_at",
        references={"account_id": "accounts", "user_id": "users"},
    ),
    Table(
        "touchpoints",
        "one row a contact of a lead on its way to becoming an account",
        (
            _instant("touched_at", "when it happened", required=True),
            _text("lead_id", "the lead", required=True),
            _text("stage", "stage reached with it", required=True),
            _text("channel", "marketing channel"),
            _text("account_id", "the account, once converted"),
        ),
        dated_by="touched_at",
        references={"account_id": "accounts"},
    ),
    Table(
        "subscriptions",
        "one row a phase of constant terms: a price, plan, seat or status change ends a row and starts the next under the same id",
        (
            _text("subscription_id", "the subscription", required=True),
            _ACCOUNT,
            _instant("started_at", "start of the phase", required=True),
            _instant("ended_at", "end of the phase; missing = still active"),
            Column("mrr", "money", "amount a month, before discount", required=True),
            Column("discount", "money", "discount a month"),
            Column("currency", "currency", "ISO 4217 code of mrr and discount", required=True),
            _text("plan", "plan of the phase"),
            Column("seats", "integer", "seats of the phase"),
            _instant("cancelled_at", "when the customer asked to end it"),
            _instant("renewal_at", "next renewal (a plan)"),
            _text("end_reason", "why it ended"),
            _text("interval", "billing interval", choices=("month", "year")),
            _text("kind", "status of the phase; missing = paid", choices=("paid", "trial", "free", "paused", "past_due", "metered")),
        ),
        dated_by="started_at",
        key=("subscription_id", "started_at"),
        references={"account_id": "accounts"},
        known_with={"ended_at": ("end_reason",), "cancelled_at": ()},
        spans=(("started_at", "ended_at"),),
    ),
    Table(
        "orders",
        "one row an order; a negative amount is a refund",
        (
            _text("order_id", "the order", required=True),
            _ACCOUNT,
            _instant("ordered_at", "when it was placed", required=True),
            Column("amount", "money", "amount of the order", required=True),
            Column("currency", "currency", "ISO 4217 code of amount and margin", required=True),
            Column("margin", "money", "margin of the order"),
        ),
        dated_by="ordered_at",
        key=("order_id",),
        references={"account_id": "accounts"},
    ),
    Table(
        "responses",
        "one row a survey request, answered or not",
        (
            _text("response_id", "the request", required=True),
            _ACCOUNT,
            _text("user_id", "who was asked"),
            _text("survey", "nps, csat, ces or a name of your own", required=True, folded=True),
            _instant("asked_at", "when it was asked", required=True),
            _instant("answered_at", "when it was answered; missing = no answer"),
            Column("score", "number", "the score given"),
            _text("comment", "the comment given"),
            _text("touchpoint", "what the question was about"),
            _text("scale", "name of the answer scale; missing = the survey's usual one", folded=True),
            _text("ticket_id", "the ticket it was about"),
        ),
        dated_by="asked_at",
        key=("response_id",),
        references={"account_id": "accounts", "user_id": "users", "ticket_id": "tickets"},
        known_with={"answered_at": ("score", "comment")},
        spans=(("asked_at", "answered_at"),),
    ),
    Table(
        "tickets",
        "one row a support case",
        (
            _text("ticket_id", "the ticket", required=True),
            _ACCOUNT,
            _instant("opened_at", "when it was opened", required=True),
            _instant("first_response_at", "first answer by a person"),
            _instant("resolved_at", "when it was resolved"),
            _instant("reopened_at", "when it was opened again"),
            Column("touches", "integer", "answers it took"),
            _text("channel", "support channel"),
            _text("topic", "topic"),
            Column("first_contact_resolved", "boolean", "the agent's flag"),
        ),
        dated_by="opened_at",
        key=("ticket_id",),
        references={"account_id": "accounts"},
        known_with={
            "first_response_at": (),
            "resolved_at": ("touches", "first_contact_resolved"),
            "reopened_at": ("touches", "first_contact_resolved"),
        },
        spans=(("opened_at", "first_response_at"), ("opened_at", "resolved_at"), ("opened_at", "reopened_at")),
    ),
    Table(
        "messages",
        "one row a message of a conversation",
        (
            _text("message_id", "the message", required=True),
            _text("thread_id", "the conversation", required=True),
            _ACCOUNT,
            _instant("sent_at", "when it was sent", required=True),
            _text("direction", "in = from the customer", required=True, choices=("in", "out")),
            _text("channel", "channel"),
        ),
        dated_by="sent_at",
        key=("message_id",),
        references={"account_id": "accounts"},
    ),
    Table(
        "goals",
        "one row a goal agreed with an account",
        (
            _ACCOUNT,
            _text("goal", "the goal", required=True),
            _instant("set_at", "when it was agreed", required=True),
            _instant("target_at", "when it should be reached (a plan)"),
            _instant("reached_at", "when it was reached"),
            _text("stage", "stage of the success map at the time"),
            _text("wanted_stage", "stage wanted by the customer"),
        ),
        dated_by="set_at",
        references={"account_id": "accounts"},
        known_with={"reached_at": ()},
        spans=(("set_at", "reached_at"),),
    ),
    Table(
        "actions",
        "one row a customer-success action towards an account",
        (
            _ACCOUNT,
            _text("action", "name of the action", required=True),
            _instant("acted_at", "when it took place", required=True),
            _text("user_id", "the user it reached"),
            _text("kind", "webinar, guide, review, reward ..."),
            Column("completed", "boolean", "whether the customer saw it through"),
        ),
        dated_by="acted_at",
        references={"account_id": "accounts", "user_id": "users"},
    ),
    Table(
        "checks",
        "one row a probe of the service",
        (
            _instant("checked_at", "when the service was probed", required=True),
            Column("up", "boolean", "whether it answered", required=True),
            Column("latency_ms", "number", "answer time in milliseconds"),
            _text("service", "which service"),
        ),
        dated_by="checked_at",
    ),
    Table(
        "rates",
        "one row a month and currency",
        (
            Column("month", "month", "first day of the month", required=True),
            Column("currency", "currency", "ISO 4217 code", required=True),
            Column("rate", "number", "units of the reporting currency for one unit of this currency", required=True),
        ),
        dated_by="month",
        key=("month", "currency"),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
