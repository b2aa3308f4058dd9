// Package outage_test takes the gateway away and brings it back: the cloud
// stands in on the page, in MQTT and in the database, and nothing is missing
// afterwards.
package outage_test

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
