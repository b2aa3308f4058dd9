package derive

import (
	"time"

	"envoyd/internal/reading"
)

// pageAge is how long ago a page may have answered, or what it says have been
// measured, to stand beside what a CT measures now.
const pageAge = 3 * longestInterval

// inverterProduction is the power of a gateway without a production CT, in the
// contract's order: the sum in production.json with its reading time, else the
// sum of the fresh reports with the newest one's time, else api/v1 at the
// gateway's clock where it is to be believed. An old sum gives way to newer
// reports. After that it serves a gateway without any CT, whose reading is then
// of its time; beside a CT only 0 W does, which the gateway writes for inverters
// that sleep (8.3.1598, of the evening before).
func (v *view) inverterProduction() measured {
	sum, ok := v.s.production.is.Inverters()
	started := sum.LifetimeWh.Or(1) != 0 // zeros come in the first minutes after a start
	usable := ok && started && !v.silent(v.s.production.at) && !sum.Time.IsZero() && sum.PowerW.Known()
	page := measured{sum.PowerW.Value, v.clock.Ours(sum.Time.Time)}
	if usable && v.now.Sub(page.at) <= pageAge {
		return page
	}
	if m := v.freshReports(); m.w.Known() {
		return m
	}
	if usable && (!v.f.metered() || page.w.Or(1) == 0) {
		return page
	}
	if v.s.v1.have && !v.silent(v.s.v1.at) && !v.s.v1.is.Empty() && !v.f.v1OfLostCT() {
		return measured{v.s.v1.is.PowerW.Value, v.s.v1.at}
	}
	return measured{}
}

// silent reports whether a page has not answered for too long. Beside a net CT,
// whose time is the reading's, nobody else would see that.
func (v *view) silent(answered time.Time) bool {
	return v.f.metered() && v.now.Sub(answered) > pageAge
}

// freshReports adds the inverters that reported within two intervals.
func (v *view) freshReports() measured {
	var m measured
	now, limit := v.clock.Theirs(v.now), 2*v.reportInterval()
	for _, i := range installedInverters(v.s) {
		if i.time.IsZero() || now.Sub(i.time) > limit || !i.powerW.Known() {
			continue
		}
		m.w = reading.Of(m.w.Or(0) + i.powerW.Or(0))
		if at := v.clock.Ours(i.time); at.After(m.at) {
			m.at = at
		}
	}
	return m
}

// reportInterval is the inverters' own, where they tell it: it is set from the
// cloud, 5 to 15 minutes.
func (v *view) reportInterval() time.Duration {
	longest := 0.0
	for _, d := range v.s.devices.is.Devices {
		for _, c := range d.Channels {
			longest = max(longest, c.Last.DurationS.Or(0))
		}
	}
	if interval := time.Duration(longest) * time.Second; interval >= time.Minute {
		return min(interval, longestInterval)
	}
	return longestInterval
}

// countedAt is when the counters were asked last. A CT says so itself.
func (v *view) countedAt(measured, asked time.Time) time.Time {
	if asked.Before(measured) || v.f.metered() && !measured.IsZero() {
		return measured
	}
	return asked
}

// pageProduction is all that firmware 3.7 tells.
func (v *view) pageProduction() measured {
	return measured{v.s.page.is.PowerW, v.s.page.at}
}
