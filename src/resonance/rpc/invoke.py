"""One call at the side that serves it: from the request's bytes to the response's."""

from __future__ import annotations

import structlog

from resonance.domain.errors import Code, ServiceError
from resonance.observe.trace import current_trace, span
from resonance.rpc.methods import Method

log = structlog.get_logger(__name__)


async def invoke(method: Method, target: object, request: bytes) -> bytes:
    """Call a method of `target` and return the response.

    Raises:
        ServiceError: the target's refusal, which is logged when it is no fault of the caller's; MALFORMED_PACKET for a
            request that cannot be read; INTERNAL, without a word of detail, for any other exception, which is logged
            here and nowhere else.
    """
    arguments = method.load_arguments(request)
    try:
        with span(method.path):
            result = await getattr(target, method.name)(*arguments)
        return method.dump_result(result)
    except ServiceError as error:
        if error.code.value.status >= 500:
            log.warning("a call was refused", method=method.path, error=str(error))
        raise
    except Exception as error:
        log.exception("a call failed", method=method.path, trace=current_trace())
        raise ServiceError(Code.INTERNAL) from error
