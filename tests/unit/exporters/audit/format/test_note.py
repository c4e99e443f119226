"""Signed notes: what is accepted, and the errors of what is not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit.format import checkpoint, merkle, note

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
KEY = note.vkey("bank/loans", note.public_bytes(LOG))
OTHERS_KEY = note.vkey("bank/loans", note.public_bytes(OTHER))
WITNESS_KEY = note.vkey("witness", note.public_bytes(WITNESS), note.COSIGNATURE)
TEXT = checkpoint.text("bank/loans", 3, merkle.EMPTY_ROOT)
SIGNED = note.sign(TEXT, [("bank/loans", LOG)])


def test_a_signature_is_found_by_name_and_id_among_others() -> None:
    both = note.sign(TEXT, [("bank/loans", OTHER), ("bank/loans", LOG)])
    opened = note.open(both, [KEY])
    assert [v.key for v in opened.verified] == [KEY]
    assert [(s.name, s.key_id) for s in opened.unknown] == [("bank/loans", OTHERS_KEY.key_id)]
    assert len(note.open(both, [KEY, OTHERS_KEY]).verified) == 2


def test_a_note_without_a_known_key_is_unverified_and_says_who_signed() -> None:
    with pytest.raises(note.UnverifiedNote, match=f"bank/loans.{KEY.key_id.hex()}"):
        note.open(SIGNED, [OTHERS_KEY])
    with pytest.raises(note.UnverifiedNote):
        note.open(SIGNED, [])


def test_a_known_key_with_a_wrong_signature_refuses_the_note_whatever_else_holds() -> None:
    wrong = note.sign(TEXT.replace("3", "4"), [("bank/loans", OTHER)]).partition(b"\n\n")[2]
    with pytest.raises(note.WrongSignature):
        note.open(SIGNED + wrong, [KEY, OTHERS_KEY])
    assert note.open(SIGNED + wrong, [KEY]).text == TEXT


def test_a_cosignature_says_when() -> None:
    line = note.cosign(TEXT, "witness", WITNESS, 1_700_000_000)
    opened = note.open(SIGNED + line, [KEY, WITNESS_KEY])
    assert [v.time for v in opened.verified] == [None, 1_700_000_000]
    for at in range(len(line) * 8):
        changed = bytearray(line)
        changed[at // 8] ^= 1 << at % 8
        try:
            held = note.open(SIGNED + bytes(changed), [KEY, WITNESS_KEY])
        except note.NoteError:
            continue
        assert [v.key for v in held.verified] == [KEY]


def test_the_same_key_bytes_do_not_pass_as_another_kind_of_signature() -> None:
    line = note.cosign(TEXT, "bank/loans", LOG, 5)
    with pytest.raises(note.UnverifiedNote):
        note.open(f"{TEXT}\n".encode() + line, [KEY])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        TEXT.encode(),
        SIGNED[:-1],
        SIGNED + b"\n",
        SIGNED + b"x\n",
        SIGNED.replace(b"\xe2\x80\x94", b"-"),
        SIGNED.replace(b"bank/loans\n3", b"bank/\tloans\n3"),
        b"\xff" + SIGNED,
        SIGNED.replace(b"loans ", b"lo+ans "),
        SIGNED.replace(b"loans ", b"lo ans "),
        TEXT.encode() + b"\n\xe2\x80\x94 bank/loans AAAA\n",
        SIGNED + SIGNED.partition(b"\n\n")[2] * 100,
        b"a" * note.MAX_NOTE + SIGNED,
    ],
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    with pytest.raises(note.NoteError):
        note.open(content, [KEY])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b",
        "a+b+c",
        "a+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+Aeky",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(note.NoteError):
        note.parse_vkey(text)


@pytest.mark.parametrize("text", ["", "no end", "a\x00b\n", "a\tb\n"])
def test_a_text_that_cannot_be_read_back_is_not_signed(text: str) -> None:
    with pytest.raises(note.NoteError):
        note.sign(text, [("bank/loans", LOG)])
