"""What lies in a folder that somebody sent: nothing in it hangs, fills the memory or leads out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli.main import main
from exporters.audit import beneath, blobs, place
from exporters.audit.place import NOTE_BYTES
from exporters.audit.read.source import MAX_BYTES, Folder, SourceError
from tests.support.tampering import Lab

Put = Callable[[Path], None]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def hole(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8 << 30)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.mkdir()


def link_out(path: Path) -> None:
    outside = path.parents[3] / "outside"
    outside.write_bytes(b"x")
    path.symlink_to(outside)


STRANGE = [
    (pipe, "no regular file"),
    (endless, "symbolic link"),
    (hole, "more than"),
    (loop, "symbolic link"),
    (folder, "no regular file"),
    (link_out, "symbolic link"),
]


@pytest.mark.parametrize(("put", "why"), STRANGE)
@pytest.mark.parametrize("where", ["checkpoint", "checkpoints/00000000000000000077"])
def test_what_is_no_file_is_told_by_every_command(
    lab: Lab, clean: Path, where: str, put: Put, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab.log / where).unlink(missing_ok=True)
    put(lab.log / where)
    newest = where == "checkpoint"
    out = str(lab.base / "out")
    for code, *command in (
        (3, "verify", str(lab.log)),
        (3 if newest else 0, "prove", str(lab.log), "--seq", "3", "-o", out),
        (3 if newest else 0, "compare", str(lab.log), str(clean / "audit")),
        (3 if newest else 0, "keys", str(lab.log)),
        (2 if newest else 3, "consistency", str(lab.log), str(clean / "kept"), "77"),
    ):
        assert main(["audit", *command]) == code, command
        said = capsys.readouterr().err
        assert (why in said) is (code == 3), command
        assert "defect" not in said


@pytest.mark.parametrize(("put", "why"), STRANGE)
def test_a_text_that_is_no_file_is_altered(lab: Lab, put: Put, why: str) -> None:
    name = next((lab.log / "blobs").iterdir()).name
    assert blobs.problem(lab.log, f"sha256:{name}") is None
    (lab.log / "blobs" / name).unlink()
    assert blobs.problem(lab.log, f"sha256:{name}") == "missing"
    put(lab.log / "blobs" / name)
    assert blobs.problem(lab.log, f"sha256:{name}") == "altered"
    with pytest.raises(SourceError, match=why):
        Folder(lab.log).read(f"blobs/{name}")


@pytest.mark.parametrize("put", [put for put, _ in STRANGE])
def test_a_hint_that_is_no_file_says_nothing(lab: Lab, put: Put) -> None:
    (lab.log / "log.json").unlink()
    put(lab.log / "log.json")
    assert place.read_hint(lab.log) == {}
    assert place.find(lab.log).state == lab.base / "audit.state"


def test_a_folder_inside_that_is_a_link_is_not_entered(lab: Lab, tmp_path: Path) -> None:
    shutil.move(lab.log / "tile", tmp_path / "elsewhere")
    (lab.log / "tile").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="tile: it is a symbolic link"):
        Folder(lab.log).read("tile/0/000")
    (lab.log / "epochs").mkdir()
    (lab.log / "epochs" / "AAA").symlink_to("../..")
    assert main(["audit", "keys", str(lab.log)]) == 3


def test_a_log_may_itself_be_reached_by_a_link(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(lab.log)
    assert Folder(tmp_path / "link").read("checkpoint") == (lab.log / "checkpoint").read_bytes()
    assert main(["audit", "verify", str(tmp_path / "link"), "--key", str(lab.vkey)]) == 4
    assert Folder(lab.log).read("checkpoint/none") is None
    assert Folder(lab.log / "none").read("checkpoint") is None


@pytest.mark.parametrize(
    ("name", "most"), [("checkpoint", NOTE_BYTES), ("log.json", NOTE_BYTES), ("x", MAX_BYTES)]
)
def test_a_file_may_be_as_large_as_a_served_one(tmp_path: Path, name: str, most: int) -> None:
    for size, fits in ((most, True), (most + 1, False)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
        if fits:
            assert len(Folder(tmp_path).read(name) or b"") == size
        else:
            with pytest.raises(SourceError, match=f"more than {most} bytes"):
                Folder(tmp_path).read(name)


def test_a_file_that_grows_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    before = (tmp_path / "x").stat()
    (tmp_path / "x").write_bytes(b"123456789")
    monkeypatch.setattr(os, "fstat", lambda fd: before)
    with pytest.raises(OSError, match="more than 6 bytes"):
        beneath.read(tmp_path, "x", 6)


def test_no_descriptor_stays_open(lab: Lab) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("checkpoint", "none", "tile/none/x", "checkpoint/x"):
        Folder(lab.log).read(name)
    pipe(lab.log / "pipe")
    with pytest.raises(SourceError):
        Folder(lab.log).read("pipe")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
