"""What must not be read by others is hidden, in every form it may take, and nothing else is."""

import base64
import itertools
import json
import re
import time
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from everycall.core.credentials import credentials_in
from everycall.core.errors import UsageError
from everycall.core.failures import failure_of, message_for_model
from everycall.core.redaction import (
    HIDDEN,
    MAX_SECRET,
    NOTHING_HIDDEN,
    Redaction,
    Redactor,
    forms_of,
    secrets_of_environment,
)
from everycall.core.text import clean, one_line, shown
from tests.growth import assert_grows_within

CANARY = 'k"9\\Zebra/ü&q=7 end'


def redactor(*secrets, environ=None, **options):
    return Redactor(Redaction(secrets=secrets, **options), environ or {})


def forms(secret):
    data = secret.encode()
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(secret).replace("/", "\\/")[1:-1]
    yield repr(secret)
    yield ascii(secret)
    yield urllib.parse.quote(secret)
    yield urllib.parse.quote(secret, safe="")
    yield urllib.parse.quote_plus(secret)
    yield urllib.parse.quote_plus(secret).lower() if secret.islower() else urllib.parse.quote_plus(secret)
    yield base64.b64encode(data).decode()
    yield base64.urlsafe_b64encode(data).decode()


class TestKnownSecrets:
    @pytest.mark.parametrize(
        "secret", [CANARY, "plain-Secret-0001", "ümläut-gehéim", "two\nlines of key", "1234567890"]
    )
    def test_are_hidden_in_every_form(self, secret):
        hides = redactor(secret)
        for form in forms(secret):
            hidden = hides.hide(f"before {form} after")
            assert HIDDEN in hidden, form
            assert form not in hidden
            assert hidden.startswith("before ")
            assert hidden.endswith(" after")
            assert hides.hide(hidden) == hidden

    @pytest.mark.parametrize("before", ["", "u", "us", "user:", "\0\0\0\0"])
    @pytest.mark.parametrize("after", ["", "x", "yz"])
    def test_are_hidden_within_a_longer_base64(self, before, after):
        secret = "kd83-Secret-value"
        whole = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
        hidden = redactor(secret).hide(f"Basic: {whole}")
        longest = max(re.split(re.escape(HIDDEN), hidden), key=len)
        assert HIDDEN in hidden
        assert len(longest) <= len("Basic: ") + 16  # what is left says less than three of its characters

    def test_that_overlap_leave_nothing_between_them(self):
        hides = redactor("abcd1234", "1234efgh", "efgh")
        assert hides.hide("<abcd1234efgh>") == f"<{HIDDEN}>"
        assert hides.hide("abcd1234abcd1234") == HIDDEN

    def test_of_the_environment_are_those_named_so_and_long_enough(self):
        environ = {
            "OPENAI_API_KEY": "long-enough-1",
            "DB_PASSWORD": " long-enough-2\n",
            "token": "long-enough-3",
            "MY_SECRET": "short",
            "PATH": "/usr/bin:/long/enough",
            "KEYBOARD": "long-enough-4",
            "MONKEY": "long-enough-5",
        }
        assert secrets_of_environment(environ) == ("long-enough-1", "long-enough-2", "long-enough-3")
        hides = redactor(environ=environ)
        assert hides.hide("long-enough-1 long-enough-2 long-enough-3") == " ".join([HIDDEN] * 3)
        assert hides.hide("long-enough-4 short") == "long-enough-4 short"
        assert redactor(environ=environ, environment=False).hide("long-enough-1") == "long-enough-1"

    def test_of_the_environment_are_read_once_and_only_when_needed(self):
        reads = []

        class Counting(dict):
            def __iter__(self):
                reads.append(1)
                return super().__iter__()

        hides = redactor(environ=Counting(A_KEY="value-number-one"))
        assert reads == []
        for _ in range(3):
            assert hides.hide("value-number-one") == HIDDEN
        assert reads == [1]

    def test_of_one_call_cost_little_however_long_they_are_together(self):
        long = ["".join(chr(33 + (at * step) % 90) for at in range(MAX_SECRET)) for step in range(1, 90)]
        hides = redactor(patterns=False).knowing(long)
        started = time.process_time()
        assert hides.hide(f"it was {long[0]} or {long[-1]}") == f"it was {HIDDEN} or {HIDDEN}"
        assert time.process_time() - started < 0.4

    def test_of_one_call_are_known_to_its_own_redactor_alone(self):
        hides = redactor("registered-1")
        own = hides.knowing(["of-this-call"])
        assert own.hide("registered-1 of-this-call") == f"{HIDDEN} {HIDDEN}"
        assert hides.hide("of-this-call") == "of-this-call"
        assert own.hide_registered("registered-1 of-this-call") == f"{HIDDEN} of-this-call"

    @given(st.text(min_size=4, max_size=30).filter(lambda one: len(one.strip()) >= 4), st.text(max_size=30))
    def test_are_never_left_in_a_text(self, secret, around):
        hidden = redactor(secret, patterns=False).hide(clean(around + secret + around))
        for form in (clean(secret.strip()),):
            assert len(form) < 4 or form in HIDDEN or form not in hidden.replace(HIDDEN, "\0")


CREDENTIALS = {
    "sk-proj-AbCdEf0123456789AbCdEf": "{}",
    "sk-ant-api03-AbCdEf0123456789_-AbCdEf": "key {} rejected",
    "AKIAIOSFODNN7EXAMPLE": "id={}!",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345": "clone {}: failed",
    "github_pat_11ABCDEFG0123456789_abcdefghij": "{}",
    "xoxb-123456789012-abcdefGHIJ": "'{}'",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv": "?key={}",
    "hf_abcdefghijABCDEFGHIJabcdefghijABCD": "{}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": "jwt {} expired",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----": "pem:\n{}\nrest",
    "-----BEGIN PRIVATE KEY-----\\nMIIEow\\n-----END PRIVATE KEY-----": "{{'pem': '{}'}}",
    "p4ss:w0rd": "postgres://bob:{}@db.example.com:5432/x",
    "hunter2": "password={}",
    "hunter 2": "password='{}'",
    "hun'ter": '{{"Password": "{}"}}',
    "hunter3": "PGPASSWORD = {};",
    "aGVsbG8tMTIz": "DB_TOKEN={}",
    "abc123def456": "api-key: {}",
    "abcdefghijklmnop1234": "Bearer {}",
    "dXNlcjpwYXNzd29yZA==": "Authorization: Basic {}",
    "zzz-9": '{{\\"client_secret\\":\\"{}\\"}}',
    "0a1b2c%2F3d": "https://a.example/b?x=1&sig={}&y=2",
}
HARMLESS = [
    "token: must be text",
    "password: Input should be a valid string",
    "invalid token '<' at line 4",
    "max_tokens=100, total tokens: 5000",
    "the secret of the tokenizer; api keys: none",
    "KeyError: 'token'",
    "https://example.com:8080/path@2x.png?key=5",
    "see bob@example.com, or ftp://files.example.com/a:b",
    "missing authorization: header is absent",
    "Bearer authentication failed",
    "risk-free sk-learn ask-me-anything-you-like-to-know",
    "-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----",
    "eyJ is how base64 of JSON begins",
    "if password == other or token != None: ...",
]


class TestCredentials:
    @pytest.mark.parametrize("secret", CREDENTIALS)
    def test_are_told_by_their_looks(self, secret):
        text = CREDENTIALS[secret].format(secret)
        hidden = redactor().hide(text)
        assert secret not in hidden
        assert HIDDEN in hidden
        for part in CREDENTIALS[secret].replace('\\"', " ").replace("{{", "{").split("{}")[:1]:
            assert hidden.startswith(part.split(" ")[0])
        assert redactor(patterns=False).hide(text) == text
        assert redactor().hide(hidden) == hidden

    @pytest.mark.parametrize("text", HARMLESS)
    def test_are_not_seen_where_there_are_none(self, text):
        assert redactor().hide(text) == text

    @given(st.text(st.sampled_from("aZ0 :=/@'\"\\-_.&?\n"), max_size=200), st.data())
    def test_lie_within_the_text_whatever_it_is(self, text, data):
        pieces = data.draw(
            st.lists(st.sampled_from([*CREDENTIALS, "://", "password=", "Bearer ", "token", text]), max_size=6)
        )
        whole = text.join(pieces)
        spans = list(credentials_in(whole))
        assert all(0 <= first < last <= len(whole) for first, last in spans)
        redactor().hide(whole)


UNITS = [
    "password=", "token:", "Bearer ", "authorization: ", "://a:", "://", "sk-", "eyJ", "eyJa.", "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----", "-----END ", "AKIA", "ghp_", "password='", "password=\\'", 'secret\\"', "x-amz-",
    "api_key=token=", "://a:b@", "Authorization: Basic Basic ", "ü", "\\", "'", "=" , " ", "SG.", "A",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear_in_the_text(unit):
    """Sixteen times the text takes less than 60 times the processor: a quadratic search would take 256 times."""
    hides = redactor("canary-0001", environ={"A_KEY": "canary-0002"})
    hides.hide("warm")

    def text(size):
        return unit * (size // len(unit))

    assert_grows_within(60, hides.hide, text(10_000), text(160_000))


class TestShown:
    @pytest.mark.parametrize("secret", ["canary-" + "0123456789" * 3, "sk-" + "ab01" * 20])
    def test_no_half_of_a_secret_is_left_where_a_text_is_cut(self, secret):
        hides = redactor("canary-" + "0123456789" * 3)
        for limit, before, after in itertools.product((40, 100), range(0, 260, 3), (300, 9000)):
            said = hides.shown("." * before + " " + secret + " " + "x" * after, limit)
            assert len(said) <= limit
            assert not re.search(r"canary-|sk-", said), (limit, before, after)
            assert said.startswith("." * min(before, limit - 30))

    @pytest.mark.parametrize("length", [20, 60, 150, 20_000])
    def test_what_is_removed_cannot_hide_a_secret_from_it(self, length):
        said = redactor("canary-0123456789").shown("can\u200bary-0123\x1b[31m456789" + "." * length, 100)
        assert said.startswith(HIDDEN)

    def test_what_is_removed_before_it_cannot_draw_a_half_into_view(self):
        hides = redactor("canary-0123456789")
        for at in range(40):
            text = "\x1b[31m" * 1630 + "." * at + "canary-0123456789" * 600
            assert "cana" not in hides.shown(text, 2000)

    @given(st.text(max_size=300), st.integers(30, 100))
    def test_is_what_it_was_where_nothing_is_hidden(self, text, limit):
        assert NOTHING_HIDDEN.shown(text, limit) == shown(text, limit)
        assert redactor(environment=False, patterns=False).shown(text, limit) == shown(text, limit)

    def test_a_text_of_a_hundred_megabytes_costs_no_more_than_the_limit(self):
        hides = redactor("canary-0001")
        text = "x" * 100_000_000
        started = time.process_time()
        assert hides.shown(text, 2000).endswith("more characters]")
        assert time.process_time() - started < 0.5


class TestResults:
    @given(
        st.recursive(
            st.sampled_from(["canary-1", "12345678", 12345678, -9123456780, 1.5, None, True, "a canary-1 b", "ok"]),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.text(max_size=3) | st.just("canary-1"), inner, max_size=4)
            ),
        )
    )
    def test_json_stays_json_without_the_secrets(self, value):
        hides = redactor("canary-1", "12345678")
        text = hides.hide_in_result(json.dumps(value, separators=(",", ":")), is_json=True)
        json.loads(text)
        assert "canary-1" not in text
        assert "12345678" not in text

    def test_patterns_and_the_environment_are_left_alone(self):
        hides = redactor("canary-1", environ={"A_KEY": "of-the-environment"})
        text = '{"password": "hunter2", "key": "of-the-environment"}'
        assert hides.hide_in_result(text, is_json=True) == text

    def test_what_is_left_of_a_secret_at_a_cut_is_hidden(self):
        hides = redactor("canary-0123456789")
        cut = "\n[... 100 bytes left out ...]\n"
        for at in range(1, 17):
            secret = "canary-0123456789"
            text = f"head {secret[:at]}{cut}{secret[at:]} tail"
            hidden = hides.hide_in_result(text, is_json=False)
            if at >= 4:
                assert hidden.startswith(f"head {cut}")
            if 17 - at >= 4:
                assert hidden.endswith(f"{cut} tail")

    @pytest.mark.parametrize("fake", ["\n[... 12 bytes left out ...]\n", "\n[... 1 characters left out ...]\n" * 3])
    @pytest.mark.parametrize("between", ["", "y" * 50, "canary-0123456789"])
    def test_a_cut_that_the_text_only_claims_does_not_hide_the_real_one(self, fake, between):
        hides = redactor("canary-0123456789")
        secret, cut = "canary-0123456789", "\n[... 100 bytes left out ...]\n"
        for at in range(4, 14):
            marked = {
                f"{fake}{between}{secret[:at]}{cut}{secret[at:]} tail{fake}",
                f"{fake[:-1]}{cut}{secret[at:]} tail",
            }
            for text in marked:
                hidden = hides.hide_in_result(text, is_json=False)
                assert "canary" not in hidden
                assert "789" not in hidden
                assert cut in hidden

    def test_cuts_without_a_half_leave_the_text_as_it_is(self):
        text = "\n[... 1 bytes left out ...]\n[... 2 bytes left out ...]\n\n[... 3 bytes left out ...]\nx" * 3
        assert redactor("canary-0123456789").hide_in_result(text, is_json=False) == text

    def test_thousands_of_cuts_and_long_secrets_take_no_long_time(self):
        hides = redactor(*("".join(chr(33 + (at * step) % 90) for at in range(8000)) for step in range(7, 17)))
        hides.hide_in_result("x", is_json=False)
        text = "\n[... 12 bytes left out ...]\nabcd" * 7700
        started = time.process_time()
        assert hides.hide_in_result(text, is_json=False) == text
        assert time.process_time() - started < 2


class TestLine:
    def test_no_half_of_a_secret_is_left_where_an_authors_words_are_cut(self):
        hides = redactor("canary-0123456789", "s" * 3000 + "canary")
        for before, after in itertools.product(range(260), (0, 20, 300, 90_000)):
            said = hides.line("." * before + "can\u200bary-0123456789" + "x" * after, 100)
            assert len(said) <= 100
            assert "canary" not in said
        assert "s" * 20 not in hides.line(("s" * 3000 + "canary") * 50, 1000)

    @given(st.text(max_size=300), st.integers(30, 100))
    def test_is_one_line_where_nothing_is_hidden(self, text, limit):
        assert NOTHING_HIDDEN.line(text, limit) == one_line(text, limit)
        assert redactor("canary-0123456789").line(text, limit) == one_line(text, limit)

    def test_a_text_of_a_hundred_megabytes_costs_no_more_than_the_limit(self):
        hides, text = redactor("canary-0001"), "x" * 100_000_000
        started = time.process_time()
        assert hides.line(text, 1000).endswith("xxx...")
        assert time.process_time() - started < 0.5


class TestRedaction:
    def test_never_shows_its_secrets(self):
        redaction = Redaction(secrets=("canary-1",))
        assert "canary" not in repr(redaction)
        assert repr(redaction) == "Redaction(secrets=<1>, environment=True, patterns=True)"
        assert "canary" not in repr(Redactor(redaction, {}).knowing(["canary-2"]))

    def test_takes_secrets_as_text_bytes_or_objects_that_hold_them(self):
        hides = redactor("canary-1", b"canary-2", SecretStr("canary-3"), " canary-4\n")
        assert hides.hide("canary-1 canary-2 canary-3 canary-4") == " ".join([HIDDEN] * 4)

    @pytest.mark.parametrize(
        ("options", "cure"),
        [
            ({"secrets": "canary-1"}, r"secrets=\(token,\)"),
            ({"secrets": ("abc",)}, "4 to 8,192 characters, and has 3"),
            ({"secrets": ("canary" * MAX_SECRET,)}, "leave out what is not set"),
            ({"secrets": (None,)}, "NoneType"),
            ({"secrets": ["canary-1"] * 1001}, "at most 1000"),
            ({"environment": "yes"}, "True or False"),
            ({"patterns": 1}, "True or False"),
        ],
    )
    def test_refuses_what_it_cannot_hide_without_repeating_it(self, options, cure):
        with pytest.raises(UsageError, match=cure) as caught:
            Redaction(**options)
        assert "canary" not in str(caught.value)


class TestFailures:
    def test_no_half_of_a_secret_is_left_in_a_traceback(self):
        hides = redactor("canary-0123456789")
        error = ValueError("." * 1990 + "canary-0123456789" + "." * 3000)
        error.add_note("x" * 290 + "canary-0123456789" * 3)
        try:
            raise error from KeyError("canary-0123456789")
        except ValueError as caught:
            failure = failure_of(caught, redactor=hides)
        assert "Traceback (most recent call last)" in failure.traceback
        assert "xxx" in failure.traceback
        for text in (
            failure.message,
            failure.traceback.replace('"canary-0123456789"', ""),
            message_for_model(error, hides),
        ):
            assert "canar" not in text
            assert text


def test_beyond_their_room_secrets_are_hidden_as_they_stand_alone():
    secrets = ["first-äß" * 4, "second-äß" * 4]
    forms = forms_of(secrets, room=40)
    assert len([form for form in forms_of(secrets[:1]) if form in forms]) > 5
    assert [form for form in forms_of(secrets[1:]) if form in forms] == secrets[1:]
