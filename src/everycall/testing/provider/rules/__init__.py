"""One rule book per protocol: pure functions over the body of a request. They share no code with what they judge."""
