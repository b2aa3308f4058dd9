package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"
)

// settle notes whether the disk could be written. The caller holds mu.
func (s *Store) settle(err error) {
	switch {
	case err != nil && s.failure == nil:
		s.log.Error("store cannot be written, readings stay in memory", "dir", s.cfg.Dir, "error", err)
	case err == nil && s.failure != nil:
		s.log.Info("store is written again", "dir", s.cfg.Dir)
	}
	s.failure = err
}

// Health reports whether readings reach the disk; if not, why, and what a
// person can do. With ok it may still have a message: what was set aside.
func (s *Store) Health() (ok bool, message, mend string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		if failing := slices.Sorted(maps.Keys(s.trouble)); len(failing) > 0 {
			doing, err := failing[0], s.trouble[failing[0]]
			return false, fmt.Sprintf("The store in %s is written, but its upkeep (%s) fails: %v.", s.cfg.Dir, doing, err), mendFor(err)
		}
		if s.dropped > 0 {
			return true, fmt.Sprintf("%d readings were dropped before every sink had them.", s.dropped),
				"Bring the sinks back, or raise store.max_size."
		}
		return true, s.notice, ""
	}
	waiting := 0
	for _, seg := range s.journal.segs {
		if seg.base < seg.end {
			waiting += seg.count
		}
	}
	message = fmt.Sprintf("The store in %s cannot be written: %v. The newest %d readings are in memory only.", s.cfg.Dir, s.failure, waiting)
	return false, message, mendFor(s.failure)
}

func mendFor(err error) string {
	switch {
	case isFull(err):
		return "Free some space on that disk, or lower store.max_size."
	case errors.Is(err, syscall.EROFS):
		return "Mount that disk writable; a worn SD card makes itself read-only: check dmesg."
	case errors.Is(err, fs.ErrPermission):
		return "Give the folder to the user that envoyd runs as."
	case errors.Is(err, fs.ErrNotExist):
		return "Create the folder or mount its disk, or set store.path."
	}
	return "Check the disk: dmesg says more."
}
