"""What leaves: metrics, the audit log, alerts."""
