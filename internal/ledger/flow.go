package ledger

import "envoyd/internal/reading"

// term is a counter's part in a flow. Seen is the counter's Total up to which
// the flow has it.
type term struct {
	Name string  `json:"name"`
	Sign float64 `json:"sign"`
	Seen float64 `json:"seen"`
	// Stood is the counter's Total when the flow began to wait for an integral.
	Stood float64 `json:"stood,omitempty"`

	counter *counter // nil for an integral
	flow    *flow    // of an integral
}

func (t *term) total() float64 {
	if t.flow != nil {
		return t.flow.Integral
	}
	return t.counter.Total
}

// flow is one published energy.
type flow struct {
	Born bool `json:"born,omitempty"` // it was ever published
	// Published never falls. Balance is the signed sum of the differences:
	// where it falls, Published waits for it.
	Published float64 `json:"published,omitempty"`
	Balance   float64 `json:"balance,omitempty"`
	// Integral is what was integrated from power so far.
	Integral float64 `json:"integral,omitempty"`
	At       int64   `json:"at,omitempty"` // Published's time
	Terms    []term  `json:"terms,omitempty"`
	Power    power   `json:"power,omitzero"`
	// Adopted says that Published came from the store while nothing is known
	// of the counters behind it.
	Adopted   bool  `json:"adopted,omitempty"`
	Marks     marks `json:"marks,omitempty"`
	Estimated bool  `json:"estimated,omitempty"`
	// Rebase says that the counters behind the flow are others than before.
	Rebase bool `json:"rebase,omitempty"`
	// Coarse says that Published went by power between a counter's steps.
	Coarse bool `json:"coarse,omitempty"`
	// Waits says that the flow waits for the power that a term is integrated from.
	Waits bool `json:"waits,omitempty"`
	// Holes are the gaps of which the integrated part is awaited.
	Holes []hole `json:"holes,omitempty"`

	measured uint64 // the input that last had the power of an integrated flow
	lost     bool   // it came too late to integrate over the time before
}

// resume goes on from what the store has published.
func (f *flow) resume(wh float64, at int64) {
	if !f.Born {
		f.Born, f.Adopted, f.Balance = true, true, wh
	}
	if lift := wh - f.Balance; lift > 0 && len(f.Terms) == 0 {
		f.Balance = wh
		f.Integral += lift
	}
	if at > f.Power.At {
		f.Power = power{At: at, Unknown: true}
	}
	if wh > f.Published || at > f.At && wh == f.Published {
		f.moveTo(max(at, f.At), wh)
	}
}

// recall takes a mark from the store.
func (f *flow) recall(wh float64, at int64) {
	q := (at + quarter/2) / quarter
	if _, ok := f.Marks.at(at); ok || !f.Born || wh > f.Published {
		return
	}
	f.Marks = f.Marks.put(mark{Q: q, Wh: wh})
}

// moveTo publishes wh at a moment.
func (f *flow) moveTo(at int64, wh float64) {
	f.Marks = f.Marks.span(f.At, f.Published, at, wh)
	f.At, f.Published = at, wh
}

// mixed reports whether the flow is a balance, which only makes sense when
// all its terms are of the same moment. A sum of like terms (microinverters)
// goes on term by term.
func (f *flow) mixed() bool {
	for i := range f.Terms {
		if f.Terms[i].Sign < 0 {
			return true
		}
	}
	return false
}

// ready reports whether the term has a believed state of this input.
func (t *term) ready(tick uint64) bool {
	if t.flow != nil {
		return t.flow.Born && t.flow.measured == tick
	}
	return t.counter.known() && t.counter.tick == tick && !t.counter.verdict.doubted
}

// stands reports whether the term, though no part of this input, can be taken
// for unchanged: it is asked less often than the others.
func (t *term) stands(at int64) bool {
	c := t.counter
	return c != nil && c.known() && c.Trial == nil && at-max(c.At, c.Seen) <= together
}

// ready reports whether the flow can go on: with any of the terms of a sum,
// with all of a balance.
func (f *flow) ready(at int64, tick uint64) bool {
	some, mixed := false, f.mixed()
	for i := range f.Terms {
		t := &f.Terms[i]
		fresh := t.ready(tick)
		if mixed && !fresh && (!f.Born || !t.stands(at)) {
			return false
		}
		some = some || fresh
	}
	return some
}

// count goes on by what the terms gained. It reports whether anything of this
// input could be counted at all.
func (f *flow) count(at int64, tick uint64, held bool) bool {
	if !f.ready(at, tick) {
		f.wait(tick)
		return false
	}
	delta, start, began, missed := 0.0, 0.0, false, f.Waits && f.lacked()
	for i := range f.Terms {
		t := &f.Terms[i]
		if !t.ready(tick) {
			continue
		}
		if missed {
			t.Seen += t.total() - t.Stood
		}
		delta += t.Sign * (t.total() - t.Seen)
		start += t.Sign * t.raw()
		t.Seen = t.total()
		began = began || t.counter != nil && t.counter.begins()
	}
	if !f.Born {
		f.begin(start)
	} else if !f.Rebase && !held && (delta >= 0 || !began) { // what the others counted during the trial has no counterpart
		f.Balance += delta
	}
	if f.Rebase && f.Coarse { // a coarse counter says less than was published
		f.Balance, f.Coarse = f.Published, false
	}
	f.Rebase, f.Waits = false, false
	return true
}

// wait notes what the terms stood at when the first input came in which the
// power behind an integral was unknown.
func (f *flow) wait(tick uint64) {
	if f.Waits || !f.Born || !f.mixed() || !f.unmeasured(tick) {
		return
	}
	f.Waits = true
	for i := range f.Terms {
		f.Terms[i].Stood = f.Terms[i].total()
	}
}

// unmeasured reports whether the power behind an integral is unknown.
func (f *flow) unmeasured(tick uint64) bool {
	for i := range f.Terms {
		if t := &f.Terms[i]; t.flow != nil && t.flow.measured != tick {
			return true
		}
	}
	return false
}

// lacked reports whether an integral had to leave out the time that the flow
// waited for it: then the flow leaves out that time too, for all its terms.
// With the battery's part of it nobody knows what the house's was.
func (f *flow) lacked() bool {
	for i := range f.Terms {
		if t := &f.Terms[i]; t.flow != nil && t.flow.lost {
			return true
		}
	}
	return false
}

// raw is the state of the term's counter, for the start of a flow.
func (t *term) raw() float64 {
	if t.flow != nil {
		return t.flow.Integral
	}
	return t.counter.Wh
}

// begin starts a flow with the signed sum of its counters.
func (f *flow) begin(start float64) {
	f.Born = true
	f.Balance = max(0, start)
	f.Published = f.Balance
}

// adopt joins an energy that came from the store with counters that are new:
// where the sum of the counters is what the hardware can have reached since,
// they are the same counters, and the time between counts.
func (f *flow) adopt(at int64) {
	if !f.Adopted {
		return
	}
	f.Adopted = false
	sum, maxW := 0.0, 0.0
	for i := range f.Terms {
		t := &f.Terms[i]
		if t.flow != nil || !t.counter.known() {
			return
		}
		sum += t.Sign * t.counter.Wh
		maxW += max(0, t.Sign) * t.counter.maxW
	}
	if gain := sum - f.Published; gain > 0 && gain <= energy(maxW, at-f.At) {
		f.Balance = sum
	}
}

// match gives the flow the terms of an account. Terms that stay keep what was
// seen of them; a new one starts from its present state; when none stays, the
// flow's source was switched and all start anew: match reports that.
func (f *flow) match(h *house, terms []reading.Term) (switched bool) {
	if f.same(terms) {
		return false
	}
	old, kept := f.Terms, false
	f.Terms = make([]term, len(terms))
	for i, t := range terms {
		n := term{Name: t.Counter, Sign: t.Sign}
		h.bind(&n)
		n.Seen, n.Stood = n.total(), n.total()
		for _, o := range old {
			if o.Name == n.Name && o.Sign == n.Sign {
				n.Seen, n.Stood, kept = o.Seen, o.Stood, true
			}
		}
		f.Terms[i] = n
	}
	if f.Born && !kept {
		f.Rebase = true
	}
	h.markUsed()
	return f.Rebase && len(old) > 0
}

func (f *flow) same(terms []reading.Term) bool {
	if len(terms) != len(f.Terms) {
		return false
	}
	for i, t := range terms {
		if f.Terms[i].Name != t.Counter || f.Terms[i].Sign != t.Sign {
			return false
		}
	}
	return true
}
