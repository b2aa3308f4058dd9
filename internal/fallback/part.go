package fallback

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/reading"
)

// mostIntervals bounds what all gaps keep of the cloud's answers, and with it
// their file: it asks back two years, of which 5-minute intervals are 210,240.
const mostIntervals = 250_000

// Part is what the cloud answered for one window of a gap.
type Part struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Shown bool      `json:"shown,omitempty"` // its powers are written already
	Known intervals `json:"known,omitempty"` // ascending
}

// has reports whether a window was answered.
func (g *Gap) has(w enlighten.Window) bool {
	return slices.ContainsFunc(g.Parts, func(p Part) bool { return p.From.Equal(w.From) && p.To.Equal(w.To) })
}

// intervals joins what the parts know. One that two windows share is one.
func (g *Gap) intervals() []enlighten.Interval {
	var all []enlighten.Interval
	for _, p := range g.Parts {
		all = append(all, p.Known...)
	}
	slices.SortFunc(all, func(a, b enlighten.Interval) int { return a.Start.Compare(b.Start) })
	return slices.CompactFunc(all, func(a, b enlighten.Interval) bool { return a.Start.Equal(b.Start) })
}

// bounded returns the intervals, or none if they are more than may be kept: of
// their time nothing is known then, and the counters are bridged all the same.
func (f *Filler) bounded(more []enlighten.Interval) intervals {
	kept := 0
	for _, g := range f.open() {
		for _, p := range g.Parts {
			kept += len(p.Known)
		}
	}
	if kept+len(more) > mostIntervals {
		f.cfg.Log.Warn("part of a gap is too much to keep, its curve is left out", "intervals", len(more))
		return nil
	}
	return more
}

// intervals are written as rows of numbers: the end in Unix seconds, the length
// in seconds, then the energy of each flow in Wh, null where it is unknown. A
// week of quarter hours takes some 30 kB.
type intervals []enlighten.Interval

var errRow = errors.New("a row is not an interval")

// MarshalJSON writes the rows.
func (all intervals) MarshalJSON() ([]byte, error) {
	rows := make([][]reading.Value, len(all))
	for i, in := range all {
		rows[i] = []reading.Value{reading.Of(float64(in.End.Unix())), reading.Of(in.End.Sub(in.Start).Seconds())}
		for _, f := range reading.Flows() {
			rows[i] = append(rows[i], *in.Energy.At(f))
		}
	}
	return json.Marshal(rows)
}

// UnmarshalJSON reads them, and takes nothing that is no interval.
func (all *intervals) UnmarshalJSON(text []byte) error {
	var rows [][]reading.Value
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	flows := reading.Flows()
	for _, row := range rows {
		if len(row) != 2+len(flows) || !row[0].Known() || row[1].Or(0) < 1 {
			return errRow
		}
		end := time.Unix(int64(row[0].Or(0)), 0).UTC()
		in := enlighten.Interval{Start: end.Add(-time.Duration(row[1].Or(0)) * time.Second), End: end}
		for i, f := range flows {
			*in.Energy.At(f) = row[2+i]
		}
		*all = append(*all, in)
	}
	return nil
}
