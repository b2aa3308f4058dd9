package deliver_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"envoyd/internal/deliver"
	"envoyd/internal/reading"
	"envoyd/internal/sinktest"
)

// hasty is a queue that breaks its promise to wait; it counts.
type hasty int

func (h *hasty) Next(context.Context, string, int) ([]reading.Record, error) {
	*h++
	return nil, nil
}

func (h *hasty) Advance(string, uint64) error { return nil }

func TestQueueTrouble(t *testing.T) {
	bubble(t, "a queue that cannot be read is tried again", func(t *testing.T) {
		b := begin(t, 0, takes)
		b.queue.Break(errors.New("disk"), nil)
		b.queue.Append(sinktest.Records(time.Now(), 3)...)
		time.Sleep(time.Minute)
		if state, text := b.said(); state != deliver.Red || !strings.Contains(text, "disk") {
			t.Errorf("health %s %q", state, text)
		}
		b.queue.Break(nil, nil)
		time.Sleep(5 * time.Minute)
		if b.queue.Cursor() != 3 || b.state() != deliver.Green {
			t.Errorf("cursor %d, health %s", b.queue.Cursor(), b.state())
		}
		b.end(t)
	})
	bubble(t, "a queue that does not wait does not heat the loop", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var asked hasty
		if err := deliver.Run(ctx, deliver.Config{Name: "test", Queue: &asked, Sink: &bench{}}); err != nil || asked > 20 {
			t.Errorf("asked %d times in a minute: %v", asked, err)
		}
	})
	bubble(t, "a cursor that cannot be moved gives the batch again", func(t *testing.T) {
		b := begin(t, 3, takes)
		b.queue.Break(nil, errors.New("read-only"))
		time.Sleep(time.Minute)
		b.queue.Break(nil, nil)
		time.Sleep(5 * time.Minute)
		calls := b.seen()
		if len(calls) < 2 || calls[0].first != 1 || calls[1].first != 1 || b.queue.Cursor() != 3 {
			t.Errorf("calls %v, cursor %d", calls, b.queue.Cursor())
		}
		b.end(t)
	})
}
