package backoff_test

import (
	"testing"
	"time"

	"envoyd/internal/backoff"
)

func TestDelaysDoubleUpToTheLongest(t *testing.T) {
	b := backoff.Backoff{First: time.Second, Longest: 10 * time.Second}
	for i, full := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
		got := b.Next(0)
		if full *= time.Second; got < full/2 || got > full {
			t.Errorf("delay %d is %v, want %v…%v", i+1, got, full/2, full)
		}
	}
	if b.Failures() != 7 {
		t.Errorf("counted %d failures", b.Failures())
	}
	b.Reset()
	if got := b.Next(0); got > time.Second {
		t.Errorf("after a success the first delay is %v", got)
	}
}

func TestTheOtherSidesWishIsAFloor(t *testing.T) {
	b := backoff.Backoff{First: time.Second}
	if got := b.Next(time.Minute); got != time.Minute {
		t.Errorf("got %v", got)
	}
}

func TestYearsOfFailuresDoNotOverflow(t *testing.T) {
	var b backoff.Backoff
	for range 100_000 {
		if got := b.Next(0); got < 500*time.Millisecond || got > 5*time.Minute {
			t.Fatalf("after %d failures the delay is %v", b.Failures(), got)
		}
	}
}
