"""Tools that share a prefix, options and middleware, in the registry that made the group.

1. What a tool says itself wins over its group, an inner group over an outer one, a group over the registry.
2. Prefixes are put one behind the other, the outermost first; so is middleware, inside that of the registry.
3. A shared `retry` is for the tools that may have it, as the registry's is: the safe ones; all of them if it is
   `declared_only`.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, Unpack, overload

from everycall.core.errors import UsageError
from everycall.core.policy import Retry
from everycall.registry.middleware import Middleware
from everycall.registry.options import (
    SharedOptions,
    ToolOptions,
    check_options,
    require_known,
    require_middleware,
    require_name,
    require_prefix,
    require_retry,
)
from everycall.registry.tool import Tool

Function = TypeVar("Function", bound=Callable[..., Any])


def decorated(add: Callable[..., Tool], function: Any, options: Mapping[str, Any]) -> Any:
    """Return what a decorator gives that registers by *add*: *function*, or what takes it if it was used with options.

    Raises:
        UsageError: an option does not exist; that is said where it is written, not where the function is.
    """
    if function is not None:
        add(function, **options)
        return function
    require_known(options)

    def register(function: Function) -> Function:
        add(function, **options)
        return function

    return register


class Register(Protocol):
    """How a group hands a tool to its registry."""

    def __call__(self, function: Callable[..., Any], options: ToolOptions, middleware: Sequence[Middleware]) -> Tool:
        """Check and register *function* with *middleware* inside the registry's own."""
        ...


class ToolGroup:
    """A way to register tools that have something in common. Made by `ToolRegistry.group` and by its own `group`.

    Args:
        register: puts a tool into the registry.
        timeout: the registry's default: shared bounds must fit it.
        prefix: goes in front of the name of each tool.
        middleware: runs around each tool, inside that of the registry, the outermost first.
        options: shared; see `SharedOptions`.

    Attributes:
        prefix: goes in front of the name of each tool.

    Raises:
        UsageError: an option is wrong, or cannot be shared; the message shows the cure.

    Example:
        >>> from everycall import ToolRegistry
        >>> tools = ToolRegistry()
        >>> files = tools.group(prefix="files_", read_only=True)
        >>> @files.tool
        ... async def size(path: str) -> int:
        ...     return 42
        >>> tools["files_size"].read_only
        True
    """

    def __init__(
        self,
        register: Register,
        timeout: float | None,
        *,
        prefix: str = "",
        middleware: Sequence[Middleware] = (),
        options: SharedOptions,
    ) -> None:
        self.prefix = require_prefix(prefix)
        self._register = register
        self._timeout = timeout
        self._middleware = require_middleware(middleware)
        self._options = options
        _check_shared(options, timeout, of=f" of the group {prefix!r}" if prefix else " of the group")

    @overload
    def tool(self, function: Function, /) -> Function: ...

    @overload
    def tool(self, /, **options: Unpack[ToolOptions]) -> Callable[[Function], Function]: ...

    def tool(self, function: Any = None, /, **options: Any) -> Any:
        """Register the decorated function, as `ToolRegistry.tool` does, with the options of the group.

        Raises:
            UsageError: as there.
        """
        return decorated(self.add, function, options)

    def add(self, function: Callable[..., Any], **options: Unpack[ToolOptions]) -> Tool:
        """Register *function*, as `ToolRegistry.add` does, with the options of the group, and return the tool.

        Raises:
            UsageError: as there. If a shared option is what does not fit, the message says so.
        """
        require_known(options)
        whole: ToolOptions = {**self._options, **options}
        whole["name"] = self.prefix + require_name(options.get("name"), function)
        if "retry" not in options and not _may_retry(whole):
            whole.pop("retry", None)
        try:
            return self._register(function, whole, self._middleware)
        except UsageError as error:
            wrong = str(error).partition(" of tool ")[0]
            if wrong not in self._options or wrong in options:
                raise
            raise UsageError(f"{error}. This {wrong} is that of its group: say another one here") from error

    def group(
        self, *, prefix: str = "", middleware: Sequence[Middleware] = (), **options: Unpack[SharedOptions]
    ) -> "ToolGroup":
        """Return a group within this one: its prefix and its middleware come after ours, its options win.

        Raises:
            UsageError: an option is wrong, or cannot be shared.
        """
        return ToolGroup(
            self._register,
            self._timeout,
            prefix=self.prefix + require_prefix(prefix),
            middleware=(*self._middleware, *require_middleware(middleware)),
            options={**self._options, **options},
        )

    def __repr__(self) -> str:
        return f"<ToolGroup {self.prefix!r}: {', '.join(self._options) or 'no options'}>"


def _may_retry(options: Mapping[str, Any]) -> bool:
    """Return whether a tool with *options* may have their `retry`: what a group shares is meant for those that may."""
    retry: Retry | None = options.get("retry")
    safe = bool(options.get("read_only")) or bool(options.get("idempotent"))
    return retry is None or retry.declared_only or safe


def _check_shared(options: Mapping[str, Any], timeout: float | None, *, of: str) -> None:
    """Check what can be known before there is a tool: each value, and how those given go together.

    Raises:
        UsageError: an option is wrong; the message shows the cure.
    """
    _require_sharable(options)
    probe = dict(options)
    require_retry("retry" + of, probe.pop("retry", None))  # whether a tool may have it depends on the tool
    if not any(probe.get(name) for name in ("exclusive", "reads", "writes")):
        probe["reads"] = "anything"  # a tool may say later what its scope or after_failure counts for
    check_options(probe, of=of, is_async=False, timeout=timeout, retry=None)


def _require_sharable(options: Mapping[str, object]) -> None:
    known = list(SharedOptions.__annotations__)
    for name in options:
        if name in known:
            continue
        if name in ToolOptions.__annotations__:
            raise UsageError(f"{name} cannot be shared: say it at each tool, @group.tool({name}=...)")
        near = difflib.get_close_matches(name, [*known, "prefix", "middleware"])
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
        raise UsageError(f"A group has no option {name!r}. {hint}")
