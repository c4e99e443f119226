"""What the tests of the audit log share."""

from tests.support.lab import clean, lab  # noqa: F401 - fixtures are found by name
