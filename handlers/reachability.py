"""Whether Slack answers and takes the tokens; if not, what was tried, what failed and what would mend it."""

from __future__ import annotations

from handlers.slack_client import Done, NotSent, Outcome, RateLimited, Rejected, SlackClient, Unknown

IDENTITY = "auth.test"
OPEN = "apps.connections.open"

_NETWORK = "check the network and slack.api_url (proxy variables of the environment are not used)"
_WORDS = {
    "dns_failed": ("its name can't be resolved", "check DNS and slack.api_url"),
    "connection_refused": ("the connection was refused", _NETWORK),
    "no_route": ("there is no way to it on the network", _NETWORK),
    "connection_failed": ("no connection could be made", _NETWORK),
    "connect_timed_out": ("nobody took the connection in time", _NETWORK),
    "tls_failed": (
        "no secure connection: TLS failed, or its certificate is not trusted",
        "check slack.api_url and this machine's CA certificates and clock",
    ),
    "timed_out": ("the answer did not come in time", "check the network, then try again"),
    "connection_lost": ("the connection broke before the answer", "check the network, then try again"),
    "unreadable_answer": ("what answered is not Slack's API", "check slack.api_url"),
}
_SOCKET_WORDS = {
    **_WORDS,
    "connection_lost": ("the connection broke", "check the network"),
    "silent": ("there was no sign of life any more", "check the network"),
    "closed": ("Slack closed it", "wait: it is made again"),
    "refresh_requested": ("Slack took it away at once", "wait: it is made again"),
    "warning": ("Slack took it away at once", "wait: it is made again"),
    "no_hello": ("Slack did not say hello", "wait: it is tried again"),
    "unsafe_address": ("Slack named an address without encryption", "check slack.api_url"),
    "link_disabled": ("Socket Mode is switched off", "switch it on in the settings of the Slack app"),
    "too_many_websockets": (
        "the app has as many connections as Slack allows",
        "end other processes with this app token",
    ),
}
_BOT_TOKEN = ("slack.bot_token", "write the bot token of the installed app")
_APP_TOKEN = (
    "slack.app_token",
    "write the app-level token, with the scope connections:write, of an app with Socket Mode switched on",
)


async def slack_problem(client: SlackClient) -> str:
    """One line with the key that is wrong; "" when Slack says whose token it is."""
    return token_problem(client, await client.call(IDENTITY))


def token_problem(client: SlackClient, outcome: Outcome) -> str:
    """What an answer to ``auth.test`` says is wrong, "" where it says whose token it is."""
    return _problem(IDENTITY, client, outcome, _BOT_TOKEN)


async def socket_problem(client: SlackClient) -> str:
    """The same of the app-level token: "" when Slack would let it connect. Makes no connection."""
    return opening_problem(client, await client.call(OPEN))


def opening_problem(client: SlackClient, outcome: Outcome) -> str:
    """What an answer to ``apps.connections.open`` says is wrong, "" for an address."""
    return _problem(OPEN, client, outcome, _APP_TOKEN)


def unreached(reason: str) -> str:
    """Why a connection in Socket Mode is not there, in one line; ``reason`` as in ``Gone``."""
    failed, mend = _SOCKET_WORDS.get(reason, (f"Slack failed ({reason})", "wait: it is tried again"))
    return f"slack.mode: tried a WebSocket to Slack: {failed}: {mend}"


def _problem(method: str, client: SlackClient, outcome: Outcome, token: tuple[str, str]) -> str:
    tried = f"{method} at {client.web.base_url}"
    match outcome:
        case Done():
            return ""
        case Rejected(error):
            key, mend = token
            return f"{key}: tried {tried}: Slack said {error}: {mend}"
        case RateLimited(seconds):
            return f"slack.api_url: tried {tried}: Slack asks to wait: try again in {seconds:.0f} s"
        case NotSent(error) | Unknown(error):
            failed, mend = _WORDS.get(error, (f"Slack failed ({error})", "try again in a while"))
            return f"slack.api_url: tried {tried}: {failed}: {mend}"
