package fallback

import (
	"iter"
	"slices"
	"strings"
	"time"

	"envoyd/internal/reading"
)

// holdFor is how long after a gap its energy is awaited: as long as the cloud
// is asked for its end. What comes later (the budget was spent) is counted when
// it comes.
const holdFor = settled + patience*again

// Missed is what a gap turned out to hold.
type Missed struct {
	From, To      time.Time
	Before, After reading.Energy // what was published at its ends
	Energy        reading.Energy // of the flows that no hardware counts
	// Share is the part of a flow's energy, 0 to 1, that lies before a moment.
	Share func(f reading.Flow, at time.Time) float64
}

// Credit is what was counted of a gap's energy.
type Credit struct {
	At     time.Time      `json:"at"`     // when
	Until  time.Time      `json:"until"`  // up to when the gateway was heard without it
	Energy reading.Energy `json:"energy"` // of each flow; of a balance it may be negative
	Now    reading.Energy `json:"now"`    // published at that time
}

// credit has what nobody counted during the gap counted, once. Whoever counts
// knows the gap by its beginning: after a crash before the answer is written
// here, asking again counts nothing more.
func (f *Filler) credit(g *Gap) error {
	if f.cfg.Count == nil || g.Credit != nil {
		return nil
	}
	shape, minutes := g.shape(), g.minutes()
	c, err := f.cfg.Count(Missed{
		From: g.Before.Time, To: g.After.Time, Before: g.Before.Energy, After: g.After.Energy, Energy: g.missed(),
		Share: func(flow reading.Flow, at time.Time) float64 {
			s, i := shape[flow], int(at.Sub(g.Before.Time.Truncate(time.Minute)).Minutes())-1
			switch {
			case s == nil:
				return at.Sub(g.Before.Time).Seconds() / g.length().Seconds()
			case i >= len(minutes):
				return 1
			}
			return s[max(i, 0)]
		},
	})
	if err != nil {
		return err
	}
	c.At, c.Until = time.Now(), g.After.Time
	g.Credit = &c
	f.replace(*g)
	f.share(g)
	f.save()
	return nil
}

// share lets the gaps since then know that the counters beside them lack what
// was counted now.
func (f *Filler) share(g *Gap) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := g.Credit
	if f.held.After(c.Until) {
		c.Until = f.held
	}
	f.counted = append(f.counted, *c)
	if len(f.counted) > most {
		f.counted = slices.Delete(f.counted, 0, 1)
	}
	for i := range f.gaps {
		if o := &f.gaps[i]; !g.late() && !o.Before.Time.Before(g.After.Time) && o.Credit == nil {
			c.lift(&o.Before)
			c.lift(&o.After)
		}
	}
}

// lift adds what was counted to the counters of a measurement before that.
// Those that have it already are not below what was published with it.
func (c *Credit) lift(e *Edge) {
	if !e.Time.Before(c.At) {
		return
	}
	for _, f := range reading.Flows() {
		if wh, known := e.Energy.At(f).Get(); known {
			with := min(wh+c.Energy.At(f).Or(0), c.Now.At(f).Or(0))
			*e.Energy.At(f) = reading.Of(max(wh, with))
		}
	}
}

// waits reports whether a gap begins where the energy of an earlier one is
// still to come: its counters are not known before.
func (f *Filler) waits(g *Gap, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.gaps, func(o Gap) bool {
		return f.cfg.Count != nil && o.awaits(g.Before.Time) && o.awaits(now)
	})
}

// missed is what the cloud knows of the flows that no hardware counts.
func (g *Gap) missed() (all reading.Energy) {
	for _, in := range g.intervals() {
		from, to := in.Start, in.End
		if from.Before(g.Before.Time) {
			from = g.Before.Time
		}
		if to.After(g.After.Time) {
			to = g.After.Time
		}
		part := max(0, to.Sub(from).Seconds()) / in.End.Sub(in.Start).Seconds()
		for _, f := range reading.Flows() {
			if wh := *in.Energy.At(f); wh.Known() && !g.counted(f) && g.Before.Energy.At(f).Known() {
				*all.At(f) = reading.Of(all.At(f).Or(0) + wh.Or(0)*part)
			}
		}
	}
	return all
}

// late reports whether the energy was counted when nobody waited for it any
// more: the counters since the gap are kept without it.
func (g *Gap) late() bool {
	return g.Credit == nil || g.Credit.At.After(g.After.Time.Add(holdFor))
}

// end is what the counters stood at after the gap, with what was counted of it
// since.
func (g *Gap) end() reading.Energy {
	end := g.After.Energy
	if g.late() {
		return end
	}
	for _, f := range reading.Flows() {
		if wh, ok := g.Credit.Energy.At(f).Get(); ok {
			before := *g.Before.Energy.At(f)
			after := end.At(f).Else(before)
			*end.At(f) = reading.Of(max(before.Or(0), after.Or(0)+wh))
		}
	}
	return end
}

// awaited are the counters that were held back from the end of the gap until
// its energy was counted; they went evenly from the one to the other.
func (g *Gap) awaited() iter.Seq[Minute] {
	return func(yield func(Minute) bool) {
		if g.late() {
			return
		}
		end, whole := g.end(), max(1, g.Credit.Until.Sub(g.After.Time).Seconds())
		for at := g.After.Time; !at.After(g.Credit.Until); at = at.Truncate(time.Minute).Add(time.Minute) {
			m := Minute{Time: at, Source: reading.Enlighten}
			for _, f := range reading.Flows() {
				if !g.counted(f) {
					*m.Energy.At(f) = between(*end.At(f), *g.Credit.Now.At(f), at.Sub(g.After.Time).Seconds()/whole)
				}
			}
			if !yield(m.estimated()) {
				return
			}
		}
	}
}

// Held returns a measurement without the energies that still lack what was
// missed in a gap: those come with the gap, so that no counter kept for that
// time has to step down. It reports whether it left something out.
func (f *Filler) Held(rec reading.Record) (reading.Record, bool) {
	if f.cfg.Count == nil || rec.Source != reading.Local || !f.awaits(rec.Time) {
		return rec, false
	}
	kept := slices.Clone(rec.Estimated)
	rec.Estimated = nil
	held := false
	for _, path := range kept {
		name, isEnergy := strings.CutPrefix(path, "energy.")
		if !isEnergy {
			rec.Estimated = append(rec.Estimated, path)
			continue
		}
		*rec.Energy.At(reading.Flow(strings.TrimSuffix(name, "_wh"))) = reading.Value{}
		held = true
	}
	return rec, held
}

// awaits reports whether a measurement lies after a gap whose energy is to
// come, or before it came.
func (f *Filler) awaits(at time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.counted); n > 0 && at.Before(f.counted[n-1].At) {
		return true
	}
	if !slices.ContainsFunc(f.gaps, func(g Gap) bool { return g.awaits(at) }) {
		return false
	}
	f.held = at
	return true
}

// awaits reports whether the energy of the gap is still to come at a moment.
func (g *Gap) awaits(at time.Time) bool {
	return g.Credit == nil && g.length() > resolution && !at.Before(g.After.Time) && at.Before(g.After.Time.Add(holdFor))
}
