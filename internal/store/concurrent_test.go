package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"envoyd/internal/store"
)

func TestSinksReadOnTheirOwnWhileReadingsArrive(t *testing.T) {
	s := open(t, store.Config{RAM: "/dev/shm"})
	const n = 3000
	sinks := []string{"influx", "other"}
	for _, sink := range sinks {
		if err := s.Register(sink); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer running(s)()
	var wg sync.WaitGroup
	wg.Go(func() {
		h := newHome(noon)
		for range n {
			append1(t, s, h.next())
		}
	})
	for i, sink := range sinks {
		wg.Go(func() {
			for want := uint64(1); want <= n; {
				batch, err := s.Next(ctx, sink, 7+i*500)
				if err != nil {
					t.Error(err)
					return
				}
				for _, rec := range batch {
					if rec.Seq != want {
						t.Errorf("%s got %d, want %d", sink, rec.Seq, want)
						return
					}
					want++
				}
				if err := s.Advance(sink, want-1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if _, err := s.History(ctx, store.Query{From: noon, To: noon.Add(time.Minute), Step: time.Second}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if err := s.Register("late"); err != nil || s.Backlog("late") != 0 {
		t.Errorf("a new sink starts with a backlog of %d, %v", s.Backlog("late"), err)
	}
	if seq := append1(t, s, simple(noon.Add(time.Hour), 1)); seq != append1(t, s, simple(noon.Add(time.Hour), 1)) {
		t.Error("the same reading was kept twice")
	}
}
