package sinktest

import (
	"context"
	"slices"
	"sync"

	"envoyd/internal/reading"
)

// Queue is a queue in memory for one sink, for tests of what walks a queue.
// The zero Queue is empty and ready.
type Queue struct {
	mu            sync.Mutex
	records       []reading.Record
	cursor        uint64
	grown         chan struct{} // closed when a record is added
	next, advance error         // what Next and Advance fail with, nil when they work
}

// Append adds records and numbers them.
func (q *Queue) Append(records ...reading.Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range records {
		r.Seq = uint64(len(q.records) + 1)
		q.records = append(q.records, r)
	}
	if q.grown != nil {
		close(q.grown)
		q.grown = nil
	}
}

// Break makes Next and Advance fail with these errors; nil mends them.
func (q *Queue) Break(next, advance error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next, q.advance = next, advance
}

// Cursor is the last record that need not be given again.
func (q *Queue) Cursor() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cursor
}

// Next returns up to limit records after the cursor; it waits for the first.
func (q *Queue) Next(ctx context.Context, _ string, limit int) ([]reading.Record, error) {
	for {
		batch, grown, err := q.look(limit)
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-grown:
		}
	}
}

func (q *Queue) look(limit int) ([]reading.Record, <-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.grown == nil {
		q.grown = make(chan struct{})
	}
	left := q.records[q.cursor:]
	return slices.Clone(left[:min(limit, len(left))]), q.grown, q.next
}

// Advance moves the cursor; it never goes back.
func (q *Queue) Advance(_ string, seq uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.advance != nil {
		return q.advance
	}
	q.cursor = max(q.cursor, seq)
	return nil
}
