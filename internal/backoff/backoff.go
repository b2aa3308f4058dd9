// Package backoff says how long to wait before the next try: doubling from a
// first delay to a longest one, each shortened by up to half at random so that
// a house full of clients does not come back in step.
//
// It keeps no clock and never sleeps; the loop that owns it does.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Backoff counts the failures in a row. It is not for concurrent use.
type Backoff struct {
	First   time.Duration // the first delay; 1 s when zero
	Longest time.Duration // the cap; 5 min when zero

	failures int
}

// Next returns the delay after one more failure, at least floor: what the
// other side asked for, if it did.
func (b *Backoff) Next(floor time.Duration) time.Duration {
	first, longest := b.First, b.Longest
	if first <= 0 {
		first = time.Second
	}
	if longest <= 0 {
		longest = 5 * time.Minute
	}
	delay := longest
	if b.failures < 30 && first<<b.failures < longest && first<<b.failures > 0 {
		delay = first << b.failures
	}
	b.failures++
	jittered := delay/2 + rand.N(delay/2+1)
	return max(jittered, floor)
}

// Failures returns how many failures there were since the last Reset.
func (b *Backoff) Failures() int { return b.failures }

// Reset is called after a success.
func (b *Backoff) Reset() { b.failures = 0 }
