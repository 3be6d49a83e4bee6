"""Frozen values, made fast.

The constructor of a frozen dataclass pays for its own lock: each field goes through `object.__setattr__`, which takes
several times as long as setting it. The few values that every call is made of are made in a function each: as an object
of a class with the same slots and no lock, which becomes what it is meant to be when its fields are set:

    made = Unlocked()
    made.name = name
    made.__class__ = Kind
"""

from typing import Any

new_tuple = tuple.__new__
"""Makes a NamedTuple of its class and of a tuple with every field; its own constructor is a function around this."""


def unlocked(kind: type[Any]) -> type[Any]:
    """Return a class whose objects can become a *kind*, which is a dataclass with slots; every field must be set."""
    return type("Unlocked", (), {"__slots__": kind.__slots__})
