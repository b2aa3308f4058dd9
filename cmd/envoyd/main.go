// Command envoyd reads an Enphase gateway and tells the house what it says.
// Run `envoyd help` for its commands; configs/envoyd.yaml explains its file.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // a small system may have no zones of its own
)

// version is set by the build.
var version = "unknown"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
