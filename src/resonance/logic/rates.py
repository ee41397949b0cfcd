"""Rates of messages that all logics keep together, without a message waiting for anybody.

Each logic gives tokens out of its own buckets at once, and reports every `INTERVAL_S` what it gave; the answer says
what all of them gave. So a user who sends through several logics may exceed a rate for a moment. With n logics, a
bucket of b tokens, r tokens per second, and T seconds from a report to the next one's answer, there are, in any t
seconds, at most

    r·t + n·(b + 2·r·T)

messages: each logic may believe its bucket full until it has asked, and that what flows back is its alone. What was
given beyond the bucket is owed and paid back, so the average of the rate holds. While the shared table cannot be
reached, each logic keeps the rate by itself: n·(b + r·t).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from resonance.domain.limits import TokenBuckets
from resonance.ports.counters import Counters

log = structlog.get_logger(__name__)

INTERVAL_S = 0.5


async def exchange(counters: Counters, kind: str, buckets: TokenBuckets) -> None:
    """Report what was given since the last time, and take over what is missing."""
    given, rate = buckets.given(), buckets.rate()
    if given and rate:
        buckets.correct(await counters.spend(kind, given, rate))


async def share_rates(counters: Counters, buckets: Mapping[str, TokenBuckets]) -> None:
    """Share buckets by their kinds for as long as this runs."""
    for bucket in buckets.values():
        bucket.share()
    while True:
        await asyncio.sleep(INTERVAL_S)
        for kind, bucket in buckets.items():
            try:
                await exchange(counters, kind, bucket)
            except Exception:
                log.exception("rates not shared; it is tried again", kind=kind)
