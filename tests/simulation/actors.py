"""What people do, at wild moments: the right ones and the wrong ones, on cards as they are and as they were."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from random import Random

from bot.sandbox.slack import Demo, Impossible, Message, User
from tests.simulation.clouds import Clouds
from tests.simulation.deliveries import Mail
from tests.simulation.observer import Observer

CARDS = "card"
LIKELY = (4, 3, 3)
"""How likely each database is to be switched: orders, sessions, events."""
OFTEN_CHEAP = (6, 2, 2)
"""The same where submissions often get lost: a lost one to DDS is looked for during a quarter of an hour."""


class People:
    """The workspace's people, driven by dice.

    Args:
        demo: Who they are.
        mail: Carries what they do to the bot.
        clouds: What there is to switch.
        dice: Decides who does what.
        observer: Is told who may approve.
        say: Notes what they do.
    """

    def __init__(self, demo: Demo, mail: Mail, clouds: Clouds, dice: Random, observer: Observer) -> None:
        self._demo = demo
        self._mail = mail
        self._clouds = clouds
        self._dice = dice
        self._observer = observer

    # --- one at a time ---

    async def act(self) -> None:
        """Somebody does something; what Slack would not let them do is not done."""
        doing = self._dice.choices(
            (
                *(self.request, self.click, self.approve, self.both_approve),
                *(self.approve_and_leave, self.regroup, self.look),
            ),
            weights=(3, 3, 4, 6, 2.5, 1, 0.5),
        )[0]
        try:
            await doing()
        except Impossible:
            return

    async def request(self) -> None:
        """Somebody asks for a switchover, and may have to choose a node."""
        demo = self._demo
        people = (demo.requester, demo.bystander, demo.approver, demo.guest)
        who = self._dice.choices(people, weights=(6, 2, 2, 0.5))[0]
        await self._ask(who)
        await asyncio.sleep(1)
        await self._choose(who)

    async def insist(self) -> None:
        """The requester asks until there is a card; the approvers approve as soon as they can."""
        who, approved = self._demo.requester, False
        for _ in range(12):
            if not self._cards():
                await self._ask(who, OFTEN_CHEAP)
            await asyncio.sleep(self._dice.choice((0.3, 1.0, 2.0, 4.0)))
            await self._choose(who)
            if self._waiting() is not None:
                with contextlib.suppress(Impossible):  # somebody or something was faster
                    await self.both_approve()
                approved = True
            elif approved:
                return

    async def _ask(self, who: User, likely: Sequence[float] = LIKELY) -> None:
        """Asks for a switchover, by command or mention, and again when there was no answer."""
        demo = self._demo
        text = self._dice.choices((self._orders, self._sessions, self._events), weights=likely)[0]()
        places = (demo.channel, demo.channel, demo.private)
        place = self._dice.choice([each for each in places if who.id in each.members])
        for _ in range(2):
            if self._dice.random() < 0.25:
                receipt = await self._mail.mention(who, place, text)
            else:
                receipt = await self._mail.command(who, place, text)
            if receipt.ok or self._dice.random() < 0.5:
                break
            await asyncio.sleep(4)

    def _orders(self) -> str:
        nodes = [
            node.id for node in self._clouds.orders.nodes if node.id not in self._clouds.orders.primaries
        ]
        named = f" to {self._dice.choice(nodes)}" if nodes and self._dice.random() < 0.75 else ""
        return f"orders{named} because of the simulation"

    def _sessions(self) -> str:
        electable = [node.id for node in self._clouds.sessions.groups[0].electable]
        named = f" to {self._dice.choice(electable)}" if electable and self._dice.random() < 0.35 else ""
        return f"sessions{named}"

    def _events(self) -> str:
        shards = [group for group in self._clouds.events.groups if group.type == "shard"]
        shard = self._dice.choice(shards)
        named = ""
        if shard.electable and self._dice.random() < 0.3:
            named = f" to {self._dice.choice(shard.electable).id}"
        return f"events shard {self._dice.choice((shard.name, shard.id))}{named}"

    async def _choose(self, who: User) -> None:
        """Chooses a node, where the bot asked which."""
        for message in self._demo.workspace.ephemerals(who)[-3:]:
            buttons = [one for one in _buttons(message) if one[0].startswith("choose_node")]
            if buttons and self._dice.random() < 0.9:
                action, value = self._dice.choice(buttons)
                await self._mail.click(who, message, action, value=value)
                return

    async def click(self) -> None:
        """Anybody clicks anything, also what is not there any more."""
        demo = self._demo
        who = self._dice.choice(
            (demo.requester, demo.approver, demo.second_approver, demo.bystander, demo.guest, demo.outsider)
        )
        card = self._card()
        if card is None:
            return
        version = self._dice.choice(demo.workspace.versions(card)) if self._dice.random() < 0.4 else card
        buttons = [name for name, _ in _buttons(version)]
        weights = [0.3 if name in ("cancel", "reject") else 1.0 for name in buttons]
        if buttons:
            name = self._dice.choices(buttons, weights=weights)[0]
            await self._mail.click(who, version, name, outdated=version is not card)

    async def approve(self) -> None:
        """An approver approves, perhaps twice."""
        demo = self._demo
        who = self._dice.choices((demo.approver, demo.second_approver, demo.requester), weights=(5, 5, 1))[0]
        card = self._waiting()
        if card is not None:
            times = 2 if self._dice.random() < 0.2 else 1
            await asyncio.gather(*(self._mail.click(who, card, "approve") for _ in range(times)))

    async def both_approve(self) -> None:
        """Two approvers in the same millisecond."""
        card = self._waiting()
        if card is not None:
            both = (self._demo.approver, self._demo.second_approver)
            await asyncio.gather(*(self._mail.click(who, card, "approve") for who in both))

    async def approve_and_leave(self) -> None:
        """Somebody approves and is taken out of the group; then another one approves the same."""
        demo, members = self._demo, self._demo.approvers.members
        card = self._waiting()
        if card is None:
            return
        await self._mail.click(demo.approver, card, "approve", outdated=True)
        await asyncio.sleep(self._dice.choice((0.3, 1.0, 3.0)))
        if demo.approver.id in members:
            members.remove(demo.approver.id)
            self._observer.approvers_changed()
        await self._mail.click(demo.second_approver, card, "approve", outdated=True)

    async def regroup(self) -> None:
        """An approver leaves the group, or the workspace, or comes back; Slack may tell the bot."""
        demo, group = self._demo, self._demo.approvers
        who = self._dice.choice((demo.approver, demo.second_approver))
        if self._dice.random() < 0.3:
            who.deleted = not who.deleted
        elif who.id in group.members:
            group.members.remove(who.id)
        else:
            group.members.append(who.id)
        self._observer.approvers_changed()
        if self._dice.random() < 0.5:
            await (self._mail.user_changed(who) if who.deleted else self._mail.change_group(group))

    async def look(self) -> None:
        """Somebody asks what is going on."""
        text = self._dice.choice(("list", "status", "history", "help", "plan sessions"))
        await self._mail.command(self._demo.bystander, self._demo.channel, text)

    # --- towards the end ---

    async def settle(self) -> None:
        """All is well again, and what waits for people is decided by the right ones."""
        demo = self._demo
        for user in (demo.approver, demo.second_approver):
            user.deleted = False
            if user.id not in demo.approvers.members:
                demo.approvers.members.append(user.id)
        self._observer.approvers_changed()
        for card in self._cards():
            names = [name for name, _ in _buttons(card)]
            wish = self._dice.choice(("approve", "approve", "reject", ""))
            for who in (demo.second_approver, demo.approver):
                if wish in names:
                    await self._mail.click(who, card, wish, outdated=True)

    async def acknowledge(self) -> None:
        """What needs a person gets one."""
        for card in self._cards():
            if "acknowledge" in [name for name, _ in _buttons(card)]:
                await self._mail.click(self._demo.approver, card, "acknowledge")

    def _cards(self) -> Sequence[Message]:
        return self._demo.workspace.with_metadata(key=CARDS)

    def _card(self) -> Message | None:
        cards = self._cards()
        return self._dice.choice(cards[-3:]) if cards else None

    def _waiting(self) -> Message | None:
        cards = [card for card in self._cards() if "approve" in [name for name, _ in _buttons(card)]]
        return self._dice.choice(cards) if cards else None


def _buttons(message: Message) -> list[tuple[str, str]]:
    found = []
    for block in message.blocks:
        elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else ())]
        found += [(one["action_id"], one.get("value", "")) for one in elements if one.get("type") == "button"]
    return found
