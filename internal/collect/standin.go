package collect

import (
	"strings"
	"time"

	"envoyd/internal/reading"
)

const (
	// freshCloud is how long a value from the cloud counts as fresh after it
	// was measured: gateways report there every quarter of an hour.
	freshCloud = 45 * time.Minute
	// gapAfter is how long nothing must have been measured for a gap worth
	// filling. Shorter ones are a restart of the daemon.
	gapAfter = 3 * time.Minute
	// missesMatter is how many failures in a row are more than bad luck.
	missesMatter = 3
)

// Contact is how the gateway itself is doing, for whom stands in for it.
type Contact struct {
	Last     time.Time     // when it last gave a new measurement, by our clock; since the start while it gave none
	Silent   time.Duration // since then, the nightly stall left out
	Failures int           // requests in a row that gave nothing new
	Good     bool          // the newest reading is its own, and fresh
}

// Contact returns how the gateway itself is doing.
func (c *Collector) Contact() Contact {
	now := time.Now()
	zone := c.Zone()
	c.mu.Lock()
	defer c.mu.Unlock()
	k := Contact{Last: c.measured, Failures: c.misses}
	if k.Last.IsZero() {
		k.Last = c.began
	}
	if k.Last.IsZero() {
		return k // it does not run yet
	}
	k.Silent = now.Sub(k.Last) - stalled(k.Last, now, zone)
	k.Good = c.last != nil && c.last.Source == reading.Local && c.last.Quality == reading.Good
	return k
}

// missed counts a request that gave no measurement.
func (c *Collector) missed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.misses++
}

// unchanged counts an answer of a metered gateway that measured nothing new
// for so long that what is shown is old.
func (s *session) unchanged(now time.Time) {
	c := s.c
	if !s.metered() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.measured.IsZero() && now.Sub(c.measured) > freshMetered {
		c.misses++
	}
}

// renew notes a new measurement of the gateway's own, and tells of the gap
// that it ends. The caller holds mu.
func (c *Collector) renew(rec reading.Record, now time.Time) {
	before := c.local
	least := gapAfter
	if c.window >= freshInverters {
		least = freshInverters // they rest at night, and that is no gap
	}
	failed := c.measured.IsZero() || c.misses >= missesMatter
	if !before.Time.IsZero() && failed && c.cfg.Gap != nil && rec.Time.Sub(before.Time) > least {
		c.cfg.Gap(before, rec)
	}
	rec.Meters = nil
	c.local, c.measured, c.misses = rec, now, 0
}

// StandIn publishes power that somebody else measured while the gateway is
// silent: lifetime counters and today hold still, and what only the gateway can
// know is left out. estimated says that it is the mean of an interval. It
// returns false, and does nothing, when something newer is known already.
func (c *Collector) StandIn(source reading.Source, power reading.Power, at time.Time, estimated bool) bool {
	now := time.Now()
	if at.After(now) || !c.clockTrusted() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next, before := c.base()
	if !at.After(before) {
		return false
	}
	sameDay := at.In(c.zone).YearDay() == before.In(c.zone).YearDay() && at.Sub(before) < 24*time.Hour
	if !sameDay {
		next.Today = reading.Energy{} // of a day of which nothing was counted
	}
	next.Source, next.Power, next.Time, next.Quality = source, power, at, reading.Good
	if now.Sub(at) > freshCloud {
		next.Quality = reading.Stale
	}
	next.Meters, next.Storage, next.GridState = nil, reading.Storage{}, ""
	if estimated {
		next.Estimated = append(next.Estimated[:len(next.Estimated):len(next.Estimated)], estimatedPower(power)...)
	}
	c.renewed, c.window, c.last = at, freshCloud, &next
	rec := head(&next, reading.TierPower, at)
	rec.Source, rec.Power = source, next.Power // what was counted meanwhile is filled in afterwards
	if estimated {
		rec.Estimated = estimatedPower(power)
	}
	_, _ = c.cfg.Keep.Append(rec) // the store reports its own failures
	c.cfg.Hub.Publish(&next)
	c.reportReadings(&next)
	return true
}

// base is what a stand-in leaves as it was: the newest reading or, after a
// start without the gateway, the newest record. The caller holds mu.
func (c *Collector) base() (reading.Reading, time.Time) {
	if c.last != nil {
		base := *c.last
		base.Estimated = counted(base.Estimated)
		return base, base.Time
	}
	return reading.Reading{
		Gateway: c.cfg.Gateway, Serial: c.cfg.Serial, Name: c.cfg.Name,
		Energy: c.local.Energy, Estimated: counted(c.local.Estimated),
	}, c.local.Time
}

// counted leaves out the paths that speak of power.
func counted(paths []string) []string {
	var all []string
	for _, p := range paths {
		if !strings.HasPrefix(p, "power.") {
			all = append(all, p)
		}
	}
	return all
}

func estimatedPower(p reading.Power) []string {
	var all []string
	for _, f := range p.Fields() {
		if f.Value.Known() {
			all = append(all, "power."+f.Name)
		}
	}
	return all
}
