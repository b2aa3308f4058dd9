package enlighten

import (
	"context"
	"errors"
	"slices"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

const (
	quarter = 15 * time.Minute
	day     = 24 * time.Hour
	week    = 7 * day
	oldData = 2*365*day - day // the series reach back two years
)

// Window is a part of the past to fetch.
type Window struct{ From, To time.Time }

// Windows divides the past into parts worth one call of Intervals each: the
// newest first, a day or a week long. They meet on quarter hours, so that each
// series of a whole one takes no call more than its length needs.
func Windows(from, to time.Time) []Window {
	var all []Window
	end := func() time.Time { return to.Add(quarter - 1).Truncate(quarter) }
	size := week
	if end().Sub(from.Truncate(quarter)) <= day {
		size = day
	}
	for to.After(from) {
		start := end().Add(-size)
		if start.Before(from) {
			start = from
		}
		all = append(all, Window{start, to})
		to = start
	}
	return all
}

// Interval is the energy of one interval, in Wh; absent where the cloud knows
// nothing of it. Microinverters asleep leave production out.
type Interval struct {
	Start, End time.Time // End is the API's label; both UTC, so days of 23 and 25 hours need no care
	Energy     reading.Energy
}

// Span is what the cloud knows of a window.
type Span struct {
	Window
	Intervals []Interval // ascending; those that overlap the window, whole
	Missing   []string   // series that this application may not ask or the home has not
}

// Intervals fetches the series of one window, at most a week: 5-minute
// intervals for a home with microinverters alone, else quarter hours, the
// microinverters' summed up. It begins only if the budget has all the calls
// that it needs. When one of them fails, the answers before it are kept: asking
// for the same window again makes the calls that are missing.
//
// Consumption is what the house used, battery included, as everywhere here.
func (c *Client) Intervals(ctx context.Context, w Window) (Span, error) {
	h, err := c.Home(ctx)
	if err != nil {
		return Span{}, err
	}
	c.begun(w)
	if w = w.clamp(time.Now()); !w.To.After(w.From) {
		return Span{Window: w}, nil
	}
	if err := c.budget.Check(budget.Need{Purpose: budget.Backfill, Calls: c.cost(h, w)}); err != nil {
		return Span{}, err
	}
	span := Span{Window: w}
	grid := grid{}
	for _, endpoint := range sourcesOf(h) {
		err := c.series(ctx, h, endpoint, w, &grid)
		if optional(err) {
			span.Missing = append(span.Missing, endpoint)
			continue
		}
		if err != nil {
			return Span{}, err
		}
	}
	span.Intervals = grid.intervals(h, w)
	c.begun(Window{})
	return span, nil
}

// clamp keeps to what the API can be asked for.
func (w Window) clamp(now time.Time) Window {
	if w.To.After(now) {
		w.To = now
	}
	if oldest := now.Add(-oldData); w.From.Before(oldest) {
		w.From = oldest
	}
	if w.To.Sub(w.From) > week {
		w.From = w.To.Add(-week)
	}
	return w
}

// cost is how many calls Intervals will make for a window, at most.
func (c *Client) cost(h Home, w Window) int {
	n := 0
	for _, endpoint := range sourcesOf(h) {
		if c.isClosed(endpoint) == nil {
			length := w.To.Sub(begin(w))
			n += int((length + c.size(endpoint, w) - 1) / c.size(endpoint, w))
		}
	}
	return max(n-c.answered(), 1)
}

// begin is the window's start on a quarter hour, so that the interval which
// contains it is among the answers.
func begin(w Window) time.Time { return w.From.Truncate(quarter) }

// size is the length of the windows that an endpoint is asked for.
func (c *Client) size(endpoint string, w Window) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sources[endpoint].week && !c.noWeek[endpoint] && w.To.Sub(begin(w)) > day {
		return week
	}
	return day
}

// series fetches one series of a window into the grid.
func (c *Client) series(ctx context.Context, h Home, endpoint string, w Window, to *grid) error {
	for from := begin(w); from.Before(w.To); {
		size := c.size(endpoint, w)
		doc, err := c.piece(ctx, h, piece{endpoint, from.Unix(), size}, w)
		if size == week && errors.Is(err, ErrRange) && fault.Is(err, fault.Unsupported) {
			c.mu.Lock()
			c.noWeek[endpoint] = true
			c.mu.Unlock()
			continue
		}
		if err != nil {
			return err
		}
		to.add(doc, sources[endpoint])
		from = doc.next(from, size)
	}
	return nil
}

// next is where the next window begins: where this one says it ended, because
// a "day" may be one of the calendar, of 23 or 25 hours.
func (doc *seriesDoc) next(from time.Time, size time.Duration) time.Time {
	if end := doc.End.Time; end.Sub(from) >= size-2*time.Hour && end.Sub(from) <= size+2*time.Hour {
		return end
	}
	return from.Add(size)
}

// grid collects points of several series.
type grid struct {
	points map[reading.Flow]map[int64]float64 // Wh by the end of the interval, Unix seconds
	step   time.Duration                      // the longest of the series
}

func (g *grid) add(doc *seriesDoc, src source) {
	if g.points == nil {
		g.points = map[reading.Flow]map[int64]float64{}
	}
	if len(doc.Intervals) > 0 {
		g.step = max(g.step, doc.step(src))
	}
	for _, row := range doc.Intervals {
		for _, f := range src.flows {
			wh, known := f.wh(row).Get()
			if !known || row.End.IsZero() || wh < 0 {
				continue
			}
			if g.points[f.name] == nil {
				g.points[f.name] = map[int64]float64{}
			}
			g.points[f.name][row.End.Unix()] = wh // given twice it is still one
		}
	}
}

// intervals joins the series on the coarsest step.
func (g *grid) intervals(h Home, w Window) []Interval {
	step := int64(g.step / time.Second)
	byEnd := map[int64]*Interval{}
	for f, points := range g.points {
		for end, wh := range points {
			slot := (end + step - 1) / step * step
			i := byEnd[slot]
			if i == nil {
				i = &Interval{Start: time.Unix(slot-step, 0).UTC(), End: time.Unix(slot, 0).UTC()}
				byEnd[slot] = i
			}
			v := i.Energy.At(f)
			*v = reading.Of(v.Or(0) + wh)
		}
	}
	var all []Interval
	for _, i := range byEnd {
		if i.Start.Before(w.To) && i.End.After(w.From) {
			i.Energy.ConsumptionWh = house(h, i.Energy)
			all = append(all, *i)
		}
	}
	slices.SortFunc(all, func(a, b Interval) int { return a.End.Compare(b.End) })
	return all
}

// house is what the house used. Behind a net CT the API's consumption forgets
// the battery, so with one it is taken from the balance of all flows, or, if
// one of them is missing, corrected.
func house(h Home, e reading.Energy) reading.Value {
	if !h.Battery || !h.Net {
		return e.ConsumptionWh
	}
	stored := reading.Sum(e.DischargeWh, e.ChargeWh.Scale(-1))
	balance := reading.Sum(e.ProductionWh, e.ImportWh, e.ExportWh.Scale(-1), stored)
	return atLeastZero(balance.Else(reading.Sum(e.ConsumptionWh, stored)))
}
