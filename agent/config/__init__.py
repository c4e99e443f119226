"""The configuration: `load` reads the YAML file, `model` says what it may hold (contract C14)."""
