"""The simulated Slack workspace and clouds behind ``switchover demo``; tests of the real bot use them too."""
