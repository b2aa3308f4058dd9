package ledger

import (
	"log/slog"
	"maps"
	"slices"
	"time"
)

// Why a value is refused.
const (
	ReasonAbsurd = "not the state of a counter"       // NaN, infinite, beyond a terawatt-hour
	ReasonZero   = "fell to zero"                     // a gateway that has just started
	ReasonFell   = "stepped down"                     // not a wrap, and more than rounding
	ReasonJumped = "jumped further than hardware can" // more than MaxW in the time passed
	ReasonPower  = "power beyond any grid connection" // an integrated power over 100 kW
)

// Refusal is a value that was not believed. Limit is the bound it broke, in
// the unit of Value (Wh for counters, W for power).
type Refusal struct {
	Gateway string
	Counter string // or the quantity, "production_w"
	Reason  string
	Value   float64
	Limit   float64
	Time    time.Time // of the measurement
}

// keptRefusals is how many are kept for inspection; quietTime is how long one
// reason is not logged again.
const (
	keptRefusals = 100
	quietTime    = hour
)

type reasonKey struct{ gateway, reason string }

// refusals remembers them since the start of the process.
type refusals struct {
	last   []Refusal
	counts map[reasonKey]uint64
	logged map[reasonKey]int64
}

func (r *refusals) add(log *slog.Logger, n Refusal) {
	if r.counts == nil {
		r.counts, r.logged = map[reasonKey]uint64{}, map[reasonKey]int64{}
	}
	if len(r.last) == keptRefusals {
		r.last = slices.Delete(r.last, 0, 1)
	}
	r.last = append(r.last, n)
	key := reasonKey{n.Gateway, n.Reason}
	r.counts[key]++
	at := n.Time.UnixMilli()
	if before, ok := r.logged[key]; ok && at >= before && at-before < quietTime {
		return
	}
	r.logged[key] = at
	log.Warn("refused a value",
		slog.String("gateway", n.Gateway), slog.String("counter", n.Counter), slog.String("reason", n.Reason),
		slog.Float64("value", n.Value), slog.Float64("limit", n.Limit), slog.Uint64("refused", r.counts[key]))
}

// Refuse notes a value that was refused before it came here (a power that the
// hardware cannot have), so that all of them are found in one place. Counter is
// the quantity's name then.
func (l *Ledger) Refuse(r Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused.add(l.log, r)
}

// Refused lists the last refused values of all gateways, the oldest first.
func (l *Ledger) Refused() []Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.refused.last)
}

// RefusedCounts is how often each reason refused a value of the gateway since
// the start of the process.
func (l *Ledger) RefusedCounts(gateway string) map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]uint64{}
	for key, n := range maps.All(l.refused.counts) {
		if key.gateway == gateway {
			counts[key.reason] = n
		}
	}
	return counts
}
