"""People's tabs in a real browser, and everything that went wrong in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from bot.sandbox.page.sandbox import Sandbox

RITA, AMIR, BEA, CARL, GUS, OLGA = "U0RITA", "U0AMIR", "U0BEA", "U0CARL", "U0GUS", "U0OLGA"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PROGRAM = "here/switchover"
"""How the commands are called in the folder that the sandbox is started in."""
PATIENCE = 45_000.0
"""How long anything that is waited for may take, in milliseconds; a busy machine is slow."""

# Presses of the pointer and of the Enter key, counted where nothing of the page can keep them back.
COUNTING = """
window.pressed = { pointer: 0, enter: 0 };
addEventListener("pointerdown", () => { window.pressed.pointer += 1; }, true);
addEventListener("keydown", (event) => { if (event.key === "Enter") window.pressed.enter += 1; }, true);
"""


@dataclass
class Visit:
    """A sandbox and the browser that looks at it.

    Attributes:
        sandbox: The world behind the page.
        url: Where the page is, without a slash at the end.
        chromium: The browser.
        troubles: Console errors and warnings, errors of scripts, dialogs, requests that failed.
        forgiven: What may go wrong in this test, as patterns; each of them has to come.
    """

    sandbox: Sandbox
    url: str
    chromium: Browser
    troubles: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def context(self, **options: Any) -> BrowserContext:
        """A browser of its own: nothing is shared with another one. Its tabs share what the page stores."""
        wide = {"viewport": {"width": 1280, "height": 800}}
        # What moves costs more than everything else here, where there is no GPU.
        context = await self.chromium.new_context(**{**wide, "reduced_motion": "reduce", **options})
        context.set_default_timeout(PATIENCE)
        await context.add_init_script(COUNTING)
        self.contexts.append(context)
        return context

    async def tab(self, who: str = RITA, *, context: BrowserContext | None = None, **options: Any) -> Tab:
        """A new tab in which somebody looks at the page."""
        page = await (context or await self.context(**options)).new_page()
        self._watch(page)
        await page.goto(f"{self.url}/")
        tab = Tab(self, page)
        await expect(page.get_by_test_id("identity")).to_be_visible()
        await tab.become(who)
        return tab

    def _watch(self, page: Page) -> None:
        def said(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning", "assert"}:
                self.troubles.append(f"console {message.type}: {message.text}")

        def failed(request: Request) -> None:
            # A stream ends when its tab becomes somebody else, is loaded again, or is closed.
            if not (
                request.url.startswith(f"{self.url}/api/events") and request.failure == "net::ERR_ABORTED"
            ):
                self.troubles.append(f"failed: {request.method} {request.url}: {request.failure}")

        page.on("console", said)
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        page.on("requestfailed", failed)
        page.on("dialog", lambda dialog: self.troubles.append(f"dialog: {dialog.message}"))

    def forgive(self, pattern: str) -> None:
        """From now on troubles that match this are part of the test."""
        self.forgiven.append(pattern)

    async def leave(self) -> None:
        """Closes all tabs.

        Raises:
            AssertionError: Something went wrong in one of them that was not meant to.
        """
        for context in self.contexts:
            await context.close()
        self.contexts.clear()
        unmeant = [said for said in self.troubles if not any(re.search(one, said) for one in self.forgiven)]
        unseen = [one for one in self.forgiven if not any(re.search(one, said) for said in self.troubles)]
        assert not unmeant, unmeant
        assert not unseen, f"did not come: {unseen}"


@dataclass
class Tab:
    """One tab, and what a person does in it."""

    visit: Visit
    page: Page

    def at(self, testid: str) -> Locator:
        """What the page calls by this name."""
        return self.page.get_by_test_id(testid)

    @property
    def composer(self) -> Locator:
        """Where one types in a channel."""
        return self.at("composer-main")

    async def become(self, who: str) -> None:
        """From now on this tab is this person, and shows what they see."""
        await self.at(f"identity-{who}").check()
        await expect(self.at("conversation")).to_have_attribute("data-viewer", who)

    async def say(self, text: str) -> None:
        """Types something into the channel and sends it."""
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def request(self, text: str) -> Locator:
        """Asks for a switchover; its card, once it waits for approval."""
        await expect(self.composer).to_be_visible()
        known = await self.operations()
        await self.say(f"/switchover {text}")
        return await self.new_card(known)

    async def new_card(self, known: set[str]) -> Locator:
        """The card of an operation that was not known, once it waits for approval."""
        others = "".join(f':not([data-operation="{one}"])' for one in known)
        fresh = self.at("messages").locator(f'[data-part="card"]{others}')
        await expect(fresh).to_have_attribute("data-status", "awaiting_approval", timeout=PATIENCE)
        return self.card(await fresh.get_attribute("data-operation") or "")

    async def operations(self) -> set[str]:
        """The operations whose cards the channel shows."""
        cards = await self.at("messages").locator('[data-part="card"]').all()
        return {await card.get_attribute("data-operation") or "" for card in cards}

    def card(self, operation: str) -> Locator:
        """An operation's card in the channel."""
        return self.at("messages").locator(f'[data-part="card"][data-operation="{operation}"]')

    async def press(self, card: Locator, action: str) -> None:
        """Presses a button of a card and confirms."""
        await card.locator(f'[data-action="{action}"]').click()
        await self.at("confirm-yes").click()

    def alone(self, text: str = "") -> Locator:
        """What nobody else sees in the channel or the open thread, if it says this."""
        return self.page.locator('[data-alone="yes"]').filter(has_text=text)


async def ends(card: Locator, status: str = "succeeded", *, within: float = PATIENCE) -> None:
    """Waits until a card shows this status."""
    await expect(card).to_have_attribute("data-status", status, timeout=within)
