package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"envoyd/internal/reading"
)

// A grid is the steps of a query and what falls into each.
type grid struct {
	gateway string
	zone    *time.Location
	step    time.Duration
	table   string
	raw     bool

	starts  []int64 // Unix seconds
	end     int64   // of the last step
	buckets []bucket
}

// layOut makes the steps that touch [from, to).
func (g *grid) layOut(from, to time.Time) error {
	if rows := to.Sub(from) / g.step; rows > rowsMax || to.Sub(from) < 0 {
		return fmt.Errorf("%w: %d rows are too many, at most %d; take a longer step", ErrQuery, rows, rowsMax)
	}
	if g.table == "days" {
		g.layOutDays(from, to)
	} else {
		seconds := int64(g.step / time.Second)
		at := from.Unix() - floorMod(from.Unix(), seconds)
		for ; time.Unix(at, 0).Before(to); at += seconds {
			g.starts = append(g.starts, at)
		}
		g.end = at
	}
	g.buckets = make([]bucket, len(g.starts))
	return nil
}

// layOutDays makes steps of whole local days, however many hours each has.
func (g *grid) layOutDays(from, to time.Time) {
	days := int(g.step / day)
	at := midnight(from, g.zone)
	for at.Before(to) {
		g.starts = append(g.starts, at.Unix())
		y, m, d := at.Date()
		at = time.Date(y, m, d+days, 0, 0, 0, 0, at.Location())
	}
	g.end = at.Unix()
}

// find returns the step that a moment falls into, nil if none.
func (g *grid) find(at int64) *bucket {
	if len(g.starts) == 0 || at < g.starts[0] || at >= g.end {
		return nil
	}
	i, exact := slices.BinarySearch(g.starts, at)
	if !exact {
		i--
	}
	return &g.buckets[i]
}

func (g *grid) series() Series {
	s := Series{Gateway: g.gateway, Step: g.step, Columns: columns(), Rows: make([]Row, len(g.starts))}
	for i, at := range g.starts {
		s.Rows[i] = g.buckets[i].row(time.Unix(at, 0).UTC())
	}
	return s
}

func columns() []string {
	names := []string{"time"}
	for _, f := range (&reading.Power{}).Fields() {
		names = append(names, f.Name)
	}
	for _, f := range (&reading.Energy{}).Fields() {
		names = append(names, f.Name)
	}
	return names
}

// fromSums fills the grid from its table and from the sums in memory, which
// are later. The caller holds disk.
func (s *Store) fromSums(g *grid) error {
	if s.db != nil {
		query := "SELECT time, data FROM " + g.table + ` JOIN gateways ON gateways.id = ` + g.table + `.gateway
			WHERE gateways.gateway = ? AND time >= ? AND time < ? ORDER BY time`
		err := eachRow(s.db, query, func(scan scanner) error {
			var at int64
			var data []byte
			if err := scan(&at, &data); err != nil {
				return err
			}
			b, err := decodeBucket(data)
			if to := g.find(at); err == nil && to != nil {
				to.merge(&b)
			}
			return err
		}, g.gateway, g.starts[0], g.end)
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := s.pending[g.gateway]
	if mine == nil {
		return nil
	}
	for _, at := range slices.Sorted(maps.Keys(mine.minutes)) {
		if to := g.find(at); to != nil {
			to.merge(mine.minutes[at])
		}
	}
	return nil
}

// fromRaw fills the grid from the segments.
func (s *Store) fromRaw(ctx context.Context, g *grid) error {
	s.mu.Lock()
	var views []view
	for _, seg := range s.journal.segs {
		if seg.count > 0 && seg.oldest/1000 < g.end && seg.newest/1000 >= g.starts[0] {
			views = append(views, seg.view())
		}
	}
	s.mu.Unlock()
	for _, v := range views {
		next, err := v.records(v.first, func(rec reading.Record) bool {
			if rec.Tier == reading.TierPower && rec.Gateway == g.gateway {
				if to := g.find(rec.Time.Unix()); to != nil {
					to.add(&rec)
				}
			}
			return ctx.Err() == nil
		})
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			s.damaged(v, next, err)
		}
	}
	return nil
}
