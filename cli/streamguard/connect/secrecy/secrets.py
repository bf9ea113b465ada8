"""What is cut out of everything that is printed, logged, raised or written.

A config holds references (`${env:NAME}`) that the worker resolves. The worker in turn echoes what it resolved: in the
answers to validation, in the text of a 400, in the trace of a failed task. So every text that comes from a worker
passes `redact` before anybody sees it, together with the config that it is about. What it cuts out, in this order:

1. values that this process knows to be secret (`learn`), in every form in which they may be written;
2. `Invalid value … for configuration KEY` of a secret key, or of one that held a reference, and each repetition of it;
3. what stands between the texts around a reference, as in `/data/${env:X}/y`;
4. what has the form of a secret: the user part of an address, keys, tokens, Authorization headers;
5. if a whole value that no worker masks came from a reference: everything but the names of exceptions and keys, since
   nothing tells which of the words it is.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import threading
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, urlsplit

from streamguard.connect.secrecy.sensitive import (
    ANCHOR,
    REFERENCE,
    exposed_keys,
    is_plain,
    is_sensitive,
    known_secrets,
    literal_secret,
    literal_secrets,
    random_tokens,
    references_in,
    references_of,
)

MASK = "********"
_ECHO = re.compile(r"Invalid value (?=.)", re.DOTALL)
_ECHO_END = re.compile(r" for configuration ([\w.$-]*[\w$])")
_WORD = re.compile(r"[^\s\"'<>]+")
_QUOTES_IN_PASSWORD = re.compile(r"(?<=://)[^\s/@<>:\"']*:[^\s/@<>\"']*[\"'][^\s/@<>]*@")
_KEY = re.compile(r"[\"']([\w.$-]+)[\"']\s*:\s*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_FRAME = re.compile(r"\s+at [\w.$<>/@:-]+(\([\w.$ :-]*\))?|\s*\.\.\. \d+ (more|common frames omitted)")
_CLASS = re.compile(r"(Caused by: |Suppressed: )?((?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error|Throwable))(: |$)")
_SKELETON = re.compile(
    r"Connector configuration is invalid and contains the following \d+ error\(s\):"
    r"|You can also find the above list of errors at the endpoint `[\w{}/-]*`"
)
_WORDS = ("true", "false", "none", "null", "[hidden]", MASK)
SHORTEST = 4
"""A known value with fewer characters is no secret; one with fewer than twice as many is cut out as a whole word."""

_LEARNT: set[str] = set()
_PASSWORD_KEYS: set[str] = set()
_RESOLVED: set[str] = set()
"""The references whose values are among those learnt."""
_LOCK = threading.Lock()


def learn(values: Iterable[str]) -> None:
    """From now on nothing that passes `redact` in this process holds these values.

    Words like `true`, short numbers, and addresses without a password are no secrets, whatever they are used for.
    """
    found = {value for value in values if _may_be_secret(value)}
    with _LOCK:
        if not found <= _LEARNT:
            _LEARNT.update(found, *map(_parts, found))
            _learnt_pattern.cache_clear()


def learn_echoes(desired: Mapping[str, str], echoed: Mapping[str, str | None]) -> None:
    """Learn what a worker has put in for the references of `desired` from the values that it sends back, by key."""
    for key, value in desired.items():
        references, echo = references_in(value), echoed.get(key)
        if not references or echo is None or echo == value or echo in _WORDS:
            continue
        found = re.fullmatch("(.*?)".join(map(re.escape, _around(value))), echo, re.DOTALL)
        if found is None:
            continue
        pairs = [pair for pair in zip(references, found.groups(), strict=True) if pair[0] != pair[1]]
        learn(resolved for reference, resolved in pairs if not is_plain(reference))
        with _LOCK:
            _RESOLVED.update(reference for reference, _ in pairs)


def learn_password_keys(keys: Iterable[str]) -> None:
    """From now on the values of these keys, which a plugin types PASSWORD, are not shown, whatever they are called."""
    with _LOCK:
        _PASSWORD_KEYS.update(keys)


def learn_environment(config: Mapping[str, str], value_of: Callable[[str], str]) -> None:
    """Learn what the references `${env:NAME}` of `config` stand for, if this process has the same variables."""
    references = {reference for found in references_of(config).values() for reference in found}
    names = {reference[6:-1] for reference in references if reference.startswith("${env:") and not is_plain(reference)}
    learn(value_of(name) for name in sorted(names))


def forget() -> None:
    """Know of no value any more; for tests."""
    with _LOCK:
        _LEARNT.clear()
        _RESOLVED.clear()
        _PASSWORD_KEYS.clear()
        _learnt_pattern.cache_clear()


def redact(text: str, desired: Mapping[str, str] | None = None, secret_keys: Collection[str] = ()) -> str:
    """`text` from a worker, without what the worker may have put in for the references of `desired`.

    Without `desired`, nobody knows which keys had references: no value is kept that is called invalid.
    """
    text, hidden = _without_echoes(_without_learnt(text), desired, secret_keys)
    desired = desired or {}
    hidden |= {part for key in literal_secrets(desired, secret_keys) for part in {desired[key], *_parts(desired[key])}}
    for value in desired.values():
        if "${" in value:
            text, found = _without_resolved(text, value)
            hidden |= found
    for value in sorted(hidden, key=len, reverse=True):
        if len(value) > 2 and value not in (MASK, "null", "[hidden]"):
            text = text.replace(value, MASK)
    text = _WORD.sub(_without_userinfo, _QUOTES_IN_PASSWORD.sub(f"{MASK}@", text))
    for match in known_secrets(text):
        text = text.replace(match.group(), MASK)
    if any("${" in value for value in desired.values()):
        for token in random_tokens(text):
            text = text.replace(token, MASK)
        if any(not _is_known(desired[key]) for key in exposed_keys(desired, secret_keys)):
            text = "\n".join(_skeleton(line, desired) for line in text.split("\n"))
    return text


def redact_source(line: str) -> str:
    """A line of a template, or of what it rendered to, that is not as it should be: cut where a secret key's value
    begins, for where that ends nobody can tell."""
    for match in _KEY.finditer(line):
        if is_sensitive(match[1]):
            return redact(line[: match.end()]) + MASK
    return redact(line)


def shown(key: str, value: str | None, secret_keys: Collection[str] = ()) -> str | None:
    """A config's value as it may be printed: references as they are, secrets masked."""
    if value is None or REFERENCE.fullmatch(value):
        return value
    if literal_secret(key, value, secret_keys):
        return MASK
    if (key in _PASSWORD_KEYS or is_sensitive(key, secret_keys)) and not REFERENCE.search(value):
        return MASK
    return _without_learnt(value)


def shown_beside(key: str, value: str | None, other: str | None, secret_keys: Collection[str] = ()) -> str | None:
    """As `shown`; if the value's other version holds a reference, its own text may be the secret."""
    if value and other and REFERENCE.search(other) and not REFERENCE.search(value):
        return MASK
    return shown(key, value, secret_keys)


def unresolved_in(text: str, desired: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The references of `desired`, by key, that a worker repeats as they stand: it has not resolved them."""
    found = {
        key: tuple(reference for reference in references if reference in text)
        for key, references in sorted(references_of(desired).items())
    }
    return {key: references for key, references in found.items() if references}


def traceback_text(exc: BaseException) -> str:
    """The traceback of an error that nobody expected, fit to be printed."""
    return redact("".join(traceback.format_exception(exc)))


class RedactingFilter(logging.Filter):
    """Every log event passes `redact`: its text, its facts and its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text, record.exc_info = traceback_text(record.exc_info[1]).rstrip(), None
            record.exception = record.exc_text  # where structured logs have it
        for name, value in vars(record).items():
            if isinstance(value, str) and name not in ("msg", "exc_text", "levelname", "name", "pathname"):
                setattr(record, name, redact(value))
        return True


def _may_be_secret(value: str) -> bool:
    if len(value) < SHORTEST or value.lower() in _WORDS or (value.isdigit() and len(value) < 2 * SHORTEST):
        return False
    return "://" not in value or literal_secret("", value) is not None


def _is_known(value: str) -> bool:
    """Is what the references of `value` stand for among the values that were learnt?"""
    return all(reference in _RESOLVED or is_plain(reference) for reference in references_in(value))


def _without_learnt(text: str) -> str:
    """The text without control characters and without any value that this process knows to be secret."""
    known = _learnt_pattern()
    if known is not None:
        text = known.sub(MASK, text)
    text = _CONTROL.sub("", text)
    return text if known is None else known.sub(MASK, text)


def _parts(value: str) -> set[str]:
    """The password of an address is a secret of its own; whoever logs it in decodes it first."""
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        password = None
    return {part for part in (password, unquote(password)) if len(part) >= SHORTEST} if password else set()


@lru_cache(maxsize=1)
def _learnt_pattern() -> re.Pattern[str] | None:
    written = {form for value in _LEARNT for form in _forms(value)}
    if not written:
        return None
    whole = [re.escape(form) for form in sorted(written, key=len, reverse=True) if len(form) >= 2 * SHORTEST]
    words = [rf"(?<!\w){re.escape(form)}(?!\w)" for form in sorted(written) if SHORTEST <= len(form) < 2 * SHORTEST]
    return re.compile("|".join([*whole, *words]), re.IGNORECASE)


def _forms(value: str) -> set[str]:
    """How a value may be written: as it is, in addresses, as JSON, Java, Python and HTML quote it, in base64."""
    percent = {quote(value, safe=safe) for safe in ("", "/", ":@'$", "/:?#[]@!$&'()*+,;=")} | {quote_plus(value)}
    percent |= {re.sub(r"%[0-9A-F]{2}", lambda m: m.group().lower(), form) for form in percent}
    quoted = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    quoted |= {value.replace("\\", "\\\\"), html.escape(value), html.escape(value, quote=False)}
    encoded = {base64.b64encode(value.encode()).decode().rstrip("="), _CONTROL.sub("", value)}
    return {value} | percent | quoted | encoded


def _without_echoes(text: str, desired: Mapping[str, str] | None, secret_keys: Collection[str]) -> tuple[str, set[str]]:
    """The text without the values that it calls invalid, and those values.

    A value may itself say ` for configuration …`, so everything up to the last secret key of a line is the value's.
    """
    pieces = _ECHO.split(text)
    hidden: set[str] = set()
    kept = [pieces[0]]
    for piece in pieces[1:]:
        ends = [m for m in _ECHO_END.finditer(piece) if _is_hidden(m[1], desired, secret_keys)]
        if not ends:
            kept.append(piece)
            continue
        hidden.add(piece[: ends[-1].start()])
        kept.append(MASK + piece[ends[-1].start() :])
    return "Invalid value ".join(kept), hidden


def _is_hidden(key: str, desired: Mapping[str, str] | None, secret_keys: Collection[str]) -> bool:
    return (
        desired is None
        or key in _PASSWORD_KEYS
        or is_sensitive(key, secret_keys)
        or bool(REFERENCE.search(desired.get(key, "")))
    )


def _without_resolved(text: str, value: str) -> tuple[str, set[str]]:
    """The text without what looks like `value` with its references resolved, if there is text around them to know it
    by; and what they resolve to. A `value` that stands there as it is has not been resolved, and stays.
    """
    pieces = _around(value)
    if sum(map(len, pieces)) < ANCHOR or all(map(is_plain, references_in(value))):
        return text, set()
    hidden: set[str] = set()
    lines = [value.join(_cut(part, pieces, hidden) for part in line.split(value)) for line in text.split("\n")]
    return "\n".join(lines), hidden


def _cut(line: str, pieces: list[str], hidden: set[str]) -> str:
    """`line` without the places where the pieces follow one another; what is between them goes to `hidden`.

    An open end goes on to the end of the line, and an open start to its start: a secret may hold spaces and quotes.
    """
    first = 0 if pieces[0] else 1
    kept: list[str] = []
    at = 0
    while (begin := line.find(pieces[first], at)) >= 0:
        found = line[at:begin].split()[-1:] if first else []
        end = begin + len(pieces[first])
        for piece in pieces[first + 1 :]:
            following = line.find(piece, end + 1) if piece else len(line)
            if following < 0:
                return "".join([*kept, line[at:]])
            found.append(line[end:following] if piece else re.split(r"[\s'\"]", line[end:], maxsplit=1)[0])
            end = following + len(piece)
        hidden.update(word for word in found if word)
        kept += [line[at : at if first else begin], MASK]
        at = end
    return "".join([*kept, line[at:]])


def _without_userinfo(word: re.Match[str]) -> str:
    """`scheme://user:password@host` without what is before the last `@`."""
    head, colon, rest = word.group().partition("://")
    userinfo, at, host = rest.rpartition("@")
    return f"{head}{colon}{MASK}{at}{host}" if colon and at and head[-1:].isalnum() and userinfo else word.group()


def _around(value: str) -> list[str]:
    """The texts before, between and after the references of a value."""
    pieces, at = [], 0
    for match in REFERENCE.finditer(value):
        pieces.append(value[at : match.start()])
        at = match.end()
    return [*pieces, value[at:]]


def _skeleton(line: str, desired: Mapping[str, str]) -> str:
    """What of a line can hold no value: frames, the class of an exception, the key that is spoken of."""
    if not line.strip() or _FRAME.fullmatch(line) or _SKELETON.fullmatch(line) or line.strip() == MASK:
        return line
    named = _CLASS.match(line)
    head = named.group() if named else ""
    invalid = re.fullmatch(rf"Invalid value {re.escape(MASK)} for configuration ([\w.$-]*[\w$]).*", line[len(head) :])
    if invalid and invalid[1] in desired:
        return f"{head}Invalid value {MASK} for configuration {invalid[1]}"
    literal = " ".join(sorted({ref for references in unresolved_in(line, desired).values() for ref in references}))
    return f"{head}{MASK}{' ' + literal if literal else ''}" if len(line) > len(head) else line
