"""The tools of a program: registered once, checked there, and called by name."""

import difflib
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar, Unpack, overload

from everycall.core.errors import UsageError
from everycall.core.outcomes import ToolResult
from everycall.core.policy import DEFAULT_TIMEOUT, Retry, require_seconds
from everycall.ports import Dialect
from everycall.registry.binding import Binder
from everycall.registry.docstrings import read_documentation
from everycall.registry.options import (
    ToolOptions,
    check_options,
    require_known,
    require_middleware,
    require_name,
    require_retry,
)
from everycall.registry.signature import Shape, is_async, read_shape, require_callable
from everycall.registry.tool import Tool

Function = TypeVar("Function", bound=Callable[..., Any])
Middleware = Callable[..., Any]
"""`async def (call, proceed) -> value`: runs around each attempt, inside its deadline."""

_MAX_COMPARED = 500  # names that are compared with an unknown one: comparing costs some 10 us each
_MAX_SHOWN = 10  # tools named in a repr


class ToolRegistry:
    """The tools that a model may call, and defaults for them.

    Args:
        timeout: seconds of one attempt, for tools that do not say; None for no bound.
        retry: for tools that are `read_only` or `idempotent` and do not say; never applied to others.
        middleware: async functions `(call, proceed) -> value` around each attempt, the outermost first.
        explain: `(result) -> str`, pure: what the model reads for a result that is not a success.

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
    ) -> None:
        if explain is not None and not callable(explain):
            raise UsageError(f"explain must be a function (result) -> str, or None, not {explain!r}")
        self._timeout = require_seconds("timeout of the registry", timeout)
        self._retry = require_retry("retry of the registry", retry)
        self._middleware = require_middleware(middleware)
        self.explain = explain
        self._lock = threading.Lock()
        self._tools: dict[str, Tool] = {}
        self._handed_out = False

    @overload
    def tool(self, function: Function, /) -> Function: ...

    @overload
    def tool(self, /, **options: Unpack[ToolOptions]) -> Callable[[Function], Function]: ...

    def tool(self, function: Any = None, /, **options: Any) -> Any:
        """Register the decorated function, bare or with options (see `ToolOptions`), and return it unchanged.

        Raises:
            UsageError: it cannot be a tool, an option is wrong, or the name is taken; the message shows the cure.
        """
        if function is not None:
            self.add(function, **options)
            return function
        require_known(options)

        def register(function: Function) -> Function:
            self.add(function, **options)
            return function

        return register

    def add(self, function: Callable[..., Any], **options: Unpack[ToolOptions]) -> Tool:
        """Register *function*, and return the tool.

        Args:
            function: a function, method, partial or callable object; async or not.
            options: see `ToolOptions`. With `parameters={...}` the schema is data: the function gets the validated
                arguments as keyword arguments.

        Raises:
            UsageError: it cannot be a tool, an option is wrong, or the name is taken; the message shows the cure.
        """
        tool = self._checked(function, options)
        with self._lock:
            if tool.name in self._tools:
                raise UsageError(f"There is a tool {tool.name!r} already: pass another name, name=...")
            if self._handed_out:  # a turn may be reading it: from now on there is another one
                self._tools = dict(self._tools)
                self._handed_out = False
            self._tools[tool.name] = tool
        return tool

    def _checked(self, function: Callable[..., Any], options: ToolOptions) -> Tool:
        require_known(options)
        require_callable(function)
        name = require_name(options.get("name"), function)
        checked = check_options(
            options, tool=name, is_async=is_async(function), timeout=self._timeout, retry=self._retry
        )
        parameters, binder, shape, described = _schema(function, options.get("parameters"), name)
        description = options.get("description")
        if description is not None and not isinstance(description, str):
            raise UsageError(f"description of tool {name!r} must be text, not {description!r}")
        return Tool(
            name=name,
            description=described if description is None else description,
            parameters=parameters,
            function=function,
            binder=binder,
            middleware=self._middleware,
            context_name=shape.context if shape else None,
            context_index=shape.context_index if shape else None,
            positional=shape.positional if shape else (),
            **{one: getattr(checked, one) for one in checked.__slots__},
        )

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools by name, as they are now: registering another one later does not change this mapping."""
        with self._lock:
            self._handed_out = True
            return MappingProxyType(self._tools)

    def definitions(self, dialect: str | Dialect) -> list[dict[str, object]]:
        """Return what belongs in the request's `tools=`.

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

        Only the first 500 tools are compared: it is a hint, and its cost is bounded.
        """
        candidates = list(islice(self._tools, _MAX_COMPARED))
        wanted = _spelling(name[:256])
        same = [one for one in candidates if _spelling(one) == wanted]
        near = difflib.get_close_matches(name[:128], candidates, n=limit)
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
