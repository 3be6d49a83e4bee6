"""A tool: a function, what the model must know of it, and how it may be run. Frozen; it runs nothing by itself."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from everycall.core.calls import ToolDefinition
from everycall.core.policy import DEFAULT_RESULT_BYTES, Rate, Retry
from everycall.core.redaction import NOTHING_HIDDEN, Redactor
from everycall.registry.binding import Binder, Bound
from everycall.registry.context import ToolContext
from everycall.registry.touches import Touches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Tool:
    """One tool, as a registry has checked it. Two tools are the same only if they are one object.

    Attributes:
        name: what the model calls it.
        description: what it does, for the model.
        parameters: JSON Schema of its arguments: an object.
        function: what is called.
        timeout: seconds of one attempt; None for no bound.
        call_timeout: seconds of all attempts and back-off; None for no bound.
        retry: when a failed attempt is followed by another; None for never.
        read_only: it changes nothing.
        idempotent: running it twice changes no more than running it once.
        executor: where it runs: `task` (on the event loop), `thread` or `process`.
        max_concurrency: attempts of this tool that run at the same time; None for no limit.
        rate: how often its attempts may start; None for no limit.
        max_result_bytes: bytes of one result that reach the model.
        idle_timeout: seconds of one attempt without a sign of progress; None for no bound.
        memory_bytes: address space of its process; None for no bound.
        cpu_seconds: CPU time of one attempt in its process; None for no bound.
        touches: what its calls read and write; None if nothing was said.
        needs_approval: whether, or for which arguments, somebody must consent.
        middleware: what runs around each attempt, outermost first.
        binder: validates its arguments.
        context_name: the parameter that receives the `ToolContext`; None if there is none.
        context_index: the context's place among the positional-only parameters; None if it is passed by name.
        positional: the names of the positional-only parameters that the model fills.
        defaults: what parameters are that the model leaves out, by name.
        redactor: hides secrets in the texts of its errors.
        secret_names: the properties of its arguments that are declared secret; see `registry.secrets`.
        schema_is_data: its parameters were given as a JSON Schema.
        plain: its attempts run on the event loop, and nothing has to be asked before one starts.
    """

    name: str
    description: str
    parameters: Mapping[str, object]
    function: Callable[..., object]
    binder: Binder
    timeout: float | None
    call_timeout: float | None
    retry: Retry | None = None
    read_only: bool = False
    idempotent: bool = False
    executor: str = "task"
    max_concurrency: int | None = None
    rate: Rate | None = None
    max_result_bytes: int = DEFAULT_RESULT_BYTES
    idle_timeout: float | None = None
    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    touches: Touches | None = None
    needs_approval: bool | Callable[[Mapping[str, Any]], bool] = False
    middleware: tuple[Callable[..., Any], ...] = ()
    context_name: str | None = None
    context_index: int | None = None
    positional: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    redactor: Redactor = NOTHING_HIDDEN
    secret_names: frozenset[str] = frozenset()
    schema_is_data: bool = False
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        alone = self.max_concurrency is None and self.rate is None and self.touches is None and not self.needs_approval
        object.__setattr__(self, "plain", alone and self.executor == "task" and not self.middleware)

    @property
    def wants_context(self) -> bool:
        """Whether the function has a parameter for its `ToolContext`."""
        return self.context_name is not None

    @property
    def safe_to_repeat(self) -> bool:
        """Whether running it again can do no harm."""
        return self.read_only or self.idempotent

    def definition(self) -> ToolDefinition:
        """Return what a provider must know of it; a copy."""
        return ToolDefinition(name=self.name, description=self.description, parameters=deepcopy(dict(self.parameters)))

    def bind(self, text: str) -> Bound:
        """Validate arguments. Each time the result is made anew.

        Args:
            text: one JSON object, as `read_arguments` returns it.

        Raises:
            ArgumentsRefused: they do not fit; its message is for the model.
        """
        return self.binder.bind(text)

    def call(self, bound: Bound, context: ToolContext[Any] | None) -> object:
        """Call the function.

        Args:
            bound: as `bind` has returned it.
            context: what the function receives where it asks for it.

        Returns:
            What the function returns: a value or an awaitable.
        """
        args, kwargs, _ = bound
        name = self.context_name
        if name is None:
            return self.function(*args, **kwargs)
        index = self.context_index
        if index is None:
            return self.function(*args, **{**kwargs, name: context})
        return self.function(*args[:index], context, *args[index:], **kwargs)

    def arguments_of(self, bound: Bound) -> dict[str, object]:
        """Return the validated arguments by the names of their parameters; a dict of its own."""
        return {**dict(zip(self.positional, bound.args, strict=True)), **bound.kwargs}

    def whole_arguments_of(self, bound: Bound) -> dict[str, object]:
        """Return the arguments with which the function would run: those of the model and the function's defaults."""
        return {**self.defaults, **self.arguments_of(bound)}

    def __repr__(self) -> str:
        properties = self.parameters.get("properties", {})
        names = ", ".join(properties) if isinstance(properties, Mapping) else ""
        words = [word for word in ("read_only", "idempotent") if getattr(self, word)]
        return " ".join([f"<Tool {self.name}({names})", self.executor, *words]) + ">"
