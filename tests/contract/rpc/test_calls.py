"""A service behaves the same wherever it runs: values, refusals, mistakes, traces; and time limits are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import grpc.aio
import pytest
from structlog.testing import capture_logs

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import Caller, RequestStatus
from resonance.observe.trace import current_trace, new_trace, set_trace
from resonance.ports.store import Store
from resonance.rpc import remote as remote_module
from resonance.rpc.channel import Channel, open_channel
from resonance.rpc.methods import methods_of
from resonance.rpc.remote import ATTEMPTS, remote
from resonance.rpc.status import status_of
from resonance.services.friends import Friends
from tests.contract.rpc.conftest import Behaviour, Reach, calling, friends_doing, serving

ANNA = Caller(UserId("anna"), 5, "d1")


def answering(result: object) -> Behaviour:
    async def behave(name: str, arguments: tuple[object, ...]) -> object:
        return result

    return behave


def raising(error: Exception) -> Behaviour:
    async def behave(name: str, arguments: tuple[object, ...]) -> object:
        raise error

    return behave


async def test_arguments_and_results_arrive(reach: Reach) -> None:
    seen: list[object] = []

    async def behave(name: str, arguments: tuple[object, ...]) -> object:
        seen.append((name, arguments))
        return RequestStatus.ACCEPTED

    friends = await reach(behave)
    assert await friends.request(ANNA, "bob", message="hi") is RequestStatus.ACCEPTED
    assert seen == [("request", (ANNA, "bob", "hi"))]


async def test_nothing_comes_back_as_none(reach: Reach) -> None:
    friends = await reach(answering(None))
    await friends.remove(ANNA, "bob")


@pytest.mark.parametrize("code", Code)
async def test_refusals_are_equal_on_both_sides(reach: Reach, code: Code) -> None:
    raised = ServiceError(code, "„nein“ \n" + "x" * 3000, field="user_id", retry_after_ms=1234)
    friends = await reach(raising(raised))
    with pytest.raises(ServiceError) as caught:
        await friends.remove(ANNA, "bob")
    got = caught.value
    assert (got.code, got.message, got.field, got.retry_after_ms) == (
        raised.code,
        raised.message,
        raised.field,
        raised.retry_after_ms,
    )


async def test_a_mistake_is_logged_once_and_told_without_detail(reach: Reach) -> None:
    friends = await reach(raising(RuntimeError("the password is hunter2")))
    trace = new_trace()
    set_trace(trace)
    with capture_logs() as logs, pytest.raises(ServiceError) as caught:
        await friends.remove(ANNA, "bob")
    assert caught.value.code is Code.INTERNAL
    assert "hunter2" not in str(caught.value)
    assert [(line["event"], line["trace"]) for line in logs] == [("a call failed", trace)]


async def test_the_trace_goes_along(reach: Reach) -> None:
    seen: list[str] = []

    async def behave(name: str, arguments: tuple[object, ...]) -> object:
        seen.append(current_trace())
        return None

    friends = await reach(behave)
    trace = new_trace()
    set_trace(trace)
    await friends.remove(ANNA, "bob")
    assert seen == [trace]


@pytest.mark.parametrize(("user_id", "limit", "field"), [("\ud800", 1, "caller"), ("anna", 2**63, "limit")])
async def test_what_no_request_can_carry_is_an_invalid_argument(
    reach: Reach, user_id: str, limit: int, field: str
) -> None:
    friends = await reach(answering([]))
    with pytest.raises(ServiceError) as caught:
        await friends.requests(Caller(UserId(user_id), 5, "d"), True, limit)
    assert (caught.value.code, caught.value.field) == (Code.INVALID_ARGUMENT, field)


async def test_a_wrong_number_of_arguments_is_the_callers_mistake(reach: Reach) -> None:
    friends = await reach(answering(None))
    with pytest.raises(TypeError):
        await friends.remove(ANNA)  # type: ignore[call-arg]


# ---------------------------------------------------------------- over gRPC only


async def test_a_request_that_is_none_is_malformed(listen: str) -> None:
    async with serving(listen, friends_doing(answering(None))) as server:
        channel = open_channel(server.address, Rpc())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary("/resonance.friends.v1.FriendsService/Remove")(b"\xff\xff", timeout=20)
        await channel.close()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_every_code_has_a_status_that_is_no_success() -> None:
    assert grpc.StatusCode.OK not in {status_of(code) for code in Code}
    assert {code for code in Code if status_of(code) is grpc.StatusCode.INTERNAL} == {Code.INTERNAL}


async def test_a_call_ends_at_its_deadline_on_both_sides(listen: str) -> None:
    cancelled = asyncio.Event()

    async def never(name: str, arguments: tuple[object, ...]) -> object:
        try:
            return await asyncio.Event().wait()
        finally:
            cancelled.set()

    settings = Rpc(deadline=0.2)
    async with serving(listen, friends_doing(never)) as server, calling(server.address, settings) as friends:
        with pytest.raises(ServiceError) as caught:
            await friends.remove(ANNA, "bob")
        assert caught.value.code is Code.DEADLINE
        async with asyncio.timeout(10):
            await cancelled.wait()


def test_a_calls_own_wait_is_added_to_its_deadline() -> None:
    assert methods_of(Store)["outbox"].wait_s((0, 10, 2500, ())) == 2.5
    assert methods_of(Store)["info"].wait_s(()) == 0


async def test_cancelling_the_caller_cancels_the_call(listen: str) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def never(name: str, arguments: tuple[object, ...]) -> object:
        begun.set()
        try:
            return await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(listen, friends_doing(never)) as server, calling(server.address) as friends:
        task = asyncio.create_task(friends.remove(ANNA, "bob"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            await cancelled.wait()


async def test_closing_the_channel_ends_its_calls(listen: str) -> None:
    begun = asyncio.Event()

    async def never(name: str, arguments: tuple[object, ...]) -> object:
        begun.set()
        return await asyncio.Event().wait()

    async with serving(listen, friends_doing(never)) as server:
        channel = open_channel(server.address, Rpc())
        friends = remote(Friends, channel)
        task = asyncio.create_task(friends.remove(ANNA, "bob"))
        await begun.wait()
        await channel.close()
        with pytest.raises(ServiceError) as caught:
            await task
        assert caught.value.code is Code.DEADLINE
        with pytest.raises(ServiceError) as caught:
            await friends.remove(ANNA, "bob")
        assert caught.value.code is Code.UNAVAILABLE


async def test_nobody_there_is_unavailable(listen: str) -> None:
    async with calling(listen) as friends:
        with pytest.raises(ServiceError) as caught:
            await friends.remove(ANNA, "bob")
    assert caught.value.code is Code.UNAVAILABLE


# ---------------------------------------------------------------- repeating


class Flaky:
    """A gRPC server that breaks the first calls of every method as a lost connection would."""

    def __init__(
        self, failures: int, status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, after_s: float = 0
    ) -> None:
        self.calls = 0
        self._after_s = after_s
        self._failures = failures
        self._status = status

    async def answer(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        self.calls += 1
        if self.calls <= self._failures:
            await asyncio.sleep(self._after_s)
            await context.abort(self._status, "gone")
        return b""


class AnyMethod(grpc.GenericRpcHandler):
    """Sends every call to one server."""

    def __init__(self, flaky: Flaky) -> None:
        self._flaky = flaky

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the handler of any call."""
        return grpc.unary_unary_rpc_method_handler(self._flaky.answer)


async def attempt(
    flaky: Flaky, call: Callable[[Store], Awaitable[object]], deadline: float = 20
) -> ServiceError | None:
    """Call a store that is served by `flaky`; return the error."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([AnyMethod(flaky)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel: Channel = open_channel(f"127.0.0.1:{port}", Rpc(deadline=deadline))
    try:
        await call(remote(Store, channel))
    except ServiceError as error:
        return error
    finally:
        await channel.close()
        await server.stop(None)
    return None


async def test_reads_and_keyed_commands_are_repeated() -> None:
    flaky = Flaky(ATTEMPTS - 1)
    assert await attempt(flaky, lambda store: store.users(["anna"])) is None
    assert flaky.calls == ATTEMPTS


async def test_a_call_that_the_transport_cancelled_is_repeated() -> None:
    flaky = Flaky(2, grpc.StatusCode.CANCELLED)
    assert await attempt(flaky, lambda store: store.lease_worker("logic-0", 1000)) is None
    assert flaky.calls == 3


async def test_repeating_ends() -> None:
    flaky = Flaky(1000)
    error = await attempt(flaky, lambda store: store.lease_worker("logic-0", 1000))
    assert error is not None
    assert error.code is Code.UNAVAILABLE
    assert flaky.calls == ATTEMPTS


async def test_repeating_ends_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "_FIRST_PAUSE_S", 100.0)
    flaky = Flaky(1000)
    error = await attempt(flaky, lambda store: store.users(["anna"]), deadline=5)
    assert error is not None
    assert error.code is Code.UNAVAILABLE
    assert flaky.calls == 1


async def test_a_call_that_broke_late_is_not_repeated_beyond_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side may do what was asked of it when nobody waits any more."""
    monkeypatch.setattr(remote_module, "_FIRST_PAUSE_S", 2.0)  # 1 to 3 s with its jitter
    flaky = Flaky(1000, after_s=3.2)
    error = await attempt(flaky, lambda store: store.users(["anna"]), deadline=4)
    assert error is not None
    assert error.code is Code.UNAVAILABLE
    assert flaky.calls == 1


async def test_other_commands_are_never_repeated() -> None:
    flaky = Flaky(1)
    error = await attempt(flaky, lambda store: store.set_blocked("anna", "bob", True))
    assert error is not None
    assert error.code is Code.UNAVAILABLE
    assert flaky.calls == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, Code.DEADLINE),
        (grpc.StatusCode.INTERNAL, Code.INTERNAL),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Code.TOO_LARGE),
    ],
)
async def test_only_what_the_transport_broke_is_repeated(status: grpc.StatusCode, code: Code) -> None:
    flaky = Flaky(1, status)
    error = await attempt(flaky, lambda store: store.users(["anna"]))
    assert error is not None
    assert error.code is code
    assert flaky.calls == 1


async def test_the_other_roles_own_unavailable_is_not_repeated(listen: str) -> None:
    calls: list[str] = []

    async def refuse(name: str, arguments: tuple[object, ...]) -> object:
        calls.append(name)
        raise ServiceError(Code.STORAGE_UNAVAILABLE)

    async with serving(listen, friends_doing(refuse)) as server, calling(server.address) as friends:
        with pytest.raises(ServiceError) as caught:
            await friends.blocked(ANNA)
    assert caught.value.code is Code.STORAGE_UNAVAILABLE
    assert calls == ["blocked"]
