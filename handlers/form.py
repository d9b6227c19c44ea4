"""The request form: Block Kit within its limits whatever is put in. Pure; what comes back is read by ``filled``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.events import Place
from bot.core.model import CandidateRule, Capabilities, Node, Reason, Role, Topology
from bot.service.catalogue import Database
from bot.service.offering import Look
from handlers.blocks import TIMES, Block, button, context, instant_written, line, plain, section, sentence
from handlers.mrkdwn import clip, one_line, wall_clock
from handlers.texts import Texts

CALLBACK = "switchover_request"
OPEN_FORM = "open_form"
CHANNEL, DATABASE, SHARD, NODE, START, REASON = (
    *("channel", "database", "shard", "node"),
    *("start", "reason"),
)

MOST_OPTIONS = 100
MAX_TITLE = 24
MAX_OPTION = 75
MAX_VALUE = 150
MAX_NAME = 255
MAX_START = 60
MAX_REASON = 1000
MAX_VIEW = 200_000  # bytes; Slack refuses more than 250 KB
MAX_ERROR = 500
_OFFERED = frozenset({Role.REPLICA, Role.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Shown:
    """What the form is to show.

    Attributes:
        place: Where the form was opened, and where the card goes unless another channel is chosen; None: nowhere
            that takes requests.
        channel: What it suggests where there is no place; "" for nothing.
        database: The one that was chosen last; "" while there is none.
        look: What was read of it; None while it is being read.
        shard: The one that was chosen last; "" while there is none.
    """

    place: Place | None = None
    channel: str = ""
    database: str = ""
    look: Look | None = None
    shard: str = ""


def form(shown: Shown, texts: Texts) -> Block:
    """The view, with pickers where they fit into it, else with fields to type into."""
    view = _view(shown, texts, pick=True)
    return view if len(json.dumps(view)) <= MAX_VIEW else _view(shown, texts, pick=False)


def notice(text: str, texts: Texts) -> Block:
    """A view that only says something; ``text`` is mrkdwn of ours."""
    return _modal([section([text], texts)], texts)


def options(databases: Iterable[Database]) -> list[Block]:
    """The answer to the type-ahead."""
    made = (_option(each.name, each.name, each.description) for each in databases)
    return [option for option in made if option][:MOST_OPTIONS]


def error_text(reason: Reason, texts: Texts, *, zone: str = "") -> str:
    """What is wrong with a field, as plain text, in which Slack shows no dates: they are as clocks show them there.

    Args:
        reason: What is wrong.
        texts: The catalogue, in the reader's language.
        zone: Where the reader is; "" where that is not known: times are in UTC.
    """

    def show(name: str, value: str) -> str:
        at = instant_written(value) if name in TIMES else None
        return clip(one_line(value), 100) if at is None else wall_clock(at, zone)

    return clip(texts.say(reason, show=show), MAX_ERROR)


def open_button(texts: Texts) -> Block:
    """The button that opens the form."""
    return {
        "type": "actions",
        "elements": [button(texts.text("form-open"), action_id=OPEN_FORM, style="primary")],
    }


# --- the view ------------------------------------------------------------------------------------------


def _view(shown: Shown, texts: Texts, *, pick: bool) -> Block:
    blocks = [_database(texts), *_chosen(shown, texts, pick=pick), _start(texts), _reason(texts)]
    # What is known already, and mostly stays, is not what people begin with.
    blocks.insert(0 if shown.place is None else len(blocks), _channel(shown, texts))
    place = shown.place or Place("")
    kept = {"channel": place.channel, "thread": place.thread or "", "database": shown.database}
    return _modal(blocks, texts) | {
        "callback_id": CALLBACK,
        "private_metadata": json.dumps(kept, separators=(",", ":")),
        "submit": plain(clip(texts.text("form-submit"), MAX_TITLE)),
    }


def _modal(blocks: list[Block], texts: Texts) -> Block:
    return {
        "type": "modal",
        "title": plain(clip(texts.text("form-title"), MAX_TITLE)),
        "close": plain(clip(texts.text("form-close"), MAX_TITLE)),
        "blocks": blocks,
    }


def _channel(shown: Shown, texts: Texts) -> Block:
    picker: Block = {
        "type": "conversations_select",
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    suggested = shown.place.channel if shown.place else shown.channel
    if suggested:
        picker["initial_conversation"] = suggested
    in_thread = shown.place is not None and shown.place.thread is not None
    hint = texts.text("form-channel-hint-thread" if in_thread else "form-channel-hint")
    return _input(CHANNEL, texts.text("form-channel"), picker, hint=hint)


def _database(texts: Texts) -> Block:
    picker = {
        "type": "external_select",
        "min_query_length": 0,
        "placeholder": plain(texts.text("form-database-placeholder")),
    }
    return _input(DATABASE, texts.text("form-database"), picker) | {"dispatch_action": True}


def _start(texts: Texts) -> Block:
    field = _text_field(MAX_START) | {"placeholder": plain(texts.text("form-start-placeholder"))}
    return _input(START, texts.text("form-start"), field, hint=texts.text("form-start-hint"), optional=True)


def _reason(texts: Texts) -> Block:
    field = _text_field(MAX_REASON) | {"multiline": True}
    return _input(REASON, texts.text("form-reason"), field, optional=True)


def _chosen(shown: Shown, texts: Texts, *, pick: bool) -> list[Block]:
    """What depends on the database: nothing before there is one, then what is known of it."""
    if not shown.database:
        return [context(texts.text("form-choose-first"))]
    look = shown.look
    if look is None:
        return [context(line(texts, "form-reading", name=shown.database))]
    if look.problem is not None:
        said = [sentence(texts, look.problem, most=1000)]
        if look.capabilities is None:
            return [section([f"⚠ {said[0]}"], texts)]
        said.append(texts.text("form-not-read"))
        return [section([f"⚠ {said[0]}", *said[1:]], texts), *_typed(look.capabilities, texts)]
    capabilities = look.capabilities
    if capabilities is None:
        return []
    return _picked(look, capabilities, texts, pick=pick, shard=shown.shard)


def _typed(capabilities: Capabilities, texts: Texts, *, shards: bool | None = None) -> list[Block]:
    """Fields to type into; ``shards``: whether there are any, None where that is not known."""
    blocks = []
    if capabilities.shards if shards is None else shards:
        hint = texts.text("form-shard-typed")
        field = _text_field(MAX_NAME)
        blocks.append(_input(SHARD, texts.text("form-shard"), field, hint=hint, optional=shards is None))
    if capabilities.candidate is not CandidateRule.CHOSEN_BY_CLOUD:
        hint = _node_hint(capabilities, texts)
        blocks.append(_input(NODE, texts.text("form-node"), _text_field(MAX_NAME), hint=hint, optional=True))
    return blocks


def _picked(look: Look, capabilities: Capabilities, texts: Texts, *, pick: bool, shard: str) -> list[Block]:
    """Pickers; where there is more than Slack takes, a field to type into instead."""
    typed = {block["block_id"]: block for block in _typed(capabilities, texts, shards=look.sharded)}
    blocks: list[Block] = []
    if look.sharded:
        picker = _shard_picker(look.readings, texts) if pick else None
        blocks.append(
            _input(SHARD, texts.text("form-shard"), picker) | {"dispatch_action": True}
            if picker
            else typed[SHARD]
        )
    else:
        blocks.append(context(_primary_now(look.readings, texts)))
    if NODE not in typed:
        return [*blocks, context(texts.text("form-cloud-chooses"))]
    picker = _node_picker(look, shard, texts) if pick else None
    if picker is None:
        return [*blocks, typed[NODE]]
    if picker == {}:
        return [*blocks, context(texts.text("form-no-node"))]
    hint = _node_hint(capabilities, texts)
    return [*blocks, _input(NODE, texts.text("form-node"), picker, hint=hint, optional=True)]


def _node_hint(capabilities: Capabilities, texts: Texts) -> str:
    required = capabilities.candidate is CandidateRule.REQUIRED
    return texts.text("form-node-or-fitting" if required else "form-node-or-cloud")


def _primary_now(readings: Sequence[Topology], texts: Texts) -> str:
    primary = readings[0].primary if readings else None
    return line(texts, "form-primary", node="" if primary is None else _name(primary))


def _shard_picker(readings: Sequence[Topology], texts: Texts) -> Block | None:
    """None where Slack would not take them all: a shard that can't be chosen must not be hidden."""
    made = [_shard_option(reading, texts) for reading in readings]
    found = [option for option in made if option]
    if len(found) < len(readings) or len(found) > MOST_OPTIONS:
        return None
    return {"type": "static_select", "options": found}


def _shard_option(reading: Topology, texts: Texts) -> Block | None:
    shard, primary = reading.shard or "", reading.primary
    now = "" if primary is None else texts.text("form-primary", node=_name(primary))
    return _option(reading.shard_name or shard, shard, now)


def _node_picker(look: Look, shard: str, texts: Texts) -> Block | None:
    """The nodes that may become primary, under their shards, or those of the shard that is chosen.

    {} where there are none, None if there are too many.
    """
    chosen = [reading for reading in look.readings if reading.shard == shard]
    groups = [
        (reading, [_node_option(node, texts) for node in reading.nodes if node.role in _OFFERED])
        for reading in chosen or look.readings
    ]
    if any(None in made or len(made) > MOST_OPTIONS for _, made in groups) or len(groups) > MOST_OPTIONS:
        return None
    shown = [(reading, made) for reading, made in groups if made]
    if not shown:
        return {}
    if not look.sharded:
        return {"type": "static_select", "options": shown[0][1]}
    named = [{"label": plain(_group_label(reading)), "options": made} for reading, made in shown]
    return {"type": "static_select", "option_groups": named}


def _group_label(reading: Topology) -> str:
    return clip(one_line(reading.shard_name) or one_line(reading.shard or "") or "?", MAX_OPTION)


def _node_option(node: Node, texts: Texts) -> Block | None:
    health = {True: "health-good", False: "health-bad", None: "health-unknown"}[node.healthy]
    about = texts.text("form-node-about", role=node.role, health=texts.text(health))
    return _option(_name(node), node.id, about)


def _name(node: Node) -> str:
    return " · ".join(part for part in (node.name or node.id, node.address) if part)


# --- parts ---------------------------------------------------------------------------------------------


def _input(name: str, label: str, element: Block, *, hint: str = "", optional: bool = False) -> Block:
    block: Block = {"type": "input", "block_id": name, "label": plain(label), "optional": optional}
    block["element"] = {"action_id": name, **element}
    return block | {"hint": plain(hint)} if hint else block


def _text_field(most: int) -> Block:
    return {"type": "plain_text_input", "max_length": most}


def _option(text: str, value: str, about: str = "") -> Block | None:
    """None where Slack would not take its value: cut short it would be another one's."""
    shown, about = clip(one_line(text) or one_line(value), MAX_OPTION), clip(one_line(about), MAX_OPTION)
    if not shown or not value or len(value) > MAX_VALUE:
        return None
    option: Block = {"text": plain(shown), "value": value}
    return option | {"description": plain(about)} if about else option
