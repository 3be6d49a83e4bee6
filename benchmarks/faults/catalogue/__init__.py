"""The faults: plain tools and one assistant message each. They know no library and need none."""

from benchmarks.faults.catalogue import message_faults, raise_faults, time_faults, value_faults, world_faults
from benchmarks.faults.shapes import Fault

FAULTS: dict[str, Fault] = {
    one.name: one
    for module in (time_faults, raise_faults, value_faults, message_faults, world_faults)
    for one in module.FAULTS
}
"""Every fault by its name, in the order of the table."""
