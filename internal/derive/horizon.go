package derive

import (
	"time"

	"envoyd/internal/answer"
)

// horizon is the latest moment, by the gateway's clock, that a microinverter
// can have reported at. Without it one that says 2106 would be the newest, and
// all others would look as if they had been silent for decades.
type horizon struct {
	at     time.Time // zero where every date stands
	beyond bool      // some report lies beyond it
}

// before reports whether a report's date lies beyond the horizon.
func (h horizon) before(t time.Time) bool { return !h.at.IsZero() && t.After(h.at) }

// lookAhead sets the horizon. When every report lies beyond it, it is the
// gateway's clock that has moved, which is ClockDoubt's to tell.
func (s *Snapshot) lookAhead(latest time.Time) {
	within, beyond := false, false
	look := func(t time.Time) {
		within = within || !t.IsZero() && !t.After(latest)
		beyond = beyond || t.After(latest)
	}
	for _, r := range s.inverters.is {
		if r.DevType != answer.DevTypeACB {
			look(r.Time.Time)
		}
	}
	for _, d := range s.devices.is.Devices {
		if !isRemoved(d) && len(d.Channels) > 0 {
			look(d.Channels[0].Last.End.Time)
		}
	}
	next := horizon{beyond: within && beyond}
	if next.beyond {
		next.at = latest
	}
	if next.beyond || s.horizon.beyond {
		s.fleet = nil
	}
	s.horizon = next
}
