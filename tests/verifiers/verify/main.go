// Verify checks a log without any code of Pantau: go run . <URL> <public key>
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	http.DefaultTransport.(*http.Transport).RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
	signed := must(note.Open(read("checkpoint").Bytes(), note.VerifierList(must(note.NewVerifier(os.Args[2])))))
	var origin, root string
	var size, number int64
	must(fmt.Sscanf(signed.Text, "%s\n%d\n%s\n", &origin, &size, &root))
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(at []int64) (found []tlog.Hash, err error) {
		for _, i := range at {
			found = append(found, hashes[i])
		}
		return found, nil
	})
	for first := int64(0); first < size; first += 256 {
		tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: int(min(256, size-first))}
		for bundle := read(strings.Replace(tile.Path(), "8/data", "entries", 1)); bundle.Len() > 0; number++ {
			length := new(big.Int).SetBytes(bundle.Next(2)).Int64()
			hashes = append(hashes, must(tlog.StoredHashes(number, bundle.Next(int(length)), stored))...)
		}
	}
	if number != size || must(tlog.TreeHash(size, stored)).String() != root {
		log.Fatalf("FAIL: these %d entries are not the %d with root %s that were signed", number, size, root)
	}
	fmt.Printf("PASS: the %d entries of %s are the ones that %s signed\n", size, origin, signed.Sigs[0].Name)
}

func read(path string) *bytes.Buffer {
	place := must(url.Parse(os.Args[1])).JoinPath(path)
	token := http.Header{"Authorization": {"Bearer " + os.Getenv("TOKEN")}}
	answer := must(http.DefaultClient.Do(&http.Request{URL: place, Header: token}))
	if answer.StatusCode != http.StatusOK {
		log.Fatal("FAIL: ", place, ": ", answer.Status)
	}
	return bytes.NewBuffer(must(io.ReadAll(answer.Body)))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal("FAIL: ", err)
	}
	return value
}
