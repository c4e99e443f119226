"""Signals: what a window's summary says, as numbers with intervals (contract C5-C8).

Read `table.py` first: it names every signal and the function that computes it.
"""
