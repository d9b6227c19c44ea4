"""Where the audit trail ends, told once an hour: whoever keeps what was told can show that nothing was cut since."""

from __future__ import annotations

from datetime import datetime

import structlog

from bot.core.machine import Say
from bot.core.model import Reason
from bot.ports import AuditHead, Store

SERIES = "audit-head-"

log = structlog.get_logger()


class HourlyHead:
    """Tells the head to the log and to the audit channel, in the first look of a clock hour, if it has moved.

    The audit channel is told once an hour by whichever process looks first, also after a restart; every
    process tells its own log.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hour: datetime | None = None
        self._told: AuditHead | None = None

    async def look(self, now: datetime) -> None:
        """To be called often; does nothing while the hour is the same.

        Raises:
            StoreUnavailable: Nobody was told; the next look tries again.
        """
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour == self._hour:
            return
        head = await self._store.audit_head()
        if head.seq and head != self._told:
            said = Say(Reason.of("audit-head", seq=head.seq, hash=head.hash))
            # Where nothing can be posted for long, one line waits, and not one of each hour.
            await self._store.owe_notice(f"{SERIES}{hour:%Y-%m-%dT%H}", said, now, series=SERIES)
            log.info("audit_head", seq=head.seq, hash=head.hash)
            self._told = head
        self._hour = hour
