"""The registry in etcd: what any registry promises, and what happens when etcd or an instance goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from resonance._proto.etcd.v3 import etcd_pb2 as pb
from resonance._proto.etcd.v3 import etcd_pb2_grpc as stubs
from resonance.config.engines import EtcdConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.etcd import mirror
from resonance.engines.etcd.client import EtcdClient, prefix_end
from resonance.engines.etcd.registry import EtcdRegistry
from resonance.ports.registry import Registry
from tests.contract.registry.suite_registry import ANNA, BERT, PATIENCE_S, SharedRegistrySuite, closing, until
from tests.engines.etcd import EtcdServer, etcd_server
from tests.engines.processes import free_port
from tests.faults.proxy import Proxy

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

TTL_S = 2


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try etcd again sooner than a server would."""
    monkeypatch.setattr(mirror, "RETRY_S", 0.2)


class TestEtcdRegistry(SharedRegistrySuite):
    @pytest.fixture(autouse=True)
    def _in(self, config: EtcdConfig) -> None:
        self._config = config

    def make(self) -> Registry:
        return EtcdRegistry(self._config, TTL_S)


def registry(config: EtcdConfig, **changes: object) -> EtcdRegistry:
    """Return a registry, with parts of its configuration changed."""
    return EtcdRegistry(config.model_copy(update=changes), TTL_S)


def test_the_end_of_a_prefix_is_the_next_key_of_its_length() -> None:
    assert prefix_end("/a/") == b"/a0"


async def test_who_died_is_gone_within_its_time(config: EtcdConfig) -> None:
    async with closing(registry(config)) as caller:
        dead = registry(config)
        await dead.register(ANNA)
        watch = await caller.watch("logic-service")
        assert watch.instances == (ANNA,)
        died = asyncio.get_running_loop().time()
        await die(dead)
        await until(watch)
        # etcd looks for leases that have ended twice a second
        assert asyncio.get_running_loop().time() - died < TTL_S + 3
        await dead.close()


async def die(registry: EtcdRegistry) -> None:
    """Let a registry say nothing any more, as a process that was killed."""
    assert registry._keeper is not None
    registry._keeper.cancel()
    registry._lease = 0


async def test_who_lives_stays(config: EtcdConfig) -> None:
    async with closing(registry(config)) as one, closing(registry(config)) as caller:
        await one.register(ANNA)
        watch = await caller.watch("logic-service")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(TTL_S * 2):
                await watch.wait((ANNA,))


async def test_whose_lease_was_taken_registers_anew(config: EtcdConfig) -> None:
    async with closing(registry(config)) as caller, closing(one := registry(config)):
        await one.register(ANNA)
        watch = await caller.watch("logic-service")
        client = EtcdClient(config)
        await client.revoke(one._lease)
        await client.close()
        await until(watch)
        await until(watch, ANNA)


async def test_whose_key_was_deleted_writes_it_again(config: EtcdConfig, etcd: EtcdServer) -> None:
    async with closing(registry(config)) as caller, closing(registry(config)) as one:
        await one.register(ANNA)
        watch = await caller.watch("logic-service")
        await asyncio.to_thread(etcd.replace, f"{config.prefix}/instances/", {})
        await until(watch)
        await until(watch, ANNA)


async def test_callers_keep_what_they_know_while_etcd_is_gone(config: EtcdConfig, etcd: EtcdServer) -> None:
    """Longer than the leases last: a restarted etcd gives them their whole time again."""
    async with closing(registry(config)) as one, closing(registry(config)) as caller:
        await one.register(ANNA)
        watch = await caller.watch("logic-service")
        with capture_logs() as logs:
            etcd.crash()
            try:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(TTL_S * 2):
                        await watch.wait((ANNA,))
                await one.register(BERT)
                assert watch.instances == (ANNA,)
            finally:
                await asyncio.to_thread(etcd.start)
            await until(watch, ANNA, BERT)
            await one.register(ANNA)  # waits for what the registration has begun
        events = [entry["event"] for entry in logs]
        assert events.count("etcd is out of reach: the last known counts") == 1
        assert events.count("not registered in etcd; it is tried again") == 1
        assert events.count("etcd is back") == 1
        assert events.count("registered in etcd") == 1


async def test_an_etcd_that_lost_its_data_is_told_again(config: EtcdConfig, etcd: EtcdServer) -> None:
    """Its revisions begin anew: a watch from the old one would wait for ever."""
    async with closing(registry(config)) as one, closing(registry(config)) as caller:
        await one.register(ANNA)
        await one.register(BERT)
        watch = await caller.watch("logic-service")
        etcd.crash()
        etcd.forget()
        await asyncio.to_thread(etcd.start)
        await until(watch, ANNA, BERT)
        late = await registry_with(config, "late")
        async with closing(late):
            async with asyncio.timeout(PATIENCE_S):
                await watch.wait((ANNA, BERT))


async def registry_with(config: EtcdConfig, id_: str) -> EtcdRegistry:
    """Return a registry with one more instance."""
    made = registry(config)
    await made.register(type(ANNA)("logic-service", id_, "127.0.0.1:7"))
    return made


async def test_a_watch_whose_revision_was_compacted_lists_anew(config: EtcdConfig, etcd: EtcdServer) -> None:
    async with proxied(etcd) as proxy, closing(registry(config)) as one:
        caller = registry(config, endpoints=(proxy.address,))
        async with closing(caller):
            await one.register(ANNA)
            watch = await caller.watch("logic-service")
            assert watch.instances == (ANNA,)
            await proxy.stop()
            await one.register(BERT)
            await compact(config, etcd)
            await proxy.start()
            await until(watch, ANNA, BERT)
            third = await registry_with(config, "third")
            async with closing(third):
                async with asyncio.timeout(PATIENCE_S):
                    await watch.wait((ANNA, BERT))


@asynccontextmanager
async def proxied(server: EtcdServer) -> AsyncIterator[Proxy]:
    """Put a wire that can be cut before a server."""
    proxy = Proxy(lambda: server.endpoint)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def compact(config: EtcdConfig, etcd: EtcdServer) -> None:
    """Let etcd forget everything but its present state."""
    async with grpc.aio.insecure_channel(etcd.endpoint) as channel:
        kv: stubs.KVAsyncStub = stubs.KVStub(channel)
        for number in range(3):
            await kv.Put(pb.PutRequest(key=f"{config.prefix}/other".encode(), value=b"%d" % number))
        now = await kv.Range(pb.RangeRequest(key=b"x"))
        await kv.Compact(pb.CompactionRequest(revision=now.header.revision))


async def test_another_member_is_used_when_one_is_gone(config: EtcdConfig, etcd: EtcdServer) -> None:
    """Both at the start and later; that the members are one cluster is etcd's business."""
    nobody = f"127.0.0.1:{free_port()}"
    async with proxied(etcd) as proxy:
        members = (nobody, proxy.address, etcd.endpoint)
        async with closing(registry(config)) as one, closing(registry(config, endpoints=members)) as caller:
            watch = await caller.watch("logic-service")
            await one.register(ANNA)
            await until(watch, ANNA)
            await proxy.stop()
            await one.register(BERT)
            await until(watch, ANNA, BERT)
            await proxy.start()


async def test_a_member_that_answers_no_more_is_left(config: EtcdConfig, etcd: EtcdServer) -> None:
    """A cut wire closes no connection: all there is to see is that calls get no answer, and watches hear nothing."""
    async with proxied(etcd) as proxy, closing(registry(config)) as one:
        caller = registry(config, endpoints=(proxy.address, etcd.endpoint), timeout=1.0)
        async with closing(caller):
            watch = await caller.watch("logic-service")
            await caller.register(ANNA)
            await until(watch, ANNA)
            proxy.cut(up=True, down=True)
            await one.register(BERT)
            await until(watch, ANNA, BERT)
            proxy.heal()


async def test_what_others_wrote_is_left_out(config: EtcdConfig) -> None:
    client = EtcdClient(config)
    for number, text in enumerate(["", "[]", "{}", '{"address": "x", "draining": false, "metadata": 7}', "\x00"]):
        await client.put(f"{config.prefix}/instances/logic-service/{number}", text)
    await client.close()
    async with closing(registry(config)) as one:
        await one.register(ANNA)
        assert (await one.watch("logic-service")).instances == (ANNA,)


async def test_encrypted_and_with_a_password(config: EtcdConfig) -> None:
    with etcd_server() as server:
        server.crash()
        server.encrypt()
        await asyncio.to_thread(server.start)
        config = EtcdConfig(
            endpoints=(server.endpoint,), prefix="/test", ca=server.certificate, user="root", password=SecretStr("pass")
        )
        await demand_password(server, config)
        async with closing(registry(config)) as one, closing(registry(config)) as caller:
            await one.register(ANNA)
            watch = await caller.watch("logic-service")
            await until(watch, ANNA)
            server.crash()  # it forgets its tokens
            await asyncio.to_thread(server.start)
            await one.register(BERT)
            await until(watch, ANNA, BERT)
        stranger = EtcdClient(config.model_copy(update={"password": SecretStr("wrong")}))
        with pytest.raises(ServiceError, match="authentication failed") as caught:
            await stranger.list("/test")
        assert caught.value.code is Code.INVALID_ARGUMENT
        await stranger.close()


def test_a_missing_certificate_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"ca\.pem"):
        EtcdClient(EtcdConfig(ca=tmp_path / "ca.pem"))


async def demand_password(server: EtcdServer, config: EtcdConfig) -> None:
    """Make etcd's user root with the password `pass`. These requests have a name first and another text second, too."""
    credentials = grpc.ssl_channel_credentials(server.certificate.read_bytes())
    async with grpc.aio.secure_channel(server.endpoint, credentials) as channel:
        for method, name, second in (
            ("UserAdd", "root", "pass"),
            ("RoleAdd", "root", ""),
            ("UserGrantRole", "root", "root"),
            ("AuthEnable", "", ""),
        ):
            request = pb.AuthenticateRequest(name=name, password=second).SerializeToString()
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/etcdserverpb.Auth/{method}")
            await call(request)
