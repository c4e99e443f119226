"""The command line: one file per command, all listed in `main`.

Command modules import only typer and each other at their top; everything heavy is imported inside
the command, so that `pantau --help` answers at once.
"""
