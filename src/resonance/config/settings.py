"""Every configuration key. The docstring-like descriptions are printed by `resonance config docs`.

Keys that seed 001 names (service, logic_service_name, ws_config, observability, status_batcher) keep their names,
units and defaults. A key that is here does something; `resonance config check` refuses one that is not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def parse_duration(value: object) -> object:
    """Return seconds for a duration such as `100ms`, `30s`, `5m`, `24h`, `30d`; a bare number is seconds."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value!r} is not a duration: write 100ms, 30s, 5m, 24h or 30d")
        return float(match[1]) * _UNIT_S[match[2]]
    return value


def format_duration(seconds: float) -> str:
    """Return a duration as it is written in the configuration, in the largest unit that keeps it whole."""
    for unit in ("d", "h", "m", "s", "ms"):
        amount = seconds / _UNIT_S[unit]
        if amount >= 1 and amount == round(amount):
            return f"{amount:.0f}{unit}"
    return f"{seconds:g}"


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
"""Seconds; written as a number of seconds or with a unit: 100ms, 30s, 5m, 24h, 30d."""

Span = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
"""A duration that cannot be 0, because nothing could happen in it."""

ADDRESS = r"^(unix:.+|[^/\s]+:\d{1,5})$"
PATH = r"^/[\w/.-]*$"
REDIS_URL = r"^(rediss?://[^\s:@/]+(:\d{1,5})?(/\d+)?|unix:///\S+)$"

Address = Annotated[str, Field(pattern=ADDRESS)]
"""Where a role listens: unix:path or host:port."""

Name = Annotated[str, Field(min_length=1)]

LIVE = "live"
"""Marks a key that may change while the server runs: its readers ask for it each time and keep no copy."""

PlatformId = Annotated[int, Field(ge=0, le=5)]


def _at_most(low: str, low_value: float, high: str, high_value: float) -> None:
    if low_value > high_value:
        raise ValueError(f"{low} ({low_value:.12g}) has to be at most {high} ({high_value:.12g})")


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Service(Section):
    """What this process is called and where it listens."""

    name: Name = "gateway-service"
    """Name of the gateway service; a gateway's id is `{name}-{number}`."""
    host: Name = "127.0.0.1"
    """Address to listen on; 0.0.0.0 lets other machines in."""
    http_port: int = Field(8080, ge=0, le=65535)
    """HTTP and WebSocket port; 0 takes any free one."""
    grpc_port: int = Field(15091, ge=0, le=65535)
    """gRPC port of the gateway role when it runs on its own (health, reflection, push); 0 takes any free one."""
    instance: int = Field(0, ge=0, le=1023)
    """Number of this instance among those of its role."""
    reuse_port: bool = False
    """Let several gateways of one machine share http_port (SO_REUSEPORT)."""


class WsConfig(Section):
    """WebSocket connections."""

    max_message_size: int = Field(1_048_576, ge=1024)
    """Largest frame or message a client may send, in bytes."""
    ping_interval: Span = 30
    """The server pings a connection that was silent for this long."""
    pong_timeout: Span = 60
    """A connection that was silent for this long is cut."""
    max_connections: Annotated[int, LIVE] = Field(100_000, ge=1)
    """Connections one gateway holds; more are refused with 503."""
    max_connections_per_address: Annotated[int, LIVE] = Field(0, ge=0)
    """Connections from one address; 0 is no limit."""
    max_connections_per_user: Annotated[int, LIVE] = Field(50, ge=1)
    """Connections of one user on one gateway; the oldest is closed."""
    high_water: int = Field(1_048_576, ge=4096)
    """Bytes that may wait for one client; above it the client is cut as a slow consumer."""
    low_water: int = Field(65_536, ge=1024)
    """Bytes waiting in the kernel's and transport's buffer above which the gateway keeps frames back."""
    in_flight: Annotated[int, LIVE] = Field(256, ge=1)
    """Unanswered messages per connection; then the gateway stops reading from it until answers come."""
    origins: tuple[str, ...] = ()
    """Origins allowed to connect and to call the API from a browser; empty allows all (tokens, no cookies)."""
    packets_per_second: Annotated[float, LIVE] = Field(0, ge=0)
    """Packets a connection may send per second on average (bursts of ten seconds' worth); 0 is no limit."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _at_most("low_water", self.low_water, "high_water", self.high_water)
        _at_most("ping_interval", self.ping_interval, "pong_timeout", self.pong_timeout)
        return self


class Trace(Section):
    """Distributed tracing; spans are exported with the extra `resonance-im[otel]`, once `endpoint` is set."""

    disable: bool = False
    """Switch the export of spans off."""
    endpoint: Name = "localhost:4317"
    """OTLP collector."""
    sampler: float = Field(1.0, ge=0, le=1)
    """Share of requests that are traced."""


class Metrics(Section):
    """Prometheus metrics, on a port of their own."""

    host: Name = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(9092, ge=0, le=65535)
    """Port; 0 takes any free one."""
    path: str = Field("/metrics", pattern=PATH)
    """Path of the metrics page."""


class Log(Section):
    """Logs, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], LIVE] = "info"
    """Least level that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """auto: console on a terminal, JSON elsewhere."""


class Observability(Section):
    """What the server tells of itself."""

    trace: Trace = Trace()
    metrics: Metrics = Metrics()
    log: Log = Log()


class StatusBatcher(Section):
    """How gateways batch connects and disconnects on their way to logic."""

    batch_size: int = Field(50, ge=1)
    """Changes that are sent at once without waiting for the interval."""
    flush_interval: Duration = 0.1
    """Longest time that a change waits; an idle gateway sends at once."""


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


class Auth(Section):
    """Tokens."""

    secret: SecretStr | None = Field(None, min_length=32)
    """Signing secret, at least 32 characters; by default one is made at first start and kept in data_dir."""
    issuer: Name = "resonance-service"
    """Issuer claim; tokens of another issuer are refused."""
    access_ttl: Span = 86400
    """Life of an access token."""
    refresh_ttl: Span = 30 * 86400
    """Life of a refresh token."""
    refresh_grace: Duration = 30
    """How long the refresh token before the current one still answers (two tabs refreshing at once)."""
    cache_ttl: Duration = 2
    """How long a gateway may trust a token without asking logic: the bound on revocation over HTTP."""


class AccountsConfig(Section):
    """Accounts and logins."""

    registration: Literal["open", "invitation", "closed"] = "open"
    """Who may register."""
    first_is_admin: bool = True
    """Make the first account an admin."""
    password_min: int = Field(6, ge=1)
    """Shortest password, in characters."""
    password_max: int = Field(256, ge=8)
    """Longest password, in characters."""
    max_devices: Annotated[int, LIVE] = Field(50, ge=1)
    """Devices per user; the one used longest ago is logged out for a new one."""
    newest_wins: tuple[PlatformId, ...] = ()
    """Platforms (0-5) on which a new login logs the others of the same platform out; others keep all."""
    attempts_per_account: Annotated[int, LIVE] = Field(10, ge=1)
    """Failed logins per account in attempts_window before further ones are refused."""
    attempts_per_address: Annotated[int, LIVE] = Field(100, ge=1)
    """Failed logins per address in attempts_window before further ones are refused."""
    attempts_window: Span = 300
    """The time in which failed logins are counted."""
    registrations_per_address: Annotated[int, LIVE] = Field(1000, ge=1)
    """Accounts that may be registered from one address in attempts_window."""
    hash_workers: int = Field(2, ge=1)
    """Threads that hash passwords (argon2id)."""
    hash_memory_kib: int = Field(19_456, ge=8)
    """Memory of one password hash, in KiB."""
    hash_time: int = Field(2, ge=1)
    """Passes of one password hash."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _at_most("password_min", self.password_min, "password_max", self.password_max)
        return self


class FriendsConfig(Section):
    """Friends."""

    policy: Literal["request", "instant"] = "request"
    """Whether the other side has to accept."""
    strangers: bool = True
    """Whether people who are not friends may message each other."""


class Groups(Section):
    """Groups."""

    max_members: Annotated[int, LIVE] = Field(500, ge=2)
    """Members a group may have when its maker says nothing."""
    members_limit: Annotated[int, LIVE] = Field(100_000, ge=2)
    """Largest max_members a group may be given."""
    per_user: Annotated[int, LIVE] = Field(5_000, ge=1)
    """Groups one user may create in all."""
    history: Literal["full", "since_join"] = "since_join"
    """What joiners of a new group see when its maker says nothing."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _at_most("max_members", self.max_members, "members_limit", self.members_limit)
        return self


class OpenConversation(Section):
    """The conversation that everybody is in."""

    enabled: bool = False
    """Whether there is one."""
    name: Name = "World"
    """Its name."""


class Dialects(Section):
    """The protocols of other systems, whose clients work unmodified (docs/dialects.md)."""

    enabled: tuple[Name, ...] = ("all",)
    """Which are spoken, beside the native one: resonance, nexo, gochat, or all that there are."""
    grpc_listen: Address | None = None
    """Where `resonance serve` offers other systems' gRPC names: unix:path (relative ones are below data_dir) or
    host:port. Unset: nowhere. Roles that run on their own offer them at their own addresses.
    """
    resonance_room: bool = False
    """Whether Resonance's clients see everybody's conversation, as the room "0" that its own server had."""
    nexo_internal_secret: SecretStr | None = Field(None, min_length=16)
    """What Nexo's services sign requests below /im/internal with; they may act for any user. Unset: none may call."""
    nexo_internal_services: tuple[Name, ...] = ()
    """Names of the services that may; empty allows all that know the secret."""


class MessagesConfig(Section):
    """The message pipeline."""

    batch_max: Annotated[int, LIVE] = Field(512, ge=1, le=4096)
    """Messages in one commit at most."""
    commit_delay: Annotated[Duration, LIVE] = 0
    """Time to wait for a batch to fill; 0 commits what queued during the last commit."""
    queue_limit: Annotated[int, LIVE] = Field(20_000, ge=1)
    """Messages waiting in logic at most; more are refused as busy."""
    per_user_per_second: Annotated[float, LIVE] = Field(0, ge=0)
    """Messages a user may send per second on average (bursts of ten seconds' worth); 0 is no limit."""
    open_per_user_per_second: Annotated[float, LIVE] = Field(10, ge=0)
    """The same in everybody's conversation, which costs a push to each who is online."""


class Presence(Section):
    """Who is online."""

    offline_delay: Annotated[Duration, LIVE] = 10
    """A user who comes back within this time was never offline to others."""


class Receipts(Section):
    """Read receipts."""

    group_limit: Annotated[int, LIVE] = Field(100, ge=0)
    """Groups up to this size send receipts to the senders; in larger ones they are asked for."""
    coalesce: Duration = 1
    """One reader's pointer moves within this time become one receipt in a group."""


class HttpLimits(Section):
    """Requests."""

    per_address_per_second: Annotated[float, LIVE] = Field(0, ge=0)
    """HTTP requests per second and address on average (bursts of ten seconds' worth); 0 is no limit."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose X-Forwarded-For is believed."""
    max_body: Annotated[int, LIVE] = Field(1_048_576, ge=1024)
    """Largest request body, in bytes."""


class Rpc(Section):
    """Roles talking to each other (only when they run as processes of their own)."""

    secret: SecretStr | None = Field(None, min_length=16)
    """Shared secret of all roles, 16 characters or more; needed once a role listens on anything but loopback or a unix
    socket.
    """
    deadline: Span = 10
    """Longest time a call may take."""
    heartbeat: Span = 5
    """Time between heartbeats on a link; a link silent for three of them is lost."""
    lease: Span = 20
    """How long a lost gateway's routes stay before its users count as offline."""
    window: int = Field(8_192, ge=64)
    """Unanswered messages a gateway keeps for sending again; then it answers busy."""


class Roles(Section):
    """Where roles listen when they run on their own."""

    logic_listen: Address = "unix:logic.sock"
    """Address of logic: unix:path (relative ones are below data_dir) or host:port."""
    repo_listen: Address = "unix:repo.sock"
    """Address of repo: unix:path (relative ones are below data_dir) or host:port."""
    repo: Literal["remote", "local"] = "remote"
    """Whether logic and task call repo in another process, or are repo themselves (on PostgreSQL or MySQL only)."""


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
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.certificate and not self.ca:
            raise ValueError("a certificate of our own is of no use without ca, which encrypts connections")
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
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.certificate and not self.ca:
            raise ValueError("a certificate of our own is of no use without ca, which encrypts connections")
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


class LiveConfig(Section):
    """Where the keys that may change while the server runs are written; what is there wins over every other place."""

    kind: Literal["file", "etcd"] = "file"
    """file: in a file that is watched; etcd: below {etcd.prefix}/config/, each by its name, with its value as text."""
    file: Path | None = None
    """The file, with keys as in resonance.yaml; the default is live.yaml in data_dir. It need not be there."""
    interval: Span = 2
    """Time between two looks at the file."""


class Web(Section):
    """The web client."""

    enabled: bool = True
    """Serve it at /app."""
    folder: Path | None = None
    """Folder of a client to serve instead of the one that comes with the server; it needs an index.html."""


class Settings(Section):
    """The whole configuration."""

    data_dir: Path = Path("data")
    """Folder for everything the server writes: database, secrets, sockets."""
    service: Service = Service()
    logic_service_name: Name = "logic-service"
    """Name of logic in `endpoints`."""
    repo_service_name: Name = "repo-service"
    """Name of repo in `endpoints`."""
    endpoints: dict[str, Address] = {"logic-service": "unix:logic.sock", "repo-service": "unix:repo.sock"}
    """Where other roles are, by service name: unix:path (relative ones are below data_dir) or host:port; several with
    commas between them. Only with registry.kind static.
    """
    registry: RegistryConfig = RegistryConfig()
    etcd: EtcdConfig = EtcdConfig()
    redis: RedisConfig = RedisConfig()
    routes: RoutesConfig = RoutesConfig()
    counters: CountersConfig = CountersConfig()
    cache: CacheConfig = CacheConfig()
    live: LiveConfig = LiveConfig()
    uplink: Literal["stream", "kafka"] = "stream"
    """How clients' messages get from gateways to logic, and answers and pushes back: stream (a link to every logic), or
    kafka (docs/operations.md).
    """
    bus: BusConfig = BusConfig()
    kafka: KafkaConfig = KafkaConfig()
    roles: Roles = Roles()
    rpc: Rpc = Rpc()
    ws_config: WsConfig = WsConfig()
    http: HttpLimits = HttpLimits()
    web: Web = Web()
    status_batcher: StatusBatcher = StatusBatcher()
    store: StoreConfig = StoreConfig()
    auth: Auth = Auth()
    accounts: AccountsConfig = AccountsConfig()
    friends: FriendsConfig = FriendsConfig()
    groups: Groups = Groups()
    open_conversation: OpenConversation = OpenConversation()
    dialects: Dialects = Dialects()
    messages: MessagesConfig = MessagesConfig()
    presence: Presence = Presence()
    receipts: Receipts = Receipts()
    inbox: Literal["on_demand", "eager"] = "on_demand"
    """When cursor-style clients' inbox rows are made: by the reader, or ahead of time by task (groups up to 500)."""
    observability: Observability = Observability()
