"""Tools in a module whose annotations are strings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from everycall.registry import ToolContext

if TYPE_CHECKING:
    from decimal import Decimal


@dataclasses.dataclass(unsafe_hash=True)
class Query:
    words: tuple[str, ...]


def search(query: Query, ctx: ToolContext[int]):
    return query, ctx


class Finder:
    def search(self, query: Query, ctx: ToolContext[int]):
        return query, ctx

    def __call__(self, query: Query, ctx: ToolContext[int] | None):
        return query, ctx


def with_local_type():
    class Local:
        pass

    def find(other: int, query: Local):
        return query

    return find


def only_for_type_checkers(query: Decimal):
    return query


def broken(query):
    return query


broken.__annotations__["query"] = "not an expression ("
