package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"envoyd/internal/reading"
)

// nextMax is how many records Next returns when nobody says.
const nextMax = 500

// Register makes a sink known under a name that stays the same from run to
// run. A new sink starts now; a known one goes on where it was. Only sinks
// registered since the start hold back the deletion of raw readings. The error
// is that of an impossible name.
func (s *Store) Register(sink string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sink == "" || len(sink) > 200 {
		return fmt.Errorf("registering the sink %q: a name has 1 to 200 bytes", sink)
	}
	s.active[sink] = true
	if _, known := s.cursors[sink]; known {
		return nil
	}
	s.move(sink, s.journal.last())
	return nil
}

// Advance moves a sink's cursor after it has taken everything up to seq. It
// never moves back. The error is ErrSink; while the disk cannot be written the
// move is in memory, like the readings.
func (s *Store) Advance(sink string, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.cursors[sink]
	if !known {
		return fmt.Errorf("advancing %q: %w", sink, ErrSink)
	}
	if seq = min(seq, s.journal.last()); seq <= at {
		return nil
	}
	s.move(sink, seq)
	return nil
}

// ErrSink is returned for a sink that was never registered.
var ErrSink = errors.New("no such sink")

func (s *Store) move(sink string, seq uint64) {
	s.cursors[sink] = seq
	s.journal.cursor(sink, seq, s.room(), s.cursors)
	_ = s.hand() // Health knows
}

// Next returns the records after the sink's cursor in order, at most limit
// (500 if that is 0), and waits for at least one. The same records come again
// until Advance. It returns ctx.Err() when ctx ends.
func (s *Store) Next(ctx context.Context, sink string, limit int) ([]reading.Record, error) {
	if limit <= 0 {
		limit = nextMax
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch, wait, err := s.batch(sink, limit)
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-wait:
		}
	}
}

// batch returns what there is, and a channel that is closed when there may be
// more.
func (s *Store) batch(sink string, limit int) ([]reading.Record, <-chan struct{}, error) {
	s.mu.Lock()
	at, known := s.cursors[sink]
	if !known {
		s.mu.Unlock()
		return nil, nil, fmt.Errorf("reading for %q: %w", sink, ErrSink)
	}
	wait := s.arrived
	if at >= s.journal.last() || len(s.recent) > 0 && s.recent[0].Seq <= at+1 {
		defer s.mu.Unlock()
		return s.recentAfter(at, limit), wait, nil
	}
	views := s.journal.views(at + 1)
	s.mu.Unlock()
	return s.readViews(views, at+1, limit), wait, nil
}

func (s *Store) recentAfter(at uint64, limit int) []reading.Record {
	for i := range s.recent {
		if s.recent[i].Seq > at {
			rest := s.recent[i:]
			return append([]reading.Record(nil), rest[:min(limit, len(rest))]...)
		}
	}
	return nil
}

// readViews reads up to limit records from a sequence on. A segment that went
// away meanwhile is passed over, and so is the rest of a damaged one.
func (s *Store) readViews(views []view, from uint64, limit int) []reading.Record {
	var batch []reading.Record
	for _, v := range views {
		next, err := v.records(from, func(rec reading.Record) bool {
			batch = append(batch, rec)
			return len(batch) < limit
		})
		if len(batch) >= limit {
			return batch
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.damaged(v, next, err)
		} else if next < v.first+uint64(v.count) && err == nil {
			s.damaged(v, next, errPayload)
		}
	}
	return batch
}

// damaged reports a segment that could be read only up to next, once.
func (s *Store) damaged(v view, next uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg := s.journal.find(v.first)
	if seg == nil || seg.damage {
		return
	}
	seg.damage = true
	s.log.Warn("store segment damaged, its rest is passed over",
		"file", v.path, "lost", v.first+uint64(v.count)-next, "error", err)
}

// Backlog returns how many records the sink has not taken; 0 for a sink that
// is not registered.
func (s *Store) Backlog(sink string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.cursors[sink]
	if !known {
		return 0
	}
	return s.journal.after(at)
}

// Dropped returns how many records were dropped since the start before every
// sink had them, because there was no more room.
func (s *Store) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}
