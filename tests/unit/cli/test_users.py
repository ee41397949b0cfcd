"""`resonance user`, on a real store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from resonance.config import Settings
from resonance.domain.errors import Code, ServiceError
from resonance.engines.sqlite.lock import FileLock
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic.secret import load_secret
from resonance.logic.tokens import Claims, Signer, TokenKind
from tests.unit.cli.conftest import Run


def add(run: Run, user: str, password: str = "correct horse") -> None:
    result = run("user", "add", user, "--password-stdin", stdin=f"{password}\n")
    assert result.exit_code == 0, result.stderr


def verify(token: str, data_dir: Path, now: int) -> Claims:
    settings = Settings()
    return Signer(load_secret(None, data_dir), settings.auth.issuer, lambda: now).verify(token, TokenKind.ACCESS)


def test_the_first_account_is_an_admin_and_all_are_listed(run: Run, tmp_path: Path) -> None:
    first = run("user", "add", "anna", "--nickname", "Anna [red] K.", "--password-stdin", stdin="correct horse\n")
    second = run("user", "add", "bert", "--password-stdin", stdin="correct horse\n")
    assert (first.stdout, second.stdout) == ("anna created (admin)\n", "bert created\n")
    head, *rows = [line.split() for line in run("user", "list").stdout.splitlines()]
    assert head[:2] == ["user", "nickname"]
    assert [row[0] for row in rows] == ["anna", "bert"]
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert rows[0][1:7] == ["Anna", "[red]", "K.", "human", "active", "yes"]


@pytest.mark.parametrize("command", [["list"], ["token", "anna"], ["disable", "anna"], ["enable", "anna"]])
def test_in_the_wrong_folder_nothing_is_made(run: Run, tmp_path: Path, command: list[str]) -> None:
    result = run("user", *command)
    assert result.exit_code == 1
    assert "there is no database at data/resonance.db: --data-dir" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("user", "password", "part"),
    [
        ("anna", "correct horse", "taken"),
        ("a b", "correct horse", "is not a handle"),
        ("system", "correct horse", "reserved"),
        ("bert", "x", "characters"),
        ("bert", "", "characters"),
    ],
)
def test_an_account_that_cannot_be_is_refused(run: Run, user: str, password: str, part: str) -> None:
    add(run, "anna")
    result = run("user", "add", user, "--password-stdin", stdin=f"{password}\n")
    assert result.exit_code == 1
    assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_a_password_is_not_read_from_a_pipe_unasked(run: Run) -> None:
    result = run("user", "add", "anna", stdin="correct horse\n")
    assert result.exit_code == 1
    assert "--password-stdin" in result.stderr


async def device_state(data_dir: Path, device_id: str) -> dict[str, str]:
    store = SqliteStore(data_dir / "resonance.db", Settings().store)
    await store.start()
    try:
        return await store.device_states([device_id])
    finally:
        store.close()
        await store.join()


def test_a_token_is_a_logins_and_ends_when_the_account_does(run: Run, tmp_path: Path) -> None:
    add(run, "anna")
    token = run("user", "token", "anna", "--platform", "5").stdout.strip()
    claims = verify(token, tmp_path / "data", now=0)
    assert (claims.user_id, claims.platform) == ("anna", 5)
    assert asyncio.run(device_state(tmp_path / "data", claims.device_id)) == {claims.device_id: "active"}
    with pytest.raises(ServiceError) as expired:
        verify(token, tmp_path / "data", now=claims.expires_at + 60_000)
    assert expired.value.code is Code.TOKEN_EXPIRED

    assert run("user", "disable", "anna").stdout == "anna disabled, 1 logins ended\n"
    assert asyncio.run(device_state(tmp_path / "data", claims.device_id)) == {claims.device_id: "disabled"}
    assert run("user", "token", "anna").exit_code == 1
    assert run("user", "enable", "anna").stdout == "anna enabled\n"
    assert run("user", "token", "anna").exit_code == 0


@pytest.mark.parametrize("command", ["token", "disable", "enable"])
def test_an_unknown_user_is_an_error(run: Run, command: str) -> None:
    result = run("user", command, "nobody")
    assert result.exit_code == 1
    assert result.stderr.strip()


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (("add", "bert", "--password-stdin"), "POST /api/v1/auth/register"),
        (("list",), "GET /api/v1/users/search"),
        (("token", "anna"), "POST /api/v1/auth/login"),
        (("disable", "anna"), "PUT /api/v1/admin/users/anna/disabled"),
    ],
)
def test_while_a_server_runs_the_way_is_over_http(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], instead: str
) -> None:
    add(run, "anna")
    lock = FileLock(tmp_path / "data" / "resonance.db")
    lock.acquire()
    try:
        result = run("user", *arguments, stdin="correct horse\n")
    finally:
        lock.release()
    assert result.exit_code == 1
    assert "in use by process" in result.stderr
    assert instead in result.stderr


def test_a_forgotten_password_is_replaced_and_ends_all_logins(run: Run) -> None:
    add(run, "anna")
    assert run("user", "token", "anna").exit_code == 0
    result = run("user", "password", "anna", "--password-stdin", stdin="another horse\n")
    assert (result.exit_code, result.stdout) == (0, "the password of anna is changed, 1 logins ended\n")
    short = run("user", "password", "anna", "--password-stdin", stdin="abc\n")
    assert short.exit_code == 1
    assert "password has 3 characters" in short.stderr
    nobody = run("user", "password", "nobody", "--password-stdin", stdin="another horse\n")
    assert "there is no user nobody" in nobody.stderr
