"""JSON bodies, spoilt in one of many ways."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

ODD: list[Any] = [
    None, True, False, 0, -1, 10**29, 1.5, -0.0, "", "x", "\x00", "\u202e", "\ud800", "0", "1400", "null", [], {},
    [[]], [None], [0], ["x"], [{}], {"": {}}, {"a": {"b": [1]}}, "9" * 400, "a" * 5000,
    "2026-13-45T99:99:99Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
]  # fmt: skip

Spoil = Callable[[bytes], bytes]


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, the value itself first."""
    yield at
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from paths(child, (*at, key))


def changed(value: Any, at: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    """A copy in which ``change(parent, key)`` was done at one place."""
    made = {"": copy.deepcopy(value)}
    parent: Any = made
    for key in ("", *at)[: len(at)]:
        parent = parent[key]
    change(parent, ("", *at)[len(at)])
    return made.get("")


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()  # a lone surrogate goes out as an escape


@st.composite
def spoils(draw: st.DrawFn) -> Spoil:
    """One way to spoil a body: some places of it dropped, replaced or doubled, or its bytes."""
    kind = draw(
        st.sampled_from(["drop", "replace", "replace", "replace", "double", "cut", "bytes", "deep", "wrap"])
    )
    where, times = draw(st.integers(0, 10**6)), draw(st.integers(1, 3))
    odd = copy.deepcopy(draw(st.sampled_from(ODD) | st.integers() | st.text(max_size=5)))
    raw = draw(st.binary(min_size=1, max_size=4))

    def spoil(body: bytes) -> bytes:
        match kind:
            case "cut":
                return body[: where % (len(body) + 1)]
            case "bytes":
                place = where % (len(body) + 1)
                return body[:place] + raw + body[place + where % 3 :]
            case "deep":
                return b'{"a":' * 2000 + body + b"}" * 2000
            case "wrap":
                return dumped([json.loads(body or b"null")])
            case _:
                pass
        value = json.loads(body or b"null")
        for turn in range(times):
            places = list(paths(value))
            at = places[(where + turn * 7919) % len(places)]
            if kind == "drop" and at:
                value = changed(value, at, lambda parent, key: parent.pop(key))
            elif kind != "double":
                value = changed(value, at, lambda parent, key: parent.__setitem__(key, odd))
        if kind == "double" and isinstance(value, dict) and value:
            key = sorted(value)[where % len(value)]
            return body[:-1] + b"," + dumped({key: odd})[1:]
        return dumped(value)

    return spoil
