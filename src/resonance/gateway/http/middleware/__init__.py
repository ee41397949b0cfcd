"""What happens to every request, whatever its route; plain ASGI, from the outside in.

observe > headers > CORS > rate limit > body limit > recover > routes
"""

from __future__ import annotations

import time

from fastapi import FastAPI

from resonance.config import Settings
from resonance.domain.limits import TokenBuckets
from resonance.gateway.http.address import ClientAddresses
from resonance.gateway.http.middleware.cors import Cors
from resonance.gateway.http.middleware.headers import SecurityHeaders
from resonance.gateway.http.middleware.limits import BodyLimit, RateLimit
from resonance.gateway.http.middleware.observe import Observe
from resonance.gateway.http.middleware.recover import Recover
from resonance.gateway.http.owned import Refusals


def install(app: FastAPI, settings: Settings, refusals: Refusals) -> None:
    """Wrap the app. The last one added is the outermost."""
    app.add_middleware(Recover, refusals=refusals)
    limits = settings.http
    app.add_middleware(BodyLimit, limit=lambda: limits.max_body, refusals=refusals)
    buckets = TokenBuckets(lambda: limits.per_address_per_second, time.monotonic)
    app.add_middleware(RateLimit, buckets=buckets, refusals=refusals)
    app.add_middleware(Cors, origins=settings.ws_config.origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observe, addresses=ClientAddresses(settings.http.trusted_proxies))
