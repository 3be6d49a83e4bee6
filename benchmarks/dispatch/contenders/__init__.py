"""One module per contender; each offers `contender(tools) -> run_turn`, as `tools.Contender` describes it."""
