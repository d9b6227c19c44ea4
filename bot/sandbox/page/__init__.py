"""The sandbox's page: a small Slack and the simulated clouds in a browser, around the real bot."""

from __future__ import annotations

PORT = 4747
"""Where the page is unless somebody else is there."""
