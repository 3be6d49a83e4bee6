"""Which failures may pass by themselves: tables of names and codes, and the few lines that read them.

1. The classifier says *transient*, never *safe to repeat*: that is the tool's to say.
2. What is unknown is permanent. What is not an `Exception` is never transient. A `ToolError` is permanent, even where
   `Retry.on` names its type: who wants a retry raises `TransientToolError`.
3. No library is imported: types are told by root module and name, statuses by the attributes that libraries agree on.
   Attributes of foreign objects are read defensively: they may raise, lie, or never have existed.
4. A group is as permanent as the worst of its leaves.
"""

import errno
import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from everycall.core.errors import ToolError, TransientToolError
from everycall.core.failures import MAX_LEAVES, leaves_of, names_of

TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses that may pass (design, section 5; RFC 9110, 8470, 6585); 529 is Anthropic's "overloaded"."""

TRANSIENT_GRPC = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"})
"""gRPC status names that may pass (grpc.io/docs/guides/status-codes): they map to HTTP 503, 429 and 504.

Not `ABORTED`, which asks for a repeat at a higher level than one call, and not `INTERNAL`, a broken invariant.
"""

TRANSIENT_AWS = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""AWS error codes that may pass: the standard retry mode's transient and throttling errors (AWS SDKs guide)."""

TRANSIENT_ERRNO = frozenset(
    {errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.ENETUNREACH, errno.ETIMEDOUT}
)
"""Errors of the operating system that may pass and that Python gives no class of their own."""

EAI_AGAIN = frozenset({-3, 2, 11002})
"""`socket.EAI_AGAIN`, "try again", on Linux, on macOS and BSD, and on Windows."""

BY_NAME: Mapping[str, bool] = {
    # A tool's own TimeoutError is a bound it set itself, around a transport as a rule. The call's deadline is no
    # exception here: the engine knows it by its scope. asyncio's, socket's and concurrent.futures' are this one.
    "builtins.TimeoutError": True,
    "builtins.ConnectionError": True,
    "trio.TooSlowError": True,
    "asyncio.IncompleteReadError": True,
    "http.IncompleteRead": True,
    "ssl.SSLEOFError": True,
    "ssl.SSLZeroReturnError": True,
    "ssl.SSLCertVerificationError": False,
    "httpx.TimeoutException": True,
    "httpx.NetworkError": True,
    "httpx.RemoteProtocolError": True,
    "httpx.ProxyError": True,
    "httpx2.TimeoutException": True,
    "httpx2.NetworkError": True,
    "httpx2.RemoteProtocolError": True,
    "httpx2.ProxyError": True,
    "httpcore.TimeoutException": True,
    "httpcore.NetworkError": True,
    "httpcore.RemoteProtocolError": True,
    "httpcore.ProxyError": True,
    "requests.ConnectionError": True,
    "requests.Timeout": True,
    "requests.ChunkedEncodingError": True,
    "requests.RetryError": True,  # raised for statuses that its user listed as worth a retry
    "requests.SSLError": False,
    "urllib3.TimeoutError": True,
    "urllib3.ProtocolError": True,
    "urllib3.ProxyError": True,
    "urllib3.IncompleteRead": True,
    "urllib3.ResponseNotChunked": False,
    "aiohttp.ClientConnectionError": True,
    "aiohttp.ClientPayloadError": True,
    "aiohttp.ClientSSLError": False,
    "aiohttp.ServerFingerprintMismatch": False,
    "botocore.ConnectionError": True,
    "botocore.HTTPClientError": True,
    "botocore.IncompleteReadError": True,
    "botocore.SSLError": False,
    "openai.APIConnectionError": True,
    "anthropic.APIConnectionError": True,
    "anthropic.RetryableError": True,
    "mistralai.NoResponseError": True,
    "litellm.BudgetExceededError": False,  # says 429, and no waiting helps
}
"""What a type says of its instances; the most specific type that is listed decides."""

INNER: Mapping[str, str] = {
    "urllib.URLError": "reason",
    "urllib3.MaxRetryError": "reason",
    "tenacity.RetryError": "last_attempt",
}
"""Exceptions that only carry another one, and the attribute that holds it."""

STATUS_PATHS = (
    ("status_code",),
    ("response", "status_code"),
    ("response", "status"),
    ("status",),
)
"""Where libraries put an HTTP status, in the order of reading."""

CODE_IS_STATUS = frozenset({"urllib.HTTPError", "google.APIError", "google.GoogleAPICallError"})
"""Types whose `code` is an HTTP status. Elsewhere the word means too many things."""

NEVER_CODES = frozenset({"insufficient_quota"})
"""Values of `code` that no waiting cures, whatever the status says (OpenAI: error codes guide)."""

WAIT_HEADERS: tuple[tuple[str, float], ...] = (
    ("retry-after-ms", 0.001),  # Azure OpenAI, OpenAI
    ("retry-after", 1.0),  # RFC 9110, 10.2.3: seconds or a date
    ("x-amz-retry-after", 0.001),  # AWS SDKs, standard retry mode
)
"""Headers that say how long to wait, the most precise first, with the seconds of one unit."""

_MAX_LINKS = 8
_MAX_HEADERS = 256
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_READ_HEADERS = frozenset({"x-should-retry", *(name for name, _ in WAIT_HEADERS)})


def is_transient(error: BaseException, extra: tuple[type[Exception], ...] = ()) -> bool:
    """Return whether the cause of *error* may pass by itself.

    Args:
        error: what the tool raised.
        extra: further types that count as transient (`Retry.on`); never a `ToolError`, never what is no `Exception`.
    """
    try:
        named = issubclass(type(error), extra)
        leaves, complete = leaves_of(error)
        carried = _Carried()
        return complete and all(_may_pass(leaf, extra, carried, named=named) for leaf in leaves)
    except BaseException:  # noqa: BLE001 -- foreign code; what cannot be read is unknown, and what is unknown is permanent
        return False


def retry_after(error: BaseException, *, now: float | None = None) -> float | None:
    """Return the seconds that the other side asked to wait, if it did.

    `TransientToolError.retry_after`, or the headers of `WAIT_HEADERS`; of a group, the longest wait of its leaves.

    Args:
        error: what the tool raised.
        now: the time in Unix seconds from which a date is counted; the clock's by default.

    Returns:
        Seconds, at least 0 (a date in the past is 0), unbounded above; None for nothing, and for garbage.
    """
    try:
        waits = [_wait_of(leaf, time.time() if now is None else now) for leaf in leaves_of(error)[0]]
    except BaseException:  # noqa: BLE001 -- foreign code
        return None
    return max((wait for wait in waits if wait is not None), default=None)


class _Carried:
    """What the carriers in one question hold: no more than `MAX_LEAVES` together, for each may carry a whole group."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_LEAVES

    def leaves_of(self, error: BaseException | None) -> tuple[list[BaseException], bool]:
        """Return the leaves that a carrier holds, and whether these are all; none if it holds nothing."""
        if error is None:
            return [], False
        leaves, complete = leaves_of(error)
        self._left -= len(leaves)
        return leaves, complete and self._left >= 0


def _may_pass(
    error: BaseException, extra: tuple[type[Exception], ...], carried: _Carried | None, *, named: bool
) -> bool:
    """Return whether *error*, a leaf, may pass. *carried* is None for what was carried itself."""
    kind = type(error)
    if not issubclass(kind, Exception):
        return False
    if issubclass(kind, ToolError):
        return issubclass(kind, TransientToolError)
    if named or issubclass(kind, extra):
        return True
    # What is carried is not unwrapped again: carriers of groups of carriers would double the work at each level.
    inner = error if carried is None else _unwrapped(error)
    if carried is not None and inner is not error:
        leaves, complete = carried.leaves_of(inner)
        return complete and all(_may_pass(leaf, extra, None, named=False) for leaf in leaves)
    if _is_vetoed(error):
        return False
    names = tuple(names_of(error))
    verdict = next((BY_NAME[name] for name in names if name in BY_NAME), None)
    return verdict if verdict is not None else _says_so(error, names)


def _unwrapped(error: BaseException) -> BaseException | None:
    """Return the exception that *error* carries, itself if it is no carrier, None if it carries none."""
    for _ in range(_MAX_LINKS):
        # A type that is listed as saying its status speaks for itself, although it may derive from a carrier.
        known = next((name for name in names_of(error) if name in INNER or name in CODE_IS_STATUS), None)
        if known is None or known not in INNER:
            return error
        held = _read(error, INNER[known])
        outcome_of = _read(held, "exception")  # tenacity holds a future
        if callable(outcome_of):
            held = outcome_of(timeout=0)
        if not issubclass(type(held), BaseException):
            return None
        error = held
    return None


def _is_vetoed(error: BaseException) -> bool:
    """Whether a sign beside the type and the status says that a repeat is no use."""
    code = _read(error, "code")
    if type(code) is str and code in NEVER_CODES:
        return True
    # Anthropic's and OpenAI's servers say so where a status alone would mislead, such as a spending limit behind a 429.
    if _headers_of(error).get("x-should-retry") == "false":
        return True
    # Clients report a certificate that they do not trust as a failed connection.
    return any("ssl.SSLCertVerificationError" in names_of(cause) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    for _ in range(_MAX_LINKS):
        cause = error.__cause__
        if cause is None:
            return
        yield cause
        error = cause


def _says_so(error: BaseException, names: tuple[str, ...]) -> bool:
    """Whether a code or a status of *error* says that it may pass."""
    if "socket.gaierror" in names:
        return _read(error, "errno") in EAI_AGAIN
    if "grpc.RpcError" in names:
        code = _read(error, "code")
        return callable(code) and _read(code(), "name") in TRANSIENT_GRPC
    if "botocore.ClientError" in names and _aws_field(error, "Error", "Code") in TRANSIENT_AWS:
        return True
    if issubclass(type(error), OSError) and _read(error, "errno") in TRANSIENT_ERRNO:
        return True
    return _status_of(error, names) in TRANSIENT_STATUS


def _status_of(error: BaseException, names: tuple[str, ...]) -> int | None:
    """Return the first HTTP status that *error* shows, or None."""
    if "botocore.ClientError" in names:
        return _whole(_aws_field(error, "ResponseMetadata", "HTTPStatusCode"))
    paths = STATUS_PATHS if CODE_IS_STATUS.isdisjoint(names) else (("code",), *STATUS_PATHS)
    for path in paths:
        value: object = error
        for attribute in path:
            value = _read(value, attribute)
        status = _whole(value)
        if status is not None:
            return status
    return None


def _wait_of(error: BaseException, now: float) -> float | None:
    carried = _unwrapped(error)
    error = error if carried is None else carried
    if issubclass(type(error), TransientToolError):
        asked = _read(error, "retry_after")
        if type(asked) is str:
            return _seconds(asked, 1.0, now)
        return float(asked) if type(asked) in (int, float) and 0 <= asked < math.inf else None
    headers = _headers_of(error)
    waits = (_seconds(headers[name], unit, now) for name, unit in WAIT_HEADERS if name in headers)
    return next((wait for wait in waits if wait is not None), None)


def _seconds(text: str, unit: float, now: float) -> float | None:
    """Return a header's wait in seconds, None if it is neither a number nor (in seconds alone) a date."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text) * unit
    if unit != 1.0 or len(text) > 64:
        return None
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, at.timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _headers_of(error: BaseException) -> dict[str, str]:
    """Return the headers that are read here, by name in lower case; the first of several equal ones."""
    found: dict[str, str] = {}
    response = _read(error, "response")
    for headers in (_read(response, "headers"), _read(error, "headers"), _aws_headers(response)):
        try:
            for name, value in islice(_pairs(headers), _MAX_HEADERS):
                key = _word(name).lower()
                if key in _READ_HEADERS:
                    found.setdefault(key, _word(value))
        except BaseException:  # noqa: BLE001, S112 -- foreign code; another place may still hold them
            continue
    return found


def _pairs(headers: Any) -> Iterator[tuple[object, object]]:
    if headers is None:
        return iter(())
    items = getattr(headers, "items", None)
    return iter(items() if callable(items) else headers)


def _word(value: object) -> str:
    """Return a header's name or value as text; empty for what is neither text nor bytes, or far too long."""
    if type(value) is bytes and len(value) <= 128:
        return value.decode("latin-1")
    return value if type(value) is str and len(value) <= 128 else ""


def _aws_headers(response: object) -> object:
    return _item(_item(response, "ResponseMetadata"), "HTTPHeaders")


def _aws_field(error: BaseException, section: str, name: str) -> object:
    return _item(_item(_read(error, "response"), section), name)


def _item(mapping: object, key: str) -> object:
    return mapping.get(key) if type(mapping) is dict else None


def _read(value: object, attribute: str) -> Any:
    """Return an attribute of a foreign object; None if it has none or raises."""
    try:
        return getattr(value, attribute, None)
    except BaseException:  # noqa: BLE001 -- a property of foreign code, such as httpx's `request` before there is one
        return None


def _whole(value: object) -> int | None:
    """Return *value* as an `int` if it is one, `http.HTTPStatus` included."""
    return int.__int__(value) if issubclass(type(value), int) else None  # type: ignore[arg-type]
