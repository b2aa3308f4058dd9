package ledger

import "envoyd/internal/reading"

// power is the last sample of an integrated flow.
type power struct {
	W  float64 `json:"w"`
	At int64   `json:"at"` // 0: none
	// Unknown says that only the time is known: it was the store that had the
	// sample. The next one stands for it.
	Unknown bool `json:"unknown,omitempty"`
}

// to goes on to the next sample and returns the energy between the two: the
// area of the straight line between them, where it is positive. Longer than
// sampleGap nobody knows what happened, and nothing counts.
func (p *power) to(w float64, at int64) float64 {
	last := *p
	*p = power{W: w, At: at}
	if last.Unknown {
		last.W = w
	}
	ms := at - last.At
	if last.At == 0 || ms <= 0 || ms > sampleGap {
		return 0
	}
	high, low := max(last.W, w), min(last.W, w)
	switch {
	case high <= 0:
		return 0
	case low >= 0:
		return energy((high+low)/2, ms)
	}
	return energy(high/2, ms) * high / (high - low)
}

// settle goes on with the flow to a moment.
func (f *flow) settle(a *reading.Account, at int64, tick uint64, awaited bool) {
	area, measured := f.integrate(a, at)
	if len(f.Terms) == 0 {
		if !measured {
			return
		}
		f.measured = tick
		f.Born, f.Adopted, f.Rebase, f.Estimated = true, false, false, true
		f.Integral += area
		f.Balance += area
		f.moveTo(at, max(f.Published, f.Balance))
		return
	}
	was, born := f.Balance, f.Born
	counted := f.count(at, tick, a.Held)
	if counted && born && awaited && f.lacked() {
		f.open(at, f.Balance-was)
	}
	if counted {
		f.adopt(at)
	}
	if step := f.stepWh(); f.Born && step > 0 && f.Power.At != 0 {
		f.Estimated, f.Coarse = true, true
		f.follow(at, area, step)
		return
	}
	if counted {
		f.Estimated = f.integral()
		f.moveTo(at, max(f.Published, f.Balance-f.ahead(at)))
	}
}

// integrate takes the account's power and returns the energy since the last
// sample, and whether there is power at all.
func (f *flow) integrate(a *reading.Account, at int64) (wh float64, measured bool) {
	w, ok := a.PowerW.Get()
	if !ok {
		return 0, false
	}
	if f.Power.At == at {
		return 0, true
	}
	f.lost = at-f.Power.At > sampleGap
	wh = f.Power.to(w, at)
	if a.Held {
		wh = 0
	}
	return wh, true
}

// stepWh is the resolution of the flow's coarsest counter.
func (f *flow) stepWh() float64 {
	step := 0.0
	for i := range f.Terms {
		if c := f.Terms[i].counter; c != nil {
			step = max(step, c.stepWh)
		}
	}
	return step
}

// integral reports whether a term is itself integrated.
func (f *flow) integral() bool {
	for i := range f.Terms {
		if f.Terms[i].flow != nil {
			return true
		}
	}
	return false
}

// follow publishes the integral of power between the steps of a coarse
// counter (3.7 prints whole MWh), never further from the counter than a step.
// What the counter is ahead by more than that was missed on days nobody
// knows, and is no part of today.
func (f *flow) follow(at int64, area, step float64) {
	wh := min(f.Published+area, max(f.Published, f.Balance+step))
	f.moveTo(at, wh)
	if missed := f.Balance - step - wh; missed > 0 {
		f.Marks.raise(missed)
		f.Published += missed
	}
}
