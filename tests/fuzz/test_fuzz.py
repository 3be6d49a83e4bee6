"""A short run of the fuzzer, on seeds that never change, and proof that its judges can find something."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall import repair
from everycall.core.errors import EverycallError
from everycall.dialects import detect
from everycall.registry.arguments import read_arguments
from everycall.turn.encode import encode_value
from tests.fuzz import mutate, targets
from tests.fuzz.__main__ import play
from tests.messages import message

SHORT = 400


@pytest.mark.parametrize("name", targets.TARGETS)
def test_nothing_foreign_comes_out_of_any_case(name):
    outcomes = {play(name, number) for number in range(SHORT)}
    assert len(outcomes) > 1, "the mutations are too weak or too strong to tell anything"


def test_a_case_is_the_same_each_time():
    for name in targets.TARGETS:
        assert play(name, 7) == play(name, 7)


class TestTheJudges:
    """They can find something: each has a broken subject that it must see."""

    def test_of_arguments_finds_an_exception_of_another_kind(self, monkeypatch):
        def broken(raw, *, max_bytes):
            return read_arguments(raw, max_bytes=max_bytes) if raw != "[" else 1 / 0

        monkeypatch.setattr(targets, "read_arguments", broken)
        with pytest.raises(ZeroDivisionError):
            targets.read_text("[")

    def test_of_arguments_finds_a_key_that_is_there_twice(self, monkeypatch):
        monkeypatch.setattr(targets, "read_arguments", lambda raw, max_bytes: targets_read(raw))
        with pytest.raises(AssertionError, match="twice"):
            targets.read_text('{"a": 1, "a": 2}')

    def test_of_texts_finds_a_secret_that_is_left(self, monkeypatch):
        monkeypatch.setattr(targets, "_REDACTOR", targets.Redactor(None, {}))
        with pytest.raises(AssertionError):
            targets.redact(f"it is {targets.CANARY}")

    def test_of_values_finds_a_result_beyond_its_bound(self, monkeypatch):
        monkeypatch.setattr(targets, "encode_value", lambda value, limit: encode_value(value, 10 * limit))
        with pytest.raises(AssertionError):
            targets.encode("x" * 5000)

    def test_of_histories_finds_a_repair_that_does_nothing(self, monkeypatch):
        monkeypatch.setattr(targets, "repair", lambda history, dialect: repair([], dialect))
        with pytest.raises(AssertionError):
            targets.check_history(("openai-chat", [{"role": "user", "content": "x"}, message("f")]))


def targets_read(raw):
    from everycall.registry.arguments import ReadArguments

    return ReadArguments(raw)


@settings(max_examples=200)
@given(st.text(st.sampled_from('{}[]":,\\ \n\t0189.eE+-tfnaulr\u00e9\ud800\ufeff`'), max_size=60))
def test_any_text_of_json_letters_is_read_strictly_or_refused(raw):
    targets.read_text(raw)


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(mutate.WORDS),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(mutate.WORDS), inner, max_size=5),
        max_leaves=25,
    )
)
def test_any_tree_of_the_words_of_all_providers_is_a_message_or_refused(tree):
    for dialect in (
        "openai-chat",
        "openai-responses",
        "anthropic",
        "gemini",
        "bedrock",
        "cohere",
        "ollama",
        "langchain",
    ):
        targets.read_message((dialect, tree))


def test_detection_never_raises_but_its_own_error():
    rng = random.Random(5)
    for _ in range(300):
        try:
            detect(mutate.atoms(rng))
        except EverycallError as refusal:
            assert str(refusal)  # noqa: PT017 -- most of them are refused, and that is right
