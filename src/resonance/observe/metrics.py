"""Every metric, declared once. The thirteen `gateway_…` names are seed 001's.

One process has one registry, served on the metrics port. Hot paths count in plain integers and add them here once per
batch.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# ---------------------------------------------------------------- gateway (seed 001's thirteen)
connections_active = Gauge("gateway_websocket_connections_active", "WebSocket connections open now.")
connections_total = Counter("gateway_websocket_connections_total", "WebSocket connections accepted.")
pulses = Counter("gateway_messages_pulse_total", "Pulse packets received.")
messages_received = Counter("gateway_messages_received_total", "Chat packets received.")
messages_sent = Counter("gateway_messages_sent_total", "Messages pushed to connections.")
push_seconds = Histogram(
    "gateway_push_duration_seconds", "Time to hand one batch of pushes to connections.", buckets=_FAST
)
push_failed = Counter("gateway_push_failed_total", "Pushes for users without a connection here, or cut for slowness.")
http_requests = Counter("gateway_http_requests_total", "HTTP requests.", ["method", "route", "status"])
http_seconds = Histogram(
    "gateway_http_request_duration_seconds", "Time of HTTP requests.", ["method", "route"], buckets=_FAST
)
http_errors = Counter("gateway_http_errors_total", "HTTP requests answered with 5xx.", ["method", "route"])
grpc_requests = Counter("gateway_grpc_requests_total", "gRPC calls received by this process.", ["method", "code"])
grpc_seconds = Histogram("gateway_grpc_request_duration_seconds", "Time of gRPC calls.", ["method"], buckets=_FAST)
grpc_errors = Counter("gateway_grpc_errors_total", "gRPC calls that ended in an error of the server's.", ["method"])
# ---------------------------------------------------------------- gateway, further
connections_refused = Counter("gateway_connections_refused_total", "Upgrades refused.", ["reason"])
connections_closed = Counter("gateway_connections_closed_total", "Connections closed, by close code.", ["code"])
slow_consumers = Counter("gateway_slow_consumers_total", "Connections cut because the client did not read.")
uplink_unanswered = Gauge("gateway_uplink_unanswered", "Messages sent to logic and not answered yet.")
uplink_reconnects = Counter("gateway_uplink_reconnects_total", "Links to logic that had to be opened again.")

# ---------------------------------------------------------------- logic
logic_messages = Counter(
    "logic_messages_total", "Messages by outcome: stored, duplicate, or a code of the catalogue.", ["outcome"]
)
logic_batch_size = Histogram("logic_batch_size", "Messages per commit.", buckets=_SIZES)
logic_append_seconds = Histogram(
    "logic_append_duration_seconds", "Time from taking a batch to its commit.", buckets=_FAST
)
logic_queue = Gauge("logic_queue_length", "Messages waiting for a commit.")
logic_login_seconds = Histogram("logic_login_duration_seconds", "Time of logins.", buckets=_FAST)
logic_register_seconds = Histogram("logic_register_duration_seconds", "Time of registrations.", buckets=_FAST)
logic_users_online = Gauge("logic_users_online", "Users with a connection.")
logic_gateways = Gauge("logic_gateways", "Gateways linked.")
upstream_skipped = Counter("logic_upstream_skipped_total", "Records of the upstream topic that are no messages.")
logic_swept = Counter("logic_swept_events_total", "Events pushed by the sweep because the fast path had not.")
logic_cache = Counter("logic_state_cache_total", "Look-ups of conversation states.", ["result"])
logic_copies = Counter(
    "logic_cache_reads_total",
    "Pages of hot conversations and profiles that were looked for in the cache.",
    ["what", "result"],
)

# ---------------------------------------------------------------- repo
repo_commits = Counter("repo_commits_total", "Transactions committed.", ["lane"])
repo_commit_seconds = Histogram(
    "repo_commit_duration_seconds", "Time of transactions, fsync included.", ["lane"], buckets=_FAST
)
repo_jobs_per_commit = Histogram("repo_jobs_per_commit", "Commands that shared one commit.", buckets=_SIZES)
repo_queue = Gauge("repo_queue_length", "Commands waiting for the writer.", ["lane"])
repo_errors = Counter("repo_errors_total", "Transactions that failed in the engine.", ["reason"])
repo_wal_bytes = Gauge("repo_wal_bytes", "Size of the write-ahead log.")
repo_pruned = Counter("repo_pruned_rows_total", "Rows deleted by housekeeping.")

# ---------------------------------------------------------------- task
task_events = Counter("task_events_total", "Events processed.", ["kind"])
task_retries = Counter("task_retries_total", "Events tried again.", ["kind"])
task_parked = Counter("task_parked_total", "Events put aside as dead letters.", ["kind"])
task_seconds = Histogram("task_batch_duration_seconds", "Time to process one batch of events.", buckets=_FAST)
task_lag = Gauge("task_lag_events", "Events committed and not processed yet.", ["consumer"])
task_fanout_pushes = Counter("task_fanout_recipients_total", "Recipients reached by fan-out to large groups.")
task_notifications = Counter("task_notifications_total", "Offline notifications handed over.")
