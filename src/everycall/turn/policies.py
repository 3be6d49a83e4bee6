"""What a tool's policies mean for one call: what it touches, and whether somebody must consent to it. Pure.

A function of the tool's author that fails is taken for the careful answer: the call runs alone, or is asked about.
"""

import hashlib
import json
from typing import NamedTuple

from everycall.core.footprint import Footprint
from everycall.registry.arguments import canonical
from everycall.registry.tool import Tool
from everycall.registry.touches import ALONE


class Policies(NamedTuple):
    """Of one call.

    Attributes:
        footprint: what it touches; None if its tool says nothing.
        gated: whether it runs only if somebody consents.
        faults: what functions of the tool's author raised.
    """

    footprint: Footprint | None
    gated: bool
    faults: tuple[BaseException, ...] = ()


def policies_of(tool: Tool, text: str) -> Policies:
    """Return what the policies of *tool* mean for the call with the arguments *text*.

    Args:
        tool: the tool.
        text: valid arguments as strict JSON. They are bound anew: nothing done to them here is seen by the call.
    """
    arguments = tool.whole_arguments_of(tool.bind(text))
    faults: list[BaseException] = []
    footprint, gated = None, bool(tool.needs_approval)
    if tool.touches is not None:
        try:
            footprint = tool.touches.footprint(arguments)
        except Exception as error:  # noqa: BLE001 -- the author's
            faults.append(error)
            footprint = ALONE
    if callable(tool.needs_approval):
        try:
            gated = bool(tool.needs_approval(arguments))
        except Exception as error:  # noqa: BLE001 -- the author's
            faults.append(error)
    return Policies(footprint, gated, tuple(faults))


def digest_of(tool_name: str, text: str) -> str:
    """Return what an approval is bound to: the tool and its exact arguments; 64 hexadecimal characters."""
    return hashlib.sha256(json.dumps([tool_name, canonical(text)]).encode()).hexdigest()
