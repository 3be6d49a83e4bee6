"""What every dialect must hold to: functions that its author calls in a test. See `turns` and `histories`."""
