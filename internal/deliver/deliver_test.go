package deliver_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"envoyd/internal/deliver"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one Write as the sink saw it.
type call struct {
	at    time.Duration // since the start of the loop
	first uint64        // sequence number
	size  int
}

// bench is a running loop with everything it says.
type bench struct {
	queue *sinktest.Queue
	stop  context.CancelFunc
	done  chan error
	start time.Time
	log   bytes.Buffer

	mu       sync.Mutex
	respond  func(ctx context.Context, n int, batch []reading.Record) error
	calls    []call
	health   deliver.Health
	message  string
	mend     string
	rejected []uint64
	beats    []time.Time
	overdue  bool
	due      time.Time
}

// Write answers as the test wants; n counts the calls from 0.
func (b *bench) Write(ctx context.Context, batch []reading.Record) error {
	b.mu.Lock()
	n := len(b.calls)
	b.calls = append(b.calls, call{at: time.Since(b.start), first: batch[0].Seq, size: len(batch)})
	b.mu.Unlock()
	return b.respond(ctx, n, batch)
}

func (b *bench) report(state deliver.Health, message, mend string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.health, b.message, b.mend = state, message, mend
}

func (b *bench) refused(r reading.Record, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rejected = append(b.rejected, r.Seq)
}

func (b *bench) beat(within time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.overdue = b.overdue || !b.due.IsZero() && now.After(b.due)
	b.due = now.Add(within)
	b.beats = append(b.beats, now)
}

func (b *bench) seen() []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]call(nil), b.calls...)
}

func (b *bench) state() deliver.Health {
	state, _ := b.said()
	return state
}

func (b *bench) said() (deliver.Health, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.health, b.message + " " + b.mend
}

// begin starts a loop over n records inside a synctest bubble.
func begin(t *testing.T, n int, respond func(ctx context.Context, n int, batch []reading.Record) error) *bench {
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{queue: &sinktest.Queue{}, stop: cancel, done: make(chan error, 1), respond: respond, start: time.Now()}
	b.queue.Append(sinktest.Records(time.Now(), n)...)
	go func() {
		b.done <- deliver.Run(ctx, deliver.Config{
			Name: "test", Queue: b.queue, Sink: b, Batch: 100,
			Report:   b.report,
			Rejected: b.refused,
			Beat:     b.beat,
			Log:      slog.New(slog.NewTextHandler(&b.log, nil)),
		})
	}()
	return b
}

// end stops the loop and returns how long it took to end.
func (b *bench) end(t *testing.T) time.Duration {
	t.Helper()
	asked := time.Now()
	b.stop()
	if err := <-b.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if b.overdue {
		t.Error("a beat came later than promised")
	}
	return time.Since(asked)
}

func takes(context.Context, int, []reading.Record) error { return nil }

// bubble runs a test in fake time.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func transient(after time.Duration) error {
	return &fault.Error{Kind: fault.Transient, Err: errors.New("away"), After: after}
}

func TestDelivery(t *testing.T) {
	bubble(t, "small batch first, then full ones, in order", func(t *testing.T) {
		b := begin(t, 250, takes)
		synctest.Wait()
		want := []call{{0, 1, 10}, {0, 11, 100}, {0, 111, 100}, {0, 211, 40}}
		if diff := cmp.Diff(want, b.seen(), cmp.AllowUnexported(call{})); diff != "" {
			t.Error(diff)
		}
		if b.queue.Cursor() != 250 || b.state() != deliver.Green {
			t.Errorf("cursor %d, health %s", b.queue.Cursor(), b.state())
		}
		b.end(t)
	})
	bubble(t, "a new record goes out at once", func(t *testing.T) {
		b := begin(t, 1, takes)
		time.Sleep(3 * time.Hour)
		b.queue.Append(sinktest.Records(time.Now(), 1)...)
		synctest.Wait()
		if calls := b.seen(); len(calls) != 2 || calls[1].at != 3*time.Hour {
			t.Errorf("calls %v", calls)
		}
		b.end(t)
	})
	bubble(t, "an idle loop beats", func(t *testing.T) {
		b := begin(t, 0, takes)
		time.Sleep(time.Hour)
		b.end(t)
		if len(b.beats) < 120 {
			t.Errorf("%d beats in an hour", len(b.beats))
		}
	})
	t.Run("without a name it does not start", func(t *testing.T) {
		if err := deliver.Run(t.Context(), deliver.Config{}); err == nil {
			t.Error("no error")
		}
	})
}

func TestPersonNeeded(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Config, fault.Auth, fault.Security, fault.Unsupported} {
		bubble(t, kind.String()+" keeps the data, is red and tried slowly", func(t *testing.T) {
			var mended atomic.Bool
			b := begin(t, 5, func(context.Context, int, []reading.Record) error {
				if mended.Load() {
					return nil
				}
				return &fault.Error{Kind: kind, Err: errors.New("refused"), Mend: "Mend it."}
			})
			time.Sleep(14 * time.Second)
			state, text := b.said()
			if n := len(b.seen()); n != 1 || state != deliver.Red || text != "refused Mend it." || b.queue.Cursor() != 0 {
				t.Errorf("%d calls, health %s %q, cursor %d", n, state, text, b.queue.Cursor())
			}
			time.Sleep(time.Hour)
			if n := len(b.seen()); n > 40 {
				t.Errorf("%d tries in an hour", n)
			}
			synctest.Wait()
			mended.Store(true)
			time.Sleep(5*time.Minute + time.Second)
			if b.queue.Cursor() != 5 || b.state() != deliver.Green {
				t.Errorf("after the mend: cursor %d, health %s", b.queue.Cursor(), b.state())
			}
			b.end(t)
		})
	}
}

func TestRejected(t *testing.T) {
	refuse := func(items ...int) error {
		return &fault.Rejected{Items: items, Err: &fault.Error{Err: errors.New("wrong type"), Mend: "Use another bucket."}}
	}
	bubble(t, "skipped, told, yellow for an hour", func(t *testing.T) {
		b := begin(t, 8, func(_ context.Context, n int, _ []reading.Record) error {
			if n == 0 {
				return refuse(2, 5, -1, 99)
			}
			return nil
		})
		time.Sleep(time.Minute)
		state, text := b.said()
		if b.queue.Cursor() != 8 || state != deliver.Yellow || !strings.HasSuffix(text, "Use another bucket.") {
			t.Errorf("cursor %d, health %s %q", b.queue.Cursor(), state, text)
		}
		time.Sleep(time.Hour)
		b.queue.Append(sinktest.Records(time.Now(), 1)...)
		synctest.Wait()
		if b.state() != deliver.Green {
			t.Errorf("an hour later: %s", b.state())
		}
		b.end(t)
		if diff := cmp.Diff([]uint64{3, 6}, b.rejected); diff != "" {
			t.Error(diff)
		}
	})
	bubble(t, "logged once an hour, however many", func(t *testing.T) {
		b := begin(t, 0, func(context.Context, int, []reading.Record) error { return refuse(0) })
		for range 90 {
			b.queue.Append(sinktest.Records(time.Now(), 1)...)
			time.Sleep(time.Minute)
		}
		b.end(t)
		if n := strings.Count(b.log.String(), "\n"); n != 2 {
			t.Errorf("%d lines:\n%s", n, b.log.String())
		}
		if !strings.Contains(b.log.String(), "records=60") {
			t.Errorf("the second line does not count the hour:\n%s", b.log.String())
		}
	})
}
