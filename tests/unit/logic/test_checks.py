"""Fields: what a request may hold, and that a refusal names the field."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import check_conversation_id
from resonance.logic import checks


def refused(field: str, check: Callable[..., object], *args: object, code: Code = Code.INVALID_ARGUMENT) -> None:
    with pytest.raises(ServiceError) as caught:
        check(*args)
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Ann", "Ann"),
        ("  Ann  ", "Ann"),
        ("Jose\u0301", "José"),
        ("李雷", "李雷"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("محمد", "محمد"),
        ("\U0001fae8", "\U0001fae8"),
        ("x" * 64, "x" * 64),
    ],
)
def test_names(given: str, name: str) -> None:
    assert checks.check_name(given, "nickname", 64) == name


@pytest.mark.parametrize(
    "bad",
    ["", "   ", "x" * 65, "a\nb", "a\tb", "a\x00b", "a\u2028b", "\ud800", "\u200b\u200d", "\u202eevil", "a\u2066b"],
)
def test_bad_names(bad: str) -> None:
    refused("nickname", checks.check_name, bad, "nickname", 64)


def test_labels_may_be_empty() -> None:
    assert checks.check_label("  ", "remark", 64) == ""
    assert checks.check_label(" Boss ", "remark", 64) == "Boss"
    refused("remark", checks.check_label, "x" * 65, "remark", 64)


def test_texts_may_have_lines_and_no_other_control_characters() -> None:
    assert checks.check_text("one\ntwo\t3\r\n", "message", 20) == "one\ntwo\t3\r\n"
    for bad in ("\x00", "\x1b[31m", "\ud800", "x" * 21):
        refused("message", checks.check_text, bad, "message", 20)


@pytest.mark.parametrize(
    "good", ["", "https://a.example/b.png?c=1#d", "http://[::1]:8080/x", "/files/1.png", "1.png", "a/b.png", "图.png"]
)
def test_avatars(good: str) -> None:
    assert checks.check_avatar(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://a.example/x",
        "//a.example/x",
        "https:a",
        "http://",
        "http://[",
        "a b.png",
        "a\x00",
        "\ud800",
        "/" + "x" * 1024,
    ],
)
def test_bad_avatars(bad: str) -> None:
    refused("avatar", checks.check_avatar, bad)


def test_extra_is_nothing_or_an_object() -> None:
    assert checks.check_profile_extra("") == ""
    assert checks.check_profile_extra('{"a": [1]}') == '{"a": [1]}'
    for bad in ("[]", "1", '"x"', "{", "null"):
        refused("extra", checks.check_profile_extra, bad)
    refused("extra", checks.check_profile_extra, '{"a": "' + "x" * 9_000 + '"}', code=Code.TOO_LARGE)


@pytest.mark.parametrize("bad", ["", "a\nb", "sg_\x00", "\ud800", "sg_" + "x" * 158])
def test_bad_conversation_ids(bad: str) -> None:
    refused("conversation_id", check_conversation_id, bad)


@pytest.mark.parametrize("good", ["world", "si_a_b_c:d", "si_李雷_ann@x.y", "sg_" + "x" * 157])
def test_conversation_ids(good: str) -> None:
    assert check_conversation_id(good) == good


def test_numbers() -> None:
    assert checks.check_limit(1, 50) == 1
    assert checks.check_limit(50, 50) == 50
    for bad in (0, -1, 51, 2**70):
        refused("limit", checks.check_limit, bad, 50)
    assert checks.check_seq(0, "seq") == 0
    assert checks.check_seq(2**63 - 1, "seq") == 2**63 - 1
    for bad in (-1, 2**63):
        refused("seq", checks.check_seq, bad, "seq")
    assert checks.check_platform(5).name == "WEB"
    for bad in (-1, 6):
        refused("platform", checks.check_platform, bad)


def test_handles_are_normalised_and_each_comes_once() -> None:
    assert checks.check_handles(["bob", "Jose\u0301", "bob", "José"], "user_ids") == ["bob", "José"]
    for bad in ("a:b", "a\nb", ""):
        refused("user_ids", checks.check_handles, ["ok", bad], "user_ids")
