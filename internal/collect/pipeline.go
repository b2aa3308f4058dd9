package collect

import (
	"slices"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/ledger"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// emit makes a reading of what is known now and publishes what is new in it.
func (s *session) emit(now time.Time) {
	if !s.planned {
		return
	}
	c := s.c
	res := s.plan.Derive(s.snapshot, s.clock, now)
	c.note(len(res.Refused))
	if res.Hold {
		c.stats.held()
		return
	}
	if !c.clockTrusted() {
		return
	}
	out := c.cfg.Ledger.Apply(ledger.Input{
		Gateway:  c.cfg.Gateway,
		Serial:   s.info.Serial,
		Firmware: s.info.Firmware.String(),
		Zone:     c.Zone(),
		Time:     res.Reading.Time,
		Counters: res.Counters,
		Accounts: res.Accounts,
	})
	c.note(len(out.Refused))
	if out.Hold {
		c.stats.held()
		return
	}
	r := res.Reading
	r.Gateway, r.Name = c.cfg.Gateway, c.cfg.Name
	r.Energy, r.Today, r.Estimated = out.Energy, out.Today, out.Estimated
	c.publish(r, s.window(), now)
}

func (c *Collector) note(refused int) {
	if refused > 0 {
		c.stats.refused(refused)
	}
}

// clockTrusted says whether readings may be stamped, and tells the board when
// they may not.
func (c *Collector) clockTrusted() bool {
	if c.cfg.Clock.Trusted() {
		c.cfg.Board.Set("clock", status.Green, "the clock of this computer is plausible", "")
		return true
	}
	c.cfg.Board.Set("clock", status.Red, "the clock of this computer is wrong or not yet set, so no reading is kept",
		"Wait for network time; if this stays, check that a time service runs (timedatectl).")
	return false
}

// publish keeps the renewed parts of r and hands it to everybody. The order
// matters: what a subscriber has seen is in the store.
func (c *Collector) publish(r reading.Reading, window time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	prev := c.last
	next := merge(prev, r)
	measured := prev == nil || next.Time.After(prev.Time)
	if measured {
		c.renewed = now
	}
	c.window = window
	next.Quality = reading.Good
	if now.Sub(c.renewed) > window {
		next.Quality = reading.Stale
	}
	records := renewed(prev, &next, c.storageKept, now)
	for _, rec := range records {
		_, _ = c.cfg.Keep.Append(rec) // the store reports its own failures; the page and MQTT go on
		if rec.Tier == reading.TierStorage {
			c.storageKept = now
		}
	}
	if len(records) == 0 && prev != nil && prev.Quality == next.Quality {
		return
	}
	c.last = &next
	c.cfg.Hub.Publish(&next)
	if next.Quality == reading.Good {
		c.cfg.Board.Set(c.readingsName(), status.Green, "measurements arrive", "")
	}
}

// window is how long this gateway's power counts as fresh: by what measures
// it, and longer when the gateway is asked less often because it is slow.
func (s *session) window() time.Duration {
	pace := time.Duration(0)
	for _, l := range s.schedule.slots {
		if l.tier == derive.Meters {
			pace = max(pace, l.wait)
		}
	}
	return max(s.plan.FreshFor(), freshPolls*pace)
}

// heard looks what an answer means for the plan: while the probe goes on, it is
// made anew; afterwards answers that contradict it are noted.
func (s *session) heard(now time.Time) {
	if len(s.open()) > 0 || !s.planned || s.probing {
		s.replan(now)
		return
	}
	reason := s.plan.Outdated(s.snapshot)
	switch {
	case reason == "":
		s.outdated = time.Time{}
	case s.outdated.IsZero():
		s.outdated = now
		s.c.cfg.Log.Warn("the gateway's equipment seems to have changed", "serial", s.info.Serial, "reason", reason)
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
// needs and what the probe has yet to ask. Readings are made as soon as the
// native endpoints have answered: the first must not wait for the slow pages.
func (s *session) replan(now time.Time) {
	s.plan = derive.MakePlan(s.snapshot)
	open := s.open()
	s.probing = len(open) > 0
	s.planned = !slices.ContainsFunc(open, func(e derive.Endpoint) bool { return !e.Slow }) && s.plan.Serves()
	wanted := map[string]bool{infoPath: true}
	for _, e := range slices.Concat(open, s.plan.Endpoints()) {
		target, on := s.c.cfg.Targets.of(e)
		if !on {
			continue
		}
		wanted[e.Path] = true
		s.schedule.add(slot{path: e.Path, tier: e.Tier, slow: e.Slow, html: e.Path == htmlPath, target: target, due: now})
	}
	s.schedule.keep(func(path string) bool { return wanted[path] })
	s.settle()
}

// settle tells the rest of the program what was chosen, once the probe is over.
func (s *session) settle() {
	c := s.c
	c.useZone(s.snapshot.Timezone())
	c.mu.Lock()
	changed := !s.probing && (!c.planned || !c.plan.Equal(s.plan))
	if s.planned {
		c.plan, c.planned = s.plan, c.planned || !s.probing
	}
	c.mu.Unlock()
	if !changed {
		return
	}
	for _, line := range s.plan.Lines() {
		c.cfg.Log.Info("source chosen", "serial", s.info.Serial, "plan", line)
	}
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
	known := c.zone.String() == zone.String() && c.zoned
	c.zone, c.zoned = zone, true
	c.mu.Unlock()
	if !known && c.cfg.ZoneKnown != nil {
		c.cfg.ZoneKnown(zone)
	}
}
