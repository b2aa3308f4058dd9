package filelock_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"envoyd/internal/cloud/filelock"
)

func TestOnlyOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "x.lock")
	release, err := filelock.Take(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
	defer cancel()
	if _, err := filelock.Take(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("second holder: %v", err)
	}
	release()
	again, err := filelock.Take(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
