"""Deterministic simulation: the real engine on a virtual clock with a seeded scheduler, under random fault scripts.

`python -m tests.simulation --turns 5000 --seed 1` runs it on both backends; the same seed gives the same digest.
"""
