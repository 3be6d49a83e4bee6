"""What every dialect must hold to, as functions that a dialect's author calls in a test. See `turns` and `histories`."""
