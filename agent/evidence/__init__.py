"""Evidence of a breach: a bounded sample of a window's events, and a report rendered from it.

`sample.py` is the sample, `reservoir.py` those of the open windows, `cite.py` what verdicts say of
them, `folder.py` where they are kept, `keeper.py` the thread that has reports rendered by a child
process (`child.py`, `limited.py`, `evidently_report.py`).  Off by default: docs/evidence.md.
"""
