"""Soak: many turns on the real loop and the real clock, with hostile tools among them, and what the process then holds.

`python -m tests.soak --turns 100000 --hostile 0.05` runs it on both backends, each in a process of its own, prints what
was sampled, and ends with 1 if anything grows.
"""
