package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"envoyd/internal/reading"
)

// ErrQuery means that a history query asks for what there cannot be; its text
// is for the one who asked.
var ErrQuery = errors.New("bad query")

// rowsMax bounds an answer, and with it the memory one costs.
const rowsMax = 100_000

// Query asks for the history of a gateway between From (inclusive) and To
// (exclusive) in steps. Zero values: the only gateway there is; 24 hours
// before To; now; a minute.
type Query struct {
	Gateway  string
	From, To time.Time
	Step     time.Duration // whole seconds; from a day on, whole days of the gateway's zone
}

// Series is the answer: a row for each step, in order. Step may be longer
// than was asked where only coarser history is left.
type Series struct {
	Gateway string
	Step    time.Duration
	Columns []string // "time", then the names of the values: five powers (mean, W), six counters (last, Wh)
	Rows    []Row
}

// Row is one step. A value nobody measured in it is absent.
type Row struct {
	Time   time.Time // start of the step
	Values []reading.Value
}

// History answers a query from the segments, minutes, quarter hours or days,
// whichever is the coarsest that serves the step and is still kept. Steps
// begin at multiples of Step since 1970, days at local midnight. Errors of the
// one who asks are ErrQuery.
func (s *Store) History(ctx context.Context, q Query) (Series, error) {
	g, err := s.answer(&q)
	if err == nil && g.raw {
		err = s.fromRaw(ctx, g)
	}
	if err != nil {
		return Series{}, err
	}
	return g.series(), nil
}

// answer lays the grid out and fills it, but for one of raw readings: that
// takes long, and must not hold up the sync.
func (s *Store) answer(q *Query) (*grid, error) {
	s.disk.Lock() // no fold in between: each reading is in the sums once
	defer s.disk.Unlock()
	g, err := s.grid(q)
	if err == nil && !g.raw {
		err = s.fromSums(g)
	}
	return g, err
}

// grid lays out the steps of a query.
func (s *Store) grid(q *Query) (*grid, error) {
	now := time.Now()
	if q.To.IsZero() {
		q.To = now
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-day)
	}
	if q.Step == 0 {
		q.Step = time.Minute
	}
	if q.Step < time.Second || q.Step%time.Second != 0 {
		return nil, fmt.Errorf("%w: step must be whole seconds, at least one", ErrQuery)
	}
	if !q.From.Before(q.To) {
		return nil, fmt.Errorf("%w: from must be before to", ErrQuery)
	}
	if err := s.chooseGateway(q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	g := &grid{gateway: q.Gateway, zone: s.zones[q.Gateway]}
	oldestRaw := s.oldestRaw()
	s.mu.Unlock()
	s.chooseTable(g, q, now, oldestRaw)
	return g, g.layOut(q.From, q.To)
}

// chooseGateway fills in the only gateway of the history.
func (s *Store) chooseGateway(q *Query) error {
	if q.Gateway != "" {
		return nil
	}
	found := map[string]bool{}
	if s.db != nil {
		err := eachRow(s.db, "SELECT gateway FROM gateways", func(scan scanner) error {
			var name string
			err := scan(&name)
			found[name] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	for name := range s.pending {
		found[name] = true
	}
	s.mu.Unlock()
	names := slices.Sorted(maps.Keys(found))
	if len(names) > 1 {
		return fmt.Errorf("%w: gateway must be one of %s", ErrQuery, strings.Join(names, ", "))
	}
	if len(names) == 1 {
		q.Gateway = names[0]
	}
	return nil
}

// oldestRaw is the measurement time from which on all readings are kept in
// full; zero when none was ever deleted. The caller holds mu.
func (s *Store) oldestRaw() time.Time {
	if s.journal.segs[0].first == 1 {
		return time.Time{}
	}
	for _, seg := range s.journal.segs {
		if seg.oldest != 0 {
			return time.UnixMilli(seg.oldest)
		}
	}
	return time.Time{}
}

// chooseTable takes the coarsest source that the step is a multiple of. Where
// the wanted one no longer reaches back, the step grows to the next.
func (s *Store) chooseTable(g *grid, q *Query, now time.Time, oldestRaw time.Time) {
	step := q.Step
	if step%time.Minute != 0 && q.From.Before(oldestRaw) {
		step = step.Truncate(time.Minute) + time.Minute
	}
	if q.From.Before(now.Add(-s.cfg.Minutes)) && step%quarter != 0 {
		step = step.Truncate(quarter) + quarter
	}
	if q.From.Before(now.Add(-s.cfg.Quarters)) || step > day {
		step = (step + day - 1).Truncate(day)
	}
	g.step = step
	switch {
	case step%day == 0:
		g.table = "days"
	case step%quarter == 0:
		g.table = "quarters"
	case step%time.Minute == 0:
		g.table = "minutes"
	default:
		g.raw = true
	}
}
