package derive_test

import (
	"testing"
	"time"

	"envoyd/internal/derive"
)

func TestClockCorrectsInWholeSecondsAndSeldom(t *testing.T) {
	var c derive.Clock
	for _, step := range []struct {
		name   string
		offset time.Duration
		want   time.Duration // our time of a gateway time, relative to it
	}{
		{"small offsets stand", 29 * time.Second, 0},
		{"also behind", -30 * time.Second, 0},
		{"beyond 30 s whole seconds are added", 40*time.Second + 600*time.Millisecond, -41 * time.Second},
		{"5 s off changes nothing", 46 * time.Second, -41 * time.Second},
		{"nor does falling below 30 s by little", 36500 * time.Millisecond, -41 * time.Second},
		{"more than 5 s off does", 47 * time.Second, -47 * time.Second},
		{"a wrong year", -8766 * time.Hour, 8766 * time.Hour},
		{"back to a right clock", time.Second, 0},
	} {
		t.Run(step.name, func(t *testing.T) {
			c.Observe(noon.Add(step.offset), noon)
			if got := c.Ours(noon).Sub(noon); got != step.want {
				t.Errorf("correction %v, want %v", got, step.want)
			}
			if back := c.Theirs(c.Ours(noon)); !back.Equal(noon) {
				t.Errorf("there and back: %v", back)
			}
			if offset, ok := c.Offset(); !ok || offset != step.offset {
				t.Errorf("offset %v, %v", offset, ok)
			}
		})
	}
}

func TestClockWithoutObservation(t *testing.T) {
	var c derive.Clock
	c.Observe(time.Time{}, noon)
	if _, ok := c.Offset(); ok || !c.Ours(noon).Equal(noon) || !c.Ours(time.Time{}).IsZero() {
		t.Error("an unknown clock corrects")
	}
}

func TestMeasurementTimesAreOurs(t *testing.T) {
	s := metered.probe(t, identity("D8.2.4345"))
	var c derive.Clock
	c.Observe(noon.Add(time.Hour), noon) // the gateway is an hour ahead
	r := derive.MakePlan(s).Derive(s, c, noon)
	if want := noon.Add(-time.Hour); !r.Reading.Time.Equal(want) || !r.Reading.Meters[0].Time.Equal(want) {
		t.Errorf("reading at %v, meter at %v", r.Reading.Time, r.Reading.Meters[0].Time)
	}
	if r.Reading.Quality != "stale" {
		t.Error("an hour old and good")
	}
}

func TestClockDoubt(t *testing.T) {
	s := metered.probe(t, identity("D8.2.4345"))
	p := derive.MakePlan(s)
	if p.Derive(s, derive.Clock{}, noon.Add(-34*time.Second)).ClockDoubt {
		t.Error("what is tolerated of a clock is no doubt")
	}
	if !p.Derive(s, derive.Clock{}, noon.Add(-36*time.Second)).ClockDoubt {
		t.Error("a reading from the future raises no doubt")
	}
}
