// Reference writes the tree that transparency-dev/merkle keeps for tests, as one JSON object.
//
// Its entries, and the hashes of all its nodes and roots, are written down in that library, not
// computed by it; its proofs are those of every leaf and every pair of sizes.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

type proof struct {
	First uint64   `json:"first"`
	Size  uint64   `json:"size"`
	Proof [][]byte `json:"proof"`
}

type reference struct {
	Entries     [][]byte   `json:"entries"`
	Nodes       [][][]byte `json:"nodes"`
	Roots       [][]byte   `json:"roots"`
	Inclusion   []proof    `json:"inclusion"`
	Consistency []proof    `json:"consistency"`
}

func main() {
	found := reference{
		Entries: testonly.LeafInputs(), Nodes: testonly.NodeHashes(), Roots: testonly.RootHashes(),
	}
	tree := testonly.New(rfc6962.DefaultHasher)
	tree.AppendData(found.Entries...)
	for size := uint64(1); size <= tree.Size(); size++ {
		for first := uint64(0); first < size; first++ {
			path, err := tree.InclusionProof(first, size)
			check(err)
			found.Inclusion = append(found.Inclusion, proof{first, size, path})
			path, err = tree.ConsistencyProof(first+1, size)
			check(err)
			found.Consistency = append(found.Consistency, proof{first + 1, size, path})
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(found))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
