"""The ``response_url`` of commands and clicks: five uses within half an hour."""

from __future__ import annotations

from datetime import timedelta

from bot.sandbox.slack.contents import message_blocks, message_text
from bot.sandbox.slack.model import Json, Message, ResponseUrl, SlackError
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.workspace import Workspace

LIFE = timedelta(minutes=30)
USES = 5


def respond(workspace: Workspace, url_id: str, params: Params) -> None:
    """Does what a POST to a response URL asks for.

    Raises:
        SlackError: ``expired_url``, ``used_url``, ``no_text``, ``invalid_blocks`` and the like.
    """
    url = workspace.response_urls.get(url_id)
    if url is None or workspace.clock() - url.at > LIFE:
        raise SlackError("expired_url")
    if url.uses >= USES:
        raise SlackError("used_url")
    url.uses += 1
    source = _present(workspace, url)
    if params.flag("delete_original"):
        if source:
            workspace.delete(source)
        return
    answer(workspace, url, params, source if params.flag("replace_original") else None)


def answer(workspace: Workspace, url: ResponseUrl, params: Params, replaces: Message | None) -> Message:
    """Shows what the app answered to a command or a click: to one person unless it says ``in_channel``.

    Response URLs pass the channel's posting rules, so the bot need not be in the channel.

    Raises:
        SlackError: ``no_text``, ``invalid_blocks`` and the like.
    """
    text, blocks = message_text(params), message_blocks(workspace, params)
    if not text and not blocks:
        raise SlackError("no_text")
    contents: Json = {"text": text, "blocks": blocks or ()}
    if replaces:
        edited = "" if replaces.ephemeral_to else workspace.next_ts()
        return workspace.edit(replaces, **contents, edited_ts=edited)
    return workspace.post(
        url.channel,
        workspace.bot_user,
        text,
        blocks=blocks or (),
        thread_ts=params.text("thread_ts") or _thread_of_ephemeral(url, params),
        by_bot=True,
        ephemeral_to="" if params.text("response_type") == "in_channel" else url.user,
    )


def _present(workspace: Workspace, url: ResponseUrl) -> Message | None:
    if url.source is None:
        return None
    return workspace.find(url.channel, url.source.ts, ephemeral_to=url.source.ephemeral_to)


def _thread_of_ephemeral(url: ResponseUrl, params: Params) -> str:
    """Only an ephemeral answer follows the click into its thread by itself."""
    if url.source is None or params.text("response_type") == "in_channel":
        return ""
    return url.source.thread_ts
