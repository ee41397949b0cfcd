"""A Kafka broker of the tests' own: one node that is its own controller (KRaft)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.processes import free_port, make_certificate

JARS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resonance" / "kafka"
NEEDS = "java, and Kafka's jars: make engines"
TIMEOUT_S = 60.0
_JAVA = ("java", "-Xms96m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_CLUSTER = "cmVzb25hbmNlLXRlc3RzLQ"
_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.partitions=1
num.network.threads=2
num.io.threads=2
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
log.cleaner.enable=false
"""
_SECURED = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/both.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/certificate.pem
listener.name.secured.ssl.client.auth=required
listener.name.secured.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_{user}="{password}";
"""


class KafkaServer:
    """A broker on loopback.

    Attributes:
        address: where it listens, `host:port`.
        secured: where it listens for those who have a certificate and a password, once it is `secure`.
        certificate, key: its files (PEM), then; the certificate is `localhost`'s and good for clients, too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.secured = f"localhost:{free_port()}"
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self._process: subprocess.Popen[bytes] | None = None
        settings = _SETTINGS.format(port=self._port, controller=free_port(), folder=folder)
        (folder / "server.properties").write_text(settings)
        self._users: list[str] = []

    def secure(self, user: str, password: str) -> None:
        """Have it listen at `secured`, too, for this user alone; before `create`."""
        make_certificate(self._folder)
        both = self._folder / "both.pem"
        both.write_text(self.key.read_text() + self.certificate.read_text())
        properties = self._folder / "server.properties"
        text = properties.read_text()
        text = text.replace(
            "\nadvertised.listeners=", f",SECURED://{self.secured}\nadvertised.listeners=SECURED://{self.secured},"
        )
        text = text.replace("protocol.map=", "protocol.map=SECURED:SASL_SSL,")
        properties.write_text(text + _SECURED.format(folder=self._folder, user=user, password=password))
        self._users = ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]

    def create(self) -> None:
        """Make the folder of its data."""
        arguments = ["format", "-t", _CLUSTER, "-c", f"{self._folder}/server.properties", *self._users]
        subprocess.run(self._java("kafka.tools.StorageTool", *arguments), check=True, stdout=-3, stderr=-3)

    def start(self) -> None:
        """Start it, with the data of its former life if there are any, and wait until it listens."""
        log = self._folder / "kafka.log"
        with log.open("ab") as output:
            command = self._java("kafka.Kafka", f"{self._folder}/server.properties")
            self._process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.05)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def _java(self, *arguments: str) -> list[str]:
        return [*_JAVA, "-cp", f"{JARS}/*", *arguments]

    def crash(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(TIMEOUT_S)

    def pause(self) -> None:
        """Let it answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def kafka_server(user: str = "", password: str = "") -> Iterator[KafkaServer]:
    """Run a broker for a while, which listens for this user, too, if there is one (`KafkaServer.secure`)."""
    folder = Path(tempfile.mkdtemp(prefix="resonance-kafka-"))
    server = KafkaServer(folder)
    try:
        if user:
            server.secure(user, password)
        server.create()
        server.start()
        yield server
    finally:
        server.crash()
        shutil.rmtree(folder, ignore_errors=True)
