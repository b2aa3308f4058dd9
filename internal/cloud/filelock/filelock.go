// Package filelock lets one process at a time do something with a file in the
// state folder, such as spending a refresh token that can be spent only once.
//
// The kernel gives the lock back when its holder ends, however it ends, so
// there is nothing to clean up after a crash. It works between goroutines of
// one process too, because each call opens the lock file anew.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lookEvery is how often a busy lock is tried again. The kernel's own waiting
// cannot be given up when ctx ends.
const lookEvery = 50 * time.Millisecond

// Take waits for the lock at path until ctx ends; the file and its folder are
// made if need be. Release must be called once.
func Take(ctx context.Context, path string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the state folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	if err := wait(ctx, f); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing is what releases it
}

func wait(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
