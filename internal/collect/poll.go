package collect

import (
	"context"
	"errors"
	"time"

	"envoyd/internal/answer"
	"envoyd/internal/derive"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/status"
)

const (
	// lostAfter is how many requests in a row may get no answer at all before
	// the gateway counts as gone; troubledAfter the same for answers that are
	// of no use: it is there, but it may be somebody else.
	lostAfter     = 3
	troubledAfter = 30
	// probeEvery is when a gateway's equipment is looked at anew.
	probeEvery = 24 * time.Hour
	// infoPath is asked over Client.Info: it needs no login and tells the
	// gateway's clock and firmware.
	infoPath = "/info"
	// htmlPath is the page for people that firmware 3 has instead of JSON.
	htmlPath = "/production"
	// confirmFor is how long answers must contradict the plan before the
	// equipment is probed anew: a gateway that has just started answers as if
	// it had no meters.
	confirmFor = 10 * time.Minute
	// enableEvery bounds how often the live stream is asked for.
	enableEvery = 5 * time.Minute
)

// session is one stay with a connected gateway, from its probe to its loss.
type session struct {
	c        *Collector
	info     gateway.Info
	snapshot *derive.Snapshot
	clock    derive.Clock
	schedule schedule
	plan     derive.Plan
	planned  bool      // enough is known to make readings
	probing  bool      // something has yet to be heard of
	silent   int       // requests in a row without any answer
	useless  int       // answers in a row that are of no use
	answered bool      // at least once
	lost     error     // why the session ended; nil when it only begins anew
	outdated time.Time // since when the answers do not fit the plan; zero while they do
	ends     time.Time // when the equipment is probed anew
	enabled  time.Time // when the live stream was last asked for
}

// poll probes the gateway and then asks what it offers, until it is lost, its
// equipment has to be probed anew, or ctx ends. It reports whether anything was
// answered, and why it was lost.
func (c *Collector) poll(ctx context.Context, info gateway.Info) (answered bool, err error) {
	s := c.begin(info)
	for time.Now().Before(s.ends) {
		c.beat()
		next := s.schedule.next(time.Now())
		if next == nil || !wait(ctx, next.due) {
			break
		}
		if s.rests(next) {
			continue
		}
		if !s.ask(ctx, next) || ctx.Err() != nil {
			break
		}
	}
	return s.answered, s.lost
}

// begin starts a session: everything the firmware may offer is due at once,
// the fast and important first.
func (c *Collector) begin(info gateway.Info) *session {
	now := time.Now()
	s := &session{
		c:        c,
		info:     info,
		snapshot: derive.NewSnapshot(identity(info)),
		ends:     now.Add(probeEvery),
	}
	s.clock.Observe(info.Time, info.Received)
	s.schedule.add(slot{path: infoPath, target: c.cfg.Targets.Status, due: now.Add(c.cfg.Targets.Status)})
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
	return max(target, e.AtLeast), target > 0
}

// rests puts off what need not be asked during the nightly stall: all but the
// native meter pages.
func (s *session) rests(l *slot) bool {
	now := time.Now()
	if !s.planned || l.tier == derive.Meters && !l.slow || !quiet(now, s.c.Zone()) {
		return false
	}
	l.due = quietEnd(now, s.c.Zone())
	return true
}

// ask asks one endpoint and works on its answer. It reports whether the
// session goes on.
func (s *session) ask(ctx context.Context, l *slot) bool {
	if l.path == infoPath {
		return s.askInfo(ctx, l)
	}
	answer, err := s.get(ctx, l)
	if ctx.Err() != nil {
		return false
	}
	now := time.Now()
	if err == nil {
		err = s.snapshot.Put(l.path, answer.Body, answer.Received)
	}
	s.c.stats.count(answer.Latency, err)
	if err != nil {
		return s.failed(l, err, now)
	}
	s.well()
	l.answered(now, answer.Latency)
	s.heard(now)
	s.emit(now)
	s.keepLive(ctx, l, now)
	return s.outdated.IsZero() || now.Sub(s.outdated) < confirmFor
}

// get asks for JSON, and on firmware that has none for the page it has.
func (s *session) get(ctx context.Context, l *slot) (gateway.Answer, error) {
	if l.html {
		return s.c.cfg.Client.GetHTML(ctx, l.path, l.slow)
	}
	return s.c.cfg.Client.Get(ctx, l.path, l.slow)
}

// keepLive asks for the live stream again when it lapsed: it is refreshed for
// a quarter of an hour at a time.
func (s *session) keepLive(ctx context.Context, l *slot, now time.Time) {
	if l.tier != derive.Live || !s.snapshot.LiveLapsed(s.clock, now) || now.Sub(s.enabled) < enableEvery {
		return
	}
	s.enabled = now
	if err := s.c.cfg.Client.EnableLive(ctx); err != nil {
		s.c.cfg.Log.Debug("live stream not enabled", "serial", s.info.Serial, "error", err)
	}
}

// askInfo asks /info: the gateway's clock, and whether its firmware changed in
// the night, which asks for a new probe.
func (s *session) askInfo(ctx context.Context, l *slot) bool {
	info, err := s.c.cfg.Client.Info(ctx)
	now := time.Now()
	if err != nil {
		return ctx.Err() == nil && s.failed(l, err, now)
	}
	s.silent = 0
	l.answered(now, 0)
	s.c.connected(info)
	s.clock.Observe(info.Time, info.Received)
	if info.Firmware != s.info.Firmware {
		s.c.cfg.Log.Info("gateway firmware changed", "serial", info.Serial,
			"before", s.info.Firmware.String(), "now", info.Firmware.String())
		return false
	}
	return true
}

// well notes a good answer; the first one of a session ends an alarm.
func (s *session) well() {
	s.silent, s.useless = 0, 0
	if !s.answered {
		s.answered = true
		s.c.present(s.info)
	}
}

// failed works on a failure and reports whether the session goes on.
func (s *session) failed(l *slot, err error, now time.Time) bool {
	l.failed(now, fault.After(err))
	if passwordRefused(err) {
		s.withoutPassword(err)
		s.missing(l)
		return true
	}
	switch fault.KindOf(err) {
	case fault.Unsupported:
		s.missing(l)
		return true
	case fault.Security, fault.Auth:
		if errors.Is(err, gateway.ErrTokenRefused) && s.c.cfg.TokenRefused != nil {
			s.c.cfg.TokenRefused()
		}
		return s.lose(err, alarmAfter)
	case fault.Transient, fault.Config:
	}
	if useless(err) {
		s.useless++
	} else {
		s.silent++
	}
	if s.silent < lostAfter && s.useless < troubledAfter {
		return true
	}
	return s.lose(err, 0)
}

// passwordRefused reports whether the old login, of firmware below 7, failed.
func passwordRefused(err error) bool {
	return errors.Is(err, gateway.ErrPassword) || errors.Is(err, gateway.ErrChallenge)
}

// withoutPassword says that a page is left out: on firmware below 7 only some
// of them ask for the password, and power is on one that does not.
func (s *session) withoutPassword(err error) {
	s.c.cfg.Board.Set("password/"+s.c.cfg.Serial, status.Yellow, err.Error(), fault.Mend(err))
}

// lose ends the session.
func (s *session) lose(err error, since time.Duration) bool {
	s.lost = err
	s.c.away(err, since)
	return false
}

// useless reports whether the gateway did answer, only nothing of use.
func useless(err error) bool {
	for _, e := range []error{
		gateway.ErrBusy, gateway.ErrEmpty, gateway.ErrNotJSON, gateway.ErrTruncated,
		gateway.ErrTooLarge, gateway.ErrRedirect, answer.ErrShape,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// missing takes an endpoint that this gateway does not offer out of the
// schedule. One that was offered when the plan was made is only put off: the
// gateway may be starting.
func (s *session) missing(l *slot) {
	if s.snapshot.Answered(l.path) {
		return
	}
	s.snapshot.Missing(l.path)
	s.heard(time.Now())
}
