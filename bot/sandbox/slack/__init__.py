"""A simulated Slack workspace: state, Web API, deliveries to the bot, Block Kit limits, transcript."""

from __future__ import annotations

from bot.sandbox.slack.block_kit import Surface, problems, view_problems
from bot.sandbox.slack.deliveries import Deliveries, Impossible, deliveries
from bot.sandbox.slack.demo import Demo, demo_workspace
from bot.sandbox.slack.faults import CallRecord, Fault, Faults
from bot.sandbox.slack.model import Change, ChangeKind, Channel, Group, Message, SlackError, User, View
from bot.sandbox.slack.web_api import serve_workspace, web_api
from bot.sandbox.slack.wire import Delivery, Receipt
from bot.sandbox.slack.workspace import SCOPES, Workspace

__all__ = [
    "SCOPES",
    "CallRecord",
    "Change",
    "ChangeKind",
    "Channel",
    "Deliveries",
    "Delivery",
    "Demo",
    "Fault",
    "Faults",
    "Group",
    "Impossible",
    "Message",
    "Receipt",
    "SlackError",
    "Surface",
    "User",
    "View",
    "Workspace",
    "deliveries",
    "demo_workspace",
    "problems",
    "serve_workspace",
    "view_problems",
    "web_api",
]
