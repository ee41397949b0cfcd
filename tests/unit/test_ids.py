"""Identifiers: what a handle may be, and that conversation ids never meet."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import (
    UserId,
    check_client_key,
    check_group_id,
    check_handle,
    check_new_handle,
    single_id,
    single_peer,
)

handles = st.text(alphabet="ab_-.@B", min_size=1, max_size=6).map(UserId)


@given(handles, handles, handles, handles)
def test_single_ids_are_injective_on_unordered_pairs(a: UserId, b: UserId, c: UserId, d: UserId) -> None:
    assume({a, b} != {c, d})
    assert single_id(a, b) != single_id(c, d)


@given(handles, handles)
def test_single_ids_do_not_depend_on_the_order(a: UserId, b: UserId) -> None:
    assert single_id(a, b) == single_id(b, a)


@given(handles, handles, handles)
@example(UserId("@"), UserId("_B"), UserId("B"))
def test_the_other_member_follows_from_the_id_and_one_of_the_two(a: UserId, b: UserId, c: UserId) -> None:
    assert single_peer(single_id(a, b), a) == b
    assume(c not in (a, b))
    assert single_peer(single_id(a, b), c) == ""


@given(handles, st.text(max_size=10))
def test_no_other_id_has_another_member(a: UserId, text: str) -> None:
    assert single_peer(f"sg_{text}", a) == ""
    assert single_peer("world", a) == ""


@pytest.mark.parametrize("good", ["a", "李雷", "Ann-Marie", "a_b", "x.y@z", "0", "z" * 64, "José", "...", "..a"])
def test_good_handles(good: str) -> None:
    assert check_handle(good) == good


def test_handles_are_normalised() -> None:
    assert check_handle("Jose\u0301") == "José"


@pytest.mark.parametrize(
    "bad", ["", "a:b", "a\nb", "a b", "a/b", "z" * 65, "a\x00", "¼", "<a>", "a\u200b", "～", "\ud800", ".", ".."]
)
def test_bad_handles_are_refused_by_name(bad: str) -> None:
    with pytest.raises(ServiceError) as refused:
        check_handle(bad)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert refused.value.field == "user_id"


@pytest.mark.parametrize("good", ["g", "sg", "SG_1", "a_sg_", "0.x-y", "z" * 64])
def test_good_group_ids(good: str) -> None:
    assert check_group_id(good) == good


@pytest.mark.parametrize("bad", ["", "a b", "z" * 65, "g\u00e9", "a/b", "sg_1", "sg_", ".", ".."])
def test_group_ids_that_pass_for_conversations_are_refused(bad: str) -> None:
    with pytest.raises(ServiceError) as refused:
        check_group_id(bad)
    assert (refused.value.code, refused.value.field) == (Code.INVALID_ARGUMENT, "group_id")


@pytest.mark.parametrize("word", ["system", "world", "me", "info", "admin"])
def test_reserved_handles_cannot_be_registered(word: str) -> None:
    with pytest.raises(ServiceError):
        check_new_handle(word)


def test_the_mark_of_server_keys_is_refused_to_clients() -> None:
    with pytest.raises(ServiceError) as refused:
        check_client_key("~gateway.1.2.3")
    assert refused.value.code is Code.RESERVED_KEY
