"""Those who are told what happens in a turn."""
