"""Run every tool call of one assistant turn at once: exactly one result per call id."""
