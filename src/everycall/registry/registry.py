"""The tools of a program: registered once, checked there, and called by name."""

import difflib
import inspect
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from types import MappingProxyType
from typing import Any, Generic, TypeVar, Unpack, overload

from everycall.core.errors import UsageError
from everycall.core.outcomes import ToolResult
from everycall.core.policy import DEFAULT_TIMEOUT, Retry, require_seconds
from everycall.core.redaction import Redaction, Redactor
from everycall.ports import Dialect
from everycall.registry.binding import Binder
from everycall.registry.context import Deps_contra
from everycall.registry.docstrings import read_documentation
from everycall.registry.group import ToolGroup, decorated
from everycall.registry.importable import require_importable
from everycall.registry.joining import (
    chosen_names,
    joined_deps,
    joined_explain,
    joined_redaction,
    joined_tools,
    require_same_deps,
)
from everycall.registry.middleware import Middleware
from everycall.registry.options import (
    SharedOptions,
    ToolOptions,
    check_options,
    require_known,
    require_middleware,
    require_name,
    require_retry,
)
from everycall.registry.secrets import secret_names
from everycall.registry.signature import Shape, is_async, read_shape, require_callable
from everycall.registry.tool import Tool
from everycall.registry.touches import require_fields

Function = TypeVar("Function", bound=Callable[..., Any])
DEFAULT_REDACTION = Redaction()
_MAX_COMPARED = 10_000  # characters of names that are compared with an unknown one: some milliseconds, 40 at the worst
_MAX_SHOWN = 10  # tools named in a repr


class ToolRegistry(Generic[Deps_contra]):
    """The tools that a model may call, and defaults for them.

    `ToolRegistry[App]()` tells type checkers that its tools want an `App` as `deps`; `ToolRegistry(deps=App)` says the
    same, and is checked when the program runs, too.

    Args:
        timeout: seconds of one attempt, for tools that do not say; None for no bound.
        retry: for tools that are `read_only` or `idempotent` and do not say; never applied to others.
        middleware: async functions `(call, proceed) -> value` around each attempt, the outermost first.
        explain: `(result) -> str`, pure: what the model reads for a result that is not a success.
        redact: which secrets are hidden in text that leaves: see `Redaction`; None to hide nothing.
        deps: the class of what the tools find in `ToolContext.deps`. A turn without one is refused before anything
            runs, and so is a tool that asks for another. None to check nothing.

    Raises:
        UsageError: an argument is of the wrong kind.

    Example:
        >>> tools = ToolRegistry()
        >>> @tools.tool(read_only=True)
        ... async def get_weather(city: str) -> str:
        ...     '''Current weather of a city.'''
        ...     return f"sunny in {city}"
        >>> "get_weather" in tools
        True
    """

    def __init__(
        self,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        retry: Retry | None = None,
        middleware: Sequence[Middleware] = (),
        explain: Callable[[ToolResult], str] | None = None,
        redact: Redaction | None = DEFAULT_REDACTION,
        deps: type[Deps_contra] | None = None,
    ) -> None:
        if explain is not None and not callable(explain):
            raise UsageError(f"explain must be a function (result) -> str, or None, not {explain!r}")
        if redact is not None and not isinstance(redact, Redaction):
            raise UsageError(
                "redact must be a Redaction, such as Redaction(secrets=(token,)), or None to hide nothing, not of the "
                f"type {type(redact).__name__}"
            )
        if deps is not None and not isinstance(deps, type):
            raise UsageError(f"deps of a registry is the class of what a turn passes, such as deps=App, not {deps!r}")
        self.deps = deps
        self._redact = redact
        self.redactor = Redactor(redact, os.environ)
        self._timeout = require_seconds("timeout of the registry", timeout)
        self._retry = require_retry("retry of the registry", retry)
        self._middleware = require_middleware(middleware)
        self.explain = explain
        self._lock = threading.Lock()
        self._tools: dict[str, Tool] = {}
        self._view: Mapping[str, Tool] | None = None  # of `_tools`, if it was handed out

    @overload
    def tool(self, function: Function, /) -> Function: ...

    @overload
    def tool(self, /, **options: Unpack[ToolOptions]) -> Callable[[Function], Function]: ...

    def tool(self, function: Any = None, /, **options: Any) -> Any:
        """Register the decorated function, bare or with options (see `ToolOptions`), and return it unchanged.

        Raises:
            UsageError: it cannot be a tool, an option is wrong, or the name is taken; the message shows the cure.
        """
        return decorated(self.add, function, options)

    def add(self, function: Callable[..., Any], **options: Unpack[ToolOptions]) -> Tool:
        """Register *function*, and return the tool.

        Args:
            function: a function, method, partial or callable object; async or not.
            options: see `ToolOptions`. With `parameters={...}` the schema is data: the function gets the validated
                arguments as keyword arguments.

        Raises:
            UsageError: it cannot be a tool, an option is wrong, or the name is taken; the message shows the cure.
        """
        return self._register(function, options, ())

    def _register(self, function: Callable[..., Any], options: ToolOptions, middleware: Sequence[Middleware]) -> Tool:
        tool = self._checked(function, options, (*self._middleware, *middleware))
        with self._lock:
            if tool.name in self._tools:
                raise UsageError(f"There is a tool {tool.name!r} already: pass another name, name=...")
            if self._view is not None:  # a turn may be reading it: from now on there is another one
                self._tools, self._view = dict(self._tools), None
            self._tools[tool.name] = tool
        return tool

    def _checked(self, function: Callable[..., Any], options: ToolOptions, middleware: tuple[Middleware, ...]) -> Tool:
        require_known(options)
        require_callable(function)
        name = require_name(options.get("name"), function)
        checked = check_options(
            options, of=f" of tool {name!r}", is_async=is_async(function), timeout=self._timeout, retry=self._retry
        )
        parameters, binder, shape, described = _schema(function, options.get("parameters"), name)
        if checked.executor == "process":
            require_importable(function, name)
        if shape is not None:
            require_same_deps(shape.deps, self.deps, tool=name)
        if checked.touches is not None:
            require_fields(checked.touches, shape, parameters, tool=name)
        description = options.get("description")
        if description is not None and not isinstance(description, str):
            raise UsageError(f"description of tool {name!r} must be text, not {description!r}")
        return Tool(
            name=name,
            description=described if description is None else description,
            parameters=parameters,
            function=function,
            binder=binder,
            middleware=middleware,
            redactor=self.redactor,
            secret_names=secret_names(parameters),
            schema_is_data=options.get("parameters") is not None,
            context_name=shape.context if shape else None,
            context_index=shape.context_index if shape else None,
            positional=shape.positional if shape else (),
            defaults=shape.defaults if shape else {},
            **{one: getattr(checked, one) for one in checked.__slots__},
        )

    def group(
        self, *, prefix: str = "", middleware: Sequence[Middleware] = (), **options: Unpack[SharedOptions]
    ) -> ToolGroup:
        """Return a way to register tools that share a prefix of their names, middleware and options.

        Args:
            prefix: goes in front of the name of each tool.
            middleware: runs around each of its tools, inside that of the registry, the outermost first.
            options: those of `ToolOptions` but `name`, `description` and `parameters`. What a tool says itself wins.

        Raises:
            UsageError: an option is wrong, or cannot be shared; the message shows the cure.
        """
        return ToolGroup(self._register, self._timeout, prefix=prefix, middleware=middleware, options=options)

    def subset(self, *names: str | Callable[[Tool], object]) -> "ToolRegistry[Deps_contra]":
        """Return a new registry with some of the tools as they are now, in the order of this one.

        Later registrations in one of the two are not seen in the other. The new one has the defaults, the middleware
        and the `explain` of this one for what is registered in it later.

        Args:
            names: of the tools; or one function of a `Tool` that says whether it belongs in.

        Raises:
            UsageError: there is no tool of a name; the message names the close ones.
        """
        tools = self.tools
        return self._copy({name: tools[name] for name in chosen_names(names, tools, self.close_names)})

    def __or__(self, other: "ToolRegistry[Deps_contra]") -> "ToolRegistry[Deps_contra]":
        """Return a new registry with the tools of both as they are now.

        Each tool keeps its options and its middleware. What is registered in the new one later has the defaults and
        the middleware of the left one.

        Raises:
            UsageError: two tools have one name, or the registries differ in what counts for all tools: `explain`,
                or `deps`.
        """
        if not isinstance(other, ToolRegistry):
            return NotImplemented
        joined = self._copy(joined_tools(self.tools, other.tools))
        joined.explain = joined_explain(self.explain, other.explain)
        joined.deps = joined_deps(self.deps, other.deps)
        joined._redact = joined_redaction(self._redact, other._redact)
        joined.redactor = Redactor(joined._redact, os.environ)
        return joined

    def _copy(self, tools: dict[str, Tool]) -> "ToolRegistry[Deps_contra]":
        copy: ToolRegistry[Deps_contra] = ToolRegistry(
            timeout=self._timeout,
            retry=self._retry,
            middleware=self._middleware,
            explain=self.explain,
            redact=self._redact,
            deps=self.deps,
        )
        copy._tools = tools
        return copy

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools by name, as they are now: registering another one later does not change this mapping."""
        view = self._view
        if view is None:
            with self._lock:
                view = self._view = MappingProxyType(self._tools)
        return view

    def definitions(self, dialect: str | Dialect) -> list[Any]:
        """Return what belongs in the request's `tools=`: dicts, typed so that every SDK takes them.

        Args:
            dialect: a dialect's name, such as `openai-chat`; or a dialect of your own.

        Raises:
            UsageError: there is no such dialect, or it cannot hold a tool's name; the message names the cure.
        """
        from everycall.dialects import dialect_of  # noqa: PLC0415 - a program that only runs tools never needs it

        spoken: Dialect = dialect_of(dialect, "definitions")
        return spoken.definitions([tool.definition() for tool in self])

    def get(self, name: str) -> Tool | None:
        """Return the tool called *name*, or None."""
        return self._tools.get(name)

    def close_names(self, name: str, limit: int = 3) -> list[str]:
        """Return up to *limit* names of registered tools that look like *name*, the closest first.

        The first 64 characters of *name* are compared with the first 10,000 of all names, which are some 500 tools: it
        is a hint, and its cost is bounded.
        """
        read = accumulate(map(len, self._tools))
        candidates = [one for one, so_far in zip(self._tools, read, strict=True) if so_far <= _MAX_COMPARED]
        wanted = _spelling(name[:256])
        same = [one for one in candidates if _spelling(one) == wanted]
        near = difflib.get_close_matches(name[:64], candidates, n=limit)
        return list(dict.fromkeys(same + near))[:limit]

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __bool__(self) -> bool:
        return True  # a registry without tools is still a registry

    def __repr__(self) -> str:
        names = list(islice(self._tools, _MAX_SHOWN))
        more = len(self._tools) - len(names)
        shown = ", ".join(names) + (f" and {more} more" if more else "")
        count = f"{len(self._tools)} tool{'' if len(self._tools) == 1 else 's'}"
        return f"<ToolRegistry of {count}{': ' if names else ''}{shown}>"


def _schema(
    function: Callable[..., Any], schema: Mapping[str, Any] | None, name: str
) -> tuple[dict[str, object], Binder, Shape | None, str]:
    """Return the parameters of a tool, what binds them, what its function takes, and its docstring's description."""
    documentation = read_documentation(function)
    if schema is None:
        shape = read_shape(function, name)
        from everycall.registry.schema import typed_binder  # noqa: PLC0415 -- pydantic's heavy half, for the first tool

        return *typed_binder(shape, documentation.parameters, name), shape, documentation.description
    known = read_shape(function, name) if _has_signature(function) else None
    from everycall.registry.data_schema import data_binder  # noqa: PLC0415 -- only where a schema is data

    return *data_binder(known, schema, name), known, documentation.description


def _has_signature(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function)
    except (ValueError, TypeError):
        return False
    return True


def _spelling(name: str) -> str:
    """Return *name* without what models vary: case, separators, and a namespace such as `functions.` in front."""
    return name.rsplit(".", 1)[-1].casefold().replace("-", "").replace("_", "")
