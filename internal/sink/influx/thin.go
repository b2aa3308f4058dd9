package influx

import "time"

// thinner keeps the points of a series at least an interval apart, by their
// measurement times. What it lets through depends only on what was stored
// before, so a batch that is written again becomes the same points again.
type thinner struct {
	interval time.Duration
	last     map[string]time.Time // per series, of the newest stored point
}

// keep returns the points that are due, as if they had all been stored.
func (t *thinner) keep(points []point) []point {
	seen := map[string]time.Time{}
	kept := points[:0]
	for _, p := range points {
		last, known := seen[p.series]
		if !known {
			last, known = t.last[p.series]
		}
		at := p.point.Time()
		if known && !at.Equal(last) && at.Sub(last).Abs() < t.interval {
			continue
		}
		seen[p.series] = at
		kept = append(kept, p)
	}
	return kept
}

// commit remembers that the points were stored.
func (t *thinner) commit(points []point) {
	for _, p := range points {
		t.last[p.series] = p.point.Time()
	}
}
