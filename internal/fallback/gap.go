package fallback

import (
	"iter"
	"slices"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/reading"
)

// Edge is a measurement of the gateway's own beside a gap.
type Edge struct {
	Time      time.Time      `json:"time"`
	Power     reading.Power  `json:"power"`
	Energy    reading.Energy `json:"energy"`
	Estimated []string       `json:"estimated,omitempty"`
}

// Gap is a stretch of time in which the gateway, or we, were away.
type Gap struct {
	Before Edge      `json:"before"`
	After  Edge      `json:"after"`
	Tries  int       `json:"tries,omitempty"` // fetches that did not reach its end
	Next   time.Time `json:"next,omitzero"`   // when to try again
	Parts  []Part    `json:"parts,omitempty"` // what is fetched already, the newest first
	Credit *Credit   `json:"credit,omitempty"`
}

func (g *Gap) length() time.Duration { return g.After.Time.Sub(g.Before.Time) }

// minutes lists the whole minutes between the edges.
func (g *Gap) minutes() []time.Time {
	var all []time.Time
	for at := g.Before.Time.Truncate(time.Minute).Add(time.Minute); at.Before(g.After.Time.Truncate(time.Minute)); at = at.Add(time.Minute) {
		all = append(all, at)
	}
	return all
}

// Minute is what is written for a minute of a gap: the mean power of the
// interval it lies in, and the counters at its beginning.
type Minute struct {
	Time      time.Time
	Source    reading.Source
	Power     reading.Power
	Energy    reading.Energy
	Estimated []string
}

// bridged fills a gap that is too short for the cloud's intervals from the
// counters at its edges: they have counted on, so their means are exact. A
// battery without counters is taken to have changed evenly.
func (g *Gap) bridged() []Minute {
	mean := g.mean()
	var all []Minute
	for i, at := range g.minutes() {
		m := Minute{Time: at, Source: reading.Local, Power: mean, Energy: g.energyAt(at, nil, i)}
		if g.Before.Energy.ChargeWh.Known() && !g.counted(reading.Charge) {
			m.Power.BatteryW = between(g.Before.Power.BatteryW, g.After.Power.BatteryW, at.Sub(g.Before.Time).Seconds()/g.length().Seconds())
			m.Power.ConsumptionW = reading.Sum(mean.ProductionW, mean.GridW, m.Power.BatteryW)
		}
		all = append(all, m.estimated())
	}
	return all
}

// counted reports whether hardware counts a flow.
func (g *Gap) counted(f reading.Flow) bool {
	path := "energy." + string(f) + "_wh"
	return g.Before.Energy.At(f).Known() && g.After.Energy.At(f).Known() && !slices.Contains(g.After.Estimated, path)
}

// mean is the power over the whole gap by its counters.
func (g *Gap) mean() reading.Power {
	watts := func(f reading.Flow) reading.Value {
		if !g.counted(f) {
			return reading.Value{}
		}
		return reading.Sum(*g.After.Energy.At(f), g.Before.Energy.At(f).Scale(-1)).Scale(3600 / g.length().Seconds())
	}
	return reading.Power{
		ProductionW:  watts(reading.Production),
		ConsumptionW: watts(reading.Consumption),
		GridW:        reading.Sum(watts(reading.Import), watts(reading.Export).Scale(-1)),
		BatteryW:     reading.Sum(watts(reading.Discharge), watts(reading.Charge).Scale(-1)),
	}
}

// filled fills a gap from the cloud's intervals. Its counters go from those
// before the gap to those after it in the proportions of the intervals, so
// that no total changes but those that nobody counted meanwhile. Minutes of which the cloud knows nothing are left out.
// They come one by one: a year has half a million.
func (g *Gap) filled() iter.Seq[Minute] {
	return func(yield func(Minute) bool) {
		minutes, intervals, shape := g.minutes(), g.intervals(), g.shape()
		for i, at := range minutes {
			in := intervalAt(intervals, at)
			if in == nil {
				continue
			}
			m := Minute{Time: at, Source: reading.Enlighten, Power: powerOf(in), Energy: g.energyAt(at, shape, i)}
			if !yield(m.estimated()) {
				return
			}
		}
	}
}

// shape is how much of each flow lies before each minute.
func (g *Gap) shape() map[reading.Flow][]float64 {
	minutes, intervals := g.minutes(), g.intervals()
	shape := map[reading.Flow][]float64{}
	for _, f := range reading.Flows() {
		shape[f] = cumulate(weights(minutes, intervals, f))
	}
	return shape
}

// powers are the minutes of a part without counters, which need the whole gap.
func (g *Gap) powers(p Part) iter.Seq[Minute] {
	return func(yield func(Minute) bool) {
		for _, at := range g.minutes() {
			if at.Before(p.From) || !at.Before(p.To) {
				continue
			}
			if in := intervalAt(p.Known, at); in != nil {
				m := Minute{Time: at, Source: reading.Enlighten, Power: powerOf(in)}
				if !yield(m.estimated()) {
					return
				}
			}
		}
	}
}

// energyAt is what the counters stood at: in proportion to the shape, or even.
func (g *Gap) energyAt(at time.Time, shape map[reading.Flow][]float64, i int) reading.Energy {
	var e reading.Energy
	end := g.end()
	for _, f := range reading.Flows() {
		share := at.Sub(g.Before.Time).Seconds() / g.length().Seconds()
		if s := shape[f]; s != nil {
			share = s[i]
		}
		*e.At(f) = between(*g.Before.Energy.At(f), *end.At(f), share)
	}
	return e
}

// between goes from a to b; absent when either is.
func between(a, b reading.Value, share float64) reading.Value {
	from, ok := a.Get()
	to, ok2 := b.Get()
	if !ok || !ok2 {
		return reading.Value{}
	}
	return reading.Of(from + (to-from)*share)
}

// weights is how much of a flow each minute has; where the cloud knows nothing,
// as much as the others have in the mean.
func weights(minutes []time.Time, intervals []enlighten.Interval, f reading.Flow) []float64 {
	all := make([]float64, len(minutes))
	var unknown []int
	sum := 0.0
	for i, at := range minutes {
		in := intervalAt(intervals, at)
		if in == nil || !in.Energy.At(f).Known() {
			unknown = append(unknown, i)
			continue
		}
		all[i] = in.Energy.At(f).Or(0) / in.End.Sub(in.Start).Minutes()
		sum += all[i]
	}
	if known := len(minutes) - len(unknown); known > 0 {
		for _, i := range unknown {
			all[i] = sum / float64(known)
		}
	}
	return all
}

// cumulate returns the share of the whole that lies before each minute; nil
// when there is nothing to divide by.
func cumulate(weights []float64) []float64 {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	if sum <= 0 {
		return nil
	}
	shares, so := make([]float64, len(weights)), 0.0
	for i, w := range weights {
		shares[i] = so / sum
		so += w
	}
	return shares
}

// intervalAt returns the interval that a moment lies in, nil if none.
func intervalAt(intervals []enlighten.Interval, at time.Time) *enlighten.Interval {
	i, _ := slices.BinarySearchFunc(intervals, at, func(in enlighten.Interval, at time.Time) int {
		if in.End.After(at) {
			return 1
		}
		return -1
	})
	if i == len(intervals) || intervals[i].Start.After(at) {
		return nil
	}
	return &intervals[i]
}

// powerOf is the mean power of an interval.
func powerOf(in *enlighten.Interval) reading.Power {
	scale := 3600 / in.End.Sub(in.Start).Seconds()
	e := &in.Energy
	return reading.Power{
		ProductionW:  e.ProductionWh.Scale(scale),
		ConsumptionW: e.ConsumptionWh.Scale(scale),
		GridW:        reading.Sum(e.ImportWh, e.ExportWh.Scale(-1)).Scale(scale),
		BatteryW:     reading.Sum(e.DischargeWh, e.ChargeWh.Scale(-1)).Scale(scale),
	}
}

// estimated marks everything that is known as not measured.
func (m Minute) estimated() Minute {
	for _, f := range m.Power.Fields() {
		if f.Value.Known() {
			m.Estimated = append(m.Estimated, "power."+f.Name)
		}
	}
	for _, f := range m.Energy.Fields() {
		if f.Value.Known() {
			m.Estimated = append(m.Estimated, "energy."+f.Name)
		}
	}
	return m
}
