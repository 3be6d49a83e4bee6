"""The twelve things that must never happen (research: D.1), one module for each group; `test_list.py` has the list."""
