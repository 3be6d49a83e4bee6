"""The inside of a worker process. Nothing of the host imports this; the host starts it by name."""
