"""``auth.test``, ``users.*`` and ``usergroups.*``."""

from __future__ import annotations

from bot.sandbox.slack.model import Json, SlackError
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.shown import group_json, user_json
from bot.sandbox.slack.workspace import Workspace


def auth_test(workspace: Workspace, _params: Params) -> Json:
    """``auth.test``."""
    return {
        "url": f"https://{workspace.team_domain}.slack.com/",
        "team": workspace.team_domain,
        "user": workspace.users[workspace.bot_user].name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def user_info(workspace: Workspace, params: Params) -> Json:
    """``users.info``."""
    user = workspace.users.get(params.required("user", "user_not_found"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_json(user, locale=params.flag("include_locale"))}


def groups(workspace: Workspace, params: Params) -> Json:
    """``usergroups.list``."""
    disabled = params.flag("include_disabled")
    users, count = params.flag("include_users"), params.flag("include_count")
    found = [group for group in workspace.groups.values() if group.enabled or disabled]
    return {"usergroups": [group_json(workspace, group, users=users, count=count) for group in found]}


def group_users(workspace: Workspace, params: Params) -> Json:
    """``usergroups.users.list``."""
    group = workspace.groups.get(params.required("usergroup", "no_such_subteam"))
    if group is None or (not group.enabled and not params.flag("include_disabled")):
        raise SlackError("no_such_subteam")
    return {"users": list(group.members)}
