"""A real Apache Kafka broker (KRaft, one node) for tests, from the jars on Maven Central.

Needs `java` (17 or newer) and, the first time, `mvn`; the jars stay in `.cache/kafka/`.
As a program: `python -m tests.real.kafka_broker --port 9092 --dir DIR` runs one until SIGTERM.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from kafka.admin import KafkaAdminClient, NewTopic

REPOSITORY = Path(__file__).resolve().parents[2]
POM = Path(__file__).with_name("kafka") / "pom.xml"
LOG4J = Path(__file__).with_name("kafka") / "log4j2.properties"
CACHE = Path(os.environ.get("PANTAU_CACHE", REPOSITORY / ".cache")) / "kafka"

COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

# A short-lived broker starts faster without the optimising compiler, but a benchmark needs it.
JAVA_OPTIONS = ["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]

SASL_USER = "pantau"
SASL_PASSWORD = "right-password"


class MissingComponentError(Exception):
    """Something this machine lacks, and how to get it."""


class KafkaBroker:
    """One broker with its own ports and data directory, both kept over `stop` and `restart`.

    `bootstrap` is the plain listener; `bootstrap_sasl` (SASL_PLAINTEXT, PLAIN, `SASL_USER` and
    `SASL_PASSWORD`) and `bootstrap_tls` (server certificate signed by `tls_ca`) exist if asked for.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        sasl: bool = False,
        tls: bool = False,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self._owns_directory = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="pantau-kafka-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        names = ["PLAINTEXT", "CONTROLLER"] + ["SASL_PLAINTEXT"] * sasl + ["SSL"] * tls
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        if port:
            self._ports["PLAINTEXT"] = port
        self._extra = dict(properties or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.tls_ca = self.directory / "ca.pem"

    @property
    def bootstrap(self) -> str:
        return self._address("PLAINTEXT")

    @property
    def bootstrap_sasl(self) -> str:
        return self._address("SASL_PLAINTEXT")

    @property
    def bootstrap_tls(self) -> str:
        return self._address("SSL")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, timeout: float = 60) -> KafkaBroker:
        """Start and wait until the broker answers. Raises RuntimeError with its log if not."""
        libraries = resolve_jars()
        self._prepare(libraries)
        log = (self.directory / "broker.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                _java(libraries, "kafka.Kafka", str(self.directory / "server.properties")),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.directory,
                # A Ctrl-C meant for the test run must not reach the broker before the fixtures do.
                start_new_session=True,
            )
        atexit.register(self.kill)
        self._wait_until_ready(timeout)
        return self

    def stop(self, timeout: float = 30) -> None:
        """Shut down in order; data and ports stay."""
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End at once, as a crash would (SIGKILL); data and ports stay."""
        self._end(signal.SIGKILL, 30)

    def restart(self, timeout: float = 60) -> KafkaBroker:
        """Start again on the same ports and data, stopping first if it still runs."""
        self.stop()
        return self.start(timeout)

    def close(self) -> None:
        """Kill, and remove the data unless the caller named the directory."""
        self.kill()
        if self._owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        """Create a topic and wait until its partitions have leaders; return its name."""
        with self.admin() as admin:
            topic = NewTopic(name, partitions, 1, topic_configs=dict(config or {}))
            admin.create_topics([topic])
            admin.wait_for_topics([name])
        return name

    @contextlib.contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        client = KafkaAdminClient(bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=10_000)
        try:
            yield client
        finally:
            client.close()

    def log_tail(self, lines: int = 30) -> str:
        path = self.directory / "broker.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> KafkaBroker:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _address(self, listener: str) -> str:
        return f"127.0.0.1:{self._ports[listener]}"

    def _end(self, how: signal.Signals, timeout: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _prepare(self, libraries: Path) -> None:
        if "SSL" in self._ports and not self.tls_ca.exists():
            write_certificates(self.directory)
        data = self.directory / "data"
        if not data.exists():
            shutil.copytree(_formatted(libraries), data)
        text = "".join(f"{key}={value}\n" for key, value in self._properties().items())
        (self.directory / "server.properties").write_text(text)

    def _properties(self) -> dict[str, str]:
        outside = {name: port for name, port in self._ports.items() if name != "CONTROLLER"}
        properties = _base_properties(self._ports["CONTROLLER"], self.directory / "data") | {
            "listeners": ",".join(f"{n}://127.0.0.1:{p}" for n, p in self._ports.items()),
            "advertised.listeners": ",".join(f"{n}://127.0.0.1:{p}" for n, p in outside.items()),
        }
        if "SASL_PLAINTEXT" in self._ports:
            properties |= {
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
                    "org.apache.kafka.common.security.plain.PlainLoginModule required "
                    f'user_{SASL_USER}="{SASL_PASSWORD}";'
                ),
            }
        if "SSL" in self._ports:
            properties |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(self.directory / "server.pem"),
            }
        return properties | self._extra

    def _wait_until_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"the Kafka broker ended at start:\n{self.log_tail()}")
            if _listens(self._ports["PLAINTEXT"]):
                with contextlib.suppress(Exception), self.admin() as admin:
                    if admin.describe_cluster()["brokers"]:
                        return
            time.sleep(0.1)
        self.kill()
        raise RuntimeError(f"the Kafka broker did not answer in {timeout} s:\n{self.log_tail()}")


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that are free on the loopback interface right now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


def resolve_jars() -> Path:
    """Return the directory with the broker's jars, fetching them from Maven Central once.

    Raises `MissingComponentError` when Java or Maven are not there.
    """
    if shutil.which("java") is None:
        raise MissingComponentError("no `java` on this machine: install a Java 17 runtime or newer")
    libraries = CACHE / f"lib-{_pom_digest()}"
    with _locked(CACHE / "lock"):
        if not libraries.exists():
            _copy_dependencies(libraries)
    return libraries


def write_certificates(directory: Path) -> None:
    """Write `ca.pem` and `server.pem` (key and chain) for 127.0.0.1, valid for a day."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    now = dt.datetime.now(dt.UTC)
    ca_key = rsa.generate_private_key(65537, 2048)
    key = rsa.generate_private_key(65537, 2048)
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pantau test CA")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])

    def builder(subject: x509.Name, public: rsa.RSAPublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    ca = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    server = (
        builder(name, key.public_key())
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "ca.pem").write_bytes(ca.public_bytes(pem))
    (directory / "server.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + server.public_bytes(pem)
        + ca.public_bytes(pem)
    )


def _pom_digest() -> str:
    import hashlib

    return hashlib.sha256(POM.read_bytes()).hexdigest()[:12]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _copy_dependencies(target: Path) -> None:
    if shutil.which("mvn") is None:
        raise MissingComponentError("no `mvn` on this machine: install Maven, once, with a network")
    unfinished = target.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["mvn", "-B", "-q", "-f", str(POM), COPY_DEPENDENCIES]
    command += [f"-DoutputDirectory={unfinished}", "-DincludeScope=runtime"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-10:])
        raise MissingComponentError(f"Maven could not fetch the Kafka broker:\n{tail}")
    unfinished.rename(target)


def _formatted(libraries: Path) -> Path:
    """Return a freshly formatted data directory, made once: formatting costs a JVM start."""
    template = libraries.with_name(libraries.name.replace("lib-", "formatted-"))
    with _locked(CACHE / "lock"):
        if template.exists():
            return template
        with tempfile.TemporaryDirectory() as work:
            data = Path(work) / "data"
            properties = _base_properties(9093, data) | {
                "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
                "advertised.listeners": "PLAINTEXT://127.0.0.1:9092",
            }
            file = Path(work) / "server.properties"
            file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
            storage = ["format", "-t", "cGFudGF1LXRlc3RzLTAwMQ", "-c", str(file)]
            result = subprocess.run(
                _java(libraries, "kafka.tools.StorageTool", *storage),
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode != 0:
                raise RuntimeError(f"kafka.tools.StorageTool failed:\n{result.stderr[-2000:]}")
            shutil.copytree(data, template)
    return template


def _base_properties(controller_port: int, data: Path) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": (
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL"
        ),
        "log.dirs": str(data),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A killed broker is fenced only after this; until then its successor may not serve.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "auto.create.topics.enable": "false",
        "message.max.bytes": "16777216",
        "log.retention.check.interval.ms": "500",
        "log.initial.task.delay.ms": "500",
    }


def _java(libraries: Path, main: str, *arguments: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={LOG4J.as_uri()}"
    return ["java", *JAVA_OPTIONS, logging, "-cp", f"{libraries}/*", main, *arguments]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description="Run one real Kafka broker until SIGTERM.")
    parser.add_argument("--port", type=int, default=0, help="plain listener; 0 takes a free one")
    parser.add_argument("--dir", type=Path, default=None, help="data, kept; default: temporary")
    parser.add_argument("--sasl", action="store_true")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        broker = KafkaBroker(options.dir, port=options.port, sasl=options.sasl, tls=options.tls)
        with broker:
            sys.stdout.write(f"{broker.bootstrap}\n")
            sys.stdout.flush()
            over.wait()
            broker.stop()
    except MissingComponentError as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
