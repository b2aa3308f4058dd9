package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"envoyd/internal/fault"
)

// ErrLocked means that another process holds the folder.
var ErrLocked = errors.New("another envoyd is at work there")

// A Lock is the right to ask the gateways and to write in a folder; one
// process has it at a time. The kernel gives it back when the process ends,
// however it ends.
type Lock struct{ file *os.File }

// TryLock takes the lock of a store's folder, which it makes if need be. A
// Store takes it by itself; this is for commands that ask a gateway without
// one. The error is a fault.Config with ErrLocked when somebody else has it,
// naming the process.
func TryLock(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("locking the store: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the store: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(held(dir, f), f.Close())
	}
	if err == nil {
		err = sign(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the store %s: %w", dir, err), f.Close())
	}
	return &Lock{f}, nil
}

// sign writes our process id into the lock file, for the others' message.
func sign(f *os.File) error {
	pid := []byte(strconv.Itoa(os.Getpid()) + "\n")
	if _, err := f.WriteAt(pid, 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(pid)))
}

func held(dir string, f *os.File) error {
	b := make([]byte, 20)
	n, _ := f.ReadAt(b, 0) // at worst the message lacks the number
	mend := "Stop it, or give this one another store.path."
	op := "locking the store " + dir
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err == nil {
		op += " held by process " + strconv.Itoa(pid)
	}
	return &fault.Error{Kind: fault.Config, Op: op, Mend: mend, Err: ErrLocked}
}

// Close gives the lock back.
func (l *Lock) Close() error { return l.file.Close() }
