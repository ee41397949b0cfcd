"""The web client: the page, its files, and what keeps other things out of it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from resonance.config import Settings
from resonance.domain.errors import Code
from tests.integration.gateway_http.harness import Door, make_door

PAGE = '<!doctype html><meta property="csp-nonce" nonce="%CSP_NONCE%"><script src="/app/assets/a-1.js"></script>'
SCRIPT = "console.log('hello');" * 50


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Return a folder with a client as a build makes it."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / ".stamp").write_text("")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "a-1.js").write_text(SCRIPT)
    (tmp_path / "assets" / "a-1.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    return tmp_path


def opened(folder: Path, **config: object) -> Door:
    return make_door(Settings.model_validate({"web": {"folder": str(folder), **config}}))


async def test_the_front_page_leads_to_the_client(built: Path) -> None:
    door = opened(built)
    for path in ("/", "/app"):
        answer = await door.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (307, "/app/")


@pytest.mark.parametrize("path", ["/app/", "/app/login", "/app/c/si_ann_bob", "/app/contacts/x.y", "/app/index.html"])
async def test_every_address_of_the_client_is_the_page(built: Path, path: str) -> None:
    answer = await opened(built).client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "%CSP_NONCE%" not in answer.text


async def test_the_page_lets_in_only_what_is_this_servers(built: Path) -> None:
    door = opened(built)
    nonces = set()
    for _ in range(2):
        answer = await door.client.get("/app/")
        policy = answer.headers["content-security-policy"]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        nonce = re.search(r'nonce="([^"]+)"', answer.text)
        assert nonce is not None
        assert len(nonce[1]) >= 20
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == "'self'"
        assert rules["style-src"] == f"'self' 'nonce-{nonce[1]}'"
        assert rules["connect-src"] == "'self'"
        assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        nonces.add(nonce[1])
    assert len(nonces) == 2


@pytest.mark.parametrize("accepted", ["gzip, br", "identity"])
async def test_files_are_kept_for_ever_and_compressed_where_that_is_read(built: Path, accepted: str) -> None:
    answer = await opened(built).client.get("/app/assets/a-1.js", headers={"accept-encoding": accepted})
    assert answer.text == SCRIPT
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in accepted else None)


async def test_files_without_a_hash_are_checked_each_time(built: Path) -> None:
    door = opened(built)
    answer = await door.client.get("/app/icon.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-cache"
    again = await door.client.get("/app/icon.svg", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


async def test_the_head_of_the_page_can_be_asked_for(built: Path) -> None:
    answer = await opened(built).client.head("/app/")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["assets/gone-1.js", "assets/", "assets/a-1.js.gz", "assets/../.stamp"])
async def test_what_is_no_file_of_the_client_is_refused_or_the_page(built: Path, path: str) -> None:
    answer = await opened(built).client.get(f"/app/{path}")
    if answer.status_code == 404:
        assert answer.json()["code"] == Code.NOT_FOUND.text
    else:
        assert "<!doctype html>" in answer.text


@pytest.mark.parametrize("path", ["%2e%2e/secret", "..%2fsecret", "assets/%2e%2e/%2e%2e/secret", "/etc/passwd", "%00"])
async def test_nothing_beside_the_folder_is_reached(tmp_path: Path, built: Path, path: str) -> None:
    (tmp_path.parent / "secret").write_text("what is in it")
    answer = await opened(built).client.get(f"/app/{path}")
    assert "what is in it" not in answer.text
    assert "root:" not in answer.text


async def test_a_clone_without_a_build_says_how_to_make_one(tmp_path: Path) -> None:
    door = opened(tmp_path)
    answer = await door.client.get("/app/")
    assert (answer.status_code, "make web" in answer.text) == (404, True)
    assert (await door.client.get("/")).headers["location"] == "/docs"


async def test_it_can_be_turned_off(built: Path) -> None:
    door = opened(built, enabled=False)
    assert (await door.client.get("/app/")).json()["code"] == Code.NOT_FOUND.text
    assert (await door.client.get("/")).headers["location"] == "/docs"
