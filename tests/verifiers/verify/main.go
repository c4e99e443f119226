// Verify checks a log without any code of Pantau: go run . <folder or URL> <public key>
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	signed := must(note.Open(read("checkpoint"), note.VerifierList(must(note.NewVerifier(os.Args[2])))))
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
		for bundle := read(strings.Replace(tile.Path(), "8/data", "entries", 1)); len(bundle) > 0; number++ {
			end := 2 + int(bundle[0])<<8 + int(bundle[1])
			hashes = append(hashes, must(tlog.StoredHashes(number, bundle[2:end], stored))...)
			bundle = bundle[end:]
		}
	}
	if number != size || must(tlog.TreeHash(size, stored)).String() != root {
		log.Fatalf("FAIL: these %d entries are not the %d with root %s that were signed", number, size, root)
	}
	fmt.Printf("PASS: the %d entries of %s are the ones that %s signed\n", size, origin, signed.Sigs[0].Name)
}

func read(path string) []byte {
	place := strings.TrimRight(os.Args[1], "/") + "/" + path
	if !strings.Contains(place, "://") {
		return must(os.ReadFile(place))
	}
	request := must(http.NewRequest("GET", place, nil))
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	answer := must(http.DefaultClient.Do(request))
	if answer.StatusCode != 200 {
		log.Fatal(place, ": ", answer.Status)
	}
	return must(io.ReadAll(answer.Body))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal("FAIL: ", err)
	}
	return value
}
