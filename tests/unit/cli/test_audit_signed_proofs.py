"""`audit compare` and `consistency` conclude nothing from what no known key signed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.cli.main import main
from exporters.audit.format import checkpoint, merkle, note
from tests.support.tampering import Lab, flip_verdict, said
from tests.unit.exporters.audit.lives import Life, newest_keys

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")


def run(*arguments: object) -> int:
    return main(["audit", *map(str, arguments)])


def with_old_signature(lab: Lab) -> None:
    """Flip a verdict, make all tiles again, and leave the old signature under the new root."""
    signature = (lab.log / "checkpoint").read_bytes().partition(b"\n\n")[2]
    lab.resign(flip_verdict)
    text = (lab.log / "checkpoint").read_bytes().partition(b"\n\n")[0]
    lab.put("checkpoint", text + b"\n\n" + signature)


def by_a_stranger(lab: Lab) -> None:
    """Flip a verdict and sign with another key, under record 0 as it was."""
    lab.resign(flip_verdict)
    lab.grow_again(lab.entries(), STRANGER)


def by_a_stranger_who_says_so(lab: Lab) -> None:
    """The same, and record 0 names the stranger's key."""
    key = note.vkey(lab.origin, note.public_bytes(STRANGER))
    first, *rest = lab.entries()
    lab.grow_again([first.replace(str(lab.vkey).encode(), str(key).encode()), *rest], STRANGER)


FORGED = [
    (with_old_signature, "signature_invalid"),
    (by_a_stranger, "key_unknown"),
    (by_a_stranger_who_says_so, "key_unknown"),
]


@pytest.mark.parametrize(("forge", "code"), FORGED)
@pytest.mark.parametrize("keyed", [False, True])
def test_a_forged_copy_accuses_nobody(
    lab: Lab,
    clean: Path,
    forge: Callable[[Lab], None],
    code: str,
    keyed: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forge(lab)
    options = ("--key", lab.vkey) if keyed else ()
    for copies in ((lab.log, clean / "audit"), (clean / "audit", lab.log)):
        assert run("compare", *copies, *options) == 4
        told = capsys.readouterr()
        assert f"records; {code}: " in told.out
        assert "split view" not in told.out
        assert ("only the log itself says" in told.err) is not keyed


@pytest.mark.parametrize(("forge", "code"), FORGED[:2])
@pytest.mark.parametrize("keyed", [False, True])
def test_a_forged_checkpoint_proves_nothing(
    lab: Lab,
    clean: Path,
    forge: Callable[[Lab], None],
    code: str,
    keyed: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forge(lab)
    forged, log = lab.log / "checkpoint", clean / "audit"
    options = ("--key", lab.vkey) if keyed else ()
    for notes in ((forged, log / "checkpoint"), (clean / "kept", forged), (forged, forged)):
        assert run("consistency", log, *notes, *options) == 4
        assert f"UNKNOWN: {code}: {forged}: " in capsys.readouterr().out
    assert run("consistency", lab.log, clean / "kept", lab.log / "checkpoint", *options) == 4


def test_with_the_key_both_say_what_they_said(lab: Lab, clean: Path) -> None:
    key = ("--key", lab.vkey)
    kept = clean / "kept"
    assert run("compare", lab.log, clean / "audit", *key) == 0
    assert run("consistency", lab.log, kept, lab.log / "checkpoint", *key) == 0
    lab.resign(flip_verdict)
    assert run("compare", lab.log, clean / "audit", *key) == 1
    assert run("consistency", lab.log, kept, lab.log / "checkpoint", *key) == 1


def test_of_no_records_nothing_is_said(
    lab: Lab, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = merkle.root(())
    empty = note.sign(checkpoint.text(lab.origin, 0, root), [(lab.origin, lab.key)])
    lab.put("checkpoint", empty)
    log = clean / "audit"
    for options in ((), ("--key", lab.vkey)):
        assert run("compare", lab.log, log, *options) == 4
        assert run("consistency", log, lab.log / "checkpoint", log / "checkpoint", *options) == 4
        assert capsys.readouterr().out.count("no_records: ") == 2
    root_of_none = f"0:{checkpoint.text('x', 0, root).splitlines()[2]}"
    assert run("consistency", log, root_of_none, log / "checkpoint") == 4


def test_another_logs_checkpoint_and_damaged_tiles_prove_nothing(
    lab: Lab, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = clean / "kept"
    strange = lab.base / "strange"
    root = merkle.root([b"x" * 32])
    strange.write_bytes(note.sign(checkpoint.text("other/log", 1, root), [("x", STRANGER)]))
    assert run("consistency", lab.log, strange, lab.log / "checkpoint") == 4
    assert "UNKNOWN: wrong_log: " in capsys.readouterr().out
    lab.flip("tile/0/000", 5_000)
    assert run("consistency", lab.log, kept, lab.log / "checkpoint") == 4
    assert "UNKNOWN: tile_altered: " in capsys.readouterr().out
    behind = Path(shutil.copytree(clean / "audit", lab.base / "behind"))
    shutil.copy(kept, behind / "checkpoint")
    assert run("compare", lab.log, behind) == 4
    assert "records; tile_altered: " in capsys.readouterr().out


def test_rotated_keys_and_older_epochs_are_followed(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.rotate()
    life.let_the_old_key_go()
    assert life.first_key not in newest_keys(life.log)
    earlier = Path(shutil.copytree(life.log, tmp_path / "earlier"))
    life.start()
    life.next_epoch()
    life.exporter.stop(5.0)
    size = said(earlier)[1]
    for options in ((), ("--key", life.first_key), ("--key", newest_keys(life.log)[0])):
        assert run("compare", earlier, life.log, *options) == 0, options
    kept = tmp_path / "kept"
    assert run("consistency", earlier, kept, size, "--key", life.first_key) == 0
    assert run("consistency", earlier, kept, size) == 0
