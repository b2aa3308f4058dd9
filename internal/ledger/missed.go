package ledger

import (
	"errors"
	"slices"
	"time"

	"envoyd/internal/reading"
)

// Missed is a stretch of time in which an installation was not asked, as
// somebody else measured it afterwards.
type Missed struct {
	From, To      time.Time
	Before, After reading.Energy // what was published at its ends
	// Energy is what flowed between them. Only flows that are integrated take
	// it; what has counters has counted on.
	Energy reading.Energy
	// Share is the part of a flow's energy, 0 to 1, that lies before a moment.
	Share func(f reading.Flow, at time.Time) float64
}

// Credit is what became of a Missed.
type Credit struct {
	// Energy is what each flow gained, besides what was integrated already. A
	// balance can lose: what is published of it then waits for the rest.
	Energy reading.Energy `json:"energy"`
	// Now is what is published of all flows with it.
	Now reading.Energy `json:"now"`
}

// credited is one that was counted.
type credited struct {
	From   int64          `json:"from"`
	Energy reading.Energy `json:"energy"`
}

// maxCredited is how many are remembered so that none counts twice.
const maxCredited = 64

// ErrUnheard says that the ledger does not yet know how the flows of an
// installation are counted, because nothing was heard of it.
var ErrUnheard = errors.New("how the energy is counted is not known until the gateway is heard")

// Missed counts what was missed, once for each From, and returns when that is
// on disk: nobody sees it before. Flows without counters go on by it, and so
// do the balances that they are a part of; marks tell which part of it was
// before a midnight. The error is ErrUnheard, or that of Save: then ask again.
func (l *Ledger) Missed(gateway string, m Missed) (Credit, error) {
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.houses[gateway]
	if !ok || !h.heard(&m) {
		return Credit{}, ErrUnheard
	}
	from := m.From.UnixMilli()
	i := slices.IndexFunc(h.credited, func(c credited) bool { return c.From == from })
	if i < 0 {
		if len(h.credited) >= maxCredited {
			h.credited = slices.Delete(h.credited, 0, 1)
		}
		i = len(h.credited)
		h.credited = append(h.credited, credited{From: from, Energy: h.credit(&m)})
	}
	c := Credit{Energy: h.credited[i].Energy, Now: h.published()}
	if l.path == "" {
		return c, nil
	}
	data, err := encode(l.houses)
	return c, l.write(data, err)
}

// Published is what the flows of an installation were last published with.
func (l *Ledger) Published(gateway string) reading.Energy {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, ok := l.houses[gateway]; ok {
		return h.published()
	}
	return reading.Energy{}
}

func (h *house) published() (e reading.Energy) {
	for i, f := range reading.Flows() {
		if h.flows[i].Born {
			*e.At(f) = reading.Of(h.flows[i].Published)
		}
	}
	return e
}

// heard reports whether it is known of all flows how they are counted.
func (h *house) heard(m *Missed) bool {
	for i, f := range reading.Flows() {
		if m.Energy.At(f).Known() && h.flows[i].Adopted {
			return false
		}
	}
	return true
}

// credit counts what was missed and returns what each flow has of it.
func (h *house) credit(m *Missed) (got reading.Energy) {
	var gains, ahead [len(h.flows)]float64
	for i, f := range reading.Flows() {
		if wh, ok := h.flows[i].lacks(m, f); ok {
			gains[i] = wh
			h.flows[i].Integral += wh
			*got.At(f) = reading.Of(wh)
		}
	}
	for i, name := range reading.Flows() {
		f := &h.flows[i]
		if !f.integral() {
			continue
		}
		gains[i] = h.join(f, &gains)
		wh, shown := f.fill(m.To.UnixMilli())
		*got.At(name) = reading.Of(gains[i])
		if ahead[i] = wh; !shown {
			*got.At(name) = reading.Of(gains[i] + wh)
		}
	}
	for i, name := range reading.Flows() {
		h.flows[i].gain(m, name, gains[i], ahead[i])
	}
	return got
}

// join gives a balance what its integrated terms gained, and returns it.
func (h *house) join(f *flow, gains *[6]float64) (wh float64) {
	for j := range f.Terms {
		t := &f.Terms[j]
		if part := h.indexOf(t.flow); part >= 0 {
			t.Seen, t.Stood = t.Seen+gains[part], t.Stood+gains[part]
			wh += t.Sign * gains[part]
		}
	}
	return wh
}

// indexOf finds a flow; -1 for none.
func (h *house) indexOf(f *flow) int {
	for i := range h.flows {
		if f == &h.flows[i] {
			return i
		}
	}
	return -1
}

// lacks returns what an integrated flow missed. What bridged the time already
// is not missed, and what no grid connection can carry was not there.
func (f *flow) lacks(m *Missed, name reading.Flow) (float64, bool) {
	wh, ok := m.Energy.At(name).Get()
	if !ok || !f.Born || !f.Estimated || len(f.Terms) > 0 {
		return 0, false
	}
	before, _ := m.Before.At(name).Get()
	wh -= max(0, m.After.At(name).Or(before)-before)
	return max(0, wh), wh <= energy(unknownMaxW, m.To.Sub(m.From).Milliseconds())
}

// gain goes on by wh that flowed in a time gone by, and by what the balance was
// ahead by. The marks of that time are made anew, by when it flowed; those since
// then rise with what is published.
func (f *flow) gain(m *Missed, name reading.Flow, wh, ahead float64) {
	f.Balance += wh
	lift := 0.0
	if wh != 0 || ahead != 0 { // else it is published when it is counted
		lift = max(0, f.Balance-f.ahead(0)-f.Published)
	}
	f.Published += lift
	from, to := m.From.UnixMilli(), m.To.UnixMilli()
	for i := range f.Marks {
		if f.Marks[i].Q*quarter >= to {
			f.Marks[i].Wh += lift
		}
	}
	before, ok := m.Before.At(name).Get()
	end := max(before, m.After.At(name).Or(before)+wh+ahead)
	if !ok || !f.Born {
		return
	}
	for q := max(from/quarter+1, to/quarter-maxMarks+1); q*quarter < to; q++ {
		if k, seen := f.Marks.at(q * quarter); seen && !k.Rough && wh == 0 && ahead == 0 {
			continue
		}
		share := m.Share(name, time.UnixMilli(q*quarter))
		f.Marks = f.Marks.put(mark{Q: q, Wh: before + (end-before)*share, Rough: end-before > littleWh})
	}
}
