"""Deterministic simulation: the real engine on a virtual clock with a seeded scheduler, under random fault scripts.

`python -m tests.simulation --turns 5000 --seed 1` runs it on both backends; the same seed gives the same digest.

How it is made, from the bottom: `loops` and `threads` are time and order; `behaviours`, `values`, `stops` and
`policies` are tables of what may happen; `script` draws turns from them; `tools` and `play` run these; `checker` and
`call_rules` decide; `leaks`, `twins` and `exhaustive` look where a random turn does not; `mutants` breaks the engine to
see that this is found out.
"""
