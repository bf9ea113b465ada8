"""Records as rows: what is taken for a card transaction or an alert, and what is refused with a code that says why.

Nothing gets a default. An amount counts to four decimals, as every currency does (ISO 4217), in the decision and in the
table alike. A reason names the field and never says what is in it.

    E_EMPTY      no value
    E_JSON       no JSON: not UTF-8, cut off, NaN, half a surrogate pair, nested too deeply …
    E_SCHEMA     no object, a field missing, or not of its type
    E_DUPLICATE  a field twice, at any depth; or a transaction id that has been used for another transaction
    E_RANGE      a number beyond what its column takes, or a text too long for an index
    E_DATE       a time that is no instant: impossible, without a zone, or not ISO 8601
    E_TEXT       a control character in a text, which PostgreSQL (NUL) or a terminal would stumble over
    E_KEY        an alert whose key is not its id: its last version would not be known for the last
    E_DATABASE   refused by PostgreSQL for what is in it

Fields that nobody asked for pass: V1 to V28 are the scorer's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from streamguard.errors import RecordRefused
from streamguard.services.decider.facts import Alert, Transaction, tuple_of
from streamguard.services.document import document_in
from streamguard.services.repeated import texts_in, texts_of

TEXTS = (
    "transaction_id",
    "account_id",
    "card_hash",
    "user_id",
    "merchant_id",
    "merchant_category",
    "country",
    "currency",
    "timestamp",
)
FIELDS = frozenset((*TEXTS, "amount"))
AMOUNT_LIMIT = 10**11
"""Below this a double keeps four decimals exactly, and so do sums of ten thousandths."""
TEN_THOUSANDTHS = 10_000
LONGEST = 256
"""Characters of an id, or of another text of a transaction: an index of PostgreSQL takes 2,704 bytes."""
LONGEST_REASON = 4_000
MOST_TRANSACTIONS = 1_000
"""Transactions that one alert is about."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_TIME, LAST_TIME = -62_135_596_800_000, 253_402_300_799_999
"""Milliseconds: the years 1 to 9999."""
LARGEST_INTEGER, LARGEST_BIGINT = 2**31 - 1, 2**63 - 1
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SHAPE = re.compile(r"\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", re.ASCII)
"""Python would take more forms of ISO 8601, which other readers of the topic do not."""
THOUSANDTHS = {f".{number:03d}Z": number for number in range(1000)}
ACTIONS = ("BLOCK", "REVIEW")
_texts = itemgetter(*TEXTS)


class AlertRow(NamedTuple):
    """An alert as ksqlDB or the scorer wrote it; times in milliseconds since 1970."""

    alert_id: str
    rule: str
    reason: str
    score: int
    action_required: str
    source: str
    account_id: str | None
    card_hash: str | None
    user_id: str | None
    transaction_ids: tuple[str, ...]
    amount: float | None
    tx_count: int | None
    countries: int | None
    window_start: int | None
    window_end: int | None
    event_time: int

    @property
    def alert(self) -> Alert:
        """What a decision looks at."""
        return Alert(*self[:5])


def transaction_of(value: bytes | None) -> Transaction:
    """The card transaction in the value of a record; RecordRefused if it is none."""
    document = document_in(value)
    if not document.keys() >= FIELDS:
        raise RecordRefused("E_SCHEMA", f"no field {min(FIELDS - document.keys())}")
    texts: tuple[str, ...] = _texts(document)
    if not _are_plain(texts):
        for name in TEXTS:
            _text(document, name)
    _refuse_repeated(value, document, fewest=len(document) + len(TEXTS))
    identity, account, card, user, merchant, category, country, currency, time = texts
    amount = _amount(document["amount"], "amount")
    instant = milliseconds_of(time)
    return tuple_of(
        Transaction, (identity, account, card, user, merchant, category, country, amount, currency, instant)
    )


def alert_of(value: bytes | None, key: bytes | None) -> AlertRow:
    """The alert in a record; RecordRefused if it is none."""
    document = document_in(value)
    row = AlertRow(
        alert_id=_text(document, "ALERT_ID"),
        rule=_text(document, "RULE"),
        reason=_text(document, "REASON", longest=LONGEST_REASON),
        score=_number(document, "SCORE", 0, LARGEST_INTEGER),
        action_required=_text(document, "ACTION_REQUIRED"),
        source=_text(document, "SOURCE"),
        account_id=_text_or_none(document, "ACCOUNT_ID"),
        card_hash=_text_or_none(document, "CARD_HASH"),
        user_id=_text_or_none(document, "USER_ID"),
        transaction_ids=_ids(document, "TRANSACTION_IDS"),
        amount=None if document.get("AMOUNT") is None else _amount(document["AMOUNT"], "AMOUNT"),
        tx_count=_number_or_none(document, "TX_COUNT", 0, LARGEST_BIGINT),
        countries=_number_or_none(document, "COUNTRIES", 0, LARGEST_BIGINT),
        window_start=_number_or_none(document, "WINDOW_START", FIRST_TIME, LAST_TIME),
        window_end=_number_or_none(document, "WINDOW_END", FIRST_TIME, LAST_TIME),
        event_time=_number(document, "EVENT_TIME", FIRST_TIME, LAST_TIME),
    )
    _refuse_repeated(value, document)
    if row.action_required not in ACTIONS:
        raise RecordRefused("E_SCHEMA", f"ACTION_REQUIRED is none of {', '.join(ACTIONS)}")
    if key != row.alert_id.encode():
        raise RecordRefused("E_KEY", "the key of the record is not its ALERT_ID")
    return row


def milliseconds_of(text: str) -> int:
    """An instant, as RFC 3339 has it, in milliseconds since 1970; what is finer is cut off."""
    fraction = THOUSANDTHS.get(text[19:])
    return _instant(text) if fraction is None else _second_of(text[:19]) + fraction


@lru_cache(maxsize=10_000)
def _second_of(text: str) -> int:
    """A second in UTC: as a rule that of the record before."""
    return _instant(text + "Z")


def _instant(text: str) -> int:
    try:
        since = datetime.fromisoformat(text if SHAPE.fullmatch(text) else "") - EPOCH
    except (ValueError, OverflowError):
        raise RecordRefused("E_DATE", "timestamp is no instant: a date and a time with a zone") from None
    time = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    if not FIRST_TIME <= time <= LAST_TIME:
        raise RecordRefused("E_DATE", "timestamp is not in the years 1 to 9999")
    return time


def _refuse_repeated(value: bytes | None, document: dict[str, Any], *, fewest: int = -1) -> None:
    """Refuse a field that is there twice. `fewest`: names and texts that are known to be in the document."""
    assert value is not None
    found = texts_in(value, has_escapes=b"\\" in value)
    if found != fewest and found != texts_of(document):
        raise RecordRefused("E_DUPLICATE", "a field is there twice")


def _are_plain(texts: tuple[Any, ...]) -> bool:
    """Whether there is nothing to say against them: found without looking at each."""
    try:
        joined = "".join(texts)
    except TypeError:
        return False
    return (len(joined) <= LONGEST or len(max(texts, key=len)) <= LONGEST) and "" not in texts and joined.isprintable()


def _text(document: dict[str, Any], name: str, *, longest: int = LONGEST) -> str:
    text = document.get(name)
    if type(text) is not str or not text:
        raise RecordRefused("E_SCHEMA", f"{name} is not a text with something in it")
    if len(text) > longest:
        raise RecordRefused("E_RANGE", f"{name} has more than {longest} characters")
    if CONTROL.search(text):
        raise RecordRefused("E_TEXT", f"{name} has a control character")
    return text


def _text_or_none(document: dict[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _text(document, name)


def _number(document: dict[str, Any], name: str, least: int, most: int) -> int:
    number = document.get(name)
    if type(number) is not int:
        raise RecordRefused("E_SCHEMA", f"{name} is not a whole number")
    if not least <= number <= most:
        raise RecordRefused("E_RANGE", f"{name} is not between {least} and {most}")
    return number


def _number_or_none(document: dict[str, Any], name: str, least: int, most: int) -> int | None:
    return None if document.get(name) is None else _number(document, name, least, most)


def _amount(amount: Any, name: str) -> float:
    """The double that is nearest to the amount in four decimals."""
    if type(amount) is not float and type(amount) is not int:
        raise RecordRefused("E_SCHEMA", f"{name} is not a number")
    if not 0 <= amount < AMOUNT_LIMIT:
        raise RecordRefused("E_RANGE", f"{name} is {'negative' if amount < 0 else 'too large for exact sums'}")
    return round(amount * TEN_THOUSANDTHS) / TEN_THOUSANDTHS


def _ids(document: dict[str, Any], name: str) -> tuple[str, ...]:
    """Ids of transactions, each once, in their order."""
    ids = document.get(name)
    if type(ids) is not list:
        raise RecordRefused("E_SCHEMA", f"{name} is not a list")
    if len(ids) > MOST_TRANSACTIONS:
        raise RecordRefused("E_RANGE", f"{name} has more than {MOST_TRANSACTIONS} transactions")
    return tuple(dict.fromkeys(_text({name: each}, name) for each in ids))
