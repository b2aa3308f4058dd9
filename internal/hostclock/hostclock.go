// Package hostclock says whether this machine's clock can be believed. A
// Raspberry Pi has no battery for its clock: after a power cut it starts in
// the past, until the network tells it the time. Readings stamped with such a
// clock would be wrong for ever, and tokens would look not yet valid.
//
// The kernel knows whether a time service has set the clock. That it has not
// is no proof of a wrong clock (a container, a machine without network time),
// so an unset clock is doubted only while it is behind something that it cannot
// be behind, such as the newest reading in the store, or while a machine
// without a clock chip has just started and its time service is still busy.
// The gateway's clock is no such evidence: it may be the one that is wrong.
package hostclock

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// tolerance is how far clocks that are both right may be apart.
const tolerance = 30 * time.Second

// Clock collects what the host's clock cannot be behind. The zero Clock
// knows of no such thing.
type Clock struct {
	mu     sync.Mutex
	atBest time.Time // the latest moment known to have passed…
	seen   time.Time // …when our clock (monotonic) stood here

	starting func() bool // the machine's clock is about to be set
}

// OfHost returns the clock of this machine.
func OfHost() *Clock { return &Clock{starting: starting} }

// NotBefore says that moment has certainly passed by now.
func (c *Clock) NotBefore(moment time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.atBest.IsZero() || moment.Sub(c.atBest) > now.Sub(c.seen) {
		c.atBest, c.seen = moment, now
	}
}

// Trusted reports whether the host's clock can be believed.
func (c *Clock) Trusted() bool { return c.trusted(Synchronised()) }

func (c *Clock) trusted(synchronised bool) bool {
	if synchronised {
		return true
	}
	if c.starting != nil && c.starting() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.atBest.IsZero() {
		return true
	}
	now := time.Now()
	// Time since the evidence goes by the monotonic clock, so a step of the
	// wall clock does not age it.
	return !now.Round(0).Add(tolerance).Before(c.atBest.Add(now.Sub(c.seen)).Round(0))
}

// synchronisedMark is what systemd-timesyncd leaves once it has set the clock;
// a sandbox may forbid to ask the kernel.
const synchronisedMark = "/run/systemd/timesync/synchronized"

// Synchronised reports whether a time service has set the kernel's clock.
func Synchronised() bool {
	if _, err := os.Stat(synchronisedMark); err == nil {
		return true
	}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// patience is how long after the start of a machine without a clock chip its
// time service is waited for.
const patience = 10 * time.Minute

// starting reports whether this machine has no clock chip, has a time service,
// and has not been up for long.
func starting() bool {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil || time.Duration(info.Uptime)*time.Second > patience {
		return false
	}
	if chips, _ := filepath.Glob("/sys/class/rtc/rtc*"); len(chips) > 0 {
		return false
	}
	for _, running := range []string{"/run/systemd/timesync", "/run/chrony", "/run/ntpd.pid", "/run/openntpd"} {
		if _, err := os.Stat(running); err == nil {
			return true
		}
	}
	return false
}
