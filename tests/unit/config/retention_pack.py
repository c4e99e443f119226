"""A team's pack that asks to keep `WHAT` for `DAYS`."""

OURS = """\
id: ours
kind: team
title: What we keep
version: 1.0.0
include: [asean-guide]
retention:
  - what: WHAT
    days: DAYS
    reason: Our board asks for it.
    source: "minutes of 3 March"
    verified_on: 2026-03-03
    confidence: high
"""
