"""The documentation, and what renders parts of it."""
