// A daemon that was told nothing finds its gateway: the real avahi announces
// simulated gateways in one network namespace, the daemon runs in another, and
// the cable between them is all there is.
package discovery_test

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
