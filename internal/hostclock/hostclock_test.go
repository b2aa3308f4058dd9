package hostclock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockIsDoubtedOnlyWithEvidence(t *testing.T) {
	for _, c := range []struct {
		name         string
		evidence     []time.Duration // from now
		synchronised bool
		want         bool
	}{
		{"no evidence", nil, false, true},
		{"behind the newest reading", []time.Duration{time.Hour}, false, false},
		{"behind, but a time service set it", []time.Duration{time.Hour}, true, true},
		{"within tolerance", []time.Duration{20 * time.Second}, false, true},
		{"ahead of a gateway that is wrong", []time.Duration{-24 * time.Hour}, false, true},
		{"the later evidence counts", []time.Duration{time.Hour, -time.Hour}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var clock Clock
				for _, e := range c.evidence {
					clock.NotBefore(time.Now().Add(e))
				}
				if got := clock.trusted(c.synchronised); got != c.want {
					t.Errorf("trusted = %v, want %v", got, c.want)
				}
			})
		})
	}
}

// Evidence moves on with time: an hour later the host must be an hour later.
func TestEvidenceAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock Clock
		clock.NotBefore(time.Now().Add(time.Minute))
		<-time.After(time.Hour)
		if clock.trusted(false) {
			t.Error("a minute behind an hour ago is a minute behind now")
		}
	})
}
