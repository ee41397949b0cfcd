"""Every configuration key. The docstring-like descriptions are printed by `resonance config docs`.

Keys that seed 001 names (service, logic_service_name, ws_config, observability, status_batcher) keep their names,
units and defaults. A key that is here does something; `resonance config check` refuses one that is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from resonance.config.engines import (
    BusConfig,
    CacheConfig,
    CountersConfig,
    EtcdConfig,
    KafkaConfig,
    RedisConfig,
    RegistryConfig,
    RoutesConfig,
    StoreConfig,
)
from resonance.config.values import LIVE, PATH, Address, Duration, Name, PlatformId, Section, Span, at_most


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
        at_most("low_water", self.low_water, "high_water", self.high_water)
        at_most("ping_interval", self.ping_interval, "pong_timeout", self.pong_timeout)
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
        at_most("password_min", self.password_min, "password_max", self.password_max)
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
        at_most("max_members", self.max_members, "members_limit", self.members_limit)
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
    endpoints: dict[str, Address] = Field({"logic-service": "unix:logic.sock", "repo-service": "unix:repo.sock"})
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
