package ledger

import "math"

// sample is one measurement of one counter.
type sample struct {
	wh                   float64
	at                   int64
	maxW, wrapWh, stepWh float64
	burstWh              float64
	balance              bool
	firmware             string
}

// counter is what is believed of one raw counter.
type counter struct {
	Wh    float64 `json:"wh"`    // the raw state last believed
	Total float64 `json:"total"` // the sum of believed differences since the counter is known
	At    int64   `json:"at"`    // when Wh was measured; 0 before the first time
	Moved int64   `json:"moved"` // when Wh last changed
	// Credit is what is left of the sample's credit: what the counter may rise
	// by besides what the hardware can do in the time. It fills up again.
	Credit float64 `json:"credit,omitempty"`
	// Step is the last rise: a fall by no more takes it back.
	Step float64 `json:"step,omitempty"`
	// Wrap and Firmware are those under which Wh was measured.
	Wrap     float64 `json:"wrap,omitempty"`
	Firmware string  `json:"firmware,omitempty"`
	Trial    *trial  `json:"trial,omitempty"`
	Past     *past   `json:"past,omitempty"`

	// Seen is the time of the last input it was part of.
	Seen int64 `json:"seen,omitempty"`

	used         bool   // some flow is made of it
	tick         uint64 // that input
	maxW, stepWh float64
	verdict      verdict
}

// past is the level before the last epoch.
type past struct {
	Wh    float64 `json:"wh"`
	Total float64 `json:"total"`
	At    int64   `json:"at"`
}

// verdict is what was made of a sample.
type verdict struct {
	doubted bool    // the sample is not believed (yet)
	zero    bool    // the counter fell to zero: hold the answer
	reason  string  // why it is refused; "" when it is believed or only waiting
	event   string  // what became of a trial, for the log
	value   float64 // the value that reason speaks of
	limit   float64 // the bound that it broke, in Wh
}

// credit is the most a counter may be ahead of its hardware.
func (s sample) credit() float64 { return roundingWh + s.burstWh }

// known reports whether the counter has a trusted state.
func (c *counter) known() bool { return c.At != 0 }

// take judges a sample and goes on by what it gained.
func (c *counter) take(s sample) verdict {
	if !sane(s.wh) {
		return verdict{doubted: true, reason: ReasonAbsurd, value: s.wh, limit: absurdWh}
	}
	if !c.known() {
		c.settle(s)
		c.Credit = s.credit()
		return verdict{}
	}
	if s.at <= c.At {
		return verdict{}
	}
	if c.Trial != nil && s.at <= c.Trial.At {
		return verdict{doubted: true, zero: c.Trial.Zero}
	}
	if gain, ok := c.gain(s); ok && !c.onTrial(s) {
		return c.believe(s, gain)
	}
	return c.doubt(s)
}

// gain is what the counter rose by, and whether the hardware can have done it
// since the counter was last believed.
func (c *counter) gain(s sample) (wh float64, ok bool) {
	diff := s.wh - c.Wh
	reach := c.reach(s)
	switch {
	case c.fellToZero(s, reach):
		return 0, false
	case diff >= 0:
		return diff, diff <= reach && !c.unwrapped(s, diff)
	case c.mayFall(s, -diff):
		return diff, true
	}
	return c.wrapped(s, diff)
}

// reach is the most the counter can have gained since it was last believed.
func (c *counter) reach(s sample) float64 { return energy(s.maxW, s.at-c.At) + c.Credit }

// lateReach is the most a counter can have gained that stood still before it
// moved: one that follows in buckets, or by coarse steps.
func (c *counter) lateReach(s sample) float64 {
	still := s.at - c.Moved
	if s.stepWh > 0 {
		return energy(s.maxW, still) + s.stepWh + c.Credit
	}
	return max(c.reach(s), energy(s.maxW, min(still, lateness))+c.Credit)
}

// fellToZero recognises the zeros of a gateway that has just started.
func (c *counter) fellToZero(s sample, reach float64) bool {
	if s.wh != 0 {
		return false
	}
	if s.balance {
		return math.Abs(c.Wh) > max(1, reach)
	}
	return c.Wh > 1
}

// mayFall reports whether a fall is followed, so that the way back up is not
// counted twice: the balance of a flow that goes both ways, rounding between
// two answers, or the end of a spike that looked plausible.
func (c *counter) mayFall(s sample, fall float64) bool {
	if s.balance {
		return fall <= c.reach(s)
	}
	if fall <= energy(s.maxW, min(s.at-c.At, fallTime))+roundingWh && fall <= max(1, math.Abs(c.Wh)/2) {
		return true
	}
	return fall <= c.Step
}

// wrapped adds back what 32-bit joule counters lost in overflowing, one or
// several at once (fact sheet 4.4: a site sum up to firmware 8.2.127, each
// inverter's share of it from 8.2.4264 on). Half a wrap is the most that can
// be told from a counter that lost something else.
func (c *counter) wrapped(s sample, diff float64) (float64, bool) {
	if s.wrapWh <= 0 {
		return 0, false
	}
	n := math.Ceil((-diff - roundingWh) / s.wrapWh)
	gain := diff + n*s.wrapWh
	return gain, n >= 1 && gain <= min(c.lateReach(s), s.wrapWh/2)
}

// unwrapped recognises the first firmware that no longer wraps: what comes
// back at once is years old and must not pass as the energy of a long gap.
func (c *counter) unwrapped(s sample, rise float64) bool {
	return c.Wrap > 0 && rise >= c.Wrap && s.firmware != c.Firmware
}

// believe goes on to the sample, which gained wh.
func (c *counter) believe(s sample, wh float64) verdict {
	v := verdict{}
	if t := c.Trial; t != nil && t.Late {
		v = verdict{reason: ReasonJumped, value: t.First, limit: t.Limit}
	}
	c.Credit = min(s.credit(), max(0, c.reach(s)-max(wh, 0)))
	c.Total += wh
	if wh > 0 {
		c.Step = wh
	}
	c.settle(s)
	return v
}

// settle makes the sample the trusted state.
func (c *counter) settle(s sample) {
	if s.wh != c.Wh || c.Moved == 0 {
		c.Moved = s.at
	}
	c.Wh, c.At, c.Trial = s.wh, s.at, nil
	c.Wrap, c.Firmware = s.wrapWh, ""
	if s.wrapWh > 0 {
		c.Firmware = s.firmware
	}
}

// setBack follows a clock that was set back to at.
func (c *counter) setBack(at int64) {
	if !c.known() {
		return
	}
	c.At = min(c.At, at-setBack)
	c.Moved = min(c.Moved, c.At)
	c.Seen = min(c.Seen, at)
	c.Trial = nil
	if c.Past != nil {
		c.Past.At = min(c.Past.At, c.At)
	}
}
