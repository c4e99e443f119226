"""Reading a published log as an outsider does: verify, prove, compare, copy, export.

Nothing here needs the private state, takes the lock or changes the log.
"""
