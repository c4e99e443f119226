"""The running agent: time, panes, windows, signals, store, pipeline and command line."""

__version__ = "0.1.0"
