"""Slack: ingress payloads to commands, stored state to messages. Nothing here knows a cloud."""
