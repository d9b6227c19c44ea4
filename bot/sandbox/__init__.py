"""The simulated world: a Slack workspace and clouds, for the demonstration and for tests."""
