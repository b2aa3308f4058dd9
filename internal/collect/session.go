package collect

import (
	"context"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/gateway"
)

const (
	// probeEvery is when a gateway's equipment is looked at anew.
	probeEvery = 24 * time.Hour
	// infoPath is asked over Client.Info: it needs no login and tells the
	// gateway's clock and firmware.
	infoPath = "/info"
	// infoEvery is its pace when the status tier is off, infoLeast the least
	// time between two requests.
	infoEvery = 15 * time.Minute
	infoLeast = time.Minute
	// decideEvery is the pace of the pages that decide when their tier is off.
	decideEvery = 15 * time.Minute
	// htmlPath is the page for people that firmware 3 has instead of JSON.
	htmlPath = "/production"
	// beatEvery bounds how long the loop sleeps without a sign of life.
	beatEvery = time.Minute
)

// session is one stay with a connected gateway, from its probe to its loss.
type session struct {
	c        *Collector
	info     gateway.Info
	snapshot *derive.Snapshot
	clock    derive.Clock
	schedule schedule
	plan     derive.Plan
	planned  bool // enough is known to make readings
	probing  bool // something has yet to be heard of

	answered   bool      // at least once
	silent     int       // requests in a row without any answer
	useless    int       // answers in a row that are of no use
	bad        int       // both together
	badSince   time.Time // when the first of them was asked
	troubled   bool      // and that it was said
	noPassword bool      // a page was left out for want of the right password
	lost       error     // why the session ended; nil when it only begins anew

	began    time.Time
	ends     time.Time // when the equipment is probed anew
	probeAt  time.Time // that, because this probe found too little; zero when it did not
	outdated time.Time // since when the answers do not fit the plan; zero while they do
	enabled  time.Time // when the live stream was last asked for
	doubted  time.Time // when /info was last asked for out of turn
	insisted time.Time // since when measurements agree on being ahead of /info's clock
	ahead    time.Duration
	clockAt  time.Time // when /info last told the gateway's clock
	jumped   time.Time // since when counters jump; zero while they do not
	counted  time.Time // the measurement whose refusals were counted
	heldAt   time.Time // the measurement of which nothing is to be published
}

// poll probes the gateway and then asks what it offers, until it is lost, its
// equipment has to be probed anew, or ctx ends. It returns the session.
func (c *Collector) poll(ctx context.Context, info gateway.Info) *session {
	s := c.begin(info)
	for now := time.Now(); now.Before(s.ends); now = time.Now() {
		c.beat()
		next := s.schedule.next(now)
		if next.due.After(now) {
			if !wait(ctx, earlier(next.due, now.Add(beatEvery))) {
				break
			}
			continue
		}
		if s.rests(next, now) {
			continue
		}
		if !s.ask(ctx, next) || ctx.Err() != nil {
			break
		}
	}
	return s
}

// begin starts a session: everything the firmware may offer is due at once,
// the fast and important first.
func (c *Collector) begin(info gateway.Info) *session {
	now := time.Now()
	s := &session{
		c:        c,
		info:     info,
		snapshot: derive.NewSnapshot(identity(info)),
		began:    now,
		ends:     now.Add(probeEvery),
		clockAt:  now,
	}
	s.snapshot.Follow(c.past)
	c.past = s.snapshot
	s.clock.Observe(info.Time, info.Received)
	every := max(c.cfg.Targets.Status, infoLeast)
	if c.cfg.Targets.Status <= 0 {
		every = infoEvery
	}
	s.schedule.add(slot{path: infoPath, target: every, least: infoLeast, due: now.Add(every), began: now})
	s.replan(now)
	return s
}

func identity(info gateway.Info) derive.Identity {
	return derive.Identity{
		Serial:    info.Serial,
		Firmware:  info.Firmware.String(),
		IMeter:    info.IMeter,
		WebTokens: info.WebTokens,
	}
}

// of returns the pace for an endpoint and whether it is wanted at all.
func (t Targets) of(e derive.Endpoint) (time.Duration, bool) {
	target := map[derive.Tier]time.Duration{
		derive.Meters:    t.Meters,
		derive.Batteries: t.Batteries,
		derive.Inverters: t.Inverters,
		derive.Live:      t.Live,
		derive.Status:    t.Status,
	}[e.Tier]
	if target <= 0 && e.Decides {
		target = decideEvery
	}
	return max(target, e.AtLeast), target > 0
}

// rests puts off what need not be asked during the nightly stall: all but the
// native pages, and of those all but the meters once the probe is over.
func (s *session) rests(l *slot, now time.Time) bool {
	if l.tier == derive.Meters && !l.slow || !s.planned && !l.slow || !quiet(now, s.c.Zone()) {
		return false
	}
	l.due = quietEnd(now, s.c.Zone())
	return true
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
