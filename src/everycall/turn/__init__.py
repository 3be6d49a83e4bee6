"""The engine: one turn from plan to seal."""
