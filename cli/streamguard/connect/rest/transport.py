"""Requests to the workers of a cluster: the one place that repeats them, goes on to another worker, makes errors.

What an answer means is decided in `answers.meaning`. What follows from it:

* a worker that is not there, still starts or is overloaded: the next one is asked, at once if it was not asked before
* a rebalance, a leader that is gone: the same request again
* an answer that was lost: the write may have been carried out, so it is looked for before it is sent again
* anything else is final

Pauses grow from a tenth of a second to two, by chance up to half shorter. A call ends, with all its repeats and looks,
by `deadline`. Nothing here is bound to a thread: the threads of a deployment share one transport.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase

from streamguard.connect.rest import answers
from streamguard.connect.secrecy.secrets import redact
from streamguard.connect.secrecy.secrets import shown as hidden
from streamguard.errors import ConnectError, ConnectorExists, ConnectorInvalid, ConnectorNotFound, ConnectUnavailable
from streamguard.settings import HERE

CONNECT_SECONDS = 3.0
READ_SECONDS = 95.0
"""The worker gives up on a request after 90 s; a little more, so that its own answer arrives."""
GLANCE_SECONDS = 15.0
"""For what only reads, where there is another worker to ask: this one may be frozen."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
PAGE = 300
"""Characters of what is no JSON, as a proxy's page, that an error tells."""
LOOK_SHARE = 0.1
"""Of the deadline: what a write leaves for looking whether it was carried out."""

Config = Mapping[str, str]

log = logging.getLogger(__name__)
BODIES = 5
"""The level at which configs are logged that are sent, secrets masked: below DEBUG."""


@dataclass(frozen=True)
class Request:
    """What is asked. `desired` is the config whose references the worker may have resolved into its answer.

    `harmless`: doing it twice is like doing it once. `careful`: not even a refusal to do it now is believed.
    `expected`: does what it is about exist? A worker that forwarded its creation shows it a moment later.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: Any = None
    desired: Config | None = None
    harmless: bool = False
    careful: bool = False
    expected: Callable[[], bool] = bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _Again(Exception):
    """Not done, or not known to be done. `away`: by this worker; `arrived`: some worker has seen it; `lost`: it may
    have been carried out; `unassigned`: a status that is not there yet, or never will be."""

    def __init__(
        self, reason: str, *, away: bool = False, arrived: bool = True, lost: bool = False, unassigned: bool = False
    ) -> None:
        super().__init__(reason)
        self.away = away
        self.arrived = arrived
        self.lost = lost
        self.unassigned = unassigned

    def to_look_after(self, request: Request) -> bool:
        """Has the write to be looked for before it is sent again?"""
        return request.method != "GET" and (self.lost or (request.careful and self.arrived))


@dataclass
class Limit:
    """The time that one call has, with everything that belongs to it. `seconds` 0: one attempt, however long."""

    seconds: float
    clock: Callable[[], float]
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    @property
    def spent(self) -> float:
        return self.clock() - self.begun

    def timeout(self, longest: float, reserve: float = 0.0) -> float:
        """Seconds that one request may take; never none."""
        if not self.seconds:
            return longest
        return max(min(longest, self.seconds - self.spent - reserve), 0.05)


Look = Callable[[Limit], bool]


class Transport:
    """The workers of one cluster, at `urls`. A cluster none of which has ever answered is given up after `patience`
    seconds: then the addresses are probably wrong."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        open_session: Callable[[], requests.Session],
        deadline: float,
        patience: float,
        read_timeout: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._urls = [_checked(url) for url in urls]
        self.shown_urls = tuple(shown(url) for url in self._urls)
        self._open_session = open_session
        self._sessions = threading.local()
        self._deadline = deadline
        self._patience = patience
        self._read_timeout = read_timeout
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._current = 0
        self._reached = False

    @property
    def shown_url(self) -> str:
        """The worker that is asked now, without credentials."""
        return self.shown_urls[self._current]

    def limit(self) -> Limit:
        return Limit(self._deadline, self._clock)

    def send(
        self, request: Request, *, limit: Limit | None = None, landed: Look | None = None, exists: Look | None = None
    ) -> Any:
        """The body of the answer, None if it has none. `landed` looks whether a write that may have been carried out
        was; `exists`, whether what has no status is there at all: it raises if not."""
        limit = limit or self.limit()
        asked: set[int] = set()  # the workers since the last pause
        pauses, doubt, again = 0, False, None
        while True:
            current = self._current
            if again is not None and again.to_look_after(request) and self._has_landed(landed, request, again, limit):
                return None
            try:
                return self._once(current, request, limit)
            except _Again as exc:
                again = exc
            except ConnectorNotFound:
                if doubt and landed is not None and landed(limit):
                    return None
                raise
            except ConnectorExists as exc:
                if not doubt or landed is None:
                    raise
                again = _Again(str(exc), lost=True)  # ours or not: looked at until this worker shows it
            self._refuse_blindness(request, again, landed, current)
            doubt = doubt or again.lost
            if again.unassigned and exists is not None:
                exists(limit)
            asked.add(current)
            fresh = again.away and self._move_on(current) not in asked
            if fresh and not again.to_look_after(request):  # the next one may have to read what this one wrote
                continue
            if self._is_over(limit, request):
                if again.to_look_after(request) and self._has_landed(landed, request, again, limit):
                    return None
                self._give_up(request, again, limit, doubt)
            asked.clear()
            self._pause(pauses, limit)
            pauses += 1

    def _refuse_blindness(self, request: Request, again: _Again, landed: Look | None, current: int) -> None:
        """A write that may have been carried out, matters, and can not be looked for, is not repeated."""
        if again.lost and not (request.harmless or landed or request.method == "GET"):
            raise ConnectError(f"{self.shown_urls[current]}: {again}; whether {request} was done is not known")

    def _has_landed(self, landed: Look | None, request: Request, again: _Again, limit: Limit) -> bool:
        try:
            return landed is not None and landed(limit)
        except ConnectUnavailable:  # the time is over
            self._give_up(request, again, limit, doubt=True)

    def _move_on(self, current: int) -> int:
        """The worker to ask after `current`; another thread may have gone on already."""
        with self._lock:
            if self._current == current:
                self._current = (current + 1) % len(self._urls)
            return self._current

    def _is_over(self, limit: Limit, request: Request) -> bool:
        seconds = limit.seconds - self._reserve(limit, request)
        return limit.spent >= (seconds if self._reached else min(self._patience, seconds))

    def _reserve(self, limit: Limit, request: Request) -> float:
        return 0.0 if request.harmless or request.method == "GET" else limit.seconds * LOOK_SHARE

    def _pause(self, pauses: int, limit: Limit) -> None:
        pause = min(FIRST_PAUSE * 2.0 ** min(pauses, 10), LONGEST_PAUSE) * (1 - 0.5 * self._chance())
        self._sleep(min(pause, limit.timeout(LONGEST_PAUSE)))

    def _give_up(self, request: Request, again: _Again, limit: Limit, doubt: bool) -> NoReturn:
        shown_urls = ", ".join(self.shown_urls)
        if not self._reached:
            names = "STREAMGUARD_CONNECT_URL, --url or --context"
            advice = (
                f"`streamguard up` starts the local one; where another is say {names}"
                if all(urlsplit(url).hostname in HERE for url in self.shown_urls)
                else f"see that {names} is its address, and that this machine reaches it"
            )
            raise ConnectUnavailable(f"no Kafka Connect answers at {shown_urls} ({again}): {advice}") from again
        unknown = "; whether it was done is not known" if doubt and request.method != "GET" else ""
        raise ConnectUnavailable(
            f"Kafka Connect at {shown_urls} did not do {request} within {limit.seconds:g} s: {again}{unknown}"
        ) from again

    def _session(self) -> requests.Session:
        """This thread's own: a session keeps connections, and cookies without a lock."""
        session: requests.Session | None = getattr(self._sessions, "mine", None)
        if session is None:
            session = self._sessions.mine = self._open_session()
            session.trust_env = False  # neither proxies nor ~/.netrc
        return session

    def _once(self, current: int, request: Request, limit: Limit) -> Any:
        if request.desired is not None and log.isEnabledFor(BODIES):
            config = {key: hidden(key, value) for key, value in sorted(request.desired.items())}
            log.log(BODIES, "%s %s", request, config, extra={"worker": self.shown_urls[current]})
        glances = request.method == "GET" and len(self._urls) > 1
        longest = min(self._read_timeout, GLANCE_SECONDS) if glances else self._read_timeout
        read = limit.timeout(longest, self._reserve(limit, request))
        try:
            response = self._session().request(
                request.method,
                self._urls[current] + request.path,
                params=list(request.params) or None,
                json=request.body,
                timeout=(min(CONNECT_SECONDS, read), read),
                allow_redirects=False,
            )
        except requests.RequestException as exc:
            raise self._unanswered(exc, current, request) from exc
        self._reached = self._reached or _may_be_a_worker(response)
        return self._judge(response, current, request)

    def _unanswered(self, exc: requests.RequestException, current: int, request: Request) -> Exception:
        """What it means that there is no answer."""
        where = self.shown_urls[current]
        match exc:
            case requests.exceptions.SSLError() if trouble := _tls_trouble(exc):
                return ConnectError(f"{where}: {trouble}")
            case requests.ConnectTimeout():
                return _Again("no connection in time", away=True, arrived=False)
            case requests.Timeout():
                self._reached = True
                return _Again("no answer in time", away=True, lost=True)
            case requests.ConnectionError() if reason := _never_sent(exc):
                return _Again(reason, away=True, arrived=False)
            case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
                return _Again("the connection broke", away=True, lost=True)
        return ConnectError(f"{where}: {redact(str(exc), request.desired)}")

    def _judge(self, response: requests.Response, current: int, request: Request) -> Any:
        where, status = self.shown_urls[current], response.status_code
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = None
            if status < 300:
                raise ConnectError(f"{where} answers no JSON: that is no Kafka Connect") from None
        if status < 300:
            log.debug("%s: %s", request, status, extra={"worker": where})
            return body
        message = redact(answers.message_of(body, response.text), request.desired)
        if not isinstance(body, Mapping):
            message = message[:PAGE]  # cut after redacting: half a secret would not be known
        log.debug("%s: %s %s", request, status, message, extra={"worker": where})
        meaning = answers.meaning(status, body, response.text)
        if meaning == "absent" and request.expected():
            meaning = "again"
        if meaning in ("away", "unassigned", "again", "ambiguous"):
            away, lost, unassigned = meaning == "away", meaning == "ambiguous", meaning == "unassigned"
            raise _Again(message, away=away, lost=lost, unassigned=unassigned)
        raise _error(meaning, where, request, f"{status} {message}", message)


def _error(meaning: answers.Meaning, where: str, request: Request, told: str, message: str) -> ConnectError:
    """What is raised for an answer that is final."""
    match meaning:
        case "absent":
            return ConnectorNotFound(f"{where}: {message}")
        case "exists":
            return ConnectorExists(f"{where}: {message}")
        case "invalid" if request.desired is not None:
            return ConnectorInvalid(message)
        case "unsupported":
            return ConnectError(f"{where} is too old for {request}: {message}")
        case "denied":
            return ConnectError(
                f"{where} refuses who asks ({told}): give credentials by a context, or in STREAMGUARD_CONNECT_USER and "
                "STREAMGUARD_CONNECT_PASSWORD"
            )
    return ConnectError(f"{where}{request.path}: {told}")


def shown(url: str) -> str:
    """An address without credentials."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def session_factory(auth: AuthBase | None = None, tls: ssl.SSLContext | None = None) -> Callable[[], requests.Session]:
    """What opens a thread's session, with the credentials and certificates of a context."""

    def open_session() -> requests.Session:
        session = requests.Session()
        session.auth = auth
        if tls is not None:
            session.mount("https://", _OwnTls(tls))
        return session

    return open_session


class _OwnTls(requests.adapters.HTTPAdapter):
    """Connections by one TLS context, which alone says whom to trust and who we are."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to add to the context."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        parts = urlsplit(request.url)
        host = {"scheme": parts.scheme.lower(), "host": parts.hostname, "port": parts.port}
        return host, {"ssl_context": self._context}


def _checked(url: str) -> str:
    if _address(url) is None:
        raise ConnectError(f"{redact(url)} is no address of Kafka Connect: it is like http://127.0.0.1:8083")
    return url.rstrip("/")


def _address(url: str) -> SplitResult | None:
    """The parts of an address of a web server; None if it is none."""
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None
    except ValueError:  # the port is no number, or too large
        return None


def _never_sent(exc: requests.ConnectionError) -> str | None:
    """Why it failed, if that was before a byte of the request was sent."""
    from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

    wrapped = exc.args[0] if exc.args else None
    reason = wrapped.reason if isinstance(wrapped, MaxRetryError) else None
    if isinstance(reason, NameResolutionError):
        return "nobody knows this host"
    return "connection refused" if isinstance(reason, NewConnectionError) else None


def _tls_trouble(exc: requests.exceptions.SSLError) -> str | None:
    """Why the two do not trust each other; None: the connection only broke."""
    text = str(exc)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        found = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        told = f"its certificate is not trusted ({found or 'certificate verify failed'})"
        return f"{told}: name its CA in a context, or in STREAMGUARD_CONNECT_CA"
    if "alert" in text.lower():
        return "it does not accept our certificate, or misses one: name cert and key in a context"
    return "it speaks no TLS: is it http:// ?" if "WRONG_VERSION_NUMBER" in text else None


def _may_be_a_worker(response: requests.Response) -> bool:
    """A worker that starts answers 404 too, but it is not the only server that does."""
    return response.status_code != 404 or response.headers.get("Server", "").startswith("Jetty")
