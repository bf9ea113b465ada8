"""What the shell offers while a statement is typed."""

from __future__ import annotations

import pytest

from streamguard.engine.client.words import Names, ask, offers
from tests.engine.client.served import Entity, Served

NAMES = Names(
    {"ORDERS": ["ID", "AMOUNT"], "USERS": ["ID", "NAME"], "odd name": ["a b"]},
    ["orders-in", "users"],
    ["CSAS_OUT_3"],
    ["UCASE", "COUNT"],
    ["auto.offset.reset", "ksql.lambdas.enabled"],
)


def words(before: str) -> list[str]:
    return [offer.word for offer in offers(before, NAMES)]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("sel", ["select"]),
        ("SEL", ["SELECT"]),
        ("SELECT * FROM o", ["orders"]),
        ("SELECT * FROM ", ["ORDERS", "USERS", "`odd name`", "EXTENDED", "FUNCTION", "IF"]),
        ("SELECT * FROM orders WHERE am", ["amount"]),
        ("SELECT * FROM orders o WHERE o.a", ["o.amount"]),
        ("SELECT users.N", ["users.NAME"]),
        ("SELECT * FROM users WHERE UC", ["UCASE"]),
        ("TERMINATE ", ["CSAS_OUT_3", "ALL"]),
        ("PRINT 'or", ["'orders-in'"]),
        ("PRINT ", ["'orders-in'", "'users'"]),
        ("SET 'auto", ["'auto.offset.reset'"]),
        ("show t", ["tables", "topics", "types"]),
        ("SHOW STREAMS; desc", ["describe"]),
        ("SELECT * FROM `od", ["`odd name`"]),
        ("-- from ", []),
        ("", []),
    ],
)
def test_words_that_fit_are_offered_in_the_case_that_was_typed(before: str, expected: list[str]) -> None:
    assert words(before) == expected


def test_columns_of_the_sources_that_the_statement_names_come_before_others() -> None:
    assert words("SELECT * FROM users WHERE n")[0] == "name"
    assert "amount" not in words("SELECT * FROM users WHERE a")


def test_an_offer_says_how_much_it_replaces_and_what_it_is() -> None:
    [offer] = offers("SELECT * FROM orders WHERE amo", NAMES)
    assert (offer.typed, offer.kind) == (3, "column")


class Named(Served):
    def _answer(self, statement: object, session: object) -> list[Entity]:
        answered = {"topics": [{"name": "t"}], "functions": [{"name": "F"}], "properties": [{"name": "a.b"}]}
        found = super()._answer(statement, session)  # type: ignore[arg-type]
        return found if found[0]["@type"] != "other" else [answered]


def test_names_are_asked_in_one_request() -> None:
    server = Named(ours=True)
    server.ksql("CREATE STREAM a (x INT, y INT) WITH (kafka_topic='a', value_format='JSON');")
    server.ksql("CREATE STREAM b AS SELECT * FROM a;")
    assert ask(server) == Names({"A": ["X", "Y"], "B": ["X", "Y"]}, ["t"], ["CSAS_B_1"], ["F"], ["a.b"])
