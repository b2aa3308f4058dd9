package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// retain deletes what is older than was asked for, then what is too much, in
// the order of the contract: delivered raw readings, inverter history,
// minutes, then the oldest readings that a sink still waits for.
func (s *Store) retain() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if s.db == nil {
		return nil
	}
	now := time.Now()
	for {
		seg := s.oldestDelivered()
		if seg == nil || now.Sub(seg.closed) < s.cfg.Raw {
			break
		}
		if err := s.remove(seg); err != nil {
			return err
		}
	}
	if err := s.expire("inverters", "last", now.Add(-s.cfg.Minutes).UnixMilli()); err != nil {
		return err
	}
	if err := s.expire("minutes", "time", now.Add(-s.cfg.Minutes).Unix()); err != nil {
		return err
	}
	if err := s.expire("quarters", "time", now.Add(-s.cfg.Quarters).Unix()); err != nil {
		return err
	}
	if err := s.expireAside(now); err != nil {
		return err
	}
	return s.shrink()
}

// recycle makes the oldest delivered segment the spare one, however young.
func (s *Store) recycle() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if seg := s.oldestDelivered(); seg != nil {
		return s.remove(seg)
	}
	return nil
}

// shrink makes the store fit its size.
func (s *Store) shrink() error {
	for range 100000 { // each round deletes something, or it ends
		size, err := s.size()
		if err != nil || size <= s.cfg.MaxSize {
			return err
		}
		if err := s.foldLocked(); err != nil {
			return err
		}
		if more, err := s.dropOne(); err != nil || !more {
			return err
		}
	}
	return nil
}

// dropOne deletes the least valuable piece there is.
func (s *Store) dropOne() (more bool, err error) {
	if seg := s.oldestDelivered(); seg != nil {
		return true, s.discard(seg)
	}
	if more, err := s.dropOldest("inverters", "first", day.Milliseconds()); more || err != nil {
		return more, err
	}
	if more, err := s.dropOldest("minutes", "time", int64(day/time.Second)); more || err != nil {
		return more, err
	}
	s.mu.Lock()
	var seg *segment
	if len(s.journal.segs) > 1 && s.journal.segs[0].headerDone {
		seg = s.journal.segs[0]
	}
	s.mu.Unlock()
	if seg == nil {
		return false, nil
	}
	s.log.Warn("store full, readings dropped before every sink had them", "readings", seg.count)
	return true, s.discard(seg)
}

// taken is the last reading that every registered sink has. The caller holds
// mu.
func (s *Store) taken() uint64 {
	taken := s.journal.last()
	for sink := range s.active {
		taken = min(taken, s.cursors[sink])
	}
	return taken
}

// oldestDelivered returns the oldest segment if it is complete, delivered and
// in the history.
func (s *Store) oldestDelivered() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg := s.journal.segs[0]
	if !seg.headerDone || seg.next() > min(s.taken(), s.folded)+1 {
		return nil
	}
	return seg
}

// remove takes a segment away; its file becomes the spare one if there is
// none.
func (s *Store) remove(seg *segment) error {
	spare := filepath.Join(s.cfg.Dir, spareName)
	info, err := os.Stat(seg.path)
	if _, has := os.Stat(spare); has == nil || err != nil || info.Size() != segmentSize {
		return s.discard(seg)
	}
	if err := os.Rename(seg.path, spare); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("recycling a segment: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(seg)
	return nil
}

func (s *Store) discard(seg *segment) error {
	if err := ignoreMissing(os.Remove(seg.path)); err != nil {
		return fmt.Errorf("deleting a segment: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(seg)
	return nil
}

func (s *Store) expire(table, column string, before int64) error {
	res, err := s.db.Exec("DELETE FROM "+table+" WHERE "+column+" < ?", before)
	if err != nil {
		return fmt.Errorf("clearing old %s away: %w", table, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return s.vacuum()
}

// dropOldest deletes the first span of a table; false when it is empty.
func (s *Store) dropOldest(table, column string, span int64) (bool, error) {
	res, err := s.db.Exec("DELETE FROM "+table+" WHERE "+column+" < ? + (SELECT min("+column+") FROM "+table+")", span)
	if err != nil {
		return false, fmt.Errorf("making room in %s: %w", table, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	return true, s.vacuum()
}

// vacuum gives free pages back to the file system.
func (s *Store) vacuum() error {
	err := eachRow(s.db, "PRAGMA incremental_vacuum", func(scanner) error { return nil })
	if err != nil {
		return fmt.Errorf("shrinking the history: %w", err)
	}
	return nil
}

// expireAside deletes damaged files that nobody looked at for a month.
func (s *Store) expireAside(now time.Time) error {
	return s.eachFile(func(path string, info os.FileInfo) error {
		if strings.HasSuffix(path, ".damaged") && now.Sub(info.ModTime()) > 30*day {
			return ignoreMissing(os.Remove(path))
		}
		return nil
	})
}

// Size returns the bytes of all files of the store.
func (s *Store) Size() int64 {
	size, err := s.size()
	if err != nil {
		return 0 // Health says why
	}
	return size
}

func (s *Store) size() (total int64, err error) {
	err = s.eachFile(func(_ string, info os.FileInfo) error {
		total += info.Size()
		return nil
	})
	return total, err
}

func (s *Store) eachFile(each func(path string, info os.FileInfo) error) error {
	names, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	for _, e := range names {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err == nil {
			err = each(filepath.Join(s.cfg.Dir, e.Name()), info)
		}
		if err != nil {
			return fmt.Errorf("reading the store: %w", err)
		}
	}
	return nil
}
