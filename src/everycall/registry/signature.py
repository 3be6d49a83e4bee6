"""What a function takes from a model, what it gets from this library, and how it runs.

1. The truth is the function that is called: a sync wrapper around an async function is sync, whatever it wraps.
   The parameters are those that `inspect.signature` shows, which looks through wrappers that say what they wrap.
2. A parameter of type `ToolContext` is ours to fill. So are the arguments bound by a partial or a method. The model can
   neither see them nor set them, not even through `**kwargs`.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from inspect import Parameter
from typing import Annotated, Any, Union, get_args, get_origin

from everycall.core.errors import UsageError
from everycall.registry.context import ToolContext

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_MAX_LAYERS = 100  # wrappers around one function; more is a circle


def _anything(value: Any) -> Any:
    return value


def _code(function: object) -> object:
    return getattr(function, "__code__", None)


# What these decorators return runs code of their own, the same for whatever they decorate.
_MANAGERS = (_code(contextmanager(_anything)), _code(asynccontextmanager(_anything)))
_SINGLE_DISPATCH = _code(functools.singledispatch(_anything))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a function takes.

    Attributes:
        parameters: those that the model fills, with their annotations resolved, `Any` where there is none.
        keywords: the `**kwargs` parameter, if there is one.
        context: the parameter that receives the context, if there is one.
        context_index: where the context stands among the positional-only parameters; None if it is passed by name.
        reserved: names that the model may not use, because this side fills them.
        deps: the class in its `ToolContext[...]`; None if there is none, or none that a class can be checked against.
    """

    parameters: tuple[Parameter, ...]
    keywords: Parameter | None = None
    context: str | None = None
    context_index: int | None = None
    reserved: frozenset[str] = frozenset()
    deps: type[Any] | None = None

    @property
    def positional(self) -> tuple[str, ...]:
        """The names of the positional-only parameters, in order."""
        return tuple([one.name for one in self.parameters if one.kind is Parameter.POSITIONAL_ONLY])

    @property
    def defaults(self) -> dict[str, object]:
        """What the function itself fills in for parameters that the model leaves out, by name."""
        return {one.name: one.default for one in self.parameters if one.default is not Parameter.empty}


def require_callable(function: object) -> None:
    """Refuse what cannot be a tool.

    Raises:
        UsageError: it is a class, cannot be called, makes a generator or a context manager, or chooses by position.
    """
    if isinstance(function, type):
        raise UsageError(
            f"A class cannot be a tool: {function.__name__!r}. Register a function that makes the object and returns "
            "what the model shall see, or a method of an object."
        )
    if isinstance(function, classmethod):
        raise UsageError(
            "A classmethod cannot be registered inside its class, which does not exist yet. "
            "Register it after the class: registry.add(TheClass.the_method)."
        )
    if not callable(function):
        raise UsageError(
            f"A tool must be a function, not {function!r}. Options go by keyword: @registry.tool(name=...)."
        )
    if _is_method_to_be(function):
        raise UsageError(
            f"{_label(function)} is a method without its object, and a model cannot fill self. "
            "Register it on an object: registry.add(the_object.the_method)."
        )
    _require_result(function)
    _require_by_name(function)


def _require_result(function: object) -> None:
    body = _body(function)
    if inspect.isfunction(body) and _code(body) in _MANAGERS:
        raise UsageError(
            f"{_label(function)} makes a context manager, and a call has one result: register a function that enters "
            "it, `with` or `async with`, and returns what the model shall see."
        )
    if inspect.isgeneratorfunction(body):
        raise UsageError(
            f"{_label(function)} is a generator, and a call has one result: collect the items and return a list. Or "
            "make it async: of an async generator each value is progress, and the last one is the result."
        )


def _require_by_name(function: Callable[..., object]) -> None:
    if not inspect.isfunction(function) or _code(function) is not _SINGLE_DISPATCH:
        return
    first = next(iter(_signature(function, function.__name__)), None)
    if first is None or first.kind is not Parameter.POSITIONAL_ONLY:
        raise UsageError(
            f"{_label(function)} is a functools.singledispatch function, which chooses by its first positional "
            "argument, and a model's arguments have names: register a function that passes it on by position, or make "
            f"that one positional-only, def {function.__name__}(value, /)."
        )


def is_async(function: Callable[..., object]) -> bool:
    """Return whether *function* runs on the event loop, as far as that can be known without calling it."""
    return any(
        inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in (function, _body(function))
    )


def read_shape(function: Callable[..., object], tool: str) -> Shape:
    """Return what *function* takes.

    Args:
        function: a function, method, partial or callable object.
        tool: the tool's name, for error messages.

    Raises:
        UsageError: it has no signature, an annotation cannot be resolved, or there are two context parameters.
    """
    shown = _signature(function, tool)
    bound = _names_bound_by_partials(function)
    parameters = [one.replace(annotation=_resolved(one, function, tool)) for one in shown if one.name not in bound]
    contexts = [one for one in parameters if is_context(one.annotation)]
    if len(contexts) > 1:
        names = " and ".join([one.name for one in contexts])
        raise UsageError(f"Tool {tool!r} has two context parameters, {names}: keep one, it holds everything.")
    context = contexts[0] if contexts else None
    positional = [one for one in parameters if one.kind is Parameter.POSITIONAL_ONLY]
    theirs = tuple([one for one in parameters if one is not context and one.kind is not Parameter.VAR_KEYWORD])
    return Shape(
        parameters=theirs,
        keywords=next((one for one in parameters if one.kind is Parameter.VAR_KEYWORD), None),
        context=context.name if context else None,
        context_index=positional.index(context) if context and context in positional else None,
        reserved=_names_of_all_layers(function, tool) - {one.name for one in theirs},
        deps=_deps_class(context.annotation) if context else None,
    )


def is_context(annotation: object) -> bool:
    """Return whether *annotation* is `ToolContext`, with or without its argument, `Annotated` or `| None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_context(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return any(is_context(one) for one in get_args(annotation))
    kind = origin or annotation
    return isinstance(kind, type) and issubclass(kind, ToolContext)


def _deps_class(annotation: object) -> type[Any] | None:
    """Return what stands between the brackets of the context in *annotation*, if it is a class."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _deps_class(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return next((_deps_class(one) for one in get_args(annotation) if is_context(one)), None)
    found = next(iter(get_args(annotation)), None)
    checkable = isinstance(found, type) and get_origin(found) is None and not getattr(found, "_is_protocol", False)
    return found if checkable and found is not Any else None


# --- looking through partials, methods, objects and wrappers -----------------------------------------------------


def _is_method_to_be(function: object) -> bool:
    """Return whether this is a function from a class body that wants its object as `self`."""
    if not inspect.isfunction(function):
        return False
    inside = function.__qualname__.rpartition(".")[0]
    if not inside or inside.endswith("<locals>"):
        return False
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and first.name == "self" and first.annotation is Parameter.empty


def _label(function: object) -> str:
    return getattr(function, "__qualname__", None) or repr(function)


def _body(function: object) -> object:
    """Return the function whose body runs when *function* is called. Wrappers are bodies of their own."""
    for _ in range(_MAX_LAYERS):
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType | staticmethod):
            function = function.__func__
        elif not inspect.isroutine(function) and inspect.isfunction(type(function).__call__):
            function = type(function).__call__
        else:
            break
    return function


def _layers(function: object) -> Iterator[object]:
    """Yield *function* and, one after the other, what is inside it, in the order that `inspect.signature` goes."""
    for _ in range(_MAX_LAYERS):
        yield function
        wrapped = getattr(function, "__wrapped__", None)
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            function = function.__func__
        elif wrapped is not None and not hasattr(function, "__signature__"):
            function = wrapped
        elif not inspect.isroutine(function) and inspect.isfunction(type(function).__call__):
            function = type(function).__call__
        else:
            return


def _signature(function: Callable[..., object], tool: str) -> tuple[Parameter, ...]:
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (ValueError, TypeError, NameError) as error:
        raise UsageError(
            f"The parameters of tool {tool!r} cannot be read ({error}). Wrap it in a function with annotations, "
            'or pass its schema: parameters={"type": "object", "properties": {...}}.'
        ) from error


def _names_bound_by_partials(function: object) -> frozenset[str]:
    layers = [layer for layer in _layers(function) if isinstance(layer, functools.partial)]
    return frozenset(name for layer in layers for name in layer.keywords)


def _names_of_all_layers(function: object, tool: str) -> frozenset[str]:
    """Return every name by which an argument could reach any layer: `self` of a method, what a partial has bound."""
    names: set[str] = set()
    for layer in _layers(function):
        if inspect.isfunction(layer) or isinstance(layer, functools.partial):
            names.update(one.name for one in _signature(layer, tool) if one.kind in _NAMED)
    return frozenset(names)


# --- annotations -------------------------------------------------------------------------------------------------


def _resolved(parameter: Parameter, function: object, tool: str) -> Any:
    """Return the annotation of *parameter*, its strings evaluated where the function was written."""
    if parameter.annotation is Parameter.empty:
        return Any
    *_, owner = _layers(function)

    def holder() -> None: ...

    holder.__annotations__ = {"it": parameter.annotation}
    try:
        return typing.get_type_hints(holder, globalns=getattr(owner, "__globals__", {}), include_extras=True)["it"]
    except Exception as error:
        raise UsageError(
            f"Tool {tool!r}: the annotation {parameter.annotation!r} of parameter {parameter.name!r} cannot be "
            f"resolved ({type(error).__name__}: {error}). Annotations that are strings, such as all of a module with "
            "`from __future__ import annotations`, are looked up in the module: define or import the type there, at "
            "the top level and not under TYPE_CHECKING; or write the annotation without quotes."
        ) from error
