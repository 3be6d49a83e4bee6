"""Benchmarks: one package per question, each run as `python -m benchmarks.<question>`."""
