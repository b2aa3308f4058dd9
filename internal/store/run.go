package store

import (
	"context"
	"time"
)

const (
	// syncEvery keeps a power cut from costing more than 5 s. Two beats fit
	// into one commit interval of ext4 (5 s from a transaction's first change,
	// rounded up to the second), so that it writes its journal each other
	// beat only: a third of all that reaches the card is that journal.
	syncEvery = 4900 * time.Millisecond
	// foldEvery is how often minutes go to the database. Until then they are
	// in memory, and in the segments. Each fold writes some 130 KiB whatever it
	// folds, most of it pages of the database.
	foldEvery = time.Hour
	// retainAfter lets every sink register before anything is deleted.
	retainAfter = time.Minute
	retainEvery = 10 * time.Minute
)

// Run brings readings to the card, sums them up, and deletes what is old,
// until ctx ends. What fails is tried again; Health tells of it.
func (s *Store) Run(ctx context.Context) error {
	sync := time.NewTicker(syncEvery)
	defer sync.Stop()
	fold := time.NewTicker(foldEvery)
	defer fold.Stop()
	retain := time.NewTimer(retainAfter)
	defer retain.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-sync.C:
			s.beat()
		case <-fold.C:
			s.note("fold", s.fold())
		case <-retain.C:
			s.note("retain", s.retain())
			retain.Reset(retainEvery)
		}
	}
}

// beat syncs and makes the next file in time. On a full disk the oldest
// delivered readings make room.
func (s *Store) beat() {
	err := s.flush() // settle has said what there is to say
	if err == nil {
		err = s.prepare()
		s.note("prepare", err)
	}
	if err != nil && isFull(err) {
		s.note("recycle", s.recycle())
	}
}

// note remembers what failed beside the writing of readings, for Health, and
// logs when that changes.
func (s *Store) note(doing string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.trouble[doing]
	switch {
	case err == nil && before != nil:
		s.log.Info("store upkeep works again", "doing", doing)
		delete(s.trouble, doing)
	case err != nil:
		if before == nil && s.failure == nil {
			s.log.Warn("store upkeep failed", "doing", doing, "error", err)
		}
		s.trouble[doing] = err
	}
}
