"""The world in a box: simulated clouds and a simulated Slack workspace, for the demo and for tests."""

from __future__ import annotations
