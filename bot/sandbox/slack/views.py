"""The ``views.*`` methods: modals and Home tabs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.sandbox.slack.contents import view_payload
from bot.sandbox.slack.model import ChangeKind, Json, SlackError, View
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.shown import view_json
from bot.sandbox.slack.workspace import Workspace

TRIGGER_LIFE = timedelta(seconds=3)


def open_view(workspace: Workspace, params: Params) -> Json:
    """``views.open``: a modal for whoever the trigger belongs to."""
    payload = view_payload(workspace, params)
    if payload["type"] != "modal":
        raise SlackError("invalid_arguments", "only a modal can be opened [json-pointer:/view/type]")
    external = payload.get("external_id")
    if external and any(
        v.open and v.payload.get("external_id") == external for v in workspace.views.values()
    ):
        raise SlackError("duplicate_external_id")
    user = _exchange(workspace, params.required("trigger_id"))
    view = View(workspace.new_id("V"), user, payload, workspace.new_id("h"))
    workspace.save_view(ChangeKind.VIEW_OPENED, view)
    return {"view": view_json(workspace, view)}


def update_view(workspace: Workspace, params: Params) -> Json:
    """``views.update`` by id or external id; a stale ``hash`` is refused."""
    view = _find(workspace, params.text("view_id"), params.text("external_id"))
    _check_hash(params, view)
    after = replace(view, payload=view_payload(workspace, params), hash=workspace.new_id("h"))
    workspace.save_view(ChangeKind.VIEW_UPDATED, after)
    return {"view": view_json(workspace, after)}


def publish_view(workspace: Workspace, params: Params) -> Json:
    """``views.publish``: somebody's Home tab."""
    user = workspace.users.get(params.required("user_id"))
    if user is None or user.is_stranger or user.deleted:
        raise SlackError("user_not_found")
    payload = view_payload(workspace, params)
    if payload["type"] != "home":
        raise SlackError("invalid_arguments", "only a home view can be published [json-pointer:/view/type]")
    before = workspace.homes.get(user.id)
    if before:
        _check_hash(params, before)
    view = View(before.id if before else workspace.new_id("V"), user.id, payload, workspace.new_id("h"))
    workspace.save_view(ChangeKind.HOME_PUBLISHED, view)
    return {"view": view_json(workspace, view)}


def _exchange(workspace: Workspace, trigger_id: str) -> str:
    trigger = workspace.triggers.get(trigger_id)
    if trigger is None:
        raise SlackError("invalid_trigger_id")
    if trigger.used:
        raise SlackError("exchanged_trigger_id")
    if workspace.clock() - trigger.at > TRIGGER_LIFE:
        raise SlackError("expired_trigger_id")
    trigger.used = True
    return trigger.user


def _find(workspace: Workspace, view_id: str, external_id: str) -> View:
    for view in workspace.views.values():
        if view.open and (
            view.id == view_id or (external_id and view.payload.get("external_id") == external_id)
        ):
            return view
    raise SlackError("not_found")


def _check_hash(params: Params, view: View) -> None:
    if (given := params.text("hash")) and given != view.hash:
        raise SlackError("hash_conflict")
