"""A strict fake provider of model answers: rules as pure functions, a script of turns, and a local HTTP server.

`fake` decides, `web` speaks HTTP, `protocols` is the table of what is spoken, `rules` holds one rule book per protocol,
`replies` writes a scripted turn in each provider's shape.
"""
