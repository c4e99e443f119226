"""The audit log: what happened, in order, so that somebody else can check it."""
