"""What a history is about besides a switchover, and what the bot is configured with in it."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

from bot.sandbox.clouds import CLUSTER, REPLICA_SET, SHARDED
from bot.sandbox.huawei_dds import EXAMPLE_ACCESS_KEY, EXAMPLE_PROJECT, EXAMPLE_SECRET_KEY, EXAMPLE_USER
from bot.sandbox.qingcloud import EXAMPLE_KEY, EXAMPLE_SECRET
from tests.simulation.clouds import HUAWEI, IAM, QINGCLOUD
from tests.simulation.policies import RULES, Book, policies

SLACK, AUDIT = "http://slack.example", "C0AUDIT"
SECRETS = (
    *("xoxb-sandbox-token", "xapp-sandbox-token", "-of-the-sandbox"),
    *("sandbox-signing-secret", EXAMPLE_SECRET, EXAMPLE_SECRET_KEY),
    *(EXAMPLE_USER.password, "MIIexample"),
)
"""What must be seen nowhere; the last is how the tokens of the simulated IAM begin."""
LIKELY = {"tokens": 5, "database": 5, "places": 3, "reloads": 3, "forms": 3}
"""How likely a history that has one of these has which: first what finds most for the processor's time."""
RICH, FOCUSED = 0.12, 0.63
"""How many histories have each of them as likely as not, and how many one of them; the others have none."""
REPLICAS = 0.12
"""How many histories, of those in which the configuration stays as it is, have two processes on one database."""
PATIENT = 0.7
"""How many histories take their time between looks: a lost request to DDS is looked for during 15 minutes."""


@dataclass(frozen=True)
class Scene:
    """What may happen in a history besides what happens in all of them.

    Attributes:
        tokens: DDS lets an IAM user in, and not a key.
        places: Cards are deleted, channels archived, the bot and people removed.
        database: The bot's own database is full, locked or gone, and loses the answers to commits.
        reloads: The configuration file changes.
        forms: People use the form, shortcuts and Home tabs.
        patient: Jobs, roles and lost submissions are looked at once a minute, not every fifteen seconds.
        replicas: Two processes of the bot share the database, and may be slow to reach it.
    """

    tokens: bool = False
    places: bool = False
    database: bool = False
    reloads: bool = False
    forms: bool = False
    patient: bool = False
    replicas: bool = False

    @property
    def processes(self) -> int:
        """How many processes the bot has."""
        return 2 if self.replicas else 1

    def __str__(self) -> str:
        return ", ".join(each.name for each in fields(self) if getattr(self, each.name)) or "nothing"


PLAIN = Scene()


def scene_of(seed: int, *, one_process: bool) -> Scene:
    """The scene of a history.

    Args:
        seed: Decides.
        one_process: Its database is one that only one process can use.
    """
    dice = random.Random(f"scene {seed}")  # noqa: S311  # dice, not keys
    kind = dice.random()
    if kind < RICH:
        there = {name for name in LIKELY if dice.random() < 0.5}
    elif kind < RICH + FOCUSED:
        there = set(dice.choices(list(LIKELY), weights=list(LIKELY.values())))
    else:
        there = set[str]()
    patient = dice.random() < PATIENT
    replicas = not one_process and "reloads" not in there and dice.random() < REPLICAS
    return Scene(**dict.fromkeys(there, True), patient=patient, replicas=replicas)


KEY = f"""
access_key = "{EXAMPLE_ACCESS_KEY}"
secret_key = "{EXAMPLE_SECRET_KEY}"
"""
USER = f"""
iam_endpoint = "http://{IAM}"
domain = "{EXAMPLE_USER.domain}"
username = "{EXAMPLE_USER.username}"
password = "{EXAMPLE_USER.password}"
"""
DATABASES = {
    "orders": f'account = "qc"\ncluster = "{CLUSTER}"',
    "sessions": f'account = "hw"\ninstance = "{REPLICA_SET}"',
    "events": f'account = "hw"\ninstance = "{SHARDED}"',
}


def configuration(scene: Scene, url: str, book: Book = RULES) -> str:
    """The text of the configuration file.

    Args:
        scene: How DDS lets the bot in.
        url: Of the bot's database.
        book: The databases, with the rules of each.
    """
    databases = "\n".join(
        f'[databases.{name}]\n{DATABASES[name]}\npolicy = "{name}"' for name in DATABASES if name in book
    )
    return f"""
[slack]
mode = "http"
bot_token = "xoxb-sandbox-token"
signing_secret = "sandbox-signing-secret"
api_url = "{SLACK}/api/"
audit_channel = "{AUDIT}"
[database]
url = "{url}"
[tracking]
poll_interval = "{60 if scene.patient else 15}s"
max_poll_interval = "120s"
deadline = "3m"
verify_timeout = "60s"
settle_time = "30s"
[accounts.qc]
provider = "qingcloud"
endpoint = "http://{QINGCLOUD}/iaas/"
zone = "sh1a"
access_key_id = "{EXAMPLE_KEY}"
secret_access_key = "{EXAMPLE_SECRET}"
[accounts.hw]
provider = "huawei-dds"
endpoint = "http://{HUAWEI}"
project_id = "{EXAMPLE_PROJECT}"
{USER if scene.tokens else KEY}
calls_per_minute = 600
{databases}
{policies(book)}
"""
