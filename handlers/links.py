"""Where to read on: the addresses of cards that a message names."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.core.answers import Tell
from bot.core.model import Reason
from bot.core.operation import Operation
from bot.errors import DirectoryUnavailable, StoreUnavailable
from bot.ports import Message, Outbox
from handlers.directory import SlackDirectory

LIMIT = 1.0  # seconds for finding out: words are worth more than their links


class Links:
    """Gives reasons that name the holder of a lock the parameter ``link``, which its name is shown with.

    Args:
        outbox: Knows where cards are.
        directory: Knows the workspace's address.
    """

    def __init__(self, outbox: Outbox, directory: SlackDirectory) -> None:
        self._outbox = outbox
        self._directory = directory

    async def linked(self, message: Message) -> Message:
        """The message with the links that are known now; without them it says the same."""
        operation, say, answer = message.operation, message.say, message.answer
        if isinstance(operation, Operation) and (detail := await self._linked(operation.detail)):
            operation = replace(operation, detail=detail)
        if say is not None and (detail := await self._linked(say.detail)):
            say = replace(say, detail=detail)
        if isinstance(answer, Tell) and (text := await self._linked(answer.text)):
            answer = replace(answer, text=text)
        if operation is message.operation and say is message.say and answer is message.answer:
            return message
        return replace(message, operation=operation, say=say, answer=answer)

    async def cards(self, operations: Collection[str]) -> Mapping[str, str]:
        """The addresses of the cards of operations, as far as they are known now."""
        found: dict[str, str] = {}
        try:
            async with asyncio.timeout(LIMIT):
                for operation in operations:
                    found[operation] = await self._address(operation)
        except (DirectoryUnavailable, StoreUnavailable, TimeoutError):
            pass
        return found

    async def _linked(self, reason: Reason | None) -> Reason | None:
        if reason is None or reason.code != "locked":
            return None
        try:
            async with asyncio.timeout(LIMIT):
                address = await self._address(reason["holder"])
        except (DirectoryUnavailable, StoreUnavailable, TimeoutError):
            return None
        return Reason(reason.code, (*reason.params, ("link", address))) if address else None

    async def _address(self, operation_id: str) -> str:
        """What Slack calls the permalink of an operation's card; "" while there is none."""
        card = await self._outbox.card_place(operation_id)
        workspace = (await self._directory.identity()).url if card is not None else ""
        if card is None or not workspace.startswith("https://"):
            return ""
        within = f"?thread_ts={card.thread}&cid={card.channel}" if card.thread else ""
        return f"{workspace.rstrip('/')}/archives/{card.channel}/p{card.ts.replace('.', '')}{within}"
