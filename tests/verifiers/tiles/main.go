// Tiles checks proofs with golang.org/x/mod/sumdb/tlog over the tiles of a log, and proof files.
//
// Usage: tiles <folder> <public key> [<old checkpoint> ...]. Every 97th record and the first and
// last ones of tiles must be in the tree, and the tree must continue each old checkpoint.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		content, err := os.ReadFile(filepath.Join(string(f), path(tile)))
		if err != nil {
			return nil, err
		}
		found = append(found, content)
	}
	return found, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func path(tile tlog.Tile) string {
	name := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	return strings.Replace(name, "tile/8/", "tile/", 1)
}

func main() {
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	tree := open(filepath.Join(os.Args[1], "checkpoint"), verifier)
	reader := tlog.TileHashReader(tree, folder(os.Args[1]))
	for n := int64(0); n < tree.N; n++ {
		if edge := n % 256; n%97 != 0 && edge != 0 && edge != 255 && n != tree.N-1 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, n, reader)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(entry(tree, n))))
	}
	for _, name := range os.Args[3:] {
		old := open(name, verifier)
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	}
	fmt.Println("PASS")
}

func open(name string, verifier note.Verifier) tlog.Tree {
	content, err := os.ReadFile(name)
	check(err)
	signed, err := note.Open(content, note.VerifierList(verifier))
	check(err)
	var origin, root string
	var tree tlog.Tree
	_, err = fmt.Sscanf(signed.Text, "%s\n%d\n%s\n", &origin, &tree.N, &root)
	check(err)
	tree.Hash, err = tlog.ParseHash(root)
	check(err)
	return tree
}

func entry(tree tlog.Tree, n int64) []byte {
	tile := tlog.Tile{H: 8, L: -1, N: n / 256, W: int(min(256, tree.N-n/256*256))}
	bundle, err := os.ReadFile(filepath.Join(os.Args[1], path(tile)))
	check(err)
	for ; n%256 > 0; n-- {
		bundle = bundle[2+binary.BigEndian.Uint16(bundle):]
	}
	return bundle[2 : 2+binary.BigEndian.Uint16(bundle)]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
