package store

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"envoyd/internal/reading"
)

func (s *Store) isLoaded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loaded
}

// load takes over what the folder holds: the database, the segments, what a
// killed process left on the RAM disk. Readings kept in memory because the
// folder was not there follow behind. The caller holds disk.
func (s *Store) load() (err error) {
	if s.lock == nil {
		if s.lock, err = TryLock(s.cfg.Dir); err != nil {
			return err
		}
	}
	kept, err := s.openDB()
	if err != nil {
		return err
	}
	var onDisk journal
	if err := s.scan(&onDisk); err != nil {
		return err
	}
	spools, err := openSpools(s.cfg.RAM, s.cfg.Dir)
	if err != nil {
		s.log.Warn("store does without a RAM disk, the card is written more often", "error", err)
	}
	if err := onDisk.recover(spools); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.journal
	cursors := s.cursors
	s.journal, s.cursors, s.folded = onDisk, kept.cursors, kept.folded
	s.recent, s.pending, s.newest = nil, sums{}, map[key]reading.Record{}
	s.loaded = true
	s.takeOver(kept.zones)
	return s.carry(before, cursors)
}

// scan reads the headers of the segments, and the frames of those that were
// never sealed.
func (s *Store) scan(j *journal) error {
	paths, err := listSegments(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, path := range paths {
		seg, err := readSegment(path)
		if errors.Is(err, errHeader) {
			if err := s.unreadable(path); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a segment: %w", err)
		}
		if !seg.sealed {
			if err := seg.measure(); err != nil {
				return err
			}
		}
		j.segs = append(j.segs, seg)
	}
	return nil
}

func (s *Store) unreadable(path string) error {
	aside, err := setAside(path)
	if err == nil {
		s.log.Warn("store segment unreadable, set aside", "file", aside)
	}
	return err
}

// measure finds the end of a segment that was being written: the last whole
// frame. A torn one behind it is overwritten by the next.
func (s *segment) measure() error {
	s.base, s.end = segmentSize, segmentSize
	w, err := s.view().walk()
	if err != nil {
		return err
	}
	for {
		f, ok, err := w.frame()
		if err != nil {
			return errors.Join(err, w.close())
		}
		if !ok {
			break
		}
		if f.kind == frameReading {
			s.count++
		}
	}
	s.base, s.end, s.chain, s.headerDone = w.at, w.at, w.chain, false
	s.tail = make([]byte, s.base-s.tailStart())
	if len(s.tail) > 0 {
		_, err = w.file.ReadAt(s.tail, s.tailStart())
	}
	return errors.Join(err, w.close())
}

// recover adds what the spools hold and goes on with them. All segments but
// the last are then complete.
func (j *journal) recover(spools [2]*spool) error {
	j.spools = spools
	if spools[0] != nil {
		var all [2][]entry
		for i, sp := range spools {
			found, err := sp.entries()
			if err != nil {
				return err
			}
			all[i] = found
		}
		j.replay(all[0])
		j.replay(all[1])
		j.replay(all[0]) // either may have been the earlier
		if spools[0].size > 0 {
			j.spool = 1
		}
	}
	for i, seg := range j.segs {
		if i < len(j.segs)-1 && !seg.sealed {
			seg.sealed, seg.closed = true, time.Now()
		}
	}
	return nil
}

// takeOver goes through the newest segments: for the cursors, the newest
// record of each tier, and what is not in the aggregates yet.
func (s *Store) takeOver(zones map[string]*time.Location) {
	for gateway, zone := range zones {
		if s.zones[gateway] == nil {
			s.zones[gateway] = zone
		}
	}
	j := &s.journal
	next := s.folded + 1
	for _, at := range s.cursors {
		next = max(next, at+1)
	}
	var dict *dictionary
	for i, seg := range j.segs {
		next = max(next, seg.next())
		if seg.next() > s.folded+1 || i >= len(j.segs)-2 {
			dict = s.replay(seg)
		}
	}
	if n := len(j.segs); n > 0 && dict != nil && !j.current().sealed && j.current().next() == next && dict.resume() == nil {
		j.write = *dict
		return
	}
	j.begin(next, s.cursors)
}

// replay goes through a segment and returns what its writer knew, nil if it
// could not be read to its end.
func (s *Store) replay(seg *segment) *dictionary {
	w, err := seg.view().walk()
	if err != nil {
		s.log.Warn("store segment not readable", "error", err)
		return nil
	}
	defer w.close() //nolint:errcheck // only read
	move := func(sink string, seq uint64) { s.cursors[sink] = max(seq, s.cursors[sink]) }
	for {
		text, seq, ok, err := w.next(0, move)
		if err != nil {
			s.log.Warn("store segment not readable", "error", err)
			return nil
		}
		if !ok {
			break
		}
		if !seg.sealed || seg.oldest == 0 {
			seg.span(textTime(text))
		}
		if seq > s.folded {
			if rec, err := fromText(text, seq); err == nil {
				s.pending.add(rec)
			}
		}
	}
	for i := range w.dict.shapes {
		rec, err := w.dict.last(i)
		if err == nil && rec.Seq >= s.newest[keyOf(&rec)].Seq {
			s.remember(rec)
		}
	}
	return &w.dict
}

// textTime finds the measurement time in a record's JSON, without the cost of
// decoding it all. A name cannot feign it: its quotes are escaped.
func textTime(text []byte) int64 {
	_, rest, ok := bytes.Cut(text, []byte(`,"time":"`))
	stamp, _, ok2 := bytes.Cut(rest, []byte(`"`))
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if !ok || !ok2 || err != nil {
		return 0
	}
	return t.UnixMilli()
}

// carry appends what was kept in memory while the folder could not be
// reached. It gets new places behind what the folder held.
func (s *Store) carry(before journal, cursors map[string]uint64) error {
	base := s.journal.last()
	for _, v := range before.views(0) {
		_, err := v.records(0, func(rec reading.Record) bool {
			if text, err := toText(rec); err == nil {
				rec.Seq = s.journal.record(rec, text, segmentSize, s.cursors)
				s.took(rec)
			}
			return true
		})
		if err != nil {
			s.log.Warn("readings in memory lost", "error", err)
		}
	}
	for sink, at := range cursors {
		if _, known := s.cursors[sink]; !known {
			s.cursors[sink] = base + at
			s.journal.cursor(sink, base+at, segmentSize, s.cursors)
		}
	}
	if s.journal.spools[0] == nil {
		return nil
	}
	err := s.journal.spools[s.journal.spool].append(s.journal.framed)
	s.journal.framed = s.journal.framed[:0]
	return err
}

// dbPath is the database of the aggregates.
func (s *Store) dbPath() string { return filepath.Join(s.cfg.Dir, "history.db") }
