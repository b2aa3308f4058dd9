package ledger

// mark is what a flow stood at on a quarter hour.
type mark struct {
	Q  int64   `json:"q"` // quarter hours since 1970
	Wh float64 `json:"wh"`
	// Rough says that it was interpolated over a gap.
	Rough bool `json:"rough,omitempty"`
}

// marks are the last of them, by rising Q.
type marks []mark

// at finds the mark of the moment ms, to the nearest quarter hour.
func (m marks) at(ms int64) (mark, bool) {
	q := (ms + quarter/2) / quarter
	for i := len(m) - 1; i >= 0 && m[i].Q >= q; i-- {
		if m[i].Q == q {
			return m[i], true
		}
	}
	return mark{}, false
}

// span notes the quarter hours passed between two moments at which the flow
// stood at fromWh and toWh. Over more than shareGap nobody knows when it
// rose, so those quarter hours have no mark; where it hardly rose (the winter
// night of a gateway that only knows its microinverters' reports) it does not
// matter.
func (m marks) span(from int64, fromWh float64, to int64, toWh float64) marks {
	first, last := from/quarter+1, to/quarter
	if from == 0 {
		first = (to + quarter - 1) / quarter
	}
	if first > last {
		return m
	}
	if to-from > shareGap && from != 0 && toWh-fromWh > littleWh {
		return m.cut(first, last)
	}
	rough := to-from > quarter && toWh-fromWh > littleWh
	for q := max(first, last-maxMarks+1); q <= last; q++ {
		wh := toWh
		if to > from && fromWh != toWh {
			wh = fromWh + (toWh-fromWh)*float64(q*quarter-from)/float64(to-from)
		}
		m = m.put(mark{Q: q, Wh: wh, Rough: rough})
	}
	return m
}

// put adds a mark in its place; the oldest make room.
func (m marks) put(n mark) marks {
	i := len(m)
	for i > 0 && m[i-1].Q >= n.Q {
		i--
	}
	if i < len(m) && m[i].Q == n.Q {
		m[i] = n
		return m
	}
	m = append(m, mark{})
	copy(m[i+1:], m[i:])
	m[i] = n
	if len(m) > maxMarks {
		m = append(m[:0], m[len(m)-maxMarks:]...)
	}
	return m
}

// cut removes the marks of the quarter hours from first to last.
func (m marks) cut(first, last int64) marks {
	kept := m[:0]
	for _, k := range m {
		if k.Q < first || k.Q > last {
			kept = append(kept, k)
		}
	}
	return kept
}

// raise adds wh to every mark: energy of unknown, older days.
func (m marks) raise(wh float64) {
	for i := range m {
		m[i].Wh += wh
	}
}
