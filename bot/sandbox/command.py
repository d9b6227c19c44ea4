"""``switchover demo``: in the browser, or played in the terminal."""

from __future__ import annotations

import argparse

from bot.exits import ERROR, OK, fail, say
from bot.sandbox.demo import demo
from bot.sandbox.page.show import show
from bot.sandbox.stopping import ToldToStop, until_told


async def play(arguments: argparse.Namespace) -> int:
    if arguments.auto:
        try:
            played = demo(port=arguments.port or 0, locale=arguments.locale, write=say)
            return OK if await until_told(played) else ERROR
        except ToldToStop:
            return ERROR
    try:
        await show(
            port=arguments.port,
            browser=not arguments.no_browser,
            locale=arguments.locale,
            write=_print_now,
        )
    except OSError as error:
        return fail(f"port {arguments.port}: {error.strerror}")
    return OK


def _print_now(text: str) -> None:
    say(text, now=True)
