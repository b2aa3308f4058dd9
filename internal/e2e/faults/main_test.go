package faults_test

import (
	"flag"
	"os"
	"testing"

	"envoyd/internal/e2e"
)

// houses is how many run side by side: they wait most of the time, until
// something counts as old.
const houses = "24"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", houses); err != nil {
		panic(err)
	}
	code := m.Run()
	e2e.Cleanup()
	os.Exit(code)
}
