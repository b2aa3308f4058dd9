package derive

import (
	"slices"
	"time"

	"envoyd/internal/reading"
)

// source is a row of the tables: what serves a quantity, when it may be
// chosen, and how it is read. Among the rows of a quantity the first that may
// be chosen is taken.
type source struct {
	of   Quantity
	name string
	when func(f *facts) bool
	// read gives the power; only of the power rows.
	read func(v *view) measured
	// account gives the counters and how the flows are made of them; only of
	// the energy rows.
	account func(v *view) ledgerPart
}

// measured is a power in W and when it was measured, in our clock.
type measured struct {
	w  reading.Value
	at time.Time
}

// ledgerPart is what a source adds for the ledger.
type ledgerPart struct {
	counters []reading.Counter
	accounts []reading.Account
	asked    time.Time // when, of counters that do not say when they counted
}

// view is one derivation: the answers, the plan, and what was derived so far.
type view struct {
	s     *Snapshot
	p     *Plan
	f     *facts
	clock Clock
	now   time.Time
	cts   map[string]ctValues
	limit limits

	power   map[Quantity]measured
	refused []Refusal
}

// got returns a power that was already derived.
func (v *view) got(of Quantity) reading.Value { return v.power[of].w }

// chosen reports whether the plan has a source for the quantity.
func (v *view) chosen(of Quantity) bool {
	_, ok := v.p.chosen[of]
	return ok
}

// time maps a gateway time to ours; an answer that carries none was measured
// when we received it.
func (v *view) time(gateway, received time.Time) time.Time {
	if gateway.IsZero() {
		return received
	}
	return v.clock.Ours(gateway)
}

// refuse counts a value that cannot be true and leaves it out.
func (v *view) refuse(quantity, reason string, value float64) {
	r := Refusal{Quantity: quantity, Reason: reason, Value: value}
	if !slices.Contains(v.refused, r) {
		v.refused = append(v.refused, r)
	}
}
