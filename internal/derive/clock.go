package derive

import (
	"math"
	"time"
)

const (
	// tolerated is the offset up to which the gateway's times stand as they are.
	tolerated = 30 * time.Second
	// hysteresis is by how much a correction must be wrong before it changes,
	// so that a jittering answer time does not move the time series.
	hysteresis = 5 * time.Second
)

// Clock maps the gateway's clock to ours. The zero Clock corrects nothing.
// What it learns comes from /info only: the Date header of an answer is the
// web server's and lags.
type Clock struct {
	offset     time.Duration // gateway minus ours, as last observed
	correction time.Duration // whole seconds; 0 while the offset is tolerated
	observed   bool
}

// Observe takes the time that /info gave and when we received it.
func (c *Clock) Observe(gateway, received time.Time) {
	if gateway.IsZero() || received.IsZero() {
		return
	}
	c.offset, c.observed = gateway.Sub(received), true
	if c.correction == 0 && c.offset.Abs() <= tolerated {
		return
	}
	if c.correction != 0 && (c.offset-c.correction).Abs() <= hysteresis {
		return
	}
	c.correction = 0
	if c.offset.Abs() > tolerated {
		seconds := math.Round(c.offset.Seconds())
		c.correction = time.Duration(seconds) * time.Second
	}
}

// Offset returns how far the gateway's clock is ahead of ours, and whether
// that is known.
func (c Clock) Offset() (time.Duration, bool) { return c.offset, c.observed }

// Ours maps a time on the gateway's clock to ours; zero stays zero.
func (c Clock) Ours(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-c.correction)
}

// Theirs maps a time on our clock to the gateway's.
func (c Clock) Theirs(t time.Time) time.Time { return t.Add(c.correction) }
