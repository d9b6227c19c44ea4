"""What people do, at wild moments: the right ones and the wrong ones, on cards as they are and as they were."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

from bot.core.holds import ALL, Hold, HoldKind
from bot.sandbox.slack import Demo, Impossible, Message, User
from bot.sandbox.slack.model import Group
from tests.simulation.deliveries import Mail
from tests.simulation.filling import Filling
from tests.simulation.phrases import Phrases
from tests.simulation.places import Places
from tests.simulation.standing import Standings

Deed = Callable[[], Coroutine[Any, Any, None]]
CARDS = "card"
AGAIN = 0.1
"""How many of those that are over are wanted once more, or back, at the end."""
IN_FORMS = 0.65
"""How much of what people do they do in forms and Home tabs, where they use these."""
LATER = 0.25
"""How many requests are for a later start."""
LIFTS = ("resume", *(f"unfreeze {scope}" for scope in (ALL, "orders", "sessions", "events")))
"""What lets everything go on, whatever holds it up."""


class People:
    """The workspace's people, driven by dice.

    Args:
        demo: Who they are.
        mail: Carries what they do to the bot.
        phrases: What they may type.
        glass: The group of those who may do without approvals.
        dice: Decides who does what.
        standings: Is told when somebody joins or leaves a group.
        holds: What is set by hand.
        forms: What they do in forms, where they use any.
        places: Where they ask in threads, where these may go away.
        likely: How likely each database is what somebody insists on.
    """

    def __init__(
        self,
        demo: Demo,
        mail: Mail,
        phrases: Phrases,
        *,
        glass: Group,
        dice: Random,
        standings: Standings,
        holds: Callable[[], Sequence[Hold]],
        forms: Filling | None,
        places: Places | None,
        likely: Sequence[float],
    ) -> None:
        self._demo = demo
        self._glass = glass
        self._mail = mail
        self._phrases = phrases
        self._dice = dice
        self._standings = standings
        self._holds = holds
        self._forms = forms
        self._places = places
        self._likely = likely

    # --- one at a time ---

    async def act(self) -> None:
        """Somebody does something; what Slack would not let them do is not done."""
        doing = self._dice.choices(
            (
                *(self.request, self.click, self.approve, self.both_approve),
                *(self.approve_and_leave, self.regroup, self.look, self.hold, self.emergency, self.withdraw),
            ),
            weights=(3, 4, 4, 6, 2.5, 1, 0.5, 1.5, 1.5, 0.5),
        )[0]
        if self._forms is not None and self._dice.random() < IN_FORMS:
            doing = self._forms.act
        try:
            await doing()
        except Impossible:
            return

    async def request(self) -> None:
        """Somebody asks for a switchover, and may have to choose a node."""
        demo = self._demo
        people = (demo.requester, demo.bystander, demo.approver, demo.guest)
        who = self._dice.choices(people, weights=(6, 2, 2, 0.5))[0]
        await self._ask(who, self._phrases.request(who.tz, later=LATER))
        await asyncio.sleep(1)
        await self._choose(who)

    async def want_something(self) -> None:
        """Somebody asks for a switchover; what Slack would not let them do is not done."""
        with contextlib.suppress(Impossible):
            await self.request()

    async def emergency(self) -> None:
        """Somebody wants no approvals: some may, some may not, some may no longer when it is to start."""
        demo = self._demo
        people = (demo.requester, demo.approver, demo.bystander, demo.guest)
        who = self._dice.choices(people, weights=(6, 3, 1, 1))[0]
        await self._ask(who, self._phrases.emergency())
        await asyncio.sleep(self._dice.choice((0.2, 1.0)))
        if self._dice.random() < 0.25:
            self._joins_or_leaves(self._glass, who)
        await self._choose(who)

    async def insist(self, *, amid: Sequence[Deed], leaving: bool) -> bool:
        """The requester asks the same until there is a card; approvers approve as soon as they can.

        Returns whether a later start was asked for.

        Args:
            amid: What happens around the moment at which it would start.
            leaving: Who lets it start leaves the group of those who may: the first who approves, before the second
                does, or the requester who does without.
        """
        who, approved = self._demo.requester, False
        wish = self._dice.choices(("now", "later", "emergency"), weights=(6.5, 2, 1.5))[0]
        text = self._wish(wish)
        for _ in range(7):
            if not self._cards():
                await self._wants(who, wish, text)
                if leaving and wish == "emergency":
                    await asyncio.sleep(self._dice.uniform(0.0, 0.6))
                    self._leaves(self._glass, who)
            elif wish == "emergency":
                break
            await asyncio.sleep(self._dice.choice((0.3, 1.0, 3.0, 8.0)))
            await self._choose(who)
            if self._waiting() is not None:
                deeds = () if approved else amid
                await asyncio.gather(self._approve_in_time(leaving=leaving), *(deed() for deed in deeds))
                approved = True
            elif approved:
                break
        return wish == "later"

    async def _wants(self, who: User, wish: str, text: str) -> None:
        if self._forms is not None and wish == "now" and self._dice.random() < IN_FORMS:
            await self._forms.fill(who)
        else:
            await self._ask(who, text)

    def _wish(self, wish: str) -> str:
        if wish == "emergency":
            return self._phrases.emergency(self._likely)
        return self._phrases.request(self._demo.requester.tz, self._likely, later=float(wish == "later"))

    async def _ask(self, who: User, text: str) -> None:
        """Asks for a switchover, by command or mention, and again when there was no answer."""
        demo = self._demo
        places = (demo.channel, demo.channel, demo.private)
        place = self._dice.choice([each for each in places if who.id in each.members])
        for _ in range(2):
            if self._dice.random() < 0.25 and demo.workspace.bot_user in place.members:
                parent = self._places.parent(place, who) if self._places is not None else None
                receipt = await self._mail.mention(who, place, text, thread=parent)
            else:
                receipt = await self._mail.command(who, place, text)
            if receipt.ok or self._dice.random() < 0.5:
                break
            await asyncio.sleep(4)

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

    async def _approve_in_time(self, *, leaving: bool) -> None:
        with contextlib.suppress(Impossible):  # somebody or something was faster
            if leaving:
                await self.approve_and_leave()
            else:
                await (self.both_approve() if self._dice.random() < 0.5 else self.approve())

    async def approve_and_leave(self) -> None:
        """Somebody approves and is taken out of the group; then another one approves the same."""
        demo, card = self._demo, self._waiting()
        if card is None:
            return
        await self._mail.click(demo.approver, card, "approve", outdated=True)
        await asyncio.sleep(self._dice.choice((0.3, 1.0, 3.0)))
        self._leaves(demo.approvers, demo.approver)
        await self._mail.click(demo.second_approver, card, "approve", outdated=True)

    async def regroup(self) -> None:
        """An approver leaves the group, or the workspace, or comes back; Slack may tell the bot."""
        demo, group = self._demo, self._dice.choice((self._demo.approvers, self._glass))
        who = self._dice.choice((demo.approver, demo.second_approver))
        if self._dice.random() < 0.3:
            who.deleted = not who.deleted
            self._standings.changed()
        else:
            self._joins_or_leaves(group, who)
        if self._dice.random() < 0.5:
            await (self._mail.user_changed(who) if who.deleted else self._mail.change_group(group))

    def _joins_or_leaves(self, group: Group, who: User) -> None:
        if who.id in group.members:
            self._leaves(group, who)
        else:
            group.members.append(who.id)
            self._standings.changed()

    def _leaves(self, group: Group, who: User) -> None:
        if who.id in group.members:
            group.members.remove(who.id)
            self._standings.changed()

    async def hold(self) -> None:
        """Somebody stops everything, or some of it, or lets it go on."""
        demo = self._demo
        who = self._dice.choices(
            (demo.approver, demo.second_approver, demo.requester, demo.guest), weights=(4, 4, 2, 0.5)
        )[0]
        await self._mail.command(who, demo.channel, self._phrases.hold())

    async def halt_amid(self) -> None:
        """Somebody halts everything around the moment at which something starts."""
        await asyncio.sleep(self._dice.uniform(0.0, 0.5))
        await self._mail.command(self._demo.approver, self._demo.channel, self._phrases.halt())

    async def withdraw(self) -> None:
        """Somebody withdraws an operation by its id."""
        card = self._card()
        if card is not None and card.metadata is not None:
            who = self._dice.choice((self._demo.requester, self._demo.approver, self._demo.bystander))
            operation = card.metadata["event_payload"]["operation"]
            await self._mail.command(who, self._demo.channel, f"cancel {operation}")

    async def look(self) -> None:
        """Somebody asks what is going on."""
        text = self._dice.choice(("list", "status", "history", "help", "plan sessions"))
        await self._mail.command(self._demo.bystander, self._demo.channel, text)

    # --- towards the end ---

    async def settle(self) -> None:
        """All is well again, nothing is held up, and what waits for people is decided by the right ones."""
        demo = self._demo
        for user in (demo.approver, demo.second_approver):
            user.deleted = False
            if user.id not in demo.approvers.members:
                demo.approvers.members.append(user.id)
        self._standings.changed()
        if self._dice.random() < 0.8:
            for text in self._lifts():
                await self._mail.command(demo.approver, demo.channel, text)
        for card in self._cards():
            names = [name for name, _ in _buttons(card)]
            wish = self._dice.choice(("approve", "reject", ""))
            for who in (demo.second_approver, demo.approver):
                if wish in names:
                    await self._mail.click(who, card, wish, outdated=True)

    def _lifts(self) -> Sequence[str]:
        """What lets everything go on that is held up, and one more that may have nothing to lift."""
        wanted = {self._dice.choice(LIFTS)} if self._dice.random() < 0.3 else set[str]()
        for hold in self._holds():
            wanted.add("resume" if hold.kind is HoldKind.HALT else f"unfreeze {hold.scope}")
        return [text for text in LIFTS if text in wanted]

    async def once_more(self) -> None:
        """What is over is wanted once more, or back."""
        for card in self._cards():
            again = [name for name, _ in _buttons(card) if name in {"replan", "switch_back"}]
            if again and self._dice.random() < AGAIN:
                await self._mail.click(self._demo.requester, card, self._dice.choice(again))

    async def acknowledge(self) -> None:
        """What needs a person gets one: on its card or, where that is gone, below what its thread says."""
        space, cards = self._demo.workspace, self._cards()
        there = {_operation(card) for card in cards}
        replies = space.with_metadata("switchover_operation")
        lost = [
            one for one in replies if _operation(one) not in there and not space.channels[one.channel].im_with
        ]
        for message in [*cards, *lost]:
            if "acknowledge" in [name for name, _ in _buttons(message)]:
                await self._mail.click(self._demo.approver, message, "acknowledge")

    async def watch(self) -> None:
        """Somebody opens their Home tab; then something changes that is seen there."""
        if self._forms is not None:
            people = (self._demo.approver, self._demo.requester, self._demo.guest)
            await self._forms.look_home(self._dice.choice(people))
        await self._mail.command(self._demo.approver, self._demo.channel, self._phrases.hold())

    async def review(self) -> None:
        """Who broke the glass would review it themselves; mostly somebody else does."""
        demo = self._demo
        for card in self._cards():
            if "review" in [name for name, _ in _buttons(card)]:
                await self._mail.click(demo.requester, card, "review")
                if self._dice.random() < 0.7:
                    await self._mail.click(demo.second_approver, card, "review", outdated=True)

    def _cards(self) -> Sequence[Message]:
        return self._demo.workspace.with_metadata(key=CARDS)

    def _card(self) -> Message | None:
        cards = self._cards()
        return self._dice.choice(cards[-3:]) if cards else None

    def _waiting(self) -> Message | None:
        cards = [card for card in self._cards() if "approve" in [name for name, _ in _buttons(card)]]
        return self._dice.choice(cards) if cards else None


def _operation(message: Message) -> str:
    payload: dict[str, str] = (message.metadata or {})["event_payload"]
    return payload["operation"]


def _buttons(message: Message) -> list[tuple[str, str]]:
    found = []
    for block in message.blocks:
        elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else ())]
        found += [(one["action_id"], one.get("value", "")) for one in elements if one.get("type") == "button"]
    return found
