"""Switchover: the bot, its core and its shell."""
