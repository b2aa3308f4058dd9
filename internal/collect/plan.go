package collect

import (
	"slices"
	"strings"
	"time"

	"envoyd/internal/derive"
)

const (
	// confirmFor is how long a gateway must show less than before, or answers
	// contradict the plan, before that is believed: one that has just started
	// answers as if it had no meters.
	confirmFor = 10 * time.Minute
	// probeAgain is the pace of the probes until then.
	probeAgain   = time.Minute
	metersPath   = "/ivp/meters"
	readingsPath = "/ivp/meters/readings"
)

// decisive are the pages that decide which source serves what: they are tried
// twice before readings are made without them, all others once.
var decisive = map[string]int{metersPath: 2, readingsPath: 2, "/ivp/ensemble/inventory": 2}

// undecided names a page that tells whether there are CTs, or what they
// measure, and that has given no answer yet; "" when there is none. Without it
// a house with CTs would be read from its inverters, and its lifetime begin
// with theirs.
func (s *session) undecided() string {
	for _, e := range s.open() {
		if e.Path == readingsPath || e.Path == metersPath && s.info.IMeter {
			return e.Path
		}
	}
	return ""
}

// decided reports whether readings may be made. A gateway that refuses its
// meters' pages for long is read without them.
func (s *session) decided(now time.Time) bool {
	c := s.c
	if s.undecided() == "" {
		c.undecided = time.Time{}
		return true
	}
	if c.undecided.IsZero() {
		c.undecided = now
	}
	return now.Sub(c.undecided) >= confirmFor
}

// compare looks whether the newest answers still fit the plan. While they do
// not, the equipment is asked about each minute.
func (s *session) compare(now time.Time) {
	if !s.planned {
		return
	}
	reason := s.plan.Outdated(s.snapshot)
	if reason == "" {
		s.outdated = time.Time{}
		return
	}
	if s.awaits(s.open(), false) {
		s.replan(now) // there is more than before: that is believed at once
		return
	}
	if s.outdated.IsZero() {
		s.outdated = now
		s.c.cfg.Log.Warn("the gateway's equipment seems to have changed", "serial", s.info.Serial, "reason", reason)
	}
	s.c.poorSince = s.outdated // it need not be confirmed once more after the next probe
	for _, l := range s.schedule.slots {
		if l.tier == derive.Status && !l.slow {
			l.hurry(now.Add(probeAgain))
		}
	}
}

// open lists what the probe has yet to hear of.
func (s *session) open() []derive.Endpoint {
	var open []derive.Endpoint
	for _, e := range s.plan.Open(s.snapshot) {
		if _, on := s.c.cfg.Targets.of(e); on {
			open = append(open, e)
		}
	}
	return open
}

// replan chooses which source serves which quantity, and schedules what that
// needs and what the probe has yet to ask. It is called while there is no plan
// and whenever an endpoint was heard of for the first time, never for the
// repeated answers of a running session. Readings are made as soon as the
// native endpoints have answered: the first must not wait for the slow pages.
func (s *session) replan(now time.Time) {
	s.plan = derive.MakePlan(s.snapshot)
	open := s.open()
	s.probing = len(open) > 0
	wanted := map[string]bool{infoPath: true}
	for _, e := range slices.Concat(open, s.plan.Endpoints()) {
		if target, on := s.target(e); on {
			wanted[e.Path] = true
			s.schedule.add(s.slot(e, target, now))
		}
	}
	s.schedule.keep(func(path string) bool { return wanted[path] })
	s.planned = s.plan.Serves() && !s.awaits(open, false) && s.decided(now) && s.credible(open, now)
	if !s.awaits(open, true) && s.undecided() == "" {
		s.fruit(now)
	}
	s.settle(open)
}

// target is the pace of an endpoint. A gateway made for CTs that shows none
// may only have just started, so its list of meters is looked at each minute.
func (s *session) target(e derive.Endpoint) (time.Duration, bool) {
	target, on := s.c.cfg.Targets.of(e)
	if e.Path == metersPath && s.info.IMeter && !s.metered() {
		target = max(e.AtLeast, probeAgain)
	}
	return target, on
}

func (s *session) slot(e derive.Endpoint, target time.Duration, now time.Time) slot {
	l := slot{path: e.Path, tier: e.Tier, slow: e.Slow, html: e.Path == htmlPath, target: target, least: e.AtLeast, due: now}
	if l.slow {
		l.least = max(l.least, slowLeast)
		if asked := s.c.slowAsked[l.path]; asked.Add(slowLeast).After(now) {
			l.due = asked.Add(slowLeast) // an earlier session has just asked it
		}
	}
	return l
}

// awaits reports whether one of the open endpoints is still to be waited for.
func (s *session) awaits(open []derive.Endpoint, slow bool) bool {
	return slices.ContainsFunc(open, func(e derive.Endpoint) bool {
		l := s.schedule.at(e.Path)
		return (slow || !e.Slow) && (l == nil || l.fails < max(decisive[e.Path], 1))
	})
}

// credible reports whether readings may be made by the plan. One that shows
// less than the gateway had is believed only after confirmFor, over several
// probes.
func (s *session) credible(open []derive.Endpoint, now time.Time) bool {
	c := s.c
	known, ok := c.Plan()
	if !ok || !poorer(known, s.plan) {
		c.poorSince = time.Time{}
		s.ends = s.began.Add(probeEvery)
		return true
	}
	if s.awaits(open, true) {
		return false // it may only not have been heard yet
	}
	if c.poorSince.IsZero() {
		c.poorSince = now
		c.cfg.Log.Warn("the gateway shows less than before, as after a start", "serial", c.cfg.Serial)
	}
	if now.Sub(c.poorSince) >= confirmFor {
		return true
	}
	s.ends = earlier(s.ends, now.Add(probeAgain))
	return false
}

// poorer reports whether a quantity has lost its source, or its CT.
func poorer(known, plan derive.Plan) bool {
	isCT := func(name string) bool { return strings.HasPrefix(name, "CT ") }
	for _, of := range []derive.Quantity{
		derive.Production, derive.Battery, derive.Grid, derive.House, derive.ProductionEnergy,
	} {
		was, is := known.Source(of), plan.Source(of)
		if was != "" && is == "" || isCT(was) && !isCT(is) && of == derive.Production {
			return true
		}
	}
	return false
}

// settle tells the rest of the program what was chosen, once everything was
// asked for at least once.
func (s *session) settle(open []derive.Endpoint) {
	c := s.c
	c.useZone(s.snapshot.Timezone())
	if !s.planned {
		return
	}
	known, _ := c.Plan()
	c.mu.Lock()
	c.plan, c.planned = s.plan, true
	c.mu.Unlock()
	if !s.probing && !s.noPassword {
		c.cfg.Board.Forget(c.passwordName())
	}
	if s.awaits(open, true) || slices.Equal(known.Lines(), s.plan.Lines()) {
		return
	}
	for _, line := range s.plan.Lines() {
		c.cfg.Log.Info("source chosen", "serial", s.info.Serial, "plan", line)
	}
}

// days returns the zone that days are counted in, nil while the gateway may
// still tell it: a day that began at the wrong midnight would have to be taken
// back.
func (s *session) days() *time.Location {
	c := s.c
	c.mu.Lock()
	zone, known := c.zone, c.zoned
	c.mu.Unlock()
	if known {
		return zone
	}
	for _, e := range s.open() {
		if l := s.schedule.at(e.Path); strings.HasPrefix(e.Path, "/home") && l != nil && l.fails == 0 {
			return nil
		}
	}
	if !c.warned {
		c.warned = true
		c.cfg.Log.Warn("the gateway does not tell its time zone, this computer's is used: set gateways[].timezone if that is wrong",
			"serial", c.cfg.Serial, "zone", zone.String())
	}
	return zone
}

// useZone takes over the gateway's own time zone, unless one is configured.
func (c *Collector) useZone(name string) {
	zone, err := time.LoadLocation(name)
	if c.cfg.Zone != nil {
		zone = c.cfg.Zone
	} else if err != nil || name == "" {
		return
	}
	c.mu.Lock()
	known := c.zone.String() == zone.String() && c.told
	c.zone, c.zoned, c.told = zone, true, true
	c.mu.Unlock()
	if !known && c.cfg.ZoneKnown != nil {
		c.cfg.ZoneKnown(zone)
	}
}
