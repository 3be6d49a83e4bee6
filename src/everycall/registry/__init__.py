"""What can be called: tools, their schemas, the arguments they accept and the context they receive."""

from everycall.registry.binding import Bound
from everycall.registry.context import ToolContext
from everycall.registry.group import ToolGroup
from everycall.registry.registry import ToolRegistry
from everycall.registry.tool import Tool

__all__ = ["Bound", "Tool", "ToolContext", "ToolGroup", "ToolRegistry"]
