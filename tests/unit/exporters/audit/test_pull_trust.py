"""What `pull` believes: nothing that the log's own keys did not sign, whatever is served."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit.findings import Verification
from exporters.audit.format import bundle, checkpoint, note, tiles
from exporters.audit.jcs import canonical
from exporters.audit.place import new_epoch
from exporters.audit.read import pull as pulling
from exporters.audit.read.evidence import VKEYS, Evidence, memory_of, with_memory
from exporters.audit.read.pull import pull
from exporters.audit.read.source import SourceError
from exporters.audit.read.verify import verify_published
from tests.support.tampering import Lab, said, sign_with_another_key, write_log
from tests.unit.exporters.audit.lives import Life, newest_keys
from tests.unit.exporters.audit.logs import judged, number
from tests.unit.exporters.audit.served import Served, codes, public

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path / "life")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def forge(target: Path, origin: str, entries: list[bytes]) -> Path:
    """Return a log of these entries and one more, signed by somebody whom nobody knows."""
    write_log(target, [*entries, b'{"junk":1}'], origin, STRANGER)
    return target


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_whole(copy: Path, life: Life) -> None:
    """The copy is all of the log, without anything that should not be there."""
    assert public(copy) == public(life.log)
    assert verified(copy, life.first_key).findings == ()


def verified(copy: Path, *keys: note.Vkey) -> Verification:
    return verify_published(copy, with_memory(Evidence(keys), copy))


def kept(copy: Path) -> set[bytes]:
    return {p.read_bytes() for p in memory_of(copy).rglob("*") if p.is_file() and p.name != VKEYS}


def test_one_forged_answer_is_refused_and_forgotten(lab: Lab, copy: Path, tmp_path: Path) -> None:
    assert pull(Served(lab.log), copy).problems == []
    before = files(copy)
    forged = forge(tmp_path / "forged", lab.origin, lab.entries())
    assert codes(pull(Served(forged), copy)) == ["key_unknown"]
    assert files(copy) == before
    assert not copy.with_name("copy.partial").exists()
    assert pull(Served(lab.log), copy).problems == []
    assert verified(copy, lab.vkey).findings == ()
    assert (forged / "checkpoint").read_bytes() not in kept(copy)
    evidence = [path.read_bytes() for path in copy.with_name("copy.evidence").iterdir()]
    assert evidence == [(forged / "checkpoint").read_bytes()]


def test_a_forged_checkpoint_of_the_size_that_was_seen_is_no_fork(lab: Lab, copy: Path) -> None:
    pull(Served(lab.log), copy)
    text = checkpoint.text(lab.origin, lab.size, bytes(32))
    lab.put("checkpoint", note.sign(text, [(lab.origin, STRANGER)]))
    assert codes(pull(Served(lab.log), copy)) == ["key_unknown"]


def test_with_a_key_the_first_pull_too_takes_only_what_it_signed(lab: Lab, copy: Path) -> None:
    key = lab.vkey
    assert pull(Served(lab.log), copy, keys=[key]).problems == []
    sign_with_another_key(lab)
    other = copy.with_name("other")
    assert codes(pull(Served(lab.log), other, keys=[key])) == ["key_unknown"]
    assert not other.exists()
    assert not memory_of(other).exists()


def test_a_key_that_is_given_overrules_what_a_first_pull_trusted(lab: Lab, copy: Path) -> None:
    key = lab.vkey
    sign_with_another_key(lab)
    assert pull(Served(lab.log), copy).problems == []
    assert codes(pull(Served(lab.log), copy, keys=[key])) == ["key_unknown"]


def test_a_key_of_another_log_is_not_enough(lab: Lab, copy: Path) -> None:
    for name in ("aa/first/0", "zz/last/0", f"{lab.origin}Z"):
        key = note.vkey(name, bytes(32))
        assert codes(pull(Served(lab.log), copy, keys=[key])) == ["key_unknown"]


def test_a_key_that_is_named_and_did_not_sign_is_not_pinned(lab: Lab, copy: Path) -> None:
    """Else a forged log could have the real key pinned beside its own."""
    stranger = note.vkey(lab.origin, note.public_bytes(STRANGER))
    real, lab.key = str(lab.vkey), STRANGER

    def name_both(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        documents[0]["data"]["vkeys"] = [str(stranger), real]
        return documents

    lab.resign(name_both)
    assert pull(Served(lab.log), copy).problems == []
    assert (memory_of(copy) / VKEYS).read_text() == f"{stranger}\n"


def test_a_checkpoint_that_an_earlier_pull_believed_unsigned_does_not_count(
    lab: Lab, copy: Path, tmp_path: Path
) -> None:
    pull(Served(lab.log), copy)
    forged = forge(tmp_path / "forged", lab.origin, lab.entries())
    pull(Served(lab.log), copy)
    (folder,) = (path for path in memory_of(copy).iterdir() if path.is_dir())
    shutil.copy(forged / "checkpoint", folder / f"{lab.size + 1:020d}")
    assert pull(Served(lab.log), copy).problems == []
    found = verified(copy, lab.vkey)
    assert found.result == "PASS"
    assert any("is left out" in text for text in found.notes)
    # Without pinned keys nobody knows whose it was.
    (memory_of(copy) / VKEYS).unlink()
    found = verified(copy, lab.vkey)
    assert [f.code for f in found.findings] == ["checkpoint_unverified"]
    assert found.result == "UNKNOWN"


def test_a_rewritten_log_is_still_found_by_what_its_old_key_signed(lab: Lab, copy: Path) -> None:
    """A memory is not passed over because the copy no longer names the key that signed it."""
    pull(Served(lab.log), copy)
    pull(Served(lab.log), copy)
    sign_with_another_key(lab)
    shutil.rmtree(copy)
    shutil.copytree(lab.log, copy)
    assert "fork" in {finding.code for finding in verified(copy).findings}


def test_a_copy_whose_checkpoint_was_damaged_is_put_right(lab: Lab, copy: Path) -> None:
    pull(Served(lab.log), copy)
    (copy / "checkpoint").write_bytes(b"rubbish")
    assert pull(Served(lab.log), copy).problems == []
    assert public(copy) == public(lab.log)


def test_a_copy_of_what_the_given_key_did_not_sign_is_left_alone(
    life: Life, copy: Path, tmp_path: Path
) -> None:
    life.exporter.stop(5.0)
    forged = forged_epoch(life, tmp_path / "forged")
    shutil.copytree(forged, copy)
    before = files(copy)
    assert codes(pull(Served(life.log), copy, keys=[life.first_key])) == ["key_unknown"]
    assert files(copy) == before


# Epochs and rotated keys.


def grown(life: Life) -> None:
    life.hands.pass_time(30.0)
    life.exporter.export(number([judged(1)]))
    life.exporter.tick(life.hands.wall)
    life.restart()


def test_a_new_epoch_is_taken_over_by_the_key_that_the_last_one_names(
    life: Life, copy: Path
) -> None:
    pull(Served(life.log), copy)
    life.next_epoch()
    grown(life)
    life.exporter.stop(5.0)
    assert pull(Served(life.log), copy).problems == []
    assert_whole(copy, life)
    assert set((memory_of(copy) / VKEYS).read_text().splitlines()) == {
        str(life.first_key),
        str(newest_keys(life.log)[0]),
    }


def test_rotated_keys_are_followed(life: Life, copy: Path) -> None:
    pull(Served(life.log), copy, keys=[life.first_key])
    life.rotate()
    life.let_the_old_key_go()
    assert life.first_key not in newest_keys(life.log)
    assert pull(Served(life.log), copy).problems == []
    assert pull(Served(life.log), copy.with_name("two"), keys=[life.first_key]).problems == []
    assert pull(Served(life.log), copy, keys=[life.first_key]).problems == []


def test_keys_that_were_rotated_in_an_older_epoch_are_followed(life: Life, copy: Path) -> None:
    life.rotate()
    life.let_the_old_key_go()
    life.start()
    life.next_epoch()
    life.exporter.stop(5.0)
    assert pull(Served(life.log), copy, keys=[life.first_key]).problems == []
    assert public(copy) == public(life.log)


def test_a_rotated_key_that_nothing_links_has_to_be_given(life: Life, copy: Path) -> None:
    pull(Served(life.log), copy)
    life.rotate()
    life.let_the_old_key_go()
    for path in (life.log / "checkpoints").iterdir():
        if life.first_key.key_id in {s.key_id for s in note.split(path.read_bytes())[1]}:
            path.unlink()
    assert codes(pull(Served(life.log), copy)) == ["key_unknown"]
    assert pull(Served(life.log), copy, keys=newest_keys(life.log)).problems == []
    assert pull(Served(life.log), copy).problems == []


def test_the_newest_key_is_enough_beside_one_of_another_log(life: Life, copy: Path) -> None:
    two_epochs(life, copy)
    keys = [*newest_keys(life.log), note.vkey("aa/first/0", bytes(32))]
    fresh = copy.with_name("fresh")
    assert pull(Served(life.log), fresh, keys=keys).problems == []
    assert public(fresh) == public(life.log)


def forge_both(life: Life) -> None:
    """Make both epochs anew as a stranger's; the first vouches for the second."""
    (old,) = (life.log / "epochs").iterdir()
    for folder in (old, life.log):
        origin, size = said(folder)
        stranger = str(note.vkey(origin, note.public_bytes(STRANGER)))
        content = (folder / tiles.entries_path(0, size)).read_bytes()
        documents = [json.loads(entry) for entry in bundle.unpack(content, size)]
        documents[0]["data"]["vkeys"] = [stranger]
        if folder == old:
            newest = note.vkey(said(life.log)[0], note.public_bytes(STRANGER))
            documents[-1]["data"]["next"]["vkey"] = str(newest)
        else:
            _, length, root, *_ = (old / "checkpoint").read_text().splitlines()
            documents[0]["data"]["previous"] |= {"size": int(length), "root": root}
        shutil.rmtree(folder / "tile")
        shutil.rmtree(folder / "checkpoints")
        write_log(folder, [canonical(document) for document in documents], origin, STRANGER)


def test_an_epoch_that_is_believed_by_its_own_word_vouches_for_none(life: Life, copy: Path) -> None:
    two_epochs(life, copy)
    keys = newest_keys(life.log)
    forge_both(life)
    assert pull(Served(life.log), copy.with_name("trusting")).problems == []
    fresh = copy.with_name("fresh")
    assert codes(pull(Served(life.log), fresh, keys=keys)) == ["key_unknown"]
    assert not fresh.exists()


def forged_epoch(life: Life, target: Path) -> Path:
    """Return a log whose newest epoch names the real one before it, and is a stranger's."""
    shutil.copytree(life.log, target)
    origin, _ = said(target)
    log, _, epoch = origin.rpartition("/")
    old = target / "epochs" / epoch
    old.mkdir(parents=True)
    for name in ("tile", "checkpoints", "checkpoint"):
        (target / name).rename(old / name)
    write_log(target, [b'{"junk":1}'], f"{log}/{new_epoch(0.0, [epoch])}", STRANGER)
    return target


@pytest.mark.parametrize("root", ["its own", "wrong"])
def test_a_forged_epoch_leaves_the_copy_as_it_was(
    life: Life, copy: Path, tmp_path: Path, root: str
) -> None:
    life.exporter.stop(5.0)
    pull(Served(life.log), copy)
    before = files(copy)
    forged = forged_epoch(life, tmp_path / "forged")
    if root == "wrong":
        text = checkpoint.text(said(forged)[0], 1, bytes(32))
        (forged / "checkpoint").write_bytes(note.sign(text, [(said(forged)[0], STRANGER)]))
    assert codes(pull(Served(forged), copy)) == [
        "root_mismatch" if root == "wrong" else "key_unknown"
    ]
    assert files(copy) == before
    assert pull(Served(life.log), copy).problems == []
    assert files(copy) == before
    assert verified(copy, life.first_key).findings == ()


def two_epochs(life: Life, copy: Path) -> None:
    pull(Served(life.log), copy)
    life.next_epoch()
    grown(life)
    life.exporter.stop(5.0)


def test_a_network_that_fails_at_any_request_of_a_new_epoch_leaves_the_copy_as_it_was(
    life: Life, copy: Path, tmp_path: Path
) -> None:
    two_epochs(life, copy)
    whole = Served(life.log)
    shutil.copytree(copy, tmp_path / "whole")
    shutil.copytree(memory_of(copy), memory_of(tmp_path / "whole"))
    assert pull(whole, tmp_path / "whole").problems == []
    before = files(copy)
    assert len(whole.asked) >= 10
    for requests in range(len(whole.asked)):
        broken = Served(life.log)
        broken.fail_after = requests
        one = tmp_path / f"broken-{requests}"
        shutil.copytree(copy, one)
        shutil.copytree(memory_of(copy), memory_of(one))
        with pytest.raises(SourceError):
            pull(broken, one)
        assert files(one) == before
        assert pull(Served(life.log), one).problems == []
        assert_whole(one, life)


def test_a_pull_that_is_cut_off_while_it_moves_files_is_finished_by_the_next(
    life: Life, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_epochs(life, copy)
    real, made = pulling._put, 0

    def put(path: Path, target: Path) -> None:
        nonlocal made
        if made == stop:
            raise KeyboardInterrupt
        made += 1
        real(path, target)

    stop = -1
    monkeypatch.setattr(pulling, "_put", put)
    shutil.copytree(copy, tmp_path / "whole")
    pull(Served(life.log), tmp_path / "whole")
    moves = made
    assert moves > 10
    for stop in range(moves):
        made, one = 0, tmp_path / f"cut-{stop}"
        shutil.copytree(copy, one)
        shutil.copytree(memory_of(copy), memory_of(one))
        with pytest.raises(KeyboardInterrupt):
            pull(Served(life.log), one)
        made = -1_000_000
        assert pull(Served(life.log), one).problems == []
        assert_whole(one, life)


def test_files_that_an_earlier_pull_put_away_too_soon_are_put_back(life: Life, copy: Path) -> None:
    life.exporter.stop(5.0)
    pull(Served(life.log), copy)
    before = files(copy)
    away = copy / "epochs" / said(copy)[0].rpartition("/")[2]
    away.mkdir(parents=True)
    for name in ("tile", "checkpoints", "checkpoint"):
        (copy / name).rename(away / name)
    assert pull(Served(life.log), copy).problems == []
    assert files(copy) == before


def test_an_epoch_that_the_server_deleted_still_vouches(life: Life, copy: Path) -> None:
    two_epochs(life, copy)
    pull(Served(life.log), copy, keys=[life.first_key])
    shutil.rmtree(life.log / "epochs")
    assert pull(Served(life.log), copy, keys=[life.first_key]).problems == []
    assert verified(copy, life.first_key).findings == ()


def test_an_older_epoch_that_was_rewritten_is_told_and_not_taken_over(
    life: Life, copy: Path
) -> None:
    two_epochs(life, copy)
    pull(Served(life.log), copy, keys=[life.first_key])
    before = files(copy)
    (old,) = (life.log / "epochs").iterdir()
    origin, _ = said(old)
    shutil.rmtree(old / "tile")
    write_log(old, [b'{"junk":1}'] * 40, origin, STRANGER)
    assert codes(pull(Served(life.log), copy))
    assert files(copy) == before
    # Somebody who has only the newest key believes no other past than the one it names.
    fresh = copy.with_name("fresh")
    assert codes(pull(Served(life.log), fresh, keys=newest_keys(life.log))) == ["fork"]
    assert not (fresh / "epochs").exists()


def test_an_older_checkpoint_that_a_stranger_signed_is_told_and_not_taken_over(
    life: Life, copy: Path
) -> None:
    two_epochs(life, copy)
    pull(Served(life.log), copy)
    before = files(copy)
    (old,) = (life.log / "epochs").iterdir()
    right = checkpoint.parse(note.split((old / "checkpoint").read_bytes())[0])
    signed = note.sign(checkpoint.text(*right[:3]), [(right.origin, STRANGER)])
    (old / "checkpoint").write_bytes(signed)
    assert codes(pull(Served(life.log), copy)) == ["key_unknown"]
    assert files(copy) == before


# Kept checkpoints.


def test_a_kept_checkpoint_that_is_none_is_told_and_fetched_again(lab: Lab, copy: Path) -> None:
    size = sorted(int(path.name) for path in (lab.log / "checkpoints").iterdir())[0]
    name = f"checkpoints/{size:020d}"
    good = (lab.log / name).read_bytes()
    lab.put(name, b"<html>502</html>\n")
    assert codes(pull(Served(lab.log), copy)) == ["kept_checkpoint_altered"]
    assert not (copy / name).exists()
    lab.put(name, good)
    assert pull(Served(lab.log), copy).problems == []
    assert (copy / name).read_bytes() == good
    another = note.sign(checkpoint.text(lab.origin, size, bytes(32)), [(lab.origin, STRANGER)])
    for wrong in (b"<html>502</html>\n", another):
        (copy / name).write_bytes(wrong)
        assert pull(Served(lab.log), copy).problems == []
        assert public(copy) == public(lab.log)


def test_a_kept_checkpoint_of_another_tree_is_told_with_the_log_s_own_signature(
    lab: Lab, copy: Path
) -> None:
    size = sorted(int(path.name) for path in (lab.log / "checkpoints").iterdir())[0]
    name = f"checkpoints/{size:020d}"
    other = checkpoint.text(lab.origin, size, bytes(32))
    lab.put(name, note.sign(other, [(lab.origin, lab.key)]))
    assert codes(pull(Served(lab.log), copy)) == ["history_forked"]
    right = checkpoint.parse(note.split((lab.log / "checkpoint").read_bytes())[0])
    lab.put(name, note.sign(checkpoint.text(*right[:3]), [(lab.origin, lab.key)]))
    assert codes(pull(Served(lab.log), copy)) == ["kept_checkpoint_altered"]
    assert not (copy / name).exists()
    assert len(list(copy.with_name("copy.evidence").iterdir())) == 2
