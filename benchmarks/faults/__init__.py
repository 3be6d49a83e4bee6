"""What becomes of a turn when one of its tools, or the message itself, is at fault? Asked of everycall and of others.

1. A fault is a few plain functions and one assistant message; it knows no library. `catalogue` has them all.
2. A contender is a black box: `contenders` says how each is set up, and shows what it would send to the model next.
3. Each pair has a process of its own and a time limit (`drive`, `worker`); its process group is killed afterwards.
4. `judge` turns what was written down into cells. It is pure, and knows neither contenders nor faults by name.

This package is imported by the interpreters of the contenders too: it needs nothing beyond the standard library, and
only `contenders.everycall` imports everycall.
"""
