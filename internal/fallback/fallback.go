// Package fallback goes on when the gateway is silent: it decides when the
// cloud is asked instead, and afterwards fills the gap.
//
// The gateway comes first. The cloud is asked after three failures and a time
// of silence, neither for one slow answer nor during the nightly stall, at the
// pace that its budget allows. The gateway's own first measurement takes over
// at once, but the outage counts as over only when it has stayed for a while:
// one that comes and goes every minute is one outage, said once.
//
// It measures nothing, publishes through whom it stands in for, never asks the
// gateway, and never touches what was measured locally.
package fallback

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/cloud/grant"
	"envoyd/internal/fault"
	"envoyd/internal/status"
)

const (
	failures = 3 // in a row are more than bad luck
	// steady is the least time that a gateway must stay for its outage to be over.
	steady = time.Minute
	// stale is when a gateway that has just come back is missed again.
	stale = 30 * time.Second
	// freshFor is how old a value from the cloud may be and still stand in.
	freshFor = 45 * time.Minute
	look     = time.Second
	zoneForm = "15:04:05"
	// politeness is how much later than the budget allows a gateway asks again
	// that was just answered; it gets less with each turn that it waits. Without
	// it the first of several silent gateways would always be the same.
	politeness = 9 * time.Second
	turn       = 3 * time.Second
)

// How long the cloud is left alone after a failure that names no time.
const (
	retryTransient = time.Minute
	retryPerson    = 30 * time.Second // nothing is asked until a person has done something
	retryNever     = time.Hour
)

// Contact is how the gateway itself is doing.
type Contact struct {
	Last     time.Time     // when it last gave a measurement
	Silent   time.Duration // since then, the nightly stall left out
	Failures int           // in a row
	Good     bool          // its own reading is fresh
}

// Cloud is the present power as somebody else knows it; *enlighten.Client is
// one. An error with a time to wait (fault.After) is not asked again before.
type Cloud interface {
	Latest(ctx context.Context, since time.Time) (enlighten.Sample, error)
}

// Config says for which gateway. All but Log are needed.
type Config struct {
	After   time.Duration // cloud.after: local silence before the cloud is asked
	Cloud   Cloud
	Contact func() Contact
	// StandIn publishes a sample. It returns false when something newer is known.
	StandIn func(enlighten.Sample) bool
	// Over is told that an outage is over; may be nil.
	Over  func()
	Board *status.Board
	Name  string // of the condition: "cloud"
	Log   *slog.Logger
}

// phase is where an outage stands.
type phase uint8

const (
	local     phase = iota // the gateway is read
	standing               // the cloud stands in
	returning              // the gateway is back, and has to stay
)

// watch is one gateway's outages.
type watch struct {
	Config
	phase  phase
	since  time.Time     // when the outage began
	lost   time.Time     // the gateway's last measurement before it went, in this outage the last time
	back   time.Time     // when it came back
	ask    time.Time     // when the cloud may be asked next
	newest time.Time     // of the sample that was published last
	yield  time.Duration // to other silent gateways, when the budget allows the next call
}

// Run looks after one gateway until ctx ends.
func Run(ctx context.Context, cfg Config) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &watch{Config: cfg}
	w.Board.Set(w.Name, status.Green, "not needed: the gateway itself is read", "")
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if w.step(w.Contact(), now) {
				w.stand(ctx, now)
			}
		}
	}
}

// step moves to the next phase and reports whether the cloud is to be asked
// now.
func (w *watch) step(c Contact, now time.Time) bool {
	switch w.phase {
	case local:
		if c.Failures < failures || c.Silent < w.After {
			return false
		}
		w.phase, w.since, w.lost, w.ask = standing, c.Last, c.Last, time.Time{}
		w.Log.Warn("gateway silent, the cloud stands in", "since", c.Last.Format(time.RFC3339))
	case standing:
		if w.isBack(c) {
			w.phase, w.back = returning, now
			w.Board.Set(w.Name, status.Yellow, "the gateway is back since "+now.Format(zoneForm)+", the cloud is kept ready until it has stayed", "")
			return false
		}
	case returning:
		return w.settle(c, now)
	}
	return w.phase == standing && !now.Before(w.ask)
}

// settle decides whether a gateway that came back has stayed. One that went
// again is in the same outage still.
func (w *watch) settle(c Contact, now time.Time) bool {
	switch {
	case c.Failures >= failures && c.Silent >= min(w.After, stale):
		w.phase, w.lost = standing, c.Last
		w.waiting("")
		return !now.Before(w.ask)
	case c.Good && now.Sub(w.back) >= max(w.After, steady):
		w.phase = local
		w.Board.Set(w.Name, status.Green, "not needed: the gateway itself is read", "")
		w.Log.Info("gateway back to stay", "silent_since", w.since.Format(time.RFC3339), "back", w.back.Format(time.RFC3339))
		if w.Over != nil {
			w.Over()
		}
	}
	return false
}

// isBack reports whether the gateway has given a measurement since it went.
func (w *watch) isBack(c Contact) bool { return c.Good && c.Last.After(w.lost) }

// stand asks the cloud and publishes what it knows.
func (w *watch) stand(ctx context.Context, now time.Time) {
	s, err := w.Cloud.Latest(ctx, w.since)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.failed(err, now)
		return
	}
	w.ask, w.yield = s.Next, politeness
	if w.isBack(w.Contact()) {
		return // it came back meanwhile
	}
	if w.StandIn(s) {
		w.newest = s.Time
	}
	if age := now.Sub(s.Time); age > freshFor {
		w.Board.Set(w.Name, status.Red, "the gateway is silent, and it has not reported to Enphase since "+s.Time.Local().Format("2 Jan 15:04")+" either",
			"Check the gateway's power and its internet connection.")
		return
	}
	w.waiting("")
}

// failed says why the cloud does not stand in, and when it is asked again.
func (w *watch) failed(err error, now time.Time) {
	pause := fault.After(err)
	switch fault.KindOf(err) {
	case fault.Auth, fault.Config, fault.Security:
		pause = max(pause, retryPerson)
	case fault.Unsupported:
		pause = max(pause, retryNever)
	case fault.Transient:
		if pause <= 0 {
			pause = retryTransient
		}
	}
	w.ask = now.Add(pause)
	if errors.Is(err, budget.ErrSpent) {
		w.ask, w.yield = w.ask.Add(w.yield), max(0, w.yield-turn)
		w.waiting(", the next call is due at " + w.ask.Local().Format(zoneForm) + " by the budget")
		return
	}
	state, mend := status.Red, fault.Mend(err)
	if errors.Is(err, grant.ErrNoGrant) {
		mend = "Run envoyd connect enlighten, so that the cloud can stand in."
	}
	if w.fresh(now) {
		state = status.Yellow
	}
	w.Board.Set(w.Name, state, "the gateway is silent, and the cloud cannot be asked: "+err.Error(), mend)
}

func (w *watch) fresh(now time.Time) bool {
	return !w.newest.IsZero() && now.Sub(w.newest) <= freshFor
}

// waiting says that the cloud stands in, and with what.
func (w *watch) waiting(why string) {
	message := "the gateway is silent since " + w.since.Local().Format(zoneForm)
	if w.newest.IsZero() || w.newest.Before(w.since) {
		message += ", the cloud knows nothing newer yet"
	} else {
		message += ", the cloud stands in with what was measured at " + w.newest.Local().Format(zoneForm)
	}
	w.Board.Set(w.Name, status.Yellow, message+why, "")
}
