package counters_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/e2e"
)

// TestMain puts the host into another time zone than every gateway.
func TestMain(m *testing.M) {
	if tokyo, err := time.LoadLocation("Asia/Tokyo"); err == nil {
		time.Local = tokyo
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		e2e.Cleanup()
		os.Exit(code)
	}))
}
