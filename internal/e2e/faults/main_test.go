package faults_test

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
