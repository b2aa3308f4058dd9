package collect

import (
	"slices"
	"strings"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/ledger"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// jumpPatience is how long power is held back because counters of the same
// answers jump. It ends before the ledger has made up its mind, so that a CT
// that was commissioned anew does not look like an outage.
const jumpPatience = 10 * time.Second

// emit makes a reading of what is known now and publishes what is new in it.
func (s *session) emit(now time.Time) {
	if !s.planned {
		return
	}
	c := s.c
	res := s.plan.Derive(s.snapshot, s.clock, now)
	if s.metered() && !leads(res.Reading.Power) {
		res.Reading.Time = time.Time{}
	}
	at := measuredAt(res)
	if s.doubts(res, now) || !at.IsZero() && at.Equal(s.heldAt) {
		return
	}
	s.count(at, len(res.Refused))
	s.note(res.Refused, at, now)
	if res.Hold {
		c.stats.held()
		return
	}
	if !c.clockTrusted() {
		return
	}
	if s.unborn(now) {
		res.Counters, res.Accounts = nil, nil
	}
	counted := later(at, res.Counted)
	out := c.cfg.Ledger.Apply(ledger.Input{
		Gateway:  c.cfg.Gateway,
		Serial:   s.info.Serial,
		Firmware: s.info.Firmware.String(),
		Zone:     s.days(),
		Time:     counted,
		Counters: res.Counters,
		Accounts: res.Accounts,
		Awaited:  c.cfg.Awaited,
	})
	if out.Event && c.cfg.Save != nil {
		c.cfg.Save()
	}
	s.count(at, len(out.Refused))
	s.counted = at
	if s.jumping(out.Refused, now) || out.Hold {
		s.heldAt = at
		c.stats.held()
		return
	}
	r := res.Reading
	r.Gateway, r.Name = c.cfg.Gateway, c.cfg.Name
	r.Energy, r.Today, r.Estimated, r.Counted = out.Energy, out.Today, out.Estimated, counted
	c.publish(r, at, s.window(), now)
	s.tellEquipment(r)
}

// leads reports whether what the CTs measure is known. The battery's power
// alone, which others measure, renews nothing.
func leads(p reading.Power) bool {
	return p.ProductionW.Known() || p.GridW.Known() || p.ConsumptionW.Known()
}

// measuredAt is when power was measured or, of a gateway that tells none, the
// newest counter.
func measuredAt(res derive.Result) time.Time {
	at := res.Reading.Time
	for i := range res.Counters {
		if !res.Reading.Time.IsZero() {
			break
		}
		at = later(at, res.Counters[i].Time)
	}
	return at
}

// jumping reports whether a CT's counter has just jumped: power of the same
// answer is not to be believed either, until it turns out that the counter
// stays there.
func (s *session) jumping(refused []ledger.Refusal, now time.Time) bool {
	jumped := slices.ContainsFunc(refused, func(r ledger.Refusal) bool {
		return r.Reason == ledger.ReasonJumped && strings.HasPrefix(r.Counter, "ct/")
	})
	switch {
	case !jumped:
		s.jumped = time.Time{}
	case s.jumped.IsZero():
		s.jumped = now
	}
	return jumped && now.Sub(s.jumped) < jumpPatience
}

// count counts refused values, those of one measurement once.
func (s *session) count(at time.Time, refused int) {
	if refused > 0 && !at.Equal(s.counted) {
		s.c.stats.refused(refused)
	}
}

// note keeps what was refused beside what the ledger refuses, to be looked at.
func (s *session) note(refused []derive.Refusal, at, now time.Time) {
	if at.Equal(s.counted) {
		return
	}
	for _, r := range refused {
		s.c.cfg.Ledger.Refuse(ledger.Refusal{
			Gateway: s.c.cfg.Gateway, Counter: r.Quantity, Reason: r.Reason, Value: r.Value, Time: now,
		})
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
// matters: what a subscriber has seen is in the store. at is when r was
// measured, also where that is not power.
func (c *Collector) publish(r reading.Reading, at time.Time, window time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	prev := c.last
	if prev != nil && prev.Time.Sub(now) > doubtful {
		prev = nil // our own clock was set back: the series begins anew
	}
	if r.Time.IsZero() && (prev == nil || !hasPower(prev)) {
		r.Time = at
	}
	if r.Time.IsZero() && prev == nil {
		return // nothing was measured yet
	}
	next := merge(prev, r)
	if hasPower(&next) && (prev == nil || next.Time.After(prev.Time)) {
		c.renewed = now
	}
	if next.Source != reading.Local {
		window = freshCloud // somebody stands in, until the gateway's own power comes
	}
	c.window = window
	next.Quality = reading.Stale
	if now.Sub(c.renewed) <= window && now.Sub(next.Time) <= window+clockSlack {
		next.Quality = reading.Good
	}
	records := renewed(prev, &next, c.storageKept, now)
	for _, rec := range records {
		switch rec.Tier {
		case reading.TierStorage:
			c.storageKept = now
		case reading.TierPower:
			c.renew(rec, now) // first: who keeps it may want to know of the gap that it ends
		case reading.TierInverters, reading.TierBatteries, reading.TierDaemon:
		}
		_, _ = c.cfg.Keep.Append(rec) // the store reports its own failures; the page and MQTT go on
	}
	if len(records) == 0 && prev != nil && prev.Quality == next.Quality && prev.Energy == next.Energy &&
		prev.Today == next.Today { // which begins anew at midnight, though nothing is measured then
		return
	}
	c.last = &next
	c.cfg.Hub.Publish(&next)
	c.reportReadings(&next)
}

// hasPower reports whether any power is known.
func hasPower(r *reading.Reading) bool {
	power := r.Power.Fields()
	return reading.Any(power[:])
}

// window is how long this gateway's power counts as fresh: by what measures
// it, and longer when the gateway is asked less often because it is slow.
func (s *session) window() time.Duration {
	pace := time.Duration(0)
	for _, l := range s.schedule.slots {
		if l.tier == derive.Meters {
			pace = max(pace, l.pace)
		}
	}
	return max(s.plan.FreshFor(), freshPolls*pace)
}
