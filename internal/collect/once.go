package collect

import (
	"context"
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
	res := s.plan.Derive(s.snapshot, s.clock, time.Now())
	out := c.cfg.Ledger.Apply(ledger.Input{
		Gateway: c.cfg.Gateway, Serial: info.Serial, Firmware: info.Firmware.String(), Zone: c.Zone(),
		Time: measuredAt(res), Counters: res.Counters, Accounts: res.Accounts,
	})
	r := res.Reading
	r.Time = measuredAt(res)
	r.Gateway, r.Name = c.cfg.Gateway, c.cfg.Name
	r.Energy, r.Today, r.Estimated = out.Energy, out.Today, out.Estimated
	return r, s.plan, nil
}

// askAll asks one after the other until nothing is open any more. What fails
// is left out; only a gateway that lets nobody in is an error.
func (s *session) askAll(ctx context.Context) error {
	failed := map[string]bool{}
	for {
		next := (*slot)(nil)
		for _, e := range s.open() {
			if l := s.schedule.at(e.Path); l != nil && !failed[e.Path] {
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
			failed[next.path] = true
			s.c.cfg.Log.Warn("an endpoint did not answer", "path", next.path, "error", err)
		}
	}
}
