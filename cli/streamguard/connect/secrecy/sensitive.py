"""Which keys and values of a config are secrets. Pure.

A secret is known by any of: its key's type (the plugin declares it PASSWORD) or a template's word for it, both given as
`secret_keys`; the key's name; the form of the value. Types alone do not do: Kafka Connect knows none for the keys that
a plugin passes on to a library (`iceberg.catalog.token`), for those of most converters, and calls the value of a
transform a STRING.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache
from itertools import pairwise

REFERENCE = re.compile(r"\$\{([^}:]*):(?:([^}:]*):)?([^}]*)\}", re.DOTALL)
"""`${provider:path:key}` or `${provider:key}`, as a worker finds it."""
_SENSITIVE = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|private.?key|access.?key|api.?key|account.?key|jaas\.config"
    r"|basic\.auth\.user\.info|connection\.(uri|url|string)|ssl\.key(store\.key)?$|customer\.key$|sas$"
    r"|authorization|signing.?key|webhook",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"([._-](class|type|types|provider|enabled?|mechanism|name|algorithm|seconds|ms|url|uri|variable|source|endpoint"
    r"|location|path|file|mode|expiry|field|fields|delimiter|separator)|refresh-enabled|exchange-enabled|tokenizer)$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"connection\.(uri|url|string)$", re.IGNORECASE)
_NAMES = re.compile(
    r"name|connector\.class|tasks\.max|topics|topics\.regex|collection|database|errors\.deadletterqueue\.topic\.name"
    r"|iceberg\.(control\.topic|tables)|(consumer|producer|admin)\.override\.(group|client|group\.instance)\.id"
    r"|(.*\.)?(file|path|dir|directory|location|topics?\.dir|table\.name\.format|collection\.name\.format)"
    r"|(.*\.)?static\.(field|value)",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:(?!\d+(?:[/?#,\s]|$))(.+)@", re.DOTALL)
_KNOWN = (
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "an AWS access key"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), "a signed token"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*-----|.*)", re.DOTALL), "a private key"),
    (
        re.compile(r"\b(?:password|passwd|pwd|secret)\s*=\s*['\"]?(?![$<*\[]|null\b)[^\s'\";&,})]+", re.IGNORECASE),
        "a password",
    ),
    (
        re.compile(
            r"[?&;](?:access_?token|token|sig|signature|api_?key|client_secret|sas)=(?![$<*\[])[^\s&;'\"]+", re.I
        ),
        "a token in an address",
    ),
    (
        re.compile(r"\b(?:Basic|Bearer)\s+(?=\S*(?:[\d=]|[a-z][A-Z]))(?![$<*\[])[\w+/.~-]{8,}={0,2}"),
        "an Authorization header",
    ),
    (
        re.compile(
            r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|hvs\.[\w-]{20,}"
            r"|sk_live_\w{16,}|AIza[\w-]{30,}|npm_\w{30,}|dop_v1_\w{40,})"
        ),
        "a token",
    ),
    (re.compile(r"https://hooks\.slack\.com/services/\S+"), "a webhook's address"),
)
_HINT = re.compile(
    r"[=@]|://|AKIA|ASIA|eyJ|-----|basic|bearer|gh[pousr]_|github_pat|glpat|xox|hvs\.|sk_live|AIza|npm_|dop_v1"
    r"|[\w+/=-]{20}",
    re.IGNORECASE,
)
"""Without any of these a value has the form of no secret."""
_TOKEN = re.compile(r"[\w+/=-]{20,}")
_PLAIN_NAME = re.compile(
    r"\b(regions?|buckets?|hosts?|hostname|ports?|zones?|databases?|db|topics?|prefix|suffix|namespace|clusters?|env"
    r"|environment|stage|tier|count|max|min|size|endpoints?|servers?|warehouse|schema|tables?|account id|role|arn"
    r"|bootstrap|interval|path|location|dir|directory|folder|file|zone|locale|timezone|user|username|tasks)\b",
    re.IGNORECASE,
)
_HARMLESS_WORDS = ("", "true", "false", "none", "null")
AWS_SECRET_KEY = 40
LOOKS_RANDOM = "what looks like a key or token in clear"
"""The one verdict that is a guess."""
ANCHOR = 4
"""So many characters around a reference make what it resolves to known by them."""


def is_sensitive(key: str, secret_keys: Collection[str] = ()) -> bool:
    """Does the key's type or name say that its value is a secret?"""
    return key in secret_keys or _is_sensitive_by_name(key)


@lru_cache(maxsize=4096)
def _is_sensitive_by_name(key: str) -> bool:
    if _ADDRESS.search(key):
        return True
    return bool(_SENSITIVE.search(key)) and not _HARMLESS.search(key)


def literal_secret(key: str, value: str, secret_keys: Collection[str] = ()) -> str | None:
    """What secret the value holds in clear, in words; None if it holds none."""
    by_form, is_harmless = _judged(value)
    if by_form:
        return by_form
    if not is_harmless:
        if key in secret_keys and not _ADDRESS.search(key):
            return "a secret in clear (so its type says)"
        if is_sensitive(key) and not _ADDRESS.search(key):
            return "a secret in clear (so its name says)"
    return None


@lru_cache(maxsize=4096)
def _judged(value: str) -> tuple[str | None, bool]:
    """What secret its form says it is; and whether nothing in it can be one. Hundreds of connectors are alike."""
    clear = REFERENCE.sub("", value) if "${" in value else value
    by_form = _by_form(value, clear) if _HINT.search(value) else None
    return by_form, clear.strip().lower() in _HARMLESS_WORDS


def _by_form(value: str, clear: str) -> str | None:
    userinfo = _USERINFO.search(REFERENCE.sub("$", value))
    if userinfo and userinfo[1] != "$":
        return "a password in an address"
    for pattern, words in _KNOWN:
        if pattern.search(clear):
            return words
    return LOOKS_RANDOM if random_tokens(clear) else None


def literal_secrets(config: Mapping[str, str], secret_keys: Collection[str] = ()) -> dict[str, str]:
    """The keys of a config that hold a secret in clear, each with words for it."""
    found = {key: literal_secret(key, value, secret_keys) for key, value in config.items()}
    return {key: words for key, words in found.items() if words}


def known_secrets(text: str) -> list[re.Match[str]]:
    """What in a text has the form of a secret."""
    return [match for pattern, _ in _KNOWN for match in pattern.finditer(text)]


def random_tokens(text: str) -> list[str]:
    """The words of a text that look as if a generator of keys had made them."""
    return [token for token in _TOKEN.findall(text) if looks_random(token)]


def looks_random(token: str) -> bool:
    """Lower case, upper case and digits, mixed as nobody writes names: 20 characters or more; or AWS's 40 of them."""
    kinds = [0 if c.islower() else 1 if c.isupper() else 2 if c.isdigit() else 3 for c in token]
    if len(token) == AWS_SECRET_KEY and min(kinds.count(0), kinds.count(1)) > 2 and 2 in kinds:
        return not re.search(r"[_=-]", token)
    if len(token) < 20 or any(kinds.count(kind) < 2 for kind in (0, 1, 2)):
        return False
    turns = sum(a != b for a, b in pairwise(kinds)) / (len(token) - 1)
    share = [count / len(token) for count in Counter(token).values()]
    return turns >= 0.4 and -sum(part * math.log2(part) for part in share) >= 3.7


def references_in(value: str) -> tuple[str, ...]:
    """The references of a value, as they stand there."""
    return tuple(match.group() for match in REFERENCE.finditer(value)) if "${" in value else ()


def references_of(config: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The keys of a config whose values the worker completes, each with its references."""
    found = {key: references_in(value) for key, value in config.items()}
    return {key: references for key, references in found.items() if references}


def named_by_reference(config: Mapping[str, str]) -> list[str]:
    """The keys whose value is a name, path or text that Kafka and plugins write into logs, traces and records, and that
    a reference gives."""
    return [
        key for key in sorted(config) if _NAMES.fullmatch(key) and not all(map(is_plain, references_in(config[key])))
    ]


def is_plain(reference: str) -> bool:
    """Does a reference's name say that it stands for no secret, as `${env:AWS_REGION}` does?"""
    name = REFERENCE.fullmatch(reference)
    words = re.sub(r"[_.-]+", " ", name[3]) if name else ""
    return bool(_PLAIN_NAME.search(words)) and not _SENSITIVE.search(words.replace(" ", "."))


def exposed_keys(config: Mapping[str, str], secret_keys: Collection[str] = ()) -> list[str]:
    """The keys whose whole value comes from a reference and that no worker masks: what it resolves to may be in any
    text, and nothing around it tells where."""
    found = []
    for key in sorted(config):
        references = references_in(config[key])
        bare = len(REFERENCE.sub("", config[key])) < ANCHOR
        if references and bare and not is_sensitive(key, secret_keys) and not all(map(is_plain, references)):
            found.append(key)
    return found
