"""Configuration → the queue between gateways and logic, where there is one; beside `buses.py` all that knows Kafka."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from resonance.config import Settings
from resonance.config.engines import KafkaConfig
from resonance.domain.errors import Code, ServiceError
from resonance.ports.uplink import Downward, GatewayEnd, Intake

if TYPE_CHECKING:
    from resonance.logic.queued import LogicQueue


def gateway_queue(settings: Settings) -> Callable[[str, int], GatewayEnd] | None:
    """Return what makes an end for a gateway and a run of it; None when messages take the links.

    Raises:
        ServiceError: INVALID_ARGUMENT when the driver is not installed.
    """
    if settings.uplink == "stream":
        return None
    _check_driver()
    from resonance.engines.kafka.cluster import Cluster
    from resonance.engines.kafka.uplink import KafkaGatewayEnd

    return lambda gateway, epoch: KafkaGatewayEnd(Cluster(settings.kafka), gateway, epoch)


def logic_queue(settings: Settings) -> LogicQueue | None:
    """Return logic's end; None when messages take the links. Raises like `gateway_queue`."""
    if settings.uplink == "stream":
        return None
    _check_driver()
    from resonance.logic.queued import LogicQueue

    return LogicQueue(_KafkaWays(settings.kafka))


class _KafkaWays:
    """How logic gets to the queue."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config

    async def intake(self) -> Intake:
        """Return a new intake. Raises ServiceError UNAVAILABLE."""
        from resonance.engines.kafka.cluster import Cluster
        from resonance.engines.kafka.intake import KafkaIntake

        cluster = Cluster(self._config)
        await cluster.ensure(cluster.upstream)
        return KafkaIntake(cluster)

    def downward(self) -> Downward:
        """Return a new way down."""
        from resonance.engines.kafka.cluster import Cluster
        from resonance.engines.kafka.uplink import KafkaDownward

        return KafkaDownward(Cluster(self._config))


def _check_driver() -> None:
    try:
        import confluent_kafka  # noqa: F401
    except ModuleNotFoundError as error:
        reason = f"uplink is kafka, and {error.name} is not installed: pip install 'resonance-im[kafka]'"
        raise ServiceError(Code.INVALID_ARGUMENT, reason, field="uplink") from error
