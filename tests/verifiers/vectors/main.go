// Vectors writes proofs, right and mutated ones, and what transparency-dev/merkle says of each.
//
// One JSON object a line. The trees are those of the eight entries that Certificate Transparency
// implementations share, and of larger ones around the borders of tiles.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

type vector struct {
	Kind  string   `json:"kind"`
	What  string   `json:"what"`
	First uint64   `json:"first"`
	Size  uint64   `json:"size"`
	Start []byte   `json:"start"`
	Root  []byte   `json:"root"`
	Proof [][]byte `json:"proof"`
	Holds bool     `json:"holds"`
}

var hasher = rfc6962.DefaultHasher
var out = json.NewEncoder(os.Stdout)

// write asks the library, and writes the question with its answer.
func write(v vector) {
	var err error
	if v.Kind == "inclusion" {
		err = proof.VerifyInclusion(hasher, v.First, v.Size, v.Start, v.Proof, v.Root)
	} else {
		err = proof.VerifyConsistency(hasher, v.First, v.Size, v.Proof, v.Start, v.Root)
	}
	v.Holds = err == nil
	if out.Encode(v) != nil {
		os.Exit(1)
	}
}

func mutate(v vector) {
	write(v)
	with := func(what string, change func(*vector)) {
		changed := v
		changed.What = what
		changed.Proof = append([][]byte{}, v.Proof...)
		change(&changed)
		write(changed)
	}
	with("first plus 1", func(m *vector) { m.First++ })
	with("first minus 1", func(m *vector) { m.First-- })
	with("first xor 2", func(m *vector) { m.First ^= 2 })
	with("size times 2", func(m *vector) { m.Size *= 2 })
	with("size divided by 2", func(m *vector) { m.Size /= 2 })
	with("wrong start", func(m *vector) { m.Start = hasher.HashLeaf([]byte("wrong")) })
	with("wrong root", func(m *vector) { m.Root = hasher.HashLeaf([]byte("wrong")) })
	with("empty root", func(m *vector) { m.Root = hasher.EmptyRoot() })
	with("swapped roots", func(m *vector) { m.Start, m.Root = m.Root, m.Start })
	with("no proof", func(m *vector) { m.Proof = nil })
	with("trailing garbage", func(m *vector) { m.Proof = append(m.Proof, []byte("garbage")) })
	with("trailing root", func(m *vector) { m.Proof = append(m.Proof, m.Root) })
	with("preceding garbage", func(m *vector) { m.Proof = append([][]byte{[]byte("garbage")}, m.Proof...) })
	with("preceding root", func(m *vector) { m.Proof = append([][]byte{m.Root}, m.Proof...) })
	with("preceding start", func(m *vector) { m.Proof = append([][]byte{m.Start}, m.Proof...) })
	for i := range v.Proof {
		with(fmt.Sprintf("hash %d changed", i), func(m *vector) {
			m.Proof[i] = append([]byte{}, m.Proof[i]...)
			m.Proof[i][4*i%32] ^= 16
		})
		with(fmt.Sprintf("hash %d removed", i), func(m *vector) {
			m.Proof = append(append([][]byte{}, v.Proof[:i]...), v.Proof[i+1:]...)
		})
	}
}

func main() {
	tree := testonly.New(hasher)
	tree.AppendData(testonly.LeafInputs()...)
	for n := tree.Size(); n < 600; n++ {
		tree.AppendData([]byte(fmt.Sprintf("entry %d", n)))
	}
	for _, c := range [][2]uint64{{0, 1}, {0, 8}, {5, 8}, {2, 3}, {1, 5}, {0, 256}, {255, 256}, {256, 257}, {300, 600}, {599, 600}} {
		path, err := tree.InclusionProof(c[0], c[1])
		check(err)
		mutate(vector{Kind: "inclusion", What: "right", First: c[0], Size: c[1],
			Start: tree.LeafHash(c[0]), Root: tree.HashAt(c[1]), Proof: path})
	}
	for _, c := range [][2]uint64{{1, 1}, {1, 8}, {6, 8}, {2, 5}, {3, 7}, {8, 8}, {255, 256}, {256, 257}, {256, 512}, {300, 600}} {
		path, err := tree.ConsistencyProof(c[0], c[1])
		check(err)
		mutate(vector{Kind: "consistency", What: "right", First: c[0], Size: c[1],
			Start: tree.HashAt(c[0]), Root: tree.HashAt(c[1]), Proof: path})
	}
	empty := hasher.EmptyRoot()
	for _, v := range []vector{
		// Of size 0 the library's versions say different things; Pantau's own tests refuse it.
		{First: 0, Size: 1, Start: empty, Root: tree.HashAt(1), Proof: [][]byte{empty}},
		{First: 1, Size: 1, Start: empty, Root: tree.HashAt(1)},
		{First: 2, Size: 1, Start: empty, Root: tree.HashAt(1), Proof: [][]byte{empty}},
		{First: 1, Size: 0, Start: tree.HashAt(1), Root: empty},
	} {
		v.Kind, v.What = "consistency", "empty trees and sizes out of order"
		write(v)
	}
	write(vector{Kind: "inclusion", What: "empty tree", Start: empty, Root: empty})
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
