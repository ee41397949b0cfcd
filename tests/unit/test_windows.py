"""Windows: one function clamps every read path."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resonance.domain.windows import History, Window, clamp, clamp_read, close_window, open_window, sees, visible_end

heads = st.integers(0, 50)


@given(st.lists(st.sampled_from(["message", "join", "leave"]), max_size=40), st.sampled_from(History))
def test_a_member_sees_exactly_what_was_written_from_join_to_leave(actions: list[str], history: History) -> None:
    """Play joins, messages and leaves; the window must show what a member of that time would have been given."""
    head, window, inside = 0, None, False
    witnessed: set[int] = set()
    for action in actions:
        if action == "join" and not inside:
            window, inside = open_window(history, head), True
            head += 1  # the entry that tells of the join
            witnessed = set(range(1, head + 1)) if history is History.FULL else {head}
        elif action == "leave" and inside:
            assert window is not None
            head += 1
            witnessed.add(head)
            window, inside = close_window(window, head), False
        elif action == "message":
            head += 1
            if inside:
                witnessed.add(head)
    if window is not None:
        assert set(clamp(window, 0, 0, head)) == witnessed
        assert {seq for seq in range(1, head + 1) if sees(window, seq)} == witnessed


@given(st.integers(1, 60), st.none() | st.integers(1, 60), st.integers(-5, 70), st.integers(-5, 70), heads)
def test_clamp_never_leaves_the_window(low: int, high: int | None, begin: int, end: int, head: int) -> None:
    window = Window(low, high)
    for seq in clamp(window, begin, end, head):
        assert sees(window, seq)
        assert 1 <= seq <= head
        assert begin <= seq
        assert end <= 0 or seq <= end


@given(st.integers(1, 60), st.none() | st.integers(1, 60), st.integers(0, 60), st.integers(-5, 100), heads)
def test_a_read_pointer_only_moves_forward_within_what_is_visible(
    low: int, high: int | None, current: int, wanted: int, head: int
) -> None:
    window = Window(low, high)
    moved = clamp_read(window, current, wanted, head)
    assert moved >= current
    assert moved == current or moved <= visible_end(window, head)
