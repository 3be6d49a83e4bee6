"""Which failures may pass by themselves: real exceptions of real libraries against the tables."""

import asyncio
import errno
import http.client
import io
import math
import socket
import ssl
import time
import urllib.error
import warnings
from email.message import Message
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycall.core.errors import ToolError, TransientToolError
from everycall.core.failures import MAX_LEAVES
from everycall.core.transient import BY_NAME, EAI_AGAIN, INNER, TRANSIENT_STATUS, is_transient, retry_after

NOW = 1_800_000_000.0


def imported(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def caused(error, cause):
    error.__cause__ = cause
    return error


def certificate_error():
    return ssl.SSLCertVerificationError(1, "certificate verify failed")


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionError(), True),
        (ConnectionResetError(errno.ECONNRESET, "reset"), True),
        (BrokenPipeError(), True),
        (TimeoutError(), True),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), True),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), False),
        (OSError(errno.EHOSTUNREACH, "no route"), True),
        (OSError(errno.ENETUNREACH, "no network"), True),
        (OSError(errno.ENOSPC, "disk full"), False),
        (OSError("who knows"), False),
        (FileNotFoundError(errno.ENOENT, "x"), False),
        (PermissionError(errno.EACCES, "x"), False),
        (ssl.SSLEOFError(8, "eof"), True),
        (ssl.SSLError(1, "bad protocol"), False),
        (certificate_error(), False),
        (asyncio.IncompleteReadError(b"", 5), True),
        (http.client.IncompleteRead(b""), True),
        (http.client.RemoteDisconnected(), True),
        (http.client.InvalidURL(), False),
        (ValueError("503"), False),
        (KeyError("status"), False),
        (RecursionError(), False),
        (MemoryError(), False),
        (AssertionError(), False),
        (TransientToolError("busy"), True),
        (ToolError("no"), False),
        (KeyboardInterrupt(), False),
        (SystemExit(503), False),
        (GeneratorExit(), False),
        (asyncio.CancelledError(), False),
        (urllib.error.URLError(TimeoutError()), True),
        (urllib.error.URLError(socket.gaierror(socket.EAI_AGAIN, "x")), True),
        (urllib.error.URLError(certificate_error()), False),
        (urllib.error.URLError("unknown url type"), False),
        (urllib.error.HTTPError("http://x", 503, "busy", Message(), io.BytesIO()), True),
        (urllib.error.HTTPError("http://x", 404, "gone", Message(), io.BytesIO()), False),
    ],
    ids=repr,
)
def test_the_standard_library(error, transient):
    assert is_transient(error) is transient
    if isinstance(error, urllib.error.HTTPError):
        error.close()


def test_the_code_of_try_again_is_known_on_this_system():
    assert socket.EAI_AGAIN in EAI_AGAIN


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_httpx(library):
    httpx = imported(library)
    request = httpx.Request("GET", "https://x")
    for name in ("ConnectError", "ReadError", "WriteError", "CloseError", "ConnectTimeout", "ReadTimeout",
                 "PoolTimeout", "WriteTimeout", "RemoteProtocolError", "ProxyError"):  # fmt: skip
        assert is_transient(getattr(httpx, name)("x")), name
        assert is_transient(getattr(httpx, name)("x", request=request)), name
    for name in ("UnsupportedProtocol", "LocalProtocolError", "DecodingError", "TooManyRedirects", "InvalidURL"):
        assert not is_transient(getattr(httpx, name)("x")), name
    assert not is_transient(caused(httpx.ConnectError("x"), caused(OSError(), certificate_error())))


def statused(library, status, headers=()):
    httpx = imported(library)
    response = httpx.Response(status, headers=list(headers), request=httpx.Request("GET", "https://x"))
    return httpx.HTTPStatusError("x", request=response.request, response=response)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 425, 429, 500, 501, 502, 503, 504, 505, 529]
)
def test_a_status_decides(library, status):
    assert is_transient(statused(library, status)) is (status in TRANSIENT_STATUS)


def test_the_set_of_statuses_is_the_designs_and_one_more():
    assert {408, 425, 429, 500, 502, 503, 504, 529} == TRANSIENT_STATUS


def test_requests():
    requests = imported("requests")
    errors = requests.exceptions
    for error in (errors.ConnectionError(), errors.ConnectTimeout(), errors.ReadTimeout(), errors.ProxyError(),
                  errors.ChunkedEncodingError(), errors.RetryError()):  # fmt: skip
        assert is_transient(error), error
    for error in (errors.SSLError(), errors.InvalidURL(), errors.MissingSchema(), errors.TooManyRedirects(),
                  errors.JSONDecodeError("x", "y", 0), errors.ContentDecodingError()):  # fmt: skip
        assert not is_transient(error), error
    response = requests.Response()
    response.status_code = 503
    response.headers["Retry-After"] = "7"
    error = errors.HTTPError("x", response=response)
    assert is_transient(error)
    assert retry_after(error) == 7
    response.status_code = 404
    assert not is_transient(error)


def test_urllib3():
    errors = imported("urllib3.exceptions")
    assert is_transient(errors.ProtocolError("x"))
    assert is_transient(errors.ReadTimeoutError(None, "/", "x"))
    assert is_transient(errors.MaxRetryError(None, "/", errors.NewConnectionError(None, "x")))
    assert not is_transient(errors.MaxRetryError(None, "/", errors.SSLError("x")))
    assert not is_transient(errors.MaxRetryError(None, "/", None))
    assert not is_transient(errors.LocationParseError("x"))


def test_aiohttp():
    aiohttp = imported("aiohttp")
    key = aiohttp.client_reqrep.ConnectionKey("x", 443, True, True, None, None, None)
    for error in (aiohttp.ServerDisconnectedError(), aiohttp.ServerTimeoutError(), aiohttp.ClientPayloadError(),
                  aiohttp.ClientOSError(), aiohttp.ConnectionTimeoutError(), aiohttp.SocketTimeoutError(),
                  aiohttp.ClientConnectorError(key, OSError(errno.ECONNREFUSED, "x"))):  # fmt: skip
        assert is_transient(error), type(error)
    for error in (aiohttp.ClientConnectorCertificateError(key, certificate_error()), aiohttp.InvalidURL("x"),
                  aiohttp.ServerFingerprintMismatch(b"", b"", "x", 1), aiohttp.ClientError()):  # fmt: skip
        assert not is_transient(error), type(error)
    for status in (404, 503):
        error = aiohttp.ClientResponseError(None, (), status=status, headers={"Retry-After": "3"})
        assert is_transient(error) is (status == 503)
        assert retry_after(error) == 3


def test_botocore():
    errors = imported("botocore.exceptions")
    for error in (errors.EndpointConnectionError(endpoint_url="x"), errors.ConnectTimeoutError(endpoint_url="x"),
                  errors.ReadTimeoutError(endpoint_url="x"), errors.ConnectionClosedError(endpoint_url="x"),
                  errors.IncompleteReadError(actual_bytes=1, expected_bytes=2)):  # fmt: skip
        assert is_transient(error), type(error)
    for error in (errors.NoCredentialsError(), errors.SSLError(endpoint_url="x", error="y"),
                  errors.ParamValidationError(report="x")):  # fmt: skip
        assert not is_transient(error), type(error)

    def client_error(status, code, headers=None):
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers or {}}
        return errors.ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "Invoke")

    assert is_transient(client_error(400, "ThrottlingException"))
    assert is_transient(client_error(503, "ServiceUnavailableException"))
    assert not is_transient(client_error(400, "ValidationException"))
    assert not is_transient(client_error(403, "AccessDeniedException"))
    assert not is_transient(errors.ClientError({}, "Invoke"))
    assert not is_transient(errors.ClientError({"Error": {"Code": ["unhashable"]}}, "Invoke"))
    assert retry_after(client_error(429, "x", {"retry-after": "5"})) == 5
    assert retry_after(client_error(429, "x", {"x-amz-retry-after": "1500"})) == 1.5


@pytest.mark.parametrize("library", ["openai", "anthropic"])
def test_openai_and_anthropic(library):
    sdk = imported(library)
    httpx = imported("httpx")
    try:
        httpx_used = imported(sdk._base_client.httpx.__name__)
    except AttributeError:
        httpx_used = httpx
    request = httpx_used.Request("POST", "https://x")

    def status_error(kind, status, headers=(), body=None):
        return kind("x", response=httpx_used.Response(status, headers=list(headers), request=request), body=body)

    assert is_transient(sdk.APIConnectionError(request=request))
    assert is_transient(sdk.APITimeoutError(request=request))
    assert not is_transient(caused(sdk.APIConnectionError(request=request), certificate_error()))
    assert is_transient(status_error(sdk.RateLimitError, 429))
    assert is_transient(status_error(sdk.InternalServerError, 500))
    assert is_transient(status_error(sdk.InternalServerError, 529))
    assert not is_transient(status_error(sdk.AuthenticationError, 401))
    assert not is_transient(status_error(sdk.UnprocessableEntityError, 422))
    assert not is_transient(status_error(sdk.ConflictError, 409))
    assert not is_transient(status_error(sdk.RateLimitError, 429, [("x-should-retry", "false")]))
    assert is_transient(status_error(sdk.RateLimitError, 429, [("x-should-retry", "true")]))
    limited = status_error(sdk.RateLimitError, 429, [("Retry-After", "20"), ("retry-after-ms", "1250")])
    assert retry_after(limited) == 1.25
    assert retry_after(status_error(sdk.RateLimitError, 429, [("Retry-After", "20"), ("retry-after-ms", "soon")])) == 20


def test_a_spent_quota_does_not_pass_by_itself():
    openai = imported("openai")
    httpx = imported("httpx")
    response = httpx.Response(429, request=httpx.Request("POST", "https://x"))
    assert is_transient(openai.RateLimitError("x", response=response, body={"code": "rate_limit_exceeded"}))
    assert not is_transient(openai.RateLimitError("x", response=response, body={"code": "insufficient_quota"}))


def test_google_genai():
    errors = imported("google.genai.errors")
    assert is_transient(errors.ServerError(503, {"error": {"status": "UNAVAILABLE"}}))
    assert is_transient(errors.ClientError(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}))
    assert not is_transient(errors.ClientError(400, {"error": {"status": "INVALID_ARGUMENT"}}))
    assert not is_transient(errors.UnknownFunctionCallArgumentError("x"))


def test_mistral():
    errors = imported("mistralai.client.errors")
    httpx = imported("httpx")

    def response(status):
        return httpx.Response(status, headers={"retry-after": "4"}, request=httpx.Request("POST", "https://x"))

    assert is_transient(errors.SDKError("x", response(429)))
    assert retry_after(errors.SDKError("x", response(429))) == 4
    assert not is_transient(errors.SDKError("x", response(401)))
    assert is_transient(errors.NoResponseError())


def test_cohere_and_ollama():
    cohere = imported("cohere.core.api_error")
    assert is_transient(cohere.ApiError(status_code=503))
    assert not is_transient(cohere.ApiError(status_code=400))
    assert retry_after(cohere.ApiError(status_code=429, headers={"Retry-After": "9"})) == 9
    ollama = imported("ollama")
    assert is_transient(ollama.ResponseError("x", 503))
    assert not is_transient(ollama.ResponseError("no such model", 404))
    assert not is_transient(ollama.ResponseError("x"))


def test_litellm():
    errors = imported("litellm.exceptions")
    assert is_transient(errors.RateLimitError("x", "openai", "gpt"))
    assert is_transient(errors.Timeout("x", "gpt", "openai"))
    assert is_transient(errors.ServiceUnavailableError("x", "openai", "gpt"))
    assert is_transient(errors.APIConnectionError("x", "openai", "gpt"))
    assert not is_transient(errors.AuthenticationError("x", "openai", "gpt"))
    assert not is_transient(errors.ContextWindowExceededError("x", "gpt", "openai"))
    assert not is_transient(errors.BudgetExceededError(2, 1))


class RpcError(Exception):
    """Shaped as grpc's own: `grpc.RpcError` is an empty class, and what is raised also is a call with a `code()`."""


RpcError.__module__ = "grpc"


def rpc_error(name):
    class Code:
        pass

    Code.name = name

    class RendezvousError(RpcError):
        def code(self):
            return Code()

    return RendezvousError()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
def test_grpc_codes_that_may_pass(code):
    assert is_transient(rpc_error(code))


@pytest.mark.parametrize(
    "code", ["ABORTED", "INTERNAL", "UNKNOWN", "FAILED_PRECONDITION", "UNAUTHENTICATED", "CANCELLED"]
)
def test_grpc_codes_that_do_not(code):
    assert not is_transient(rpc_error(code))
    assert not is_transient(RpcError())


def test_tenacity_is_looked_into():
    tenacity = imported("tenacity")
    for cause, transient in ((ConnectionError("x"), True), (ValueError("x"), False)):

        def fail(cause=cause):
            raise cause

        with pytest.raises(tenacity.RetryError) as info:
            tenacity.Retrying(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_none())(fail)
        assert is_transient(info.value) is transient
    waited = []

    class Unfinished(tenacity.Future):
        def exception(self, timeout=None):
            waited.append(timeout)
            return super().exception(timeout=0)

    assert not is_transient(tenacity.RetryError(Unfinished(1)))
    assert waited == [0]  # nothing is waited for


def test_a_carrier_in_a_circle_is_permanent():
    error = urllib.error.URLError("x")
    error.reason = error
    assert not is_transient(error)
    assert retry_after(error) is None
    error.reason = ExceptionGroup("g", [error, error])
    assert not is_transient(error)


def test_carriers_of_groups_of_carriers_are_read_one_level_deep():
    error = ConnectionError()
    for depth in range(100):
        error = urllib.error.URLError(ExceptionGroup("g", [error, error]))
        assert is_transient(error) is (depth == 0)  # in no time, where each level would double the work


def carriers(count, each):
    return ExceptionGroup("g", [urllib.error.URLError(ExceptionGroup("h", [TimeoutError()] * each))] * count)


def test_what_many_carriers_hold_is_bounded_together():
    assert is_transient(carriers(MAX_LEAVES // 10, 10))
    assert is_transient(carriers(MAX_LEAVES - 1, 1))
    assert not is_transient(carriers(MAX_LEAVES // 10 + 1, 10))
    error = carriers(960, 960)
    began = time.process_time()
    assert not is_transient(error)
    assert time.process_time() - began < 0.3  # it takes a hundredth of a second


class CustomError(Exception):
    pass


def test_extra_types_are_transient():
    assert not is_transient(CustomError())
    assert is_transient(CustomError(), (CustomError,))
    assert is_transient(CustomError(), (Exception,))
    assert is_transient(ExceptionGroup("g", [CustomError(), ConnectionError()]), (CustomError,))
    assert is_transient(ExceptionGroup("g", [ValueError()]), (ExceptionGroup,))


def test_extra_never_makes_a_tool_error_or_a_non_exception_transient():
    assert not is_transient(ToolError("no"), (Exception, ToolError))
    assert not is_transient(ExceptionGroup("g", [ToolError("no")]), (Exception, ExceptionGroup))
    assert not is_transient(KeyboardInterrupt(), (BaseException,))
    assert not is_transient(BaseExceptionGroup("g", [KeyboardInterrupt()]), (BaseException,))


def test_a_group_is_as_permanent_as_its_worst_leaf():
    assert is_transient(ExceptionGroup("g", [ConnectionError()]))
    assert is_transient(ExceptionGroup("g", [ExceptionGroup("h", [ConnectionError(), TimeoutError()])]))
    assert not is_transient(ExceptionGroup("g", [ConnectionError(), ValueError()]))
    assert not is_transient(BaseExceptionGroup("g", [ConnectionError(), asyncio.CancelledError()]))
    assert not is_transient(ExceptionGroup("g", [ConnectionError()] * (MAX_LEAVES + 1)))


@pytest.mark.parametrize("value", [503, HTTPStatus.SERVICE_UNAVAILABLE])
@pytest.mark.parametrize("attribute", ["status_code", "status"])
def test_any_error_with_a_status_is_judged_by_it(attribute, value):
    error = CustomError()
    setattr(error, attribute, value)
    assert is_transient(error)


@pytest.mark.parametrize("value", ["503", 503.0, True, None, [503], -503, 10**50])
def test_what_is_no_status_says_nothing(value):
    error = CustomError()
    error.status_code = value
    assert not is_transient(error)


def test_the_word_code_means_a_status_only_where_it_is_known_to():
    error = CustomError()
    error.code = 503
    assert not is_transient(error)


def test_what_a_status_says_first_counts():
    error = CustomError()
    error.status_code, error.status = 404, 503
    assert not is_transient(error)


class HostileError(Exception):
    def __getattribute__(self, name):
        raise SystemExit


class HostileMeta(type):
    def __getattribute__(cls, name):
        raise KeyboardInterrupt

    def __subclasscheck__(cls, kind):
        raise KeyboardInterrupt


def test_hostile_errors_are_permanent_and_say_nothing():
    assert not is_transient(HostileError())
    assert retry_after(HostileError()) is None
    odd = HostileMeta("Odd", (Exception,), {})
    assert not is_transient(odd())
    assert not is_transient(ValueError(), (odd,))
    assert is_transient(HostileMeta("Odd", (ConnectionError,), {})())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("86400", 86400.0),
        ("Fri, 15 Jan 2027 08:00:10 GMT", 10.0),
        ("Fri, 15 Jan 2027 08:00:10 -0000", 10.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Friday, 15-Jan-27 08:00:10 GMT", 10.0),
        ("", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("0x10", None),
        ("٣", None),
        ("soon", None),
        ("5; 6", None),
        ("9" * 400, None),
        ("Fri, 99 Foo 2027 08:00:10 GMT", None),
        ("Fri, 15 Jan 99999 08:00:10 GMT", None),
        ("\ud800", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, expected):
    error = CustomError()
    error.headers = {"RETRY-AFTER": value}
    assert retry_after(error, now=NOW) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "3"},
        {"Retry-After": b"3"},
        [("X", "y"), ("Retry-After", "3")],
        ((b"retry-after", b"3"), (b"retry-after", b"9")),
        [["Retry-After", "3"]],
    ],
)
@pytest.mark.parametrize("place", ["headers", "response"])
def test_headers_are_read_in_every_shape(headers, place):
    error = CustomError()
    if place == "headers":
        error.headers = headers
    else:
        error.response = type("Response", (), {"headers": headers})()
    assert retry_after(error) == 3


@pytest.mark.parametrize(
    "headers", ["retry-after: 3", 5, [1, 2], [("a",)], {"retry-after": 3}, {"retry-after": None}, {5: "3"}]
)
def test_headers_of_no_shape_say_nothing(headers):
    error = CustomError()
    error.headers = headers
    assert retry_after(error) is None


def test_endless_headers_are_read_only_so_far():
    class Endless:
        read = 0

        def items(self):
            while True:
                Endless.read += 1
                yield ("x", "y")

    error = CustomError()
    error.headers = Endless()
    assert retry_after(error) is None
    assert Endless.read <= 257


def test_headers_that_raise_do_not_hide_others():
    class Raises:
        def items(self):
            raise SystemExit

    error = CustomError()
    error.response = type("Response", (), {"headers": Raises()})()
    error.headers = {"Retry-After": "2"}
    assert retry_after(error) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        (0, 0.0),
        (2.5, 2.5),
        (-1, None),
        (math.nan, None),
        (math.inf, None),
        ("5", 5.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("soon", None),
        ("-1", None),
        (True, None),
        (None, None),
    ],
)
def test_a_tool_may_say_how_long(value, expected):
    assert retry_after(TransientToolError("busy", retry_after=value), now=NOW) == expected


def test_of_a_group_the_longest_wait_counts():
    error = ExceptionGroup(
        "g", [TransientToolError("a", retry_after=1), TransientToolError("b", retry_after=4), ValueError()]
    )
    assert retry_after(error) == 4
    assert retry_after(ValueError()) is None


def test_the_clock_is_read_where_no_time_is_given():
    error = CustomError()
    error.headers = {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert retry_after(error) > 1e8


def test_the_tables_name_every_entry_as_root_and_type():
    for name in (*BY_NAME, *INNER):
        root, _, kind = name.partition(".")
        assert root.isidentifier()
        assert kind.isidentifier()


@given(st.text(max_size=70))
def test_any_header_text_gives_seconds_or_nothing(text):
    error = CustomError()
    error.headers = {"retry-after": text, "retry-after-ms": text}
    wait = retry_after(error, now=NOW)
    assert wait is None or (wait >= 0 and math.isfinite(wait))
