"""The ``chat.*`` methods."""

from __future__ import annotations

from bot.sandbox.slack.contents import UPDATE_TEXT, message_blocks, message_metadata, message_text
from bot.sandbox.slack.model import Channel, Json, Message, SlackError
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.shown import message_json
from bot.sandbox.slack.workspace import Workspace


def post_message(workspace: Workspace, params: Params) -> Json:
    """``chat.postMessage``; with ``reply_broadcast`` a reply is shown in the channel too."""
    channel = postable(workspace, params)
    text, blocks, metadata = message_text(params), message_blocks(workspace, params), message_metadata(params)
    if not text and not blocks:
        raise SlackError("no_text")
    thread_ts = thread_root(workspace, channel, params.text("thread_ts"))
    message = workspace.post(
        channel,
        workspace.bot_user,
        text,
        blocks=blocks or (),
        metadata=metadata or None,
        thread_ts=thread_ts,
        by_bot=True,
        broadcast=bool(thread_ts) and params.flag("reply_broadcast"),
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message_json(workspace, message, metadata=True),
    }


def update(workspace: Workspace, params: Params) -> Json:
    """``chat.update``: what is left out stays as it was; metadata ``{}`` takes it away."""
    message = _own(workspace, params, "cant_update_message")
    text = message_text(params, most=UPDATE_TEXT, truncate=False)
    blocks, metadata = message_blocks(workspace, params), message_metadata(params)
    if not text and not blocks:
        raise SlackError("no_text")
    after = workspace.edit(
        message,
        text=text or message.text,
        blocks=message.blocks if blocks is None else blocks,
        metadata=message.metadata if metadata is None else (metadata or None),
        edited_ts=workspace.next_ts(),
    )
    shown = message_json(workspace, after, metadata=True)
    return {"channel": after.channel, "ts": after.ts, "text": after.text, "message": shown}


def post_ephemeral(workspace: Workspace, params: Params) -> Json:
    """``chat.postEphemeral``: only to somebody who is in the channel."""
    channel = postable(workspace, params)
    user = params.required("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = message_text(params), message_blocks(workspace, params)
    if not text and not blocks:
        raise SlackError("no_text")
    message = workspace.post(
        channel,
        workspace.bot_user,
        text,
        blocks=blocks or (),
        thread_ts=params.text("thread_ts"),
        by_bot=True,
        ephemeral_to=user,
    )
    return {"message_ts": message.ts}


def delete(workspace: Workspace, params: Params) -> Json:
    """``chat.delete``."""
    message = _own(workspace, params, "cant_delete_message")
    workspace.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def get_permalink(workspace: Workspace, params: Params) -> Json:
    """``chat.getPermalink``."""
    channel = visible(workspace, params.required("channel", "channel_not_found"))
    message = workspace.find(channel, params.text("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    return {"channel": channel.id, "permalink": workspace.permalink(message)}


def visible(workspace: Workspace, channel_id: str) -> Channel:
    """A channel that the bot can know of; a private one without the bot does not exist for it.

    Raises:
        SlackError: ``channel_not_found``.
    """
    channel = workspace.channels.get(channel_id)
    if channel is None or (channel.is_private and workspace.bot_user not in channel.members):
        raise SlackError("channel_not_found")
    return channel


def postable(workspace: Workspace, params: Params) -> Channel:
    """The channel to post to. Posting to a user's id posts to the direct conversation with them.

    Raises:
        SlackError: ``channel_not_found``, ``is_archived``, ``not_in_channel``.
    """
    target = params.required("channel", "channel_not_found")
    if target in workspace.users:
        return workspace.direct_channel(target)
    channel = visible(workspace, target)
    if channel.is_archived:
        raise SlackError("is_archived")
    if workspace.bot_user not in channel.members and "chat:write.public" not in workspace.scopes:
        raise SlackError("not_in_channel")
    return channel


def thread_root(workspace: Workspace, channel: Channel, thread_ts: str) -> str:
    """The ``ts`` of the thread's parent; "" outside of threads.

    Raises:
        SlackError: ``thread_not_found``, as after the parent was deleted (bolt-js#2307).
    """
    if not thread_ts:
        return ""
    message = workspace.find(channel, thread_ts)
    if message is not None:
        return message.thread_ts or message.ts
    if any(m.ts == thread_ts for m in workspace.messages(channel, tombstones=True)):
        return thread_ts
    raise SlackError("thread_not_found")


def _own(workspace: Workspace, params: Params, error: str) -> Message:
    channel = visible(workspace, params.required("channel", "channel_not_found"))
    if channel.is_archived:
        raise SlackError("is_archived")
    message = workspace.find(channel, params.text("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if message.user != workspace.bot_user:
        raise SlackError(error)
    return message
