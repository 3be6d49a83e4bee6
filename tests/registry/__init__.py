"""What a registry accepts, refuses and hands to the engine."""
