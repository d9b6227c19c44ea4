"""Whether what a request names is there. A typo is between its writer and the bot: nobody else sees a card of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from bot.core.answers import AskAgain
from bot.core.commands import RequestSwitchover
from bot.core.model import Node, NodeId, Reason, Target, Topology, in_words
from bot.core.names import nearest
from bot.core.preflight import candidates
from bot.errors import Refused
from bot.service.catalogue import Database

NAMED = 10
"""How many shards are named to somebody who named none."""
ANY_SHARD = "GROUP"
"""What the command to type instead has in place of a shard that nobody can guess, as the usage has it."""


async def read_named(database: Database, command: RequestSwitchover) -> Topology | AskAgain:
    """One reading of what is asked for; or what to ask instead, where a name is missing or nobody has it.

    For an emergency no command is made up: it would be copied in haste, and starts at once.

    Raises:
        ProviderError: As ``Provider.observe``, for whatever no other name would mend.
    """
    found = await _read_named(database, command)
    return replace(found, nearest=None) if isinstance(found, AskAgain) and command.emergency else found


async def _read_named(database: Database, command: RequestSwitchover) -> Topology | AskAgain:
    provider, urgent = database.provider, command.emergency and not command.dry_run
    if command.shard is not None:
        try:
            topology = await provider.observe(Target(database.name, command.shard), urgent=urgent)
        except Refused as error:
            return await _no_such_shard(database, command, error)
    elif provider.capabilities.shards:
        readings = await provider.survey(database.name, urgent=urgent)
        if any(reading.shard for reading in readings):
            return _which_shard(command, readings)
        topology = readings[0]
    else:
        topology = await provider.observe(Target(database.name), urgent=urgent)
    return _misnamed_node(database, command, topology) or topology


def _which_shard(command: RequestSwitchover, readings: Sequence[Topology]) -> AskAgain:
    names = _typed(readings)
    more = len(names) - NAMED
    problem = Reason.of(
        "which-shard",
        name=command.database,
        known=", ".join(names[:NAMED]),
        more=more if more > 0 else None,
    )
    return AskAgain(problem, replace(command, shard=names[0] if len(names) == 1 else ANY_SHARD))


async def _no_such_shard(database: Database, command: RequestSwitchover, error: Refused) -> AskAgain:
    """A survey tells whether it was for the shard that the reading was refused; if not, it is refused as well."""
    readings = await database.provider.survey(database.name)
    names = _typed(readings)
    meant = nearest(command.shard or "", names)
    again = replace(command, shard=meant or None)
    known = bool(meant) or not names
    problem = Reason.of("misnamed-shard", name=database.name, message=in_words(error))
    return AskAgain(problem, again if known else None)


def _typed(readings: Sequence[Topology]) -> list[str]:
    """The shards as they can be typed: by name where only one has it, else by id."""
    called = Counter(reading.shard_name.casefold() for reading in readings)
    return [
        reading.shard_name
        if reading.shard_name and called[reading.shard_name.casefold()] == 1
        else reading.shard
        for reading in readings
        if reading.shard
    ]


def _misnamed_node(database: Database, command: RequestSwitchover, topology: Topology) -> AskAgain | None:
    """Why nobody, or not one alone, is meant by the node that was named; None where one is, or none was."""
    if command.node is None:
        return None
    found = candidates(
        topology, command.node, capabilities=database.provider.capabilities, policy=database.policy
    )
    if found.problem is None:
        return None
    if found.problem.detail.code == "check-cloud-chooses":
        return AskAgain(found.problem.detail, replace(command, node=None))
    near = None if found.near is None else replace(command, node=_called(found.near, topology))
    return AskAgain(found.problem.detail, near)


def called(node_id: NodeId | None, topology: Topology) -> str:
    """A node as people type it; "" for none, the id of one that is not there."""
    node = topology.node(node_id)
    return (node_id or "") if node is None else _called(node, topology)


def _called(node: Node, topology: Topology) -> str:
    alone = node.name and sum(other.answers_to(node.name) for other in topology.nodes) == 1
    return node.name if alone else node.id
