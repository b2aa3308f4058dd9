// Package databases_test kills the daemon, takes its databases, its broker and
// its disk away, and counts afterwards: every reading the gateway gave is in
// the database once, and nothing else is.
package databases_test

import (
	"os"
	"testing"

	"envoyd/internal/e2e"
)

func TestMain(m *testing.M) {
	code := m.Run()
	e2e.Cleanup()
	os.Exit(code)
}
