"""What may be switched: the configured databases with their provider and policy, as of the last load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.model import Reason
from bot.core.names import alike, named_in, nearest, words_in
from bot.core.policy import Policy
from bot.ports import Provider


@dataclass(frozen=True, slots=True)
class Database:
    """One configured database: the name people type, and what acts on it.

    ``frozen`` says which configured freeze is in force at a time, None if none is.
    """

    name: str
    description: str
    account: str
    provider: Provider
    policy: Policy
    frozen: Callable[[datetime], Reason | None] = lambda _now: None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The configuration in force.

    Attributes:
        databases: By the name people type.
        channels: Where requests are taken; empty: wherever the bot is.
        retired: Databases that an earlier configuration had: what was sent for them is still tracked.
    """

    databases: Mapping[str, Database]
    channels: frozenset[str] = frozenset()
    retired: Mapping[str, Database] = field(default_factory=dict)

    def takes_requests(self, channel: str) -> bool:
        """Whether a request may be made there: never in a direct message, where nobody else sees the card."""
        if channel.startswith("D"):
            return False
        return not self.channels or channel in self.channels

    def tracked(self, name: str) -> Database | None:
        """The database, configured or retired: for what has been sent already."""
        return self.databases.get(name) or self.retired.get(name)

    def policy_for(self, name: str) -> Policy:
        """The policy that clicks on an operation of this database are judged by.

        What belongs to no database any more still has to be rejected or acknowledged by somebody, or it
        would stay open for ever: by any approver there is.
        """
        database = self.tracked(name)
        return self.policy_of_any(name) if database is None else database.policy

    def policy_of_any(self, name: str) -> Policy:
        """The policy, under this name, for what concerns every database: whoever may on any of them, may."""
        policies = [each.policy for each in self.databases.values()]
        approvers = {entry for policy in policies for entry in policy.approvers}
        requesters = {entry for policy in policies for entry in policy.requesters}
        return Policy(name, tuple(sorted(approvers)), requesters=tuple(sorted(requesters)), of_any=True)

    def frozen(self, now: datetime) -> Iterator[tuple[str, Reason]]:
        """The policies that a configured freeze binds at a time, and why.

        Each is asked once, however many databases it has: asking takes time.
        """
        one_of_each = {database.policy.name: database for database in self.databases.values()}
        for name, database in sorted(one_of_each.items()):
            if (reason := database.frozen(now)) is not None:
                yield name, reason

    def nearest(self, name: str, *others: str) -> str:
        """The configured name, or one of the others, most like the one typed; "" if none is near."""
        return nearest(name, (*self.databases, *others))

    def unknown(self, name: str, *others: str) -> Reason:
        """What is said of a name that is no database's, nor one of the others."""
        return Reason.of("unknown-database", name=name, nearest=self.nearest(name, *others))

    def named_in(self, text: str) -> tuple[str, ...]:
        """The databases that a text may be about: those it names, and those that its first word is most like."""
        like = [name for word in words_in(text)[:1] for name in alike(word, self.databases)]
        return tuple(dict.fromkeys((*named_in(text, self.databases), *like)))


class CatalogueHolder:
    """The one place that changes on a reload; everything else asks it at the moment of acting."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.current = catalogue
