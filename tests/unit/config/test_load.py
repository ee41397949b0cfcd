"""Which source wins, what is refused, and how the refusal reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.config.errors import ConfigError
from resonance.config.load import Loaded, Role, load

SOURCES = ("resonance.yaml", "resonance.prod.yaml", "logic.yaml", "logic.prod.yaml", ".env", "environment", "options")


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def read(folder: Path, role: Role = "serve", env: str | None = None, /, **environ: str) -> Loaded:
    return load(role, folder=folder, env=env, environ=environ)


def problems(folder: Path, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, **environ)
    return caught.value.message


@given(used=st.sets(st.sampled_from(SOURCES), min_size=1))
def test_the_last_source_that_names_a_key_wins(tmp_path_factory: pytest.TempPathFactory, used: set[str]) -> None:
    folder = tmp_path_factory.mktemp("config")
    environ = {"RESONANCE_ENV": "prod"}
    options: dict[str, str | None] = {"service.http_port": None}
    for port, source in enumerate(SOURCES, start=1):
        if source not in used:
            continue
        if source.endswith(".yaml"):
            write(folder, source, f"service:\n  http_port: {port}\n")
        elif source == ".env":
            write(folder, source, f"RESONANCE_SERVICE__HTTP_PORT={port}\n")
        elif source == "environment":
            environ["RESONANCE_SERVICE__HTTP_PORT"] = str(port)
        else:
            options["service.http_port"] = str(port)

    loaded = load("logic", folder=folder, environ=environ, options=options)

    assert loaded.settings.service.http_port == max(SOURCES.index(source) + 1 for source in used)
    assert loaded.settings.service.name == "gateway-service"


def test_sources_are_merged_key_by_key(tmp_path: Path) -> None:
    write(tmp_path, "resonance.yaml", "ws_config: {ping_interval: 10, pong_timeout: 50}\n")
    write(tmp_path, "gateway.yaml", "ws_config: {ping_interval: 20s}\n")
    loaded = read(tmp_path, RESONANCE_WS_CONFIG__IN_FLIGHT="7")
    config = loaded.settings.ws_config
    assert (config.ping_interval, config.pong_timeout, config.in_flight) == (20, 50, 7)
    assert loaded.sources["ws_config.ping_interval"] == f"{tmp_path / 'gateway.yaml'}, line 1"
    assert loaded.sources["ws_config.in_flight"] == "RESONANCE_WS_CONFIG__IN_FLIGHT (environment)"


@pytest.mark.parametrize(("role", "port"), [("serve", 2), ("gateway", 2), ("logic", 3), ("repo", 1), ("task", 1)])
def test_a_role_reads_its_own_file_and_serve_reads_the_gateways(tmp_path: Path, role: Role, port: int) -> None:
    for number, name in enumerate(("resonance", "gateway", "logic"), start=1):
        write(tmp_path, f"{name}.yaml", f"service: {{http_port: {number}}}\n")
    assert read(tmp_path, role).settings.service.http_port == port


@pytest.mark.parametrize(
    ("option", "variable", "in_dotenv", "expected"),
    [(None, None, None, "dev"), (None, None, "c", "c"), (None, "b", "c", "b"), ("a", "b", "c", "a")],
)
def test_the_environments_name_chooses_the_files(
    tmp_path: Path, option: str | None, variable: str | None, in_dotenv: str | None, expected: str
) -> None:
    for name in ("dev", "a", "b", "c"):
        write(tmp_path, f"resonance.{name}.yaml", f"service: {{name: {name}}}\n")
    if in_dotenv:
        write(tmp_path, ".env", f"RESONANCE_ENV={in_dotenv}\n")
    environ = {"RESONANCE_ENV": variable} if variable else {}
    assert read(tmp_path, "serve", option, **environ).settings.service.name == expected


def test_seed_001s_file_is_understood_as_it_stands(tmp_path: Path) -> None:
    write(
        tmp_path,
        "gateway.yaml",
        "service: {name: gateway-service, http_port: 8080, grpc_port: 15091}\n"
        "logic_service_name: logic-service\n"
        "ws_config: {max_message_size: 1048576, ping_interval: 30, pong_timeout: 60}\n"
        "observability:\n"
        "  trace: {disable: false, endpoint: 'localhost:4317', sampler: 1.0}\n"
        "  metrics: {port: 9092, path: /metrics}\n"
        "status_batcher: {batch_size: 50, flush_interval: 100ms}\n",
    )
    assert read(tmp_path).settings == load(folder=tmp_path.parent, environ={}).settings


@pytest.mark.parametrize("text", ["a, b", '["a", "b"]'])
def test_lists_in_variables_are_json_or_separated_by_commas(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, RESONANCE_WS_CONFIG__ORIGINS=text).settings.ws_config.origins == ("a", "b")


def test_lists_in_files_are_lists_or_one_text(tmp_path: Path) -> None:
    write(tmp_path, "resonance.yaml", "ws_config: {origins: [a, b]}\naccounts: {newest_wins: 1}\n")
    settings = read(tmp_path).settings
    assert settings.ws_config.origins == ("a", "b")
    assert settings.accounts.newest_wins == (1,)


def test_an_endpoint_that_is_set_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path, "resonance.yaml", "endpoints: {logic-service: 'host:1'}\n")
    loaded = read(tmp_path, RESONANCE_ENDPOINTS='{"other": "unix:/x"}')
    assert loaded.settings.endpoints == {
        "logic-service": "host:1",
        "repo-service": "unix:repo.sock",
        "other": "unix:/x",
    }


def test_words_that_yaml_takes_for_booleans_stay_words(tmp_path: Path) -> None:
    write(tmp_path, "resonance.yaml", "store: {synchronous: off}\nfriends: {strangers: off}\n")
    settings = read(tmp_path).settings
    assert settings.store.synchronous == "off"
    assert settings.friends.strangers is False


@pytest.mark.parametrize("text", ["auth: {secret: null}", "auth: {secret: }", "auth:", ""])
def test_nothing_means_not_set(tmp_path: Path, text: str) -> None:
    write(tmp_path, "resonance.yaml", text)
    assert read(tmp_path, RESONANCE_STORE__PATH="").settings.auth.secret is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "ws_config:\n  ping_intervall: 3\n",
            ["ws_config.ping_intervall is no key", "line 2", "ws_config.ping_interval?"],
        ),
        ("wsconfig: {}\n", ["wsconfig is no key", "did you mean ws_config?"]),
        ("service: {prot: 1}\n", ["service.prot is no key", "did you mean service.http_port?"]),
        ("zzz: 1\n", ["zzz is no key", "config docs"]),
        ("service: 3\n", ["service holds keys of its own"]),
        ("service: {name: {a: b}}\n", ["service.name", "a mapping is not allowed", "allowed: text"]),
        ("service: {name: }\n", ["service.name", "nothing is not allowed"]),
        ("service: {http_port: 70000}\n", ["service.http_port", "'70000'", "line 1", "at most 65535"]),
        ("service: {http_port: eighty}\n", ["service.http_port", "'eighty'", "a whole number"]),
        ("store: {kind: oracle}\n", ["store.kind", "'oracle'", "`sqlite`"]),
        ("ws_config: {ping_interval: soon}\n", ["ws_config.ping_interval", "'soon'", "100ms, 30s, 5m"]),
        ("accounts: {newest_wins: [1, 9]}\n", ["accounts.newest_wins", "1, 9", "at most 5"]),
        (
            "ws_config: {low_water: 5000, high_water: 4096}\n",
            ["low_water (5000)", "at most high_water (4096)", "line 1"],
        ),
        ("inbox: eager\ninbox: eager\n", ["inbox is set twice", "line 2"]),
        ("endpoints: {a: nowhere}\n", ["endpoints.a", "'nowhere'", "host:port"]),
        ("etcd: {endpoints: []}\n", ["etcd.endpoints"]),
        ("etcd: {ca: x, key: y}\n", ["etcd: certificate and key go together", "line 1"]),
        ("etcd: {certificate: x, key: y}\n", ["of no use without ca"]),
        ("endpoints: [a]\n", ["endpoints holds keys of its own"]),
        ("a: [\n", ["is no YAML"]),
        ("- a\n", ["has to hold keys and values"]),
        ("service: &s {name: *s}\n", ["is not allowed"]),
        ("? [a]\n: b\n", ["is no key"]),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    write(tmp_path, "resonance.yaml", text)
    message = problems(tmp_path)
    assert "resonance.yaml" in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("RESONANCE_STORE__PTH", "x", ["RESONANCE_STORE__PTH", "did you mean RESONANCE_STORE__PATH?"]),
        ("RESONANCE_SERVICE_PORT", "1", ["RESONANCE_SERVICE_PORT", "did you mean RESONANCE_SERVICE__HTTP_PORT?"]),
        ("RESONANCE_ZZZ", "1", ["RESONANCE_ZZZ", "config docs"]),
        ("RESONANCE_store__path", "x", ["RESONANCE_store__path", "sets no key"]),
        ("RESONANCE_SERVICE", "{}", ["RESONANCE_SERVICE ", "sets no key"]),
        ("RESONANCE_WS_CONFIG__ORIGINS", "[1", ["ws_config.origins", "no list"]),
        ("RESONANCE_ENDPOINTS", "a=b", ["endpoints", "no JSON object"]),
        ("RESONANCE_ENDPOINTS", '{"a": 1}', ["endpoints", "no JSON object"]),
        ("RESONANCE_INBOX", "", ["inbox: ''", "RESONANCE_INBOX (environment)", "`on_demand`, `eager`"]),
    ],
)
def test_what_is_wrong_in_a_variable_is_named(tmp_path: Path, name: str, value: str, parts: list[str]) -> None:
    message = problems(tmp_path, **{name: value})
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("STORE__PATH=x", "STORE__PATH is not ours; did you mean RESONANCE_STORE__PATH?"),
        ("AWS_REGION=x", "this file may hold RESONANCE_… only"),
        ("RESONANCE_INBX=x", "did you mean RESONANCE_INBOX?"),
        ("RESONANCE_INBOX='x", "is not NAME=value"),
    ],
)
def test_what_is_wrong_in_dotenv_is_named_with_its_line(tmp_path: Path, line: str, part: str) -> None:
    write(tmp_path, ".env", f"# a comment\n{line}\n")
    message = problems(tmp_path)
    assert part in message
    assert str(tmp_path / ".env") in message


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "resonance.yaml", "zzz: 1\nservice: {http_port: x}\n")
    message = problems(tmp_path, RESONANCE_ZZZ="1")
    assert len(message.splitlines()) == 3


def test_a_bad_secret_is_not_shown(tmp_path: Path) -> None:
    message = problems(tmp_path, RESONANCE_AUTH__SECRET="hunter2")
    assert "auth.secret" in message
    assert "hunter2" not in message


def test_variables_without_our_prefix_are_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, PATH="/bin", RESONANCE_SOAK="1", MY_RESONANCE_X="1").sources == {}


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        load(folder=tmp_path / "missing", environ={})


@pytest.mark.parametrize("env", ["../x", "Prod", "a b"])
def test_an_environments_name_cannot_leave_the_folder(tmp_path: Path, env: str) -> None:
    with pytest.raises(ConfigError, match="cannot name an environment"):
        read(tmp_path, "serve", env)
