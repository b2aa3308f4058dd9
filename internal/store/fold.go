package store

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

const quarter = 15 * time.Minute

// fold adds the sums in memory to the history on disk: minutes, quarter hours
// and days in one transaction, with the sequence they reach to. Whatever a
// crash leaves out is summed up again from the segments, once.
func (s *Store) fold() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.foldLocked()
}

// Fold adds what was appended so far to the history on disk, as Run does every
// hour. Whoever fills the past has to call it for every day or so of minutes:
// memory holds two days of them, the newest.
func (s *Store) Fold() error {
	err := s.fold()
	s.note("fold", err)
	return err
}

func (s *Store) foldLocked() error {
	if s.db == nil {
		return nil // Health says why
	}
	s.mu.Lock()
	f := folding{
		sums: s.pending, upTo: s.journal.last(), cursors: maps.Clone(s.cursors), zones: maps.Clone(s.zones),
	}
	if f.upTo == s.folded && !s.rezoned {
		s.mu.Unlock()
		return nil
	}
	s.pending = sums{}
	s.mu.Unlock()
	err := s.flushLocked() // never fold what a power cut could still take
	if err == nil {
		err = f.commit(s.db)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		f.sums.putBack(s.pending)
		s.pending = f.sums
		return err
	}
	s.folded, s.rezoned = f.upTo, false
	return nil
}

// folding is what one fold writes.
type folding struct {
	sums    sums
	upTo    uint64
	cursors map[string]uint64
	zones   map[string]*time.Location
}

func (f folding) commit(db *sql.DB) (err error) {
	tx, err := db.Begin()
	if err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("writing the history: %w", err), tx.Rollback())
		}
	}()
	if _, err := tx.Exec("INSERT OR REPLACE INTO state VALUES ('folded', ?)", f.upTo); err != nil {
		return err
	}
	for sink, seq := range f.cursors {
		if _, err := tx.Exec("INSERT OR REPLACE INTO cursors VALUES (?, ?)", sink, seq); err != nil {
			return err
		}
	}
	for gateway, zone := range f.zones {
		if err := keepZone(tx, gateway, zone); err != nil {
			return err
		}
	}
	for gateway, g := range f.sums {
		if err := g.commit(tx, gateway, f.zones[gateway]); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func keepZone(tx *sql.Tx, gateway string, zone *time.Location) error {
	_, err := tx.Exec(`INSERT INTO gateways (gateway, zone) VALUES (?, ?)
		ON CONFLICT (gateway) DO UPDATE SET zone = excluded.zone`, gateway, zone.String())
	return err
}

func (g *gatewaySums) commit(tx *sql.Tx, gateway string, zone *time.Location) error {
	if _, err := tx.Exec("INSERT OR IGNORE INTO gateways (gateway) VALUES (?)", gateway); err != nil {
		return err
	}
	var id int64
	if err := tx.QueryRow("SELECT id FROM gateways WHERE gateway = ?", gateway).Scan(&id); err != nil {
		return err
	}
	tables := map[string]func(int64) int64{
		"minutes":  func(at int64) int64 { return at },
		"quarters": func(at int64) int64 { return at - floorMod(at, int64(quarter/time.Second)) },
		"days":     func(at int64) int64 { return midnight(time.Unix(at, 0), zone).Unix() },
	}
	for table, start := range tables {
		if err := mergeInto(tx, table, id, g.rolled(start)); err != nil {
			return err
		}
	}
	return g.reports.commit(tx, id)
}

// midnight returns the start of t's day in a zone; UTC when none is known.
func midnight(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// rolled sums the minutes up by the start of what each belongs to.
func (g *gatewaySums) rolled(start func(int64) int64) map[int64]*bucket {
	coarse := map[int64]*bucket{}
	for _, at := range slices.Sorted(maps.Keys(g.minutes)) {
		to := start(at)
		if coarse[to] == nil {
			coarse[to] = &bucket{}
		}
		coarse[to].merge(g.minutes[at])
	}
	return coarse
}

func mergeInto(tx *sql.Tx, table string, id int64, buckets map[int64]*bucket) error {
	for _, at := range slices.Sorted(maps.Keys(buckets)) {
		sum := *buckets[at]
		var data []byte
		err := tx.QueryRow("SELECT data FROM "+table+" WHERE gateway = ? AND time = ?", id, at).Scan(&data)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil {
			if sum, err = decodeBucket(data); err != nil {
				return err
			}
			sum.merge(buckets[at])
		}
		if _, err := tx.Exec("INSERT OR REPLACE INTO "+table+" VALUES (?, ?, ?)", id, at, sum.encode()); err != nil {
			return err
		}
	}
	return nil
}

func (r *reports) commit(tx *sql.Tx, id int64) error {
	if len(r.data) == 0 {
		return nil
	}
	block, err := r.block()
	if err != nil {
		return err
	}
	// Two blocks never begin alike: an inverter record's time never repeats.
	_, err = tx.Exec("INSERT OR REPLACE INTO inverters VALUES (?, ?, ?, ?)", id, r.first.UnixMilli(), r.last.UnixMilli(), block)
	return err
}

// SetZone says in which zone a gateway's days begin. It is remembered; until
// it is known days begin at midnight UTC. Days already past stay as they are.
func (s *Store) SetZone(gateway string, zone *time.Location) {
	if zone == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.zones[gateway]; old == nil || old.String() != zone.String() {
		s.zones[gateway], s.rezoned = zone, true
	}
}
