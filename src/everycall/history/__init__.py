"""Whole conversations: what a provider would refuse, how to mend it, and how to cut one without breaking it.

Pure: reads lists of messages and returns values. Runs nothing, calls no provider, does no I/O.
"""

from everycall.history.check import check
from everycall.history.exchanges import exchanges, trim
from everycall.history.repair import repair
from everycall.history.rewrite import rewrite_ids

__all__ = ["check", "exchanges", "repair", "rewrite_ids", "trim"]
