// Witness runs transparency-dev's witness for one log, on any free port of this machine.
//
// Usage: witness <public key of the log>. It prints its own public key and its address.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	ctx := context.Background()
	secret, public, err := note.GenerateKey(rand.Reader, "witness.example")
	check(err)
	signer, err := f_note.NewSignerForCosignatureV1(secret)
	check(err)
	cosigner, err := f_note.VKeyToCosignatureV1(public)
	check(err)
	theirs, err := note.NewVerifier(os.Args[1])
	check(err)
	running, err := witness.New(ctx, witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return theirs, origin == theirs.Name(), nil
		},
	})
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(cosigner)
	fmt.Printf("http://%s\n", listener.Addr())
	http.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(running).AddCheckpoint)
	check(http.Serve(listener, nil))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
