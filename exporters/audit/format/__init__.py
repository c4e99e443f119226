"""The public byte formats of the log: C2SP tlog-tiles, checkpoints, notes, proofs; pure functions.

Nothing here reads a file or knows a record: bytes in, bytes out.
"""
