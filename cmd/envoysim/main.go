// Command envoysim plays a home with an Enphase gateway, for demos and tests.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
