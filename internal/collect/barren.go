package collect

import (
	"time"

	"envoyd/internal/status"
)

// A probe may find less than there is: a gateway that has just started refuses
// or lacks pages that it has a minute later. What was found counts at once,
// and the probe is repeated, soon at first and then less and less often.
const (
	probeSoon = time.Minute
	probeLate = 15 * time.Minute
	// metersLate is the pace for a gateway that is read well enough from its
	// inverters and only says that it has meters: many never have any.
	metersLate = 6 * time.Hour
	// sayFor is how many such probes are worth telling the owner of.
	sayFor = 4
)

// fruit looks at what the probe found, once everything was asked for, and
// sees to the next one.
func (s *session) fruit(now time.Time) {
	c := s.c
	switch {
	case !s.plan.Serves():
		c.cfg.Board.Set("gateway/"+c.cfg.Serial, status.Red,
			"answers at "+s.info.Address+" with firmware "+s.info.Firmware.String()+", but shows neither meters nor inverters",
			"It may be starting, and is looked at again. If this stays, the token's role may be too low: "+
				"get one of the owner with `envoyd token login`.")
		s.again(now, probeLate)
	case s.unsure():
		if c.barren < sayFor {
			c.cfg.Board.Set(c.metersName(), status.Yellow,
				"the gateway says that it has meters (CTs), but shows none",
				"Nothing, if no CTs are installed. It is looked at again.")
		} else {
			c.cfg.Board.Forget(c.metersName())
		}
		s.again(now, metersLate)
	default:
		c.barren, s.probeAt = 0, time.Time{}
		c.cfg.Board.Forget(c.metersName())
	}
}

// again ends the session early, so that another probe follows.
func (s *session) again(now time.Time, late time.Duration) {
	if s.probeAt.IsZero() {
		pause := late
		if shift := s.c.barren; shift < 16 && probeSoon<<shift < late {
			pause = probeSoon << shift
		}
		s.c.barren++
		s.probeAt = now.Add(pause)
	}
	s.ends = earlier(s.ends, s.probeAt)
}

// unsure reports whether the gateway is made for CTs and shows none, not even
// disabled ones: it has none, or is starting.
func (s *session) unsure() bool { return s.info.IMeter && !s.metered() && s.snapshot.LacksMeters() }

// unborn reports whether counters may not be begun yet: their first values
// stay the beginning of the lifetime for ever, and must not come from the
// inverters only because the meters were late.
func (s *session) unborn(now time.Time) bool {
	c := s.c
	late := s.info.IMeter && !s.metered() && s.plan.Outdated(s.snapshot) != ""
	if c.cfg.Established || !late && !s.unsure() && s.undecided() == "" {
		return false
	}
	if c.unsureSince.IsZero() {
		c.unsureSince = now
	}
	return now.Sub(c.unsureSince) < confirmFor
}

func (c *Collector) metersName() string { return "meters/" + c.cfg.Serial }
