package collect

import (
	"context"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/firmware"
	"envoyd/internal/gateway"
)

// enableEvery bounds how often the live stream is asked for.
const enableEvery = 5 * time.Minute

// ask asks one endpoint and works on its answer. It reports whether the
// session goes on.
func (s *session) ask(ctx context.Context, l *slot) bool {
	l.began = time.Now()
	if l.path == infoPath {
		return s.askInfo(ctx, l)
	}
	if l.slow {
		s.c.slowAsked[l.path] = l.began
	}
	answer, err := s.get(ctx, l)
	if ctx.Err() != nil {
		return false
	}
	now := time.Now()
	if err == nil && s.updated(answer.Firmware) {
		return false // it belongs to the next probe
	}
	opening := !s.snapshot.Answered(l.path)
	if err == nil {
		err = s.put(l, answer)
	}
	s.c.stats.count(answer.Latency, err)
	if err != nil {
		return s.failed(l, err, now)
	}
	s.well(now)
	l.answered(now, answer.Latency)
	if opening || !s.planned {
		s.replan(now)
	}
	s.emit(now) // before anything else: somebody waits for it
	s.unchanged(now)
	s.compare(now)
	s.tellPages(now)
	s.keepLive(ctx, l, now)
	return s.outdated.IsZero() || now.Sub(s.outdated) < confirmFor
}

// updated reports whether an answer comes from another firmware than the
// session began with: the gateway was updated, and opened a new connection.
func (s *session) updated(now firmware.Version) bool {
	if now == s.info.Firmware {
		return false
	}
	s.c.cfg.Log.Info("gateway firmware changed", "serial", s.info.Serial,
		"before", s.info.Firmware.String(), "now", now.String())
	return true
}

// put keeps an answer. Where the gateway gives no time with a value, ours is
// used, in whole seconds as the gateway's own.
func (s *session) put(l *slot, answer gateway.Answer) error {
	return s.snapshot.Put(l.path, answer.Body, answer.Received.Truncate(time.Second))
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
	s.clockAt = now
	return !s.updated(info.Firmware)
}
