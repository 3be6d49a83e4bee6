"""The one exception that the encoding of a value may raise."""


class CannotEncode(Exception):  # noqa: N818 -- it is the answer of a rule, not a fault
    """The tool ran, but its value cannot be sent. The text is for the model; it names the cure for the tool's author.

    Args:
        reason: what is wrong with the value and the cure, as the end of a sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The tool ran, but its result cannot be sent: {reason}.")
