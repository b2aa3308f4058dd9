package collect

import (
	"context"
	"errors"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/fault"
	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// Once connects, asks every endpoint that this gateway may offer one time and
// returns what they say together. It drops nothing for its age, though what is
// old is called stale, and keeps nothing. When ctx ends it returns what it has
// by then.
func (c *Collector) Once(ctx context.Context) (reading.Reading, derive.Plan, error) {
	info, err := c.try(ctx, c.candidates(nil))
	if err != nil && fault.Is(err, fault.Transient) && c.cfg.Address == "" && c.cfg.Find != nil {
		found, unheard := c.cfg.Find(ctx)
		if info, err = c.try(ctx, c.candidates(found)); err != nil {
			err = tellingMore(err, unheard)
		}
	}
	if err != nil {
		return reading.Reading{}, derive.Plan{}, err
	}
	c.connected(info)
	s := c.begin(info)
	if err := s.askAll(ctx); err != nil {
		return reading.Reading{}, s.plan, err
	}
	if page := s.undecided(); page != "" && ctx.Err() == nil {
		return reading.Reading{}, s.plan, s.notNow("its page " + page + " does not answer, and without it nothing can be told of its meters")
	}
	res := s.plan.Derive(s.snapshot, s.clock, time.Now())
	out := c.cfg.Ledger.Apply(ledger.Input{
		Gateway: c.cfg.Gateway, Serial: info.Serial, Firmware: info.Firmware.String(), Zone: c.Zone(),
		Time: measuredAt(res), Counters: res.Counters, Accounts: res.Accounts,
	})
	if res.Hold || out.Hold {
		return reading.Reading{}, s.plan, s.notNow("all its counters are 0, as after a restart")
	}
	r := res.Reading
	r.Time = measuredAt(res)
	r.Gateway, r.Name = c.cfg.Gateway, c.cfg.Name
	r.Energy, r.Today, r.Estimated = out.Energy, out.Today, out.Estimated
	return r, s.plan, nil
}

// notNow is the error of a gateway that cannot be read at present.
func (s *session) notNow(why string) error {
	return &fault.Error{Kind: fault.Transient, Op: "reading gateway " + s.info.Serial, Err: errors.New(why), Mend: "Try again in some minutes."}
}

// onceTries is how often Once asks for a page that decides on the meters, and
// oncePause how long it waits in between.
const (
	onceTries = 3
	oncePause = 2 * time.Second
)

// askAll asks one after the other until nothing is open any more. What fails
// is left out; only a gateway that lets nobody in is an error.
func (s *session) askAll(ctx context.Context) error {
	failed := map[string]int{}
	for {
		next := (*slot)(nil)
		for _, e := range s.open() {
			if l := s.schedule.at(e.Path); l != nil && failed[e.Path] < tries(e.Path) {
				next = l
				break
			}
		}
		if next == nil {
			return nil
		}
		answer, err := s.get(ctx, next)
		if err == nil {
			err = s.put(next, answer)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			s.replan(time.Now())
		case passwordRefused(err):
			s.c.cfg.Log.Warn("left out", "path", next.path, "error", err)
			s.without(next, true, time.Now())
		case fault.Is(err, fault.Auth), fault.Is(err, fault.Security):
			return err
		case fault.Is(err, fault.Unsupported):
			s.without(next, true, time.Now())
		default:
			failed[next.path]++
			s.c.cfg.Log.Warn("an endpoint did not answer", "path", next.path, "error", err)
			if failed[next.path] < tries(next.path) && !wait(ctx, time.Now().Add(oncePause)) {
				return nil
			}
		}
	}
}

func tries(path string) int {
	if decisive[path] > 0 {
		return onceTries
	}
	return 1
}
