"""The witness client, against a witness as C2SP tlog-witness has it, and many that are not."""

from __future__ import annotations

import base64
import gzip
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit import exporter as exporter_module
from exporters.audit.believed import Believed
from exporters.audit.exporter import AuditExporter
from exporters.audit.format import checkpoint, merkle, note
from exporters.audit.options import AuditOptions
from exporters.audit.place import hinted_keys
from exporters.audit.signer import Signer
from exporters.audit.tree_files import TreeFiles
from exporters.audit.witness import Witness, Witnesses
from policies.model import Notice
from tests.support.audit_tree import folders, names, require_whole
from tests.support.unread import unread
from tests.unit.exporters.audit import logs
from tests.unit.exporters.audit.logs import NOTHING, Hands, number
from tests.unit.exporters.samples import START

NAME = "witness.example/w1"
SECRET = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
VKEY = str(note.vkey(NAME, note.public_bytes(SECRET), note.COSIGNATURE))
SIZE = {"Content-Type": "text/x.tlog.size"}


class HonestWitness:
    """Keeps the newest checkpoint of one log; cosigns only what continues it.

    `shows`: and lets others see it.
    """

    def __init__(self, key: str | None = None) -> None:
        self.size, self.root, self._key = 0, b"", key
        self.asked: list[tuple[int, int]] = []
        self.shows, self.shown = False, b""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            place = hashlib.sha256(self.shown.partition(b"\n")[0]).hexdigest()
            right = self.shows and request.url.path == f"/w/{place}/checkpoint"
            return httpx.Response(200, content=self.shown) if right else httpx.Response(404)
        assert request.url.path == "/w/add-checkpoint"
        head, _, content = request.content.partition(b"\n\n")
        first, *proof = head.decode().split("\n")
        said = checkpoint.parse(note.split(content)[0])
        old = int(first.removeprefix("old "))
        self.asked.append((old, said.size))
        if self._key is not None:
            note.open(content, [note.parse_vkey(self._key)])
        if old > said.size:
            return httpx.Response(400)
        if old != self.size:
            return httpx.Response(409, text=f"{self.size}\n", headers=SIZE)
        try:
            if old:
                hashes = [base64.b64decode(line) for line in proof]
                merkle.verify_consistency(old, said.size, hashes, self.root, said.root)
        except merkle.ProofError:
            return httpx.Response(422)
        self.size, self.root = said.size, said.root
        line = note.cosign(note.split(content)[0], NAME, SECRET, START)
        self.shown = content + line
        return httpx.Response(200, content=line)


Answer = Callable[[httpx.Request], httpx.Response]


def compressed(answer: httpx.Response) -> httpx.Response:
    """Return an answer that would hold, if it were unpacked."""
    body = httpx.ByteStream(gzip.compress(answer.content))
    return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body)


def through(monkeypatch: pytest.MonkeyPatch, answer: Answer, outcomes: list[str]) -> None:
    """Let every exporter reach its witnesses through `answer`, and note the outcomes."""

    def witnesses(given: Any, files: Any, count: Any) -> Witnesses:
        del count
        transport = httpx.MockTransport(lambda request: unread(answer(request)))
        return Witnesses(given, files, lambda _, outcome: outcomes.append(outcome), transport)

    monkeypatch.setattr(exporter_module, "Witnesses", witnesses)


def started(base: Path, boot: str = "boot-1") -> AuditExporter:
    witness = {"url": "https://witness.example/w/", "vkey": VKEY}
    exporter = logs.writer(base, Hands(), boot, witnesses=[witness])
    exporter.start(NOTHING)
    return exporter


def grow(exporter: AuditExporter, first: int, last: int) -> None:
    notices = [
        Notice(name="agent.start", id=f"n{i}", time=START, system=None, data={})
        for i in range(first, last)
    ]
    exporter.export(number(notices))
    assert exporter._publisher is not None
    exporter._publisher.publish()


def cosigned(log: Path) -> bool:
    """Tell whether the newest checkpoint is signed by log and witness."""
    keys = [note.parse_vkey(key) for key in hinted_keys(log)]
    opened = note.open((log / "checkpoint").read_bytes(), [*keys, note.parse_vkey(VKEY)])
    return {v.key.name: v.time for v in opened.verified}.get(NAME) == START


def test_a_witness_follows_the_log_as_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness, outcomes = HonestWitness(), list[str]()
    through(monkeypatch, witness.answer, outcomes)
    exporter = started(tmp_path)
    for first, last in ((0, 1), (1, 300), (300, 777), (777, 1000)):
        grow(exporter, first, last)
        assert cosigned(tmp_path / "audit")
    exporter.stop(1.0)
    assert outcomes == ["cosigned"] * 4
    assert witness.asked == [(0, 2), (2, 301), (301, 778), (778, 1001)]
    require_whole(tmp_path / "audit")


def test_after_a_restart_it_learns_what_the_witness_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness, outcomes = HonestWitness(), list[str]()
    through(monkeypatch, witness.answer, outcomes)
    exporter = started(tmp_path)
    grow(exporter, 0, 5)
    exporter.stop(1.0)
    witness.asked.clear()
    again = started(tmp_path, "boot-2")
    grow(again, 5, 9)
    again.stop(1.0)
    assert cosigned(tmp_path / "audit")
    assert witness.asked == [(6, 6), (6, 11)]


def test_a_witness_that_knows_less_is_given_the_proof_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness, outcomes = HonestWitness(), list[str]()
    away = [False]

    def answer(request: httpx.Request) -> httpx.Response:
        if away[0]:
            raise httpx.ConnectError("away")
        return witness.answer(request)

    through(monkeypatch, answer, outcomes)
    exporter = started(tmp_path)
    grow(exporter, 0, 3)
    away[0] = True
    grow(exporter, 3, 9)
    assert not cosigned(tmp_path / "audit")
    away[0] = False
    grow(exporter, 9, 12)
    assert cosigned(tmp_path / "audit")
    exporter.stop(1.0)
    assert outcomes == ["cosigned", "unreachable", "cosigned"]
    assert witness.asked[-1] == (4, 13)


def line(secret: bytes = b"w" * 32, name: str = NAME, text: str | None = None) -> Answer:
    """Return an answer with a cosignature of somebody, or on something, else."""

    def answer(request: httpx.Request) -> httpx.Response:
        content = note.split(request.content.partition(b"\n\n")[2])[0]
        key = Ed25519PrivateKey.from_private_bytes(secret)
        return httpx.Response(200, content=note.cosign(text or content, name, key, START))

    return answer


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda _: httpx.Response(404), "refused"),
        (lambda _: httpx.Response(403), "refused"),
        (lambda _: httpx.Response(422), "refused"),
        (lambda _: httpx.Response(500), "refused"),
        (lambda _: httpx.Response(302, headers={"Location": "http://x"}), "refused"),
        (lambda _: httpx.Response(201, text="created"), "refused"),
        (lambda _: httpx.Response(409, text="0"), "refused"),
        (
            lambda _: httpx.Response(409, text="x", headers=SIZE),
            "refused",
        ),
        (lambda _: httpx.Response(200), "bad_signature"),
        (lambda _: httpx.Response(200, text="thank you\n"), "bad_signature"),
        (lambda _: httpx.Response(200, content=b"\xff\xfe"), "bad_signature"),
        (lambda _: httpx.Response(200, content=b"x" * 20_000), "unreachable"),
        (lambda request: compressed(line()(request)), "unreachable"),
        (line(secret=b"v" * 32), "bad_signature"),
        (line(name="other.example/w"), "bad_signature"),
        (line(text="another log\n1\n" + "A" * 43 + "=\n"), "bad_signature"),
    ],
)
def test_anything_but_a_signature_that_holds_is_no_cosignature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, outcome: str
) -> None:
    outcomes = list[str]()
    through(monkeypatch, answer, outcomes)
    exporter = started(tmp_path)
    grow(exporter, 0, 3)
    exporter.stop(1.0)
    assert set(outcomes) == {outcome}
    assert not cosigned(tmp_path / "audit")
    assert (tmp_path / "audit/checkpoint").read_bytes().count("— ".encode()) == 1
    require_whole(tmp_path / "audit")


def test_only_the_witness_s_own_line_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        good, bad = line()(request).content, line(name="intruder.example")(request).content
        return httpx.Response(200, content=bad + good)

    through(monkeypatch, answer, [])
    exporter = started(tmp_path)
    grow(exporter, 0, 3)
    exporter.stop(1.0)
    assert cosigned(tmp_path / "audit")
    assert b"intruder" not in (tmp_path / "audit/checkpoint").read_bytes()


@pytest.mark.parametrize("shows", [False, True])
def test_an_older_copy_of_everything_is_found_by_the_witness_and_not_signed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: bool
) -> None:
    """State and log restored together from a copy: nothing on the disk can tell."""
    witness, outcomes = HonestWitness(), list[str]()
    witness.shows = shows
    through(monkeypatch, witness.answer, outcomes)
    exporter = started(tmp_path)
    grow(exporter, 0, 3)
    exporter.stop(1.0)
    for folder in ("audit", "audit.state"):
        shutil.copytree(tmp_path / folder, tmp_path / f"copy-{folder}")
    exporter = started(tmp_path, "boot-2")
    grow(exporter, 3, 9)
    exporter.stop(1.0)
    for folder in ("audit", "audit.state"):
        shutil.rmtree(tmp_path / folder)
        shutil.move(tmp_path / f"copy-{folder}", tmp_path / folder)

    exporter = started(tmp_path, "boot-3")
    assert exporter._publisher is not None
    exporter._publisher.attempt()
    exporter.tick(0.0)
    # The new epoch is another log, which this witness does not know.
    witness.size = 0
    exporter.stop(1.0)
    old, new = folders(tmp_path / "audit")
    assert len(require_whole(old)) == 4
    records = require_whole(new)
    assert names(records)[:2] == ["log.genesis", "log.gap"]
    assert f"witness {NAME} has seen 11 records" in records[1]["data"]["reason"]


def lying(witness: HonestWitness) -> Answer:
    """Return a witness that cosigns, but says at each start that it has seen more."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = witness.answer(request)
        if found.status_code == 409:
            return httpx.Response(409, text="1000000\n", headers=SIZE)
        return found

    return answer


@pytest.mark.parametrize(("shows", "epochs"), [(False, 2), (True, 1)])
def test_a_witness_s_bare_word_ends_a_log_once_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: bool, epochs: int
) -> None:
    witness = HonestWitness()
    witness.shows = shows
    through(monkeypatch, lying(witness), [])
    exporter = started(tmp_path)
    grow(exporter, 0, 3)
    exporter.stop(1.0)
    for run in range(2, 6):
        witness.size = 1  # whatever it is asked for, it says that it knows another size
        exporter = started(tmp_path, f"boot-{run}")
        assert exporter._publisher is not None
        exporter._publisher.attempt()
        exporter.tick(0.0)
        exporter.stop(1.0)
    assert len(folders(tmp_path / "audit")) == epochs


@pytest.mark.parametrize(
    ("change", "proves"),
    [
        (lambda content: content, True),
        (lambda content: content.replace(b"\n11\n", b"\n12\n"), False),
        (lambda content: b"".join(content.splitlines(keepends=True)[:-1]), False),
        (lambda content: b"<html>", False),
    ],
)
def test_only_what_log_and_witness_signed_proves_that_a_witness_is_right(
    tmp_path: Path, change: Callable[[bytes], bytes], proves: bool
) -> None:
    signer = Signer.create(tmp_path, "test/log/01A", 0.0)
    roots = {size: bytes([size]) * 32 for size in (4, 11)}
    signed = {size: signer.sign(size, root) for size, root in roots.items()}
    text = note.split(signed[11])[0]
    shown = change(signed[11] + note.cosign(text, NAME, SECRET, START))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return unread(httpx.Response(200, content=shown))
        return unread(httpx.Response(409, text="11\n", headers=SIZE))

    believed = Believed(tmp_path)
    assert believed.once(VKEY, "test/log/before")
    witnesses = Witnesses(
        [Witness("https://witness.example/w", VKEY)],
        TreeFiles(tmp_path),
        lambda *_: None,
        httpx.MockTransport(answer),
    )
    told = witnesses.ahead(signed[4], signer.vkeys, believed)
    assert (told is not None) == proves


@pytest.mark.parametrize(
    "witness",
    [
        {"url": "witness.example", "vkey": VKEY},
        {"url": "https://user:secret@witness.example", "vkey": VKEY},
        {"url": "https://witness.example", "vkey": "no key"},
        {
            "url": "https://witness.example",
            "vkey": str(note.vkey("log", note.public_bytes(SECRET))),
        },
    ],
)
def test_a_witness_that_could_never_sign_is_refused_at_once(witness: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"witnesses\.0"):
        AuditOptions.model_validate({"witnesses": [witness]})
