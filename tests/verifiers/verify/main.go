// Verify checks a log without any code of Pantau: go run . <folder or URL> <public key>
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func read(path string) []byte {
	if !strings.Contains(os.Args[1], "://") {
		return must(os.ReadFile(os.Args[1] + "/" + path))
	}
	request := must(http.NewRequest("GET", strings.TrimRight(os.Args[1], "/")+"/"+path, nil))
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	answer := must(http.DefaultClient.Do(request))
	if answer.StatusCode != 200 {
		log.Fatal(path, ": ", answer.Status)
	}
	return must(io.ReadAll(answer.Body))
}

func main() {
	verifier := must(note.NewVerifier(os.Args[2]))
	signed := must(note.Open(read("checkpoint"), note.VerifierList(verifier)))
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
	for number < size {
		tile := tlog.Tile{H: 8, L: -1, N: number / 256, W: int(min(256, size-number/256*256))}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		for bundle := read(path); len(bundle) > 0; number++ {
			end := 2 + binary.BigEndian.Uint16(bundle)
			hashes = append(hashes, must(tlog.StoredHashes(number, bundle[2:end], stored))...)
			bundle = bundle[end:]
		}
	}
	if found := must(tlog.TreeHash(size, stored)); number != size || found.String() != root {
		log.Fatalf("FAIL: %d entries with root %v, but %d with %s were signed", number, found, size, root)
	}
	fmt.Printf("PASS: the %d entries of %s are the ones that %s signed\n", size, origin, verifier.Name())
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
