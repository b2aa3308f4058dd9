package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// attach makes the file of a segment: the spare one, or a new one. A spare
// still has the frames of its former life; they do not fit the new chain.
func (s *Store) attach(path string, size int64, sync bool) error {
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("making the store: %w", err)
	}
	spare := filepath.Join(s.cfg.Dir, spareName)
	err := os.Rename(spare, path)
	if errors.Is(err, os.ErrNotExist) {
		err = preallocate(path, size, sync)
	}
	if err != nil {
		return fmt.Errorf("making a segment: %w", err)
	}
	if sync {
		return syncFolder(s.cfg.Dir)
	}
	return nil
}

// preallocate makes a file full of zeros: later writes change no metadata but
// its time, so a sync needs no commit of the file system's journal.
func preallocate(path string, size int64, sync bool) (err error) {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for at := int64(0); at < size && err == nil; at += int64(len(zeros)) {
		_, err = f.Write(zeros[:min(size-at, int64(len(zeros)))])
	}
	if err == nil && sync {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		err = errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	return err
}

// prepare makes the next segment's file while there is time, so that no
// reading waits for it.
func (s *Store) prepare() error {
	s.mu.Lock()
	seg := s.journal.current()
	soon := seg.path != "" && seg.end > segmentSize*3/4 && s.failure == nil
	s.mu.Unlock()
	spare := filepath.Join(s.cfg.Dir, spareName)
	if _, err := os.Stat(spare); !soon || err == nil {
		return nil
	}
	return preallocate(spare, segmentSize, true)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// setAside renames a damaged file, so that a person can look at it. The one
// set aside before it under that name is lost.
func setAside(path string) (string, error) {
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("setting a damaged file aside: %w", err)
	}
	return aside, nil
}

// listSegments returns the paths of the segment files in order, and clears
// away what an interrupted preallocation left.
func listSegments(dir string) ([]string, error) {
	names, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	var paths []string
	for _, e := range names {
		path := filepath.Join(dir, e.Name())
		if strings.HasSuffix(e.Name(), suffix+".new") {
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("reading the store: %w", err)
			}
		}
		if _, ok := segmentFirst(e.Name()); ok {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || strings.Contains(err.Error(), "disk is full")
}
