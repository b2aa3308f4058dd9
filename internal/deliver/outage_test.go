package deliver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/deliver"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/sinktest"
)

func TestAnOutageIsProbedEverMoreSlowly(t *testing.T) {
	bubble(t, "the cursor stays, tries slow down, a probe comes first", func(t *testing.T) {
		b := begin(t, 300, func(_ context.Context, n int, _ []reading.Record) error {
			if n >= 1 && n <= 6 {
				return transient(0)
			}
			return nil
		})
		time.Sleep(time.Hour)
		calls := b.seen()
		sizes := []int{10, 100, 10, 10, 10, 10, 100, 10, 100, 100, 80}
		for i, c := range calls {
			if i >= len(sizes) || c.size != sizes[i] {
				t.Fatalf("call %d: %+v, want sizes %v", i, c, sizes)
			}
			if i >= 1 && i <= 7 && c.first != 11 {
				t.Errorf("call %d began at %d, want 11", i, c.first)
			}
		}
		for i, longest := 2, time.Second; i <= 7; i, longest = i+1, longest*2 {
			if gap := calls[i].at - calls[i-1].at; gap < longest/2 || gap > longest {
				t.Errorf("gap before call %d: %v, want %v…%v", i, gap, longest/2, longest)
			}
		}
		if b.queue.Cursor() != 300 || b.state() != deliver.Green {
			t.Errorf("cursor %d, health %s", b.queue.Cursor(), b.state())
		}
		b.end(t)
	})
}

func TestAnOutageThatEndedIsForgotten(t *testing.T) {
	bubble(t, "after a success the next outage begins with a short wait", func(t *testing.T) {
		b := begin(t, 30, func(_ context.Context, n int, _ []reading.Record) error {
			switch {
			case n < 8:
				return transient(0)
			case n < 16:
				return &fault.Error{Kind: fault.Config, Err: errors.New("refused")}
			case n == 17:
				return transient(0)
			case n == 19:
				return &fault.Error{Kind: fault.Config, Err: errors.New("refused")}
			}
			return nil
		})
		time.Sleep(2 * time.Hour)
		b.queue.Append(sinktest.Records(time.Now(), 1)...)
		time.Sleep(2 * time.Hour)
		b.end(t)
		calls := b.seen()
		if len(calls) != 22 {
			t.Fatalf("%d calls", len(calls))
		}
		if gap := calls[18].at - calls[17].at; gap > time.Second {
			t.Errorf("waited %v for one failure", gap)
		}
		if gap := calls[20].at - calls[19].at; gap > 30*time.Second {
			t.Errorf("waited %v for one refusal", gap)
		}
	})
}

func TestAnOutageIsRedWhenItLasts(t *testing.T) {
	bubble(t, "yellow at first, red when it lasts", func(t *testing.T) {
		b := begin(t, 5, func(context.Context, int, []reading.Record) error { return transient(0) })
		synctest.Wait()
		if b.state() != deliver.Yellow {
			t.Errorf("after the first failure: %s", b.state())
		}
		time.Sleep(10 * time.Second)
		if b.state() != deliver.Red {
			t.Errorf("after ten seconds: %s", b.state())
		}
		b.end(t)
	})
}

func TestTheOtherSidesWishIsRespected(t *testing.T) {
	bubble(t, "the other side's wish to be left alone is respected", func(t *testing.T) {
		b := begin(t, 5, func(_ context.Context, n int, _ []reading.Record) error {
			if n == 0 {
				return transient(8 * time.Minute)
			}
			return nil
		})
		time.Sleep(8*time.Minute - time.Second)
		if calls := b.seen(); len(calls) != 1 {
			t.Errorf("tried too early: %v", calls)
		}
		time.Sleep(2 * time.Second)
		if b.queue.Cursor() != 5 {
			t.Errorf("cursor %d", b.queue.Cursor())
		}
		b.end(t)
	})
}

func TestASinkThatHangsIsGivenUp(t *testing.T) {
	bubble(t, "a sink that hangs is given up and tried again", func(t *testing.T) {
		b := begin(t, 5, func(ctx context.Context, n int, _ []reading.Record) error {
			if n == 0 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		time.Sleep(5 * time.Minute)
		if b.queue.Cursor() != 5 {
			t.Errorf("cursor %d, calls %v", b.queue.Cursor(), b.seen())
		}
		b.end(t)
	})
}
