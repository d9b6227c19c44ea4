"""Every error the product raises on purpose, in one tree; leaves are named by what the caller may do next.

SwitchoverError
├── ProviderError            a cloud's answer, or the lack of one
│   ├── Refused              the provider said no: nothing changed, asking again gives the same answer
│   ├── NotSent              the request never left this machine: nothing changed, it may be tried again
│   ├── Throttled            not accepted for now: nothing changed, wait ``retry_after``
│   │   └── BudgetSpent      nothing was asked: our own budget of calls is used up, which says nothing of the cloud
│   ├── OutcomeUnknown       it may have been accepted: observe, never repeat
│   ├── Unavailable          a read failed: try again later
│   └── Misconfigured        credentials, permission, endpoint: a person must mend the configuration
├── StoreError
│   ├── Stale                somebody else changed it first: load again and decide again
│   │   └── Held             a halt or a freeze came first: look again at what is in force
│   ├── Locked               another operation is open for this database and shard: name it
│   ├── Chosen               the chooser that was pressed has made its operation: name it
│   └── StoreUnavailable     nothing was recorded: tell the asker, try again later
│       └── MaybeRecorded    the answer to the commit was lost: act on neither, look at what is stored
├── DirectoryUnavailable     who somebody is can't be found out now: fail closed
├── Unheard                  stdout takes nothing more: end, and say why on stderr
├── IllegalTransition        this event does not exist in this status: nothing changed
└── ConfigError              every problem of a configuration at once
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

Meaning = tuple[str, Mapping[str, str]]
E = TypeVar("E", bound="ProviderError")


class SwitchoverError(Exception):
    """The root; catching it catches nothing that is a defect of ours."""


class ProviderError(SwitchoverError):
    """A cloud's answer, or the lack of one.

    Args:
        message: One sentence for people; never holds a secret.
        code: The provider's own error code, "" where there was none.
        request_id: What the provider's support asks for, "" where there was none.
        meaning: The same as a code of the message catalogue and its values, for who reads another language;
            None where it is the provider that speaks.
    """

    def __init__(
        self, message: str, *, code: str = "", request_id: str = "", meaning: Meaning | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.request_id = request_id
        self.meaning = meaning

    def as_(self, kind: type[E]) -> E:
        """The same said as another kind of error: for who catches it, something else may be done next."""
        return kind(self.message, code=self.code, request_id=self.request_id, meaning=self.meaning)


class Refused(ProviderError):
    """The provider said no. Nothing changed, and the same request gets the same answer."""


class NotSent(ProviderError):
    """The request never left this machine. Nothing changed; it may be tried again."""


class Throttled(ProviderError):
    """Not accepted for now (too many calls, or the target is busy). Nothing changed.

    Args:
        message: One sentence for people.
        retry_after: How long to wait before trying again.
        code: The provider's own error code.
        request_id: What the provider's support asks for.
        meaning: As of every provider's error.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta = timedelta(0),
        code: str = "",
        request_id: str = "",
        meaning: Meaning | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, meaning=meaning)
        self.retry_after = retry_after


class BudgetSpent(Throttled):
    """Nothing was asked: the calls that the bot allows itself are used up. It says nothing of the cloud."""


class OutcomeUnknown(ProviderError):
    """The request may have been accepted. Observe; never repeat it.

    Args:
        message: One sentence for people.
        lost: No whole answer came back; else one came that does not decide it.
        code: The provider's own error code.
        request_id: What the provider's support asks for.
        meaning: As of every provider's error.
    """

    def __init__(
        self,
        message: str,
        *,
        lost: bool = False,
        code: str = "",
        request_id: str = "",
        meaning: Meaning | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, meaning=meaning)
        self.lost = lost


class Unavailable(ProviderError):
    """A read failed for a reason that passes. Try again later."""


class Misconfigured(ProviderError):
    """Credentials, permission or endpoint are wrong. A person must mend the configuration."""


class StoreError(SwitchoverError):
    """The bot's own database did not do what was asked; nothing of it was recorded."""


class Stale(StoreError):
    """Somebody else changed the operation first. Load it again and decide again."""


class Held(Stale):
    """A halt or a freeze that binds was committed first. Look again at what is in force."""


class Locked(StoreError):
    """Another operation is open for the same database and shard.

    Args:
        holder: The id of the operation that holds the lock.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"operation {holder} is open for the same database and shard")
        self.holder = holder


class Chosen(StoreError):
    """One chooser makes one operation, and this one has made its own.

    Args:
        made: The id of that operation.
    """

    def __init__(self, made: str) -> None:
        super().__init__(f"operation {made} was made of the same choice")
        self.made = made


class StoreUnavailable(StoreError):
    """The database is full, locked or gone. Nothing was recorded, but for the one leaf; try again later."""


class NoDatabase(StoreUnavailable):
    """Where the bot's database should be there is nothing: the bot has never served, or the place is wrong."""


class Unreadable(StoreUnavailable):
    """A stored value is not one that this version of the code can have written. Waiting alone does not help."""


class MaybeRecorded(StoreUnavailable):
    """The database went away while it was to commit. It was recorded as a whole or not at all.

    Who tries again later looks at what is stored first, so this needs no care there; but nobody may be told
    that nothing was recorded, and nothing may be done that needs it to be recorded.
    """


class DirectoryUnavailable(SwitchoverError):
    """Who somebody is, or who is in a group, can't be found out now. Treat it as "no"."""


class Unheard(SwitchoverError):
    """What a command says can't be written to stdout. There is nobody to say more to: end.

    Args:
        why: The system's word for it, "" where whoever was reading has seen enough.
    """

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class IllegalTransition(SwitchoverError):
    """An event that does not exist in this status, or whose guard says no. Nothing changed.

    Args:
        status: The status the operation has.
        event: The name of the event that was offered.
        why: What the guard found, "" where the pair does not exist at all.
    """

    def __init__(self, status: str, event: str, why: str = "") -> None:
        super().__init__(f"{event} is not possible while {status}" + (f": {why}" if why else ""))
        self.status = status
        self.event = event
        self.why = why


class ConfigError(SwitchoverError):
    """Every problem of a configuration at once.

    Args:
        problems: One line each, starting with the full key, naming the mend.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
