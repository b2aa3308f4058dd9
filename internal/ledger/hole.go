package ledger

import "slices"

// hole is a time that a balance has counted without what is integrated: the
// counters went on, the power was not heard. Where somebody else will tell what
// was missed, what is published waits for that: it could not be taken back.
type hole struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Wh is what was published before, Ahead what the balance rose by.
	Wh    float64 `json:"wh"`
	Ahead float64 `json:"ahead"`
	Shown bool    `json:"shown,omitempty"` // nobody waits for the rest any more
}

const (
	// holePatience is how long what was missed is awaited.
	holePatience = 150 * minute
	// maxHoles are remembered.
	maxHoles = 8
	// holeEdge is how far the first power may be from the first counters.
	holeEdge = 5 * minute
)

// open notes that the balance rose by wh over a hole up to a moment.
func (f *flow) open(at int64, wh float64) {
	if wh <= 0 {
		return
	}
	if n := len(f.Holes); n > 0 && f.Holes[n-1].To == at { // the same moment again
		f.Holes[n-1].Ahead += wh
		return
	}
	if len(f.Holes) == maxHoles {
		f.show(&f.Holes[0])
		f.Holes = slices.Delete(f.Holes, 0, 1)
	}
	f.Holes = append(f.Holes, hole{From: f.At, To: at, Wh: f.Published, Ahead: wh})
}

// ahead is what the balance has and nobody may see yet.
func (f *flow) ahead(at int64) (wh float64) {
	for i := range f.Holes {
		h := &f.Holes[i]
		if at-h.To >= holePatience {
			f.show(h)
		}
		if !h.Shown {
			wh += h.Ahead
		}
	}
	return wh
}

// show publishes what a hole was ahead by, as if it had been at once.
func (f *flow) show(h *hole) {
	if h.Shown {
		return
	}
	h.Shown = true
	lift := max(0, min(h.Ahead, f.Balance-f.Published))
	f.Published += lift
	for i := range f.Marks {
		if f.Marks[i].Q*quarter >= h.To {
			f.Marks[i].Wh += lift
		}
	}
	f.Marks = f.Marks.span(h.From, h.Wh, h.To-1, h.Wh+lift)
}

// fill takes the hole that ends with a gap and returns what was ahead, and
// whether that is published already.
func (f *flow) fill(to int64) (wh float64, shown bool) {
	for i, h := range f.Holes {
		if h.To >= to-minute && h.To <= to+holeEdge {
			f.Holes = slices.Delete(f.Holes, i, i+1)
			return h.Ahead, h.Shown
		}
	}
	return 0, false
}

func (h hole) valid() bool {
	return moment(h.From) && moment(h.To) && sane(h.Wh) && sane(h.Ahead) && h.Ahead >= 0
}
