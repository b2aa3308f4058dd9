// The daemon and its commands among strangers: hosts that pretend to be the
// gateway, that want to be asked by plain HTTP, that send us elsewhere, that
// repeat what they were told. What a stranger got is counted to the last byte.
package security_test

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
