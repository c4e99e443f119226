"""What the tests of the command line share."""

from tests.support.lab import clean, lab  # noqa: F401 - fixtures are found by name
