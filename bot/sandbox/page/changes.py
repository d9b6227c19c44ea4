"""What changed between two snapshots, small enough to be sent all the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Snapshot = Mapping[str, Mapping[str, Any]]
Patch = dict[str, dict[str, Any]]


def difference(before: Snapshot, after: Snapshot) -> Patch:
    """By section, the entries that are new or different; those that are gone as None. New sections are there anyway.

    No entry of a snapshot is None itself, and no section ever disappears.
    """
    found: Patch = {}
    for name, entries in after.items():
        known = before.get(name, {})
        changed = {key: value for key, value in entries.items() if key not in known or known[key] != value}
        gone = dict.fromkeys(known.keys() - entries.keys())
        if changed or gone or name not in before:
            found[name] = changed | gone
    return found


def patched(before: Snapshot, patch: Patch) -> Patch:
    """The snapshot that ``difference`` led to, as the page works it out."""
    return {
        name: {
            key: value
            for key, value in (dict(before.get(name, {})) | patch.get(name, {})).items()
            if value is not None
        }
        for name in {**before, **patch}
    }
