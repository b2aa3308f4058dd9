package live_test

import (
	"sync"
	"testing"
	"time"

	"envoyd/internal/live"
	"envoyd/internal/reading"
)

func at(gateway string, second int) *reading.Reading {
	return &reading.Reading{Gateway: gateway, Time: time.Unix(int64(second), 0)}
}

func TestListenersGetEveryReadingInOrder(t *testing.T) {
	var h live.Hub
	l := h.Listen()
	defer l.Close()
	for i := range 5 {
		h.Publish(at("a", i))
	}
	for i := range 5 {
		if got := <-l.C; got.Time.Unix() != int64(i) {
			t.Errorf("reading %d came as %d", got.Time.Unix(), i)
		}
	}
}

func TestWhoComesLateGetsTheNewestOfEach(t *testing.T) {
	var h live.Hub
	h.Publish(at("a", 1))
	h.Publish(at("a", 2))
	h.Publish(at("b", 1))
	l := h.Listen()
	defer l.Close()
	got := map[string]int64{}
	for range 2 {
		r := <-l.C
		got[r.Gateway] = r.Time.Unix()
	}
	if got["a"] != 2 || got["b"] != 1 || len(l.C) != 0 {
		t.Errorf("got %v and %d more", got, len(l.C))
	}
	if h.Latest("a").Time.Unix() != 2 || h.Latest("c") != nil || len(h.All()) != 2 || h.All()[0].Gateway != "a" {
		t.Error("the newest are not kept")
	}
}

// A listener that does not listen must not hold up the others, nor lose the
// newest reading.
func TestASlowListenerLosesTheOldest(t *testing.T) {
	var h live.Hub
	slow := h.Listen()
	defer slow.Close()
	const many = 1000
	for i := range many {
		h.Publish(at("a", i))
	}
	var last *reading.Reading
	for len(slow.C) > 0 {
		last = <-slow.C
	}
	if last.Time.Unix() != many-1 {
		t.Errorf("the newest it got is %d", last.Time.Unix())
	}
}

func TestAClosedListenerGetsNothing(t *testing.T) {
	var h live.Hub
	l := h.Listen()
	l.Close()
	h.Publish(at("a", 1))
	if len(l.C) != 0 {
		t.Error("it still listens")
	}
}

func TestManyAtOnce(t *testing.T) {
	var h live.Hub
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				h.Publish(at("a", i))
			}
		})
		all.Go(func() {
			l := h.Listen()
			defer l.Close()
			for range 20 {
				h.All()
			}
		})
	}
	all.Wait()
}
