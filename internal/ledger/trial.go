package ledger

import "math"

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
	// Far says that the level was not just beyond the limit.
	Far bool `json:"far,omitempty"`
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
	reach := c.reach(s)
	return &trial{First: s.wh, Wh: s.wh, Since: s.at, At: s.at, Count: 1, Limit: reach,
		Late: late, Zero: c.fellToZero(s, reach), Far: !late && math.Abs(s.wh-c.Wh) > 2*reach+roundingWh}
}

// onTrial reports whether the sample is of a level that was far from
// plausible when it appeared: that it lasts does not make energy of it. After
// hours even zeros could have grown to the level that is believed, so what is
// nearer to that has come back to it.
func (c *counter) onTrial(s sample) bool {
	t := c.Trial
	return t != nil && t.Far && t.continues(s) && math.Abs(s.wh-t.Wh) < math.Abs(s.wh-c.Wh)
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
	if gain, ok := c.comeback(s); ok {
		c.Total += gain
		c.settle(s)
		c.Step, c.Credit, c.Past = 0, 0, nil
		return eventReturned
	}
	event = eventEpoch
	if t.Zero || !s.balance && t.First < c.Wh/2 { // begun at zero, though nobody saw that
		event = eventRestart
	}
	c.Past = &past{Wh: c.Wh, Total: c.Total, At: c.At}
	c.Total += max(0, min(t.Wh-t.First, energy(s.maxW, t.At-t.Since)))
	c.settle(s)
	c.Step, c.Credit = 0, 0
	return event
}

// begins reports whether the newest sample began a new epoch.
func (c *counter) begins() bool {
	return c.verdict.event == eventEpoch || c.verdict.event == eventRestart
}

// comeback recognises the level before the last epoch, which was a fault that
// lasted. What was counted meanwhile is not counted again, and of the rest no
// more than a counter may be late by.
func (c *counter) comeback(s sample) (wh float64, ok bool) {
	p := c.Past
	if p == nil || c.Trial.Zero || s.at-p.At > pastTime {
		return 0, false
	}
	rise := s.wh - p.Wh
	if rise < -roundingWh || rise > energy(s.maxW, s.at-p.At)+roundingWh {
		return 0, false
	}
	return min(rise-(c.Total-p.Total), energy(s.maxW, min(s.at-c.Moved, lateness))), true
}

// continues reports whether the sample goes on from the level on trial. After a
// long silence that is anybody's guess.
func (t *trial) continues(s sample) bool {
	if s.at-t.At > lateness && s.stepWh == 0 {
		return false
	}
	slack := energy(s.maxW, s.at-t.At) + s.burstWh + roundingWh
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
