"""The sandbox's page: a small Slack and the simulated clouds in a browser, around the real bot."""
