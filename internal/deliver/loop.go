package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"envoyd/internal/backoff"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

var errNothing = errors.New("it gave nothing and did not wait")

// loop is the state of one sink's delivery. It belongs to one goroutine.
type loop struct {
	cfg     Config
	soon    backoff.Backoff // the other side is away or busy
	slow    backoff.Backoff // a person is needed
	proven  bool            // the last try succeeded: full batches
	refused refusals
}

// refusals remembers what the sink refused for good.
type refusals struct {
	last     time.Time // of the last one; zero when there was none
	why      error
	count    int       // since the start
	logged   time.Time // of the last log line
	unlogged int       // since then
}

func newLoop(cfg Config) *loop {
	if cfg.Batch <= 0 {
		cfg.Batch = defaultBatch
	}
	if cfg.Report == nil {
		cfg.Report = func(Health, string, string) {}
	}
	if cfg.Rejected == nil {
		cfg.Rejected = func(reading.Record, error) {}
	}
	if cfg.Beat == nil {
		cfg.Beat = func(time.Duration) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &loop{cfg: cfg, slow: backoff.Backoff{First: slowFirst, Longest: slowLongest}}
}

// round takes one batch as far as it goes and waits where waiting is due. ctx
// ends the waiting, work the writing.
func (l *loop) round(ctx, work context.Context) {
	l.beat()
	batch, err := l.next(ctx, lookEvery)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		l.wait(ctx, l.failed(fmt.Errorf("reading the queue: %w", err)))
	case len(batch) > 0:
		if err := l.deliver(work, batch); err != nil && ctx.Err() == nil {
			l.wait(ctx, l.failed(err))
		}
	}
}

// drain delivers what is left without waiting for anything; the first failure
// ends it, because there is no time to try again.
func (l *loop) drain(work context.Context) {
	for work.Err() == nil {
		l.beat()
		batch, err := l.next(work, lastLook)
		if err != nil || len(batch) == 0 {
			return
		}
		if err := l.deliver(work, batch); err != nil {
			return
		}
	}
}

// beat says that the loop will go round again within the longest Write.
func (l *loop) beat() { l.cfg.Beat(writeWithin + 2*lookEvery) }

// next asks the queue for a batch; none within the given time is not an error.
func (l *loop) next(ctx context.Context, within time.Duration) ([]reading.Record, error) {
	look, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	batch, err := l.cfg.Queue.Next(look, l.cfg.Name, l.size())
	switch {
	case len(batch) > 0 && err == nil:
		return batch, nil
	case look.Err() != nil:
		return nil, nil
	case err == nil:
		// Asking again at once would turn the loop into a hot one.
		err = errNothing
	}
	return nil, err
}

// size is how much the sink may be given now.
func (l *loop) size() int {
	failures := l.soon.Failures() + l.slow.Failures()
	if l.proven || failures > 0 && failures%fullEvery == 0 {
		return l.cfg.Batch
	}
	return min(probeBatch, l.cfg.Batch)
}

// deliver gives the sink one batch and moves the cursor when it was taken.
func (l *loop) deliver(work context.Context, batch []reading.Record) error {
	ctx, cancel := context.WithTimeout(work, writeWithin)
	defer cancel()
	err := l.cfg.Sink.Write(ctx, batch)
	rejected, some := errors.AsType[*fault.Rejected](err)
	if err != nil && !some {
		return err
	}
	if err := l.cfg.Queue.Advance(l.cfg.Name, batch[len(batch)-1].Seq); err != nil {
		return fmt.Errorf("moving the cursor of %s: %w", l.cfg.Name, err)
	}
	if some {
		l.skip(batch, rejected)
	}
	l.taken()
	return nil
}

// taken notes a success.
func (l *loop) taken() {
	l.proven = true
	l.soon.Reset()
	l.slow.Reset()
	if !l.refused.last.IsZero() && time.Since(l.refused.last) < worry {
		l.cfg.Report(Yellow,
			fmt.Sprintf("%d records were refused for good and skipped, last: %v", l.refused.count, l.refused.why),
			fault.Mend(l.refused.why))
		return
	}
	l.cfg.Report(Green, "delivering", "")
}

// skip counts, reports and logs what the sink will never take. The log gets
// the first at once and then one line an hour, however many there are.
func (l *loop) skip(batch []reading.Record, rejected *fault.Rejected) {
	r := &l.refused
	for _, i := range rejected.Items {
		if i < 0 || i >= len(batch) {
			continue
		}
		r.count++
		r.unlogged++
		l.cfg.Rejected(batch[i], rejected.Err)
	}
	r.last, r.why = time.Now(), rejected.Err
	if r.unlogged == 0 || !r.logged.IsZero() && time.Since(r.logged) < worry {
		return
	}
	l.cfg.Log.Warn("records refused for good, skipped",
		"sink", l.cfg.Name, "records", r.unlogged, "why", rejected.Err, "mend", fault.Mend(rejected.Err))
	r.logged, r.unlogged = r.last, 0
}

// failed notes a failure and returns how long to wait.
func (l *loop) failed(err error) time.Duration {
	l.proven = false
	mend := fault.Mend(err)
	if !fault.Is(err, fault.Transient) {
		l.cfg.Report(Red, err.Error(), mend)
		return l.slow.Next(fault.After(err))
	}
	delay := l.soon.Next(fault.After(err))
	state := Yellow
	if l.soon.Failures() >= redAfter {
		state = Red
	}
	l.cfg.Report(state, err.Error(), mend)
	return delay
}

// wait waits with a beat now and then, or until ctx ends.
func (l *loop) wait(ctx context.Context, delay time.Duration) {
	for delay > 0 && ctx.Err() == nil {
		l.beat()
		step := min(delay, lookEvery)
		select {
		case <-ctx.Done():
		case <-time.After(step):
		}
		delay -= step
	}
}
