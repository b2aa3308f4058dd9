package counters_test

import (
	"testing"

	"go.uber.org/goleak"

	"envoyd/internal/e2e"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { e2e.Cleanup() }))
}
