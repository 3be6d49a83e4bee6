"""Where attempts run, beside the event loop itself."""
