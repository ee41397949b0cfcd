"""Kafka as a whole: how it is reached, its topics, and how far groups are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

import structlog
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from resonance.config.engines import KafkaConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.kafka.records import Place

log = structlog.get_logger(__name__)

TIMEOUT_S = 3.0
"""Longest time a question to the brokers may take."""
LARGEST = 32 * 1024 * 1024
"""Bytes of the largest event: one that tells a hundred thousand members that their group was dissolved."""


_SERIOUS = {KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._SSL}


class Done(NamedTuple):
    """How far a group is in one partition: the next offset, and the place of the last event before it."""

    offset: int
    place: Place


class Cluster:
    """What the parts of this engine ask Kafka, and how they connect to it.

    Attributes:
        topic: of the events.
        streams: topics of publications in other systems' words, by stream.
        dead_letters: topic of those that could not be processed.
        upstream, upstream_group: topic of clients' messages, and the group of all logics there.
        session_ms: how long the brokers wait for a member of a group that is silent.
    """

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self.topic = config.topic
        self.dead_letters = config.dead_letters
        topics = config.topics
        named = {
            "push_event": topics.push_event,
            "user_events": topics.user_events,
            "message_events": topics.message_events,
            "notifications": topics.notifications,
        }
        self.streams = {stream: topic for stream, topic in named.items() if topic}
        self.upstream = config.upstream
        self.upstream_group = config.upstream_group
        self.session_ms = int(config.session * 1000)
        self._admin: AdminClient | None = None
        self._ensured: set[str] = set()

    def properties(self) -> dict[str, Any]:
        """Return what every client of it is configured with."""
        config = self._config
        found: dict[str, Any] = {
            "bootstrap.servers": ",".join(config.brokers),
            "client.id": "resonance",
            "logger": _quiet_logger(),
            "error_cb": tell,
            "reconnect.backoff.max.ms": 1_000,
            "security.protocol": ("SASL_" if config.user else "") + ("SSL" if config.ca else "PLAINTEXT"),
        }
        if config.ca:
            found["ssl.ca.location"] = str(config.ca)
        if config.certificate and config.key:
            found |= {"ssl.certificate.location": str(config.certificate), "ssl.key.location": str(config.key)}
        if config.user:
            password = config.password.get_secret_value() if config.password else ""
            found |= {
                "sasl.mechanism": config.mechanism,
                "sasl.username": config.user,
                "sasl.password": password,
            }
        return found

    @property
    def admin(self) -> AdminClient:
        """The client for questions."""
        if self._admin is None:
            self._admin = AdminClient(self.properties())
        return self._admin

    # ------------------------------------------------------------ topics

    def downstream(self, gateway: str) -> str:
        """Return the name of a gateway's topic."""
        return self._config.downstream + gateway

    async def ensure(self, topic: str, partitions: int = 0, retention_s: float = 0) -> None:
        """Make a topic that is not there, by default as configured.

        Raises:
            ServiceError: UNAVAILABLE while Kafka cannot be reached.
        """
        if topic in self._ensured:
            return
        if not await self._exists(topic):
            await self._create(topic, partitions or self._config.partitions, retention_s or self._config.retention)
        self._ensured.add(topic)

    async def _exists(self, topic: str) -> bool:
        try:
            await self.partitions(topic)
        except ServiceError as exc:
            if _code(exc) == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return False
            raise
        return True

    async def _create(self, topic: str, partitions: int, retention_s: float) -> None:
        settings = {
            "cleanup.policy": "delete",
            "retention.ms": str(int(retention_s * 1000)),
            "max.message.bytes": str(LARGEST),
        }
        new = NewTopic(topic, partitions, self._config.replicas or -1, config=settings)
        try:
            await _answer(self.admin.create_topics([new], request_timeout=TIMEOUT_S)[topic])
        except ServiceError as exc:
            if _code(exc) != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        else:
            log.info("made a topic", topic=topic, partitions=partitions)

    async def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        answers = self.admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)
        return len((await _answer(answers[topic])).partitions)

    # ------------------------------------------------------------ offsets

    async def ends(self, topic: str) -> dict[int, int]:
        """Return the offset behind the last record of every partition."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(topic, n): latest for n in range(await self.partitions(topic))}
        answers = self.admin.list_offsets(wanted, request_timeout=TIMEOUT_S)
        return {place.partition: (await _answer(answer)).offset for place, answer in answers.items()}

    async def done(self, consumer: str, topic: str, partitions: Sequence[int]) -> dict[int, Done]:
        """Return how far a consumer is in each partition; offset 0 where it never committed."""
        asked = ConsumerGroupTopicPartitions(self.group(consumer), [TopicPartition(topic, n) for n in partitions])
        [answer] = self.admin.list_consumer_group_offsets([asked], request_timeout=TIMEOUT_S).values()
        found = (await _answer(answer)).topic_partitions
        return {one.partition: Done(max(0, one.offset), Place.parse(one.metadata)) for one in found}

    def group(self, consumer: str) -> str:
        """Return the name of a consumer's group."""
        return f"{self._config.group}.{consumer}"


def unavailable(error: KafkaError | KafkaException) -> ServiceError:
    """Return what a failure of Kafka's is to us: retryable, for derived work waits until it is over."""
    return ServiceError(Code.UNAVAILABLE, f"Kafka: {error}")


async def _answer(future: Future[Any]) -> Any:
    try:
        return await asyncio.wrap_future(future)
    except KafkaException as exc:
        raise unavailable(exc) from exc


def _code(error: ServiceError) -> int | None:
    cause = error.__cause__
    if isinstance(cause, KafkaException) and isinstance(cause.args[0], KafkaError):
        return cause.args[0].code()
    return None


def tell(error: KafkaError) -> None:
    """Log what a client tells of itself; each connection that fails is of no interest as long as another one works."""
    write = log.warning if error.fatal() or error.code() in _SERIOUS else log.debug
    write("kafka", code=error.name(), error=error.str())


def _quiet_logger() -> logging.Logger:
    """Return where the library's own log goes: what matters of it comes as errors, too."""
    logger = logging.getLogger("resonance.kafka")
    logger.setLevel(logging.CRITICAL)
    return logger
