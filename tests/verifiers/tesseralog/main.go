// Tesseralog writes a log with tessera's POSIX driver.
//
// Usage: tesseralog <folder> <size>. Entry n is the text "entry n". It prints the public key.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	ctx := context.Background()
	size, err := strconv.Atoi(os.Args[2])
	check(err)
	secret, public, err := note.GenerateKey(rand.Reader, "tessera.example/log")
	check(err)
	signer, err := note.NewSigner(secret)
	check(err)
	driver, err := posix.New(ctx, posix.Config{Path: os.Args[1]})
	check(err)
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(uint(size), 100*time.Millisecond).
		WithCheckpointInterval(100 * time.Millisecond)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	check(err)
	published := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	var last tessera.IndexFuture
	for n := range size {
		last = appender.Add(ctx, tessera.NewEntry([]byte(fmt.Sprintf("entry %d", n))))
	}
	_, _, err = published.Await(ctx, last)
	check(err)
	check(shutdown(ctx))
	fmt.Println(public)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
