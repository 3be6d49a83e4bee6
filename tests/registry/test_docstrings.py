"""What a docstring tells a model."""

import functools
from typing import Annotated

import pytest
from pydantic import Field

from everycall.registry import ToolRegistry

GOOGLE = """Find trains.

    Only direct ones.

    Args:
        origin: where to
            start.
        limit (int): how many.

    Returns:
        The trains.

    Raises:
        ValueError: never.
    """
NUMPY = """Find trains.

    Only direct ones.

    Parameters
    ----------
    origin : str
        where to
        start.
    limit : int
        how many.

    Returns
    -------
    list
        The trains.
    """
SPHINX = """Find trains.

    Only direct ones.

    :param origin: where to
        start.
    :param int limit: how many.
    :returns: The trains.
    """


def tool_of(function, **options):
    return ToolRegistry().add(function, **options)


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX])
def test_description_and_parameters_are_read_in_three_styles(text):
    def find(origin: str, limit: int = 3): ...

    find.__doc__ = text
    tool = tool_of(find)
    assert tool.description == "Find trains.\n\nOnly direct ones."
    assert tool.parameters["properties"]["origin"] == {"type": "string", "description": "where to start."}
    assert tool.parameters["properties"]["limit"] == {"type": "integer", "default": 3, "description": "how many."}


def test_what_is_written_explicitly_wins():
    def find(
        origin: Annotated[str, Field(description="From here.")],
        limit: int = Field(3, description="At most."),
        unit: Annotated[str, Field(min_length=1)] = "km",
    ):
        """Find trains.

        Args:
            origin: ignored.
            limit: ignored.
            unit: of length.
        """

    tool = tool_of(find, description="Other.")
    assert tool.description == "Other."
    found = tool.parameters["properties"]
    assert found["origin"]["description"] == "From here."
    assert found["limit"]["description"] == "At most."
    assert found["unit"] == {"type": "string", "minLength": 1, "default": "km", "description": "of length."}
    assert tool_of(find, description="").description == ""


def test_a_summary_of_two_lines_stays_one_paragraph():
    def find(origin: str):
        """Find the cheapest train of the day
        between two cities.

        Slow at night.
        """

    assert tool_of(find).description == "Find the cheapest train of the day\nbetween two cities.\n\nSlow at night."


def test_without_a_docstring_there_is_no_description():
    def find(origin: str): ...

    assert tool_of(find).description == ""
    assert tool_of(functools.partial(find), name="find").description == ""


def test_a_partial_has_the_docstring_of_its_function():
    def find(origin: str, limit: int):
        """Find trains."""

    assert tool_of(functools.partial(find, limit=3), name="find").description == "Find trains."


def test_an_object_has_the_docstring_of_its_call_method_or_of_its_class():
    class First:
        """A class."""

        def __call__(self, a: int):
            """Call it."""

    class Second:
        """A class."""

        def __call__(self, a: int): ...

    assert tool_of(First(), name="first").description == "Call it."
    assert tool_of(Second(), name="second").description == "A class."


def test_a_docstring_in_no_style_is_a_description_as_it_stands():
    def find(origin: str): ...

    find.__doc__ = "Find: trains\n  - fast\n  - slow"
    assert "fast" in tool_of(find).description


@pytest.mark.parametrize(
    "text", ["\n", ":param", "Args:\n  x\n:returns", "a\n\nParameters\n---\n---", ":param a b c d: e", "x:" * 99]
)
def test_a_strange_docstring_never_stops_a_registration(text):
    def find(origin: str): ...

    find.__doc__ = text
    assert isinstance(tool_of(find).description, str)


def test_keyword_arguments_are_documented_under_their_name():
    def find(origin: str, **more: int):
        """Find.

        Args:
            origin: where.
            **more: other things.
        """

    assert tool_of(find).parameters["properties"]["origin"]["description"] == "where."
