package ledger

// What becomes of a trial, for the log.
const (
	eventReturned = "returned to its level"
	eventEpoch    = "goes on from a new level"
	eventRestart  = "started over"
)

// trial is a level that a counter shows and that is not believed yet.
type trial struct {
	First  float64 `json:"first"` // where the level began
	Wh     float64 `json:"wh"`    // where it stands
	Since  int64   `json:"since"`
	At     int64   `json:"at"`
	Count  int     `json:"count"`           // distinct measurements
	Rises  int     `json:"rises,omitempty"` // of them higher than the one before
	Rising int64   `json:"rising,omitempty"`
	Limit  float64 `json:"limit"`
	// Late says that the level is within what a counter that stood still may
	// give at once: it counts as soon as a second measurement confirms it.
	Late bool `json:"late,omitempty"`
	// Zero says that the level began with a fall to zero: a gateway that has
	// just started, or a counter that really starts over.
	Zero bool `json:"zero,omitempty"`
}

// doubt puts the sample on trial, and believes it when the trial is over.
func (c *counter) doubt(s sample) verdict {
	if c.Trial != nil && c.Trial.continues(s) {
		c.Trial.follow(s)
	} else {
		c.Trial = c.newTrial(s)
	}
	t := c.Trial
	if t.Late && t.Count >= 2 {
		if gain, ok := c.lateGain(s); ok {
			c.believeLate(s, gain)
			return verdict{}
		}
		t.Late = false
	}
	if t.confirmed() {
		return verdict{event: c.newEpoch(s)}
	}
	v := verdict{doubted: true, zero: t.Zero, value: s.wh, limit: t.Limit}
	if !t.Late {
		v.reason = c.reason(s)
	}
	return v
}

func (c *counter) newTrial(s sample) *trial {
	_, late := c.lateGain(s)
	return &trial{First: s.wh, Wh: s.wh, Since: s.at, At: s.at, Count: 1, Limit: c.reach(s),
		Late: late, Zero: c.fellToZero(s, c.reach(s))}
}

// lateGain is what a counter that stood still gives at once.
func (c *counter) lateGain(s sample) (float64, bool) {
	gain := s.wh - c.Wh
	return gain, gain >= 0 && gain <= c.lateReach(s) && !c.unwrapped(s, gain)
}

// believeLate is believe for lateGain: its credit is used up.
func (c *counter) believeLate(s sample, gain float64) {
	c.Total += gain
	c.Step = gain
	c.settle(s)
	c.Credit = 0
}

func (c *counter) reason(s sample) string {
	switch {
	case c.Trial.Zero:
		return ReasonZero
	case s.wh < c.Wh:
		return ReasonFell
	}
	return ReasonJumped
}

// newEpoch makes the level on trial the baseline. The jump to it counts
// nothing; what the counter did since, at that level, does.
func (c *counter) newEpoch(s sample) (event string) {
	t := c.Trial
	event = eventEpoch
	if t.Zero {
		event = eventRestart
	}
	c.Past = &past{Wh: c.Wh, Total: c.Total, At: c.At}
	c.Total += max(0, min(t.Wh-t.First, energy(s.maxW, t.At-t.Since)))
	c.settle(s)
	c.Step, c.Credit = 0, 0
	return event
}

// continues reports whether the sample goes on from the level on trial.
func (t *trial) continues(s sample) bool {
	slack := energy(s.maxW, s.at-t.At) + roundingWh
	rise := s.wh - t.Wh
	if s.balance {
		return rise >= -slack && rise <= slack
	}
	return rise >= -roundingWh && rise <= slack && (rise >= 0 || !t.Zero)
}

func (t *trial) follow(s sample) {
	t.Count++
	if s.wh > t.Wh {
		if t.Rises == 0 {
			t.Rising = s.at
		}
		t.Rises++
	}
	t.Wh, t.At = s.wh, s.at
}

// confirmed reports whether the level is to be believed. Zeros must have
// begun to grow, or have lasted longer than any restart.
func (t *trial) confirmed() bool {
	if !t.Zero {
		return t.Count >= confirmations && t.At-t.Since >= confirmTime
	}
	if t.Rises >= confirmations && t.At-t.Rising >= confirmTime {
		return true
	}
	return t.Count >= confirmations && t.At-t.Since >= zeroPatience
}
