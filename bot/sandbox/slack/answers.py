"""What Slack does with the bot's answers: shows them, applies them to the modal, or complains."""

from __future__ import annotations

from dataclasses import replace

from bot.sandbox.slack.block_kit import view_problems
from bot.sandbox.slack.contents import completed
from bot.sandbox.slack.model import ChangeKind, ResponseUrl, SlackError, View
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.respond import answer
from bot.sandbox.slack.wire import Receipt
from bot.sandbox.slack.workspace import SLACKBOT, Workspace


def show_answer(workspace: Workspace, command: str, url: ResponseUrl, receipt: Receipt) -> Receipt:
    """Shows the answer to a slash command, or Slack's own sentence where there is no good one."""
    if not receipt.ok:
        why = "operation_timeout" if receipt.failure == "timeout" else "dispatch_failed"
        return _show_failure(workspace, command, url, receipt, why)
    if not receipt.body:
        return receipt
    content = receipt.json
    if not receipt.headers.get("content-type", "").startswith("application/json"):
        content = {"text": receipt.body.decode("utf-8", "replace")}
    if not content:
        return receipt
    try:
        answer(workspace, url, Params(content), None)
    except SlackError as error:
        return _show_failure(workspace, command, url, replace(receipt, problem=error.code), error.code)
    return receipt


def _show_failure(
    workspace: Workspace, command: str, url: ResponseUrl, receipt: Receipt, why: str
) -> Receipt:
    text = f'{command} failed with the error "{why}"'
    workspace.post(url.channel, SLACKBOT, text, ephemeral_to=url.user)
    return receipt


def after_submission(workspace: Workspace, view: View, receipt: Receipt) -> Receipt:
    """Does to a modal what the answer to its submission says; without an answer it closes."""
    action = receipt.json.get("response_action")
    if action == "errors":
        return _show_errors(workspace, view, receipt)
    if action in {"update", "push"}:
        return _show_view(workspace, view, receipt, pushed=action == "push")
    closed = [view] if action is None else [v for v in workspace.views.values() if v.user == view.user]
    for one in closed:
        if one.open and one.payload["type"] == "modal":
            workspace.save_view(ChangeKind.VIEW_CLOSED, replace(one, open=False))
    return receipt


def _show_errors(workspace: Workspace, view: View, receipt: Receipt) -> Receipt:
    errors = receipt.json.get("errors") or {}
    inputs = {block["block_id"] for block in view.payload["blocks"] if block["type"] == "input"}
    if not errors or not errors.keys() <= inputs:
        return replace(receipt, problem="errors must name input blocks of the view")
    workspace.save_view(ChangeKind.VIEW_UPDATED, replace(view, errors=errors))
    return receipt


def _show_view(workspace: Workspace, view: View, receipt: Receipt, *, pushed: bool) -> Receipt:
    payload = receipt.json.get("view")
    found = view_problems(payload)
    if found or not isinstance(payload, dict):
        return replace(receipt, problem="; ".join(found))
    payload = {**payload, "blocks": completed(workspace, payload["blocks"])}
    fresh = workspace.new_id("h")
    if pushed:
        made = View(
            workspace.new_id("V"),
            view.user,
            payload,
            fresh,
            root_id=view.root_id or view.id,
            previous_id=view.id,
        )
        workspace.save_view(ChangeKind.VIEW_OPENED, made)
    else:
        changed = replace(view, payload=payload, hash=fresh, errors={})
        workspace.save_view(ChangeKind.VIEW_UPDATED, changed)
    return receipt
