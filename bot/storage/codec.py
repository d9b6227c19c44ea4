"""Values of the core to JSON text and back, exactly; the core itself knows nothing of it.

The text is canonical: sorted keys, no spaces, ASCII only. Times are ISO 8601 in UTC, durations too.
A value of a union carries its name as ``type``.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar, Union, cast, get_args

from pydantic import Discriminator, Tag, TypeAdapter, ValidationError

from bot.core.answers import Answer
from bot.core.commands import Command, Origin
from bot.core.events import Event, event_name
from bot.core.holds import HoldEvent
from bot.core.home import Reading
from bot.core.machine import Say
from bot.core.operation import Operation
from bot.errors import Unreadable

T = TypeVar("T")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def canonical(tree: object) -> str:
    """JSON that is the same for the same value, whatever made it."""
    text = _CANONICAL.encode(tree)
    return text if "\\ud" not in text else _without_lone_surrogates(tree)


def _without_lone_surrogates(tree: object) -> str:
    # Half a character can be typed into a JSON payload, but neither validated nor posted again.
    raw = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    whole = raw.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.dumps(json.loads(whole), sort_keys=True, separators=(",", ":"))


def plain(text: str) -> str:
    """A text as every database takes it: without NUL and half characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


class Codec(Generic[T]):
    """Writes and reads one type, or one union of dataclasses.

    The adapter is built when it is first needed, once; that takes tens of milliseconds, so a process that
    must answer quickly calls ``warm_up`` before.
    """

    def __init__(self, kind: object) -> None:
        self._kind = kind
        self._members = get_args(kind)

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        if not self._members:
            return TypeAdapter(cast("type[T]", self._kind))
        tagged = [Annotated[member, Tag(event_name(member))] for member in self._members]
        return TypeAdapter(Annotated[Union[tuple(tagged)], Discriminator(_tag)])  # type: ignore[arg-type]  # noqa: UP007

    def build(self) -> None:
        """Builds the adapter now."""
        _ = self._adapter

    def dumps(self, value: T) -> str:
        """The canonical text of a value."""
        tree = self._adapter.dump_python(value, mode="json")
        return canonical({"type": _tag(value), **tree} if self._members else tree)

    def loads(self, text: str) -> T:
        """The value of a text.

        Raises:
            Unreadable: The text is not one that this version of the code can have written.
        """
        try:
            return self._adapter.validate_json(text, strict=True)
        except ValidationError as error:
            name = getattr(self._kind, "__name__", "value")
            problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            message = f"a stored {name} can't be read, was it written by a newer version? ({where})"
            raise Unreadable(message) from None


def _tag(value: Any) -> str | None:
    if isinstance(value, dict):
        name = value.get("type")
        return name if isinstance(name, str) else None
    return event_name(type(value))


EVENTS: Codec[Event] = Codec(Event)
HOLD_EVENTS: Codec[HoldEvent] = Codec(HoldEvent)
COMMANDS: Codec[Command] = Codec(Command)
ANSWERS: Codec[Answer] = Codec(Answer)
OPERATIONS: Codec[Operation] = Codec(Operation)
ORIGINS: Codec[Origin] = Codec(Origin)
SAYS: Codec[Say] = Codec(Say)
READINGS: Codec[Reading] = Codec(Reading)


def warm_up() -> None:
    """Builds every adapter, so that no delivery has to wait for it."""
    for codec in (EVENTS, HOLD_EVENTS, COMMANDS, ANSWERS, OPERATIONS, ORIGINS, SAYS, READINGS):
        codec.build()
