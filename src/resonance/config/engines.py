"""The sections of keys that say which engines are used, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from resonance.config.values import PATH, REDIS_URL, Address, Duration, Name, Section, Span, check_certificates


class StoreConfig(Section):
    """The database."""

    kind: Literal["sqlite", "postgres", "mysql"] = "sqlite"
    """Engine; mysql is MariaDB, too."""
    url: SecretStr | None = None
    """Where the database server is: postgresql://user:password@host:5432/database, mysql://user:password@host:3306/database."""
    connections: int = Field(10, ge=2, le=500)
    """Connections to the database server per process, at most."""
    timeout: Duration = 10
    """How long to wait for the database server: for a connection, and for the answer to a statement."""
    path: Path | None = None
    """SQLite file; the default is resonance.db in data_dir."""
    synchronous: Literal["full", "normal", "off"] = "full"
    """SQLite's PRAGMA synchronous. Anything but full can lose acked messages in a power cut: the server warns."""
    readers: int = Field(2, ge=1, le=16)
    """Reader threads."""
    wal_limit_mb: int = Field(64, ge=4)
    """Write-ahead log size above which a checkpoint truncates it."""
    tombstones: Span = 30 * 86400
    """How long deletions are remembered for clients that sync; an older token means refetch."""
    keep_events: int = Field(50_000, ge=0)
    """Processed outbox events that are kept, so that a gateway that was cut off can be given them again."""


class EtcdConfig(Section):
    """etcd, when the registry or live configuration is in it."""

    endpoints: tuple[Address, ...] = Field(("127.0.0.1:2379",), min_length=1)
    """Its members; one is used at a time, and the next one once that fails."""
    prefix: str = Field("/resonance", pattern=PATH)
    """What all keys begin with; clusters that share an etcd need one each."""
    timeout: Span = 3
    """Longest time a call may take."""
    user: str = ""
    """User, where etcd asks for one."""
    password: SecretStr | None = None
    """Password of the user."""
    ca: Path | None = None
    """File with the certificate that etcd's is checked by (PEM); with it connections are encrypted."""
    certificate: Path | None = None
    """File with our own certificate, where etcd asks for one (PEM)."""
    key: Path | None = None
    """File with the key of our certificate (PEM)."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_certificates(self.ca, self.certificate, self.key)
        return self


class BusConfig(Section):
    """How task gets the events that it makes derived work from (docs/operations.md)."""

    kind: Literal["outbox", "kafka"] = "outbox"
    """outbox: from the store, by one task at a time; kafka: through Kafka, by all tasks together."""
    lease: Span = 5
    """Time after which another task takes over what one that died did alone."""


class KafkaTopics(Section):
    """Topics in the words of other systems, whose dialects have to be enabled; what has no name is not published."""

    push_event: Name | None = None
    """Every message as Resonance's PushEvent (protobuf); its consumers know it as resonance.push.event.v1."""
    user_events: Name | None = None
    """GoChat's events of people and friends (JSON); its consumers know it as gochat.user-events."""
    message_events: Name | None = None
    """GoChat's events of conversations (JSON); its consumers know it as gochat.message-events."""
    notifications: Name | None = None
    """GoChat's notifications (JSON); its consumers know it as gochat.notifications."""


class KafkaConfig(Section):
    """Kafka, when it is the bus or the uplink."""

    brokers: tuple[Address, ...] = Field(("127.0.0.1:9092",), min_length=1)
    """Some of its brokers; they name the others."""
    topic: Name = "resonance.events"
    """Topic of the events; made when it is not there."""
    dead_letters: Name = "resonance.events.dead"
    """Topic of events that could not be processed, beside the store's own list of them; made when it is not there."""
    topics: KafkaTopics = KafkaTopics()
    group: Name = "resonance"
    """What the names of our consumer groups begin with."""
    upstream: Name = "im-upstream-topic"
    """Topic of clients' messages, with `uplink: kafka`; made when it is not there. Only gateways may write there."""
    upstream_group: Name = "logic.upstream.group"
    """Consumer group of all logics on that topic."""
    downstream: Name = "im-downstream-topic-"
    """What the name of a gateway's topic begins with, before the gateway's id; made when it is not there, with one
    partition. Only logic may write there.
    """
    partitions: int = Field(12, ge=1, le=1000)
    """Partitions of a topic that we make: as many tasks may share the work."""
    replicas: int = Field(0, ge=0, le=100)
    """Copies of a topic that we make; 0 takes Kafka's default."""
    retention: Span = 7 * 86400
    """How long Kafka keeps the events of a topic that we make; longer than task may ever be away."""
    session: Span = Field(10, ge=1)
    """Time after which the partitions of a task that died go to the others."""
    user: str = ""
    """User, where Kafka asks for one (SASL)."""
    password: SecretStr | None = None
    """Password of the user."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the password is shown to Kafka."""
    ca: Path | None = None
    """File with the certificate that Kafka's is checked by (PEM); with it connections are encrypted."""
    certificate: Path | None = None
    """File with our own certificate, where Kafka asks for one (PEM)."""
    key: Path | None = None
    """File with the key of our certificate (PEM)."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_certificates(self.ca, self.certificate, self.key)
        return self


class RedisConfig(Section):
    """Redis, when something is shared in it."""

    url: str = Field("redis://127.0.0.1:6379/0", pattern=REDIS_URL)
    """Where it is; rediss:// encrypts, and /number is the database. Redis 6 or newer, but no Redis Cluster."""
    user: str = ""
    """User, where Redis asks for one."""
    password: SecretStr | None = None
    """Password."""
    prefix: Name = "resonance:"
    """What all keys begin with; installations that share a Redis need one each."""
    timeout: Span = 1
    """Longest time a call may take; then it counts as gone, and nobody waits for it until it answers again."""
    connections: int = Field(8, ge=1, le=500)
    """Connections per process, at most."""
    ca: Path | None = None
    """File with the certificate that Redis's is checked by (PEM); by default the system's are used."""
    certificate: Path | None = None
    """File with our own certificate, where Redis asks for one (PEM)."""
    key: Path | None = None
    """File with the key of our certificate (PEM)."""


class RoutesConfig(Section):
    """Where it is known which users are on which gateways."""

    kind: Literal["memory", "redis"] = "memory"
    """memory: each logic knows those of the gateways that are linked to it; redis: all logics share one table."""


class CountersConfig(Section):
    """Where failed logins, registrations and users' messages (for their rates) are counted."""

    kind: Literal["memory", "redis"] = "memory"
    """memory: each logic counts by itself; redis: all of them together."""


class CacheConfig(Section):
    """Copies of what is read often: newest messages of conversations that are read a lot, and profiles."""

    kind: Literal["none", "memory", "redis"] = "none"
    """none: everything is read from the store; memory: each logic has copies of its own; redis: all share them."""
    entries_ttl: Span = 600
    """How long a conversation's newest messages stay after the last of them came."""
    profile_ttl: Span = 10
    """How long a profile stays: so old it may be shown after a change of which the cache could not be told."""


class RegistryConfig(Section):
    """How roles find one another when they run as processes of their own."""

    kind: Literal["static", "etcd"] = "static"
    """static: by `endpoints`; etcd: they register in etcd, and `endpoints` does nothing."""
    ttl: int = Field(10, ge=2, le=3600)
    """Seconds after which an instance that died is no longer called."""
    advertise: Name | None = None
    """Host by which others reach this process; by default where it listens, and this machine's name if everywhere."""
    settle: Duration = 0.5
    """How long a stopping instance goes on after it said that it wants no new work, for callers to hear of it."""
