"""Whether Slack answers and takes the token; if not, what was tried, what failed and what would mend it."""

from __future__ import annotations

from handlers.slack_client import Done, NotSent, RateLimited, Rejected, SlackClient, Unknown

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


async def slack_problem(client: SlackClient) -> str:
    """One line with the key that is wrong; "" when Slack says whose token it is."""
    tried = f"auth.test at {client.web.base_url}"
    match await client.call("auth.test"):
        case Done():
            return ""
        case Rejected(error):
            return f"slack.bot_token: tried {tried}: Slack said {error}: write the bot token of the installed app"
        case RateLimited(seconds):
            return f"slack.api_url: tried {tried}: Slack asks to wait: try again in {seconds:.0f} s"
        case NotSent(error) | Unknown(error):
            failed, mend = _WORDS.get(error, (f"Slack failed ({error})", "try again in a while"))
            return f"slack.api_url: tried {tried}: {failed}: {mend}"
