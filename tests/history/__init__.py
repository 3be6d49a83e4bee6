"""Whole histories: check, repair, exchanges, ids."""
