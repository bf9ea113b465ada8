"""Statements at random, from a seed: sentences of the grammar, and sentences that were damaged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

SOURCES = """
CREATE STREAM s (k STRING KEY, a INT, b BIGINT, c DOUBLE, d DECIMAL(9, 2), t STRING, f BOOLEAN, ts TIMESTAMP, dt DATE,
  tm TIME, x STRUCT<p INT, q STRUCT<r STRING>>, l ARRAY<INT>, m MAP<STRING, INT>)
  WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE tab (k STRING PRIMARY KEY, a INT, t STRING) WITH (kafka_topic='tab', value_format='JSON');
CREATE STREAM o (k STRING KEY, a INT) WITH (kafka_topic='o', value_format='DELIMITED');
"""

# A rule is its alternatives; «words in marks» are rules. The first alternative ends soonest: it is taken when deep in.
RULES: dict[str, Sequence[str]] = {
    "statement": (
        "«select»;",
        "CREATE STREAM «new» AS «select»;",
        "CREATE STREAM «new» WITH («properties») AS «select»;",
        "CREATE TABLE «new» AS «aggregate»;",
        "CREATE OR REPLACE TABLE «new» WITH («properties») AS «aggregate»;",
        "CREATE STREAM IF NOT EXISTS «new» («columns») WITH (KAFKA_TOPIC='x', «properties»);",
        "CREATE TABLE «new» (id «type» PRIMARY KEY, «columns») WITH (KAFKA_TOPIC='x', «properties»);",
        "INSERT INTO o «select»;",
        "INSERT INTO «source» VALUES («values»);",
        "INSERT INTO «source» («name», «name») VALUES («value», «value»);",
        "EXPLAIN «select»;",
        "CREATE TYPE «new» AS «type»; CREATE STREAM n1 (a «new») WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON');",
        "DEFINE v = '«literal»'; SELECT ${v} FROM s EMIT CHANGES;",
        "DROP «kind» IF EXISTS «source» DELETE TOPIC;",
        "DESCRIBE «source» EXTENDED;",
        "ALTER «kind» «source» ADD COLUMN «new» «type»;",
        "PRINT 'x' FROM BEGINNING INTERVAL 2 LIMIT 3;",
        "ASSERT NOT EXISTS TOPIC x WITH (PARTITIONS=3) TIMEOUT 3 SECONDS;",
        "SHOW QUERIES EXTENDED; TERMINATE ALL; PAUSE q_1; RESUME ALL;",
        "SET 'auto.offset.reset' = 'earliest'; UNSET 'auto.offset.reset';",
    ),
    "kind": ("STREAM", "TABLE"),
    "select": (
        "SELECT * FROM «source» EMIT CHANGES",
        "SELECT «items» FROM «source»",
        "SELECT k, «items» FROM «source» WHERE «condition» EMIT CHANGES",
        "SELECT k, «items» FROM s WHERE «condition» PARTITION BY «value» EMIT CHANGES",
        "SELECT «value» AS kk, «items» FROM s y PARTITION BY «value» EMIT CHANGES LIMIT 5",
        "SELECT s.a, x->*, tab.* FROM s «join» «source» «within» ON s.k = «value»",
    ),
    "aggregate": (
        "SELECT k, COUNT(*) FROM s GROUP BY k EMIT CHANGES",
        "SELECT k, «aggregates» FROM s «window» WHERE «condition» GROUP BY k HAVING «condition» EMIT CHANGES",
        "SELECT «value» AS g, «aggregates» FROM s «window» GROUP BY «value» EMIT CHANGES",
        "SELECT k, a, «aggregates» FROM s «window» GROUP BY (k, a) EMIT FINAL",
        "SELECT t, «aggregates» FROM tab GROUP BY t EMIT CHANGES",
        "SELECT * FROM tab WHERE «condition»",
    ),
    "aggregates": (
        "COUNT(*)",
        "COUNT(«name») AS n",
        "SUM(«value»), MIN(b)",
        "MAX(«value») AS mx",
        "AVG(«value») + 1 AS av",
        "COLLECT_LIST(«name»)",
        "TOPK(a, «whole»)",
        "LATEST_BY_OFFSET(«name») AS l1, WINDOWSTART AS ws",
        "CASE WHEN COUNT(*) > 3 THEN SUM(a) ELSE «value» END AS cc",
    ),
    "window": (
        "",
        "WINDOW TUMBLING (SIZE «time»)",
        "WINDOW HOPPING (SIZE «time», ADVANCE BY «time», GRACE PERIOD «time»)",
        "WINDOW SESSION («time», RETENTION «time», GRACE PERIOD «time»)",
    ),
    "time": ("1 MINUTE", "10 SECONDS", "«whole» HOURS", "500 MILLISECONDS", "2 DAYS", "0 SECONDS"),
    "join": ("JOIN", "LEFT JOIN", "FULL OUTER JOIN", "INNER JOIN", "RIGHT JOIN"),
    "within": ("", "WITHIN «time»", "WITHIN («time», «time») GRACE PERIOD «time»"),
    "source": ("s", "tab", "o", "s AS z", "nowhere"),
    "new": ("n1", "n2", "`n 3`", "«name»"),
    "items": ("a", "«name», «value» AS v1", "«condition» AS v2", "«value»", "«items», «value»", "x->*", "s.*"),
    "name": ("a", "b", "c", "d", "t", "f", "ts", "dt", "tm", "x", "l", "m", "k", "s.k", "ROWTIME", "`a`", "nope"),
    "values": ("'k', 1", "«value», «value»", "«values», «value»", "1"),
    "columns": (
        "a INT",
        "«name» «type»",
        "h BYTES HEADER('x')",
        "«columns», b «type»",
        "c «type» KEY",
        "hh «type» HEADERS",
    ),
    "type": (
        "INT",
        "STRING",
        "BIGINT",
        "DOUBLE",
        "DECIMAL(«whole», 2)",
        "TIMESTAMP",
        "BYTES",
        "VARCHAR(20)",
        "ARRAY<«type»>",
        "MAP<STRING, «type»>",
        "STRUCT<p «type», q «type»>",
        "«new»",
    ),
    "properties": (
        "VALUE_FORMAT='JSON'",
        "VALUE_FORMAT='DELIMITED', KEY_FORMAT='«format»'",
        "FORMAT='«format»', PARTITIONS=«whole»",
        "VALUE_FORMAT='JSON', TIMESTAMP='ts', TIMESTAMP_FORMAT='yyyy-MM-dd'",
        "VALUE_FORMAT='KAFKA', WINDOW_TYPE='TUMBLING', WINDOW_SIZE='«time»'",
        "VALUE_FORMAT='JSON', «new»=«literal»",
    ),
    "format": ("JSON", "KAFKA", "DELIMITED", "NONE", "AVRO", "XML"),
    "literal": (
        "1",
        "«whole»",
        "1.50",
        "'it''s'",
        "1E3",
        "TRUE",
        "NULL",
        "-.5",
        "'2026-01-31'",
        "''",
        "DATE '2026-01-31'",
    ),
    "whole": ("7", "2", "12", "2147483648", "99999999999999999999", "0"),
    "condition": (
        "f",
        "«value» = «value»",
        "«value» «comparison» «value»",
        "«condition» AND «condition»",
        "«condition» OR NOT «condition»",
        "«value» IS NOT NULL",
        "«value» IS DISTINCT FROM «value»",
        "«value» NOT BETWEEN «value» AND «value»",
        "«value» IN («value», «value»)",
        "«value» LIKE 'a%' ESCAPE '!'",
        "(«condition»)",
    ),
    "comparison": ("<", ">", "<=", ">=", "<>", "!=", "="),
    "value": (
        "«name»",
        "«literal»",
        "«name»",
        "(«value»)",
        "«value» «operator» «value»",
        "-«value»",
        "«function»(«value»)",
        "«function»(«value», «value»)",
        "«function»()",
        "CAST(«value» AS «type»)",
        "CASE WHEN «condition» THEN «value» ELSE «value» END",
        "CASE «value» WHEN «value» THEN «value» END",
        "x->q->r",
        "x->«name»",
        "l[«value»]",
        "m['a']",
        "ARRAY[«value», «value»]",
        "MAP('a' := «value»)",
        "STRUCT(p := «value», q := «value»)",
        "TRANSFORM(l, e => e + «value»)",
        "REDUCE(l, 0, (st, e) => st + e)",
        "ts AT TIME ZONE 'UTC'",
        "TIMESTAMPADD(DAYS, «whole», ts)",
    ),
    "operator": ("+", "-", "*", "/", "%"),
    "function": (
        "ABS",
        "UCASE",
        "SUBSTRING",
        "COALESCE",
        "IFNULL",
        "CONCAT",
        "ROUND",
        "SUM",
        "EXPLODE",
        "AS_VALUE",
        "LEN",
        "NOPE",
    ),
}
SORTS = {
    "space": re.compile(r"\s"),
    "string": re.compile("'"),
    "number": re.compile(r"\d"),
    "type": re.compile(r"(?i)(?:INT|INTEGER|BIGINT|STRING|VARCHAR|DOUBLE|BOOLEAN|TIMESTAMP|DATE|TIME|BYTES)\b"),
    "keyword": re.compile(r"[A-Z]{2,}\b"),
    "name": re.compile(r"[A-Za-z_]"),
}
NESTS = (("(", ")"), ("-", ""), ("NOT ", ""), ("ARRAY<", ">"), ("ARRAY[", "]"), ("ABS(", ")"), ("CASE WHEN ", " END"))
GIANTS = ("9" * 390, "9" * 5000, "'" + "x" * 20_000 + "'", "a" * 9000, "1E99999", "0" * 300)
MARK = re.compile("«([a-z]+)»")
WORD = re.compile(r"\s+|'(?:[^']|'')*'|[A-Za-z_]\w*|\d+(?:\.\d+)?|->|=>|:=|<>|[<>!]=|.", re.DOTALL)
ODD = (
    "\u0000",
    "\ufeff",
    "é",
    "日本",
    "\U0001f600",
    "\u202e",
    "İ",
    "\u017f",
    "²",
    "\ud800",
    "\x0b",
    "\u2028",
    "${",
    "${v}",
    "`",
    "'",
)
DAMAGING = (
    "",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ",",
    ";",
    "--",
    "/*",
    "*/",
    "'",
    '"',
    "=>",
    ":=",
    "->",
    "*",
    "NOT",
    "NULL",
    "||",
    "@",
)


def sentence(random: Random, rule: str = "statement", depth: int = 7) -> str:
    """A sentence of the grammar."""
    alternatives = RULES[rule]
    chosen = alternatives[0] if depth <= 0 else random.choice(alternatives)
    return MARK.sub(lambda found: sentence(random, found[1], depth - 1), chosen)


def damaged(random: Random, texts: Sequence[str]) -> str:
    """One of the texts after one to four small or large accidents."""
    words = WORD.findall(random.choice(texts))
    for _ in range(random.choice((1, 1, 2, 4))):
        if words:
            accident = random.choice((_exchange, _exchange, _exchange, _move, _replace, _replace, _enlarge))
            accident(random, words, random.randrange(len(words)), random.choice(texts))
    return "".join(words)


def _exchange(random: Random, words: list[str], at: int, text: str) -> None:
    """A word becomes another of its sort, from here or from another text: what comes out is often a statement."""
    sort = _sort(words[at])
    words[at] = random.choice([word for word in (*words, *WORD.findall(text)) if _sort(word) == sort])


def _sort(word: str) -> str:
    return next((sort for sort, pattern in SORTS.items() if pattern.match(word)), "symbol")


def _move(random: Random, words: list[str], at: int, text: str) -> None:
    """Words go, change places, come twice, come from another text; or the text ends."""
    other = random.randrange(len(words))
    match random.randrange(5):
        case 0:
            del words[at]
        case 1:
            words[at], words[other] = words[other], words[at]
        case 2:
            words.insert(at, words[other])
        case 3:
            words[at:at] = WORD.findall(text)[:: random.choice((1, 2))]
        case _:
            del words[at:]


def _replace(random: Random, words: list[str], at: int, _text: str) -> None:
    """Another word, strange letters, or a piece of grammar in place of a word."""
    match random.randrange(3):
        case 0:
            words[at] = random.choice(DAMAGING)
        case 1:
            words[at] = random.choice(ODD) + words[at]
        case _:
            words[at] = sentence(random, random.choice(("value", "condition", "type", "select")), 3)


def _enlarge(random: Random, words: list[str], at: int, _text: str) -> None:
    """Many times the same, deep inside, or a giant."""
    match random.randrange(3):
        case 0:
            words[at] = f" {words[at]}"[:30] * random.choice((2, 70, 3000))
        case 1:
            opening, closing = random.choice(NESTS)
            deep = random.choice((3, 40, 61, 500, 20_000))
            words[at] = opening * deep + words[at] + closing * deep
        case _:
            words[at] = random.choice(GIANTS)
