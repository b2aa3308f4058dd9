package deliver_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/reading"
)

func TestEnd(t *testing.T) {
	slowly := func(ctx context.Context, _ int, _ []reading.Record) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
			return nil
		}
	}
	bubble(t, "what is left is delivered, the write under way too", func(t *testing.T) {
		b := begin(t, 250, slowly)
		time.Sleep(500 * time.Millisecond)
		took := b.end(t)
		if b.queue.Cursor() != 250 || took > 4*time.Second {
			t.Errorf("cursor %d after %v", b.queue.Cursor(), took)
		}
	})
	bubble(t, "it takes five seconds at most", func(t *testing.T) {
		b := begin(t, 5000, slowly)
		time.Sleep(500 * time.Millisecond)
		if took := b.end(t); took != 5*time.Second {
			t.Errorf("ended after %v", took)
		}
		if c := b.queue.Cursor(); c == 0 || c == 5000 {
			t.Errorf("cursor %d", c)
		}
	})
	bubble(t, "a sink that fails is not tried again", func(t *testing.T) {
		b := begin(t, 50, func(context.Context, int, []reading.Record) error { return transient(time.Hour) })
		time.Sleep(time.Minute)
		if took := b.end(t); took > time.Second {
			t.Errorf("ended after %v", took)
		}
		if n := len(b.seen()); n != 2 {
			t.Errorf("%d tries, want one before and one at the end", n)
		}
	})
	bubble(t, "an empty queue ends at once", func(t *testing.T) {
		b := begin(t, 0, takes)
		time.Sleep(time.Second)
		if took := b.end(t); took > time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestSinksDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := begin(t, 5, func(ctx context.Context, _ int, _ []reading.Record) error {
			<-ctx.Done()
			return ctx.Err()
		})
		well := begin(t, 500, takes)
		synctest.Wait()
		if well.queue.Cursor() != 500 || stuck.queue.Cursor() != 0 {
			t.Errorf("cursors %d and %d", well.queue.Cursor(), stuck.queue.Cursor())
		}
		stuck.end(t)
		well.end(t)
	})
}
