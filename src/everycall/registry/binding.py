"""Arguments that fit, ready for the call; and what makes them from JSON text."""

from typing import NamedTuple, Protocol


class Bound(NamedTuple):
    """The arguments of one attempt. Every `bind` makes new ones: an attempt never sees what another has changed.

    Attributes:
        args: for the positional-only parameters, in order.
        kwargs: for all others, by name.
        coerced: they fit only after a conversion, such as `"3"` to `3`.
    """

    args: tuple[object, ...]
    kwargs: dict[str, object]
    coerced: bool = False


class Binder(Protocol):
    """Validates arguments for one tool."""

    def bind(self, text: str) -> Bound:
        """Return the arguments that *text* holds.

        Args:
            text: one JSON object, as `read_arguments` returns it.

        Raises:
            ArgumentsRefused: they do not fit.
        """
        ...
