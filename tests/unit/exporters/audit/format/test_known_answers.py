"""Known answers of others: RFC 6962 roots, C2SP's example note, tile paths of tlog-tiles."""

from __future__ import annotations

import pytest

from exporters.audit.format import bundle, checkpoint, merkle, note, tiles

# The eight entries and their roots that Certificate Transparency implementations share.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

# C2SP signed-note v1.0.0, the example under "Verifier keys".
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNED = (
    b"This is an example message.\n\n\xe2\x80\x94 example.com/foo "
    b"Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_certificate_transparency(size: int) -> None:
    leaves = [merkle.leaf_hash(entry) for entry in ENTRIES[:size]]
    assert merkle.root(leaves).hex() == ROOTS[size]


def test_the_example_of_the_signed_note_specification() -> None:
    key = note.parse_vkey(VKEY)
    assert str(key) == VKEY
    opened = note.open(SIGNED, [key])
    assert opened.text == "This is an example message.\n"
    assert opened.verified == (note.Verified(key, None),)


def test_one_changed_bit_of_the_example_is_refused() -> None:
    key = note.parse_vkey(VKEY)
    for at in range(len(SIGNED) * 8):
        changed = bytearray(SIGNED)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(note.NoteError):
            note.open(bytes(changed), [key])


@pytest.mark.parametrize(
    ("index", "path"),
    [
        (0, "tile/0/000"),
        (273, "tile/0/273"),
        (1000, "tile/0/x001/000"),
        (1234067, "tile/0/x001/x234/067"),
    ],
)
def test_the_paths_of_the_tlog_tiles_specification(index: int, path: str) -> None:
    assert tiles.tile_path(0, index) == path
    assert tiles.entries_path(index, 5) == path.replace("tile/0", "tile/entries") + ".p/5"


def test_the_tiles_of_the_sizes_that_the_specification_explains() -> None:
    def paths(size: int) -> list[str]:
        levels = range(tiles.tile_levels(size))
        return [tile.path for level in levels for tile in tiles.tiles_at(level, size)]

    assert paths(0) == []
    assert paths(256) == ["tile/0/000", "tile/1/000.p/1"]
    large = paths(70_000)
    assert len(large) == 277
    assert large[272:] == [
        "tile/0/272",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/../000",
        "tile/0/000/",
        "/tile/0/000",
        "tile/-1/000",
        "tile/entries/x1/000",
        "tile/0/\u0660\u0660\u0660",
        "checkpoint",
    ],
)
def test_a_path_that_no_tile_has_is_not_taken_for_one(path: str) -> None:
    assert tiles.parse_path(path) is None


def test_a_bundle_is_lengths_and_bytes() -> None:
    assert bundle.pack([b"", b"ab"]) == b"\0\0\0\2ab"
    assert bundle.unpack(b"\0\0\0\2ab", 2) == [b"", b"ab"]
    with pytest.raises(bundle.BundleError, match="65536 bytes"):
        bundle.pack([bytes(65_536)])
    with pytest.raises(bundle.BundleError, match="entry 1 is cut off"):
        bundle.unpack(b"\0\0\0\2a")
    with pytest.raises(bundle.BundleError, match="entry 1 is cut off"):
        bundle.unpack(b"\0\0\0")
    with pytest.raises(bundle.BundleError, match="2 entries where 3"):
        bundle.unpack(b"\0\0\0\2ab", 3)


ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_a_checkpoint_says_origin_size_and_root() -> None:
    text = checkpoint.text("bank/loans", 70_000, merkle.EMPTY_ROOT)
    assert text == f"bank/loans\n70000\n{ROOT}\n"
    assert checkpoint.parse(text) == ("bank/loans", 70_000, merkle.EMPTY_ROOT, ())
    assert checkpoint.parse(text + "more\n").extensions == ("more",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"a\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n\u0663\n{ROOT}\n",
        f"a\n{'9' * 30}\n{ROOT}\n",
        f"a\n1\n{ROOT[:-1]}\n",
        f"a\n1\n{ROOT[:-2]}V=\n",
        "a\n1\nAAAA\n",
        f"a\n1\n{ROOT}\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.parse(text)
