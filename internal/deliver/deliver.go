// Package deliver walks the store for one sink: take the next records, give
// them to the sink, move the cursor; for as long as the daemon runs.
//
// A cursor moves only after the sink has durably taken a batch, so a record
// arrives at least once, and once in effect because it carries its own time.
// Sinks try once and say what went wrong; deciding whether, when and how much
// to try again is done here and nowhere else.
//
// Each sink has a loop of its own: one that is away, slow or misconfigured
// costs the others nothing. The loop keeps no records of its own, drops
// nothing that could still be stored, and knows nothing of any database.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"envoyd/internal/reading"
)

// Queue is the store as one sink sees it.
type Queue interface {
	// Next returns up to limit records after the sink's cursor, oldest first.
	// It waits until there is at least one or ctx ends.
	Next(ctx context.Context, sink string, limit int) ([]reading.Record, error)
	// Advance says that the sink needs nothing up to and including seq again.
	Advance(sink string, seq uint64) error
}

// Sink takes records. Nil means durably taken; *fault.Rejected names those that
// can never be stored while the others were taken; any other error means that
// the whole batch is to be given again, and its fault kind says how soon.
type Sink interface {
	Write(ctx context.Context, batch []reading.Record) error
}

// Health is how the way to the sink is. The words are those of the daemon's
// health conditions.
type Health string

// The states: delivers; delivers with a worry or has just failed; does not
// deliver.
const (
	Green  Health = "green"
	Yellow Health = "yellow"
	Red    Health = "red"
)

// Config says what is delivered where. Name, Queue and Sink are needed.
type Config struct {
	Name  string // the sink's name in the queue, and in the log
	Queue Queue
	Sink  Sink
	Batch int // most records in one Write; default 200

	// Report is told how the way to the sink is, after each try. Optional.
	Report func(state Health, message, mend string)
	// Rejected is told of each record that the sink refused for good and that
	// is skipped. Optional.
	Rejected func(rec reading.Record, why error)
	// Beat is called each time the loop goes round, with the longest time
	// until it will again, whatever the sink does. Optional.
	Beat func(within time.Duration)
	Log  *slog.Logger // default: none
}

const (
	// defaultBatch keeps the request of a home with three CTs on three phases
	// (14 points a record) under the megabyte that proxies allow by default.
	defaultBatch = 200

	// probeBatch is what a sink gets that has not taken anything lately: enough
	// to see that it works again, little enough not to floor it.
	probeBatch = 10
	// fullEvery makes each fifth try during an outage a full batch: a sink
	// that chokes on a poisonous record can prove that only beside others.
	fullEvery = 5

	// lookEvery is how often an idle or waiting loop goes round for the beat.
	lookEvery = 30 * time.Second
	// writeWithin bounds one Write, the isolation of poison included.
	writeWithin = 2 * time.Minute
	// grace is what is left after the end was asked for.
	grace = 5 * time.Second
	// lastLook is how long the queue may take at the end to show what is left.
	lastLook = 250 * time.Millisecond

	// redAfter is how many failures in a row make a passing trouble a red one.
	redAfter = 3
	// slowFirst and slowLongest pace the tries while a person is needed.
	slowFirst, slowLongest = 30 * time.Second, 5 * time.Minute
	// worry is how long refused records keep the health yellow, and the least
	// time between two log lines about them.
	worry = time.Hour
)

// Run delivers until ctx ends, then has five more seconds to deliver what is
// left, and returns nil. An error means that cfg cannot work.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Name == "" || cfg.Queue == nil || cfg.Sink == nil {
		return errors.New("deliver: name, queue and sink are needed")
	}
	work, stop := outlive(ctx, grace)
	defer stop()
	l := newLoop(cfg)
	for ctx.Err() == nil {
		l.round(ctx, work)
	}
	l.drain(work)
	return nil
}

// outlive returns a context that ends the given time after ctx does, so that
// what is under way then can still be finished.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	timer := make(chan *time.Timer, 1)
	stop := context.AfterFunc(ctx, func() { timer <- time.AfterFunc(by, cancel) })
	return work, func() {
		if !stop() {
			(<-timer).Stop()
		}
		cancel()
	}
}
