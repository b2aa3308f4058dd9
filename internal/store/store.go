package store

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"envoyd/internal/reading"
)

// Config says where readings are kept and for how long. Zero values are the
// defaults named.
type Config struct {
	Dir      string        // the folder, made 0700 if it is missing; must not be ""
	RAM      string        // a folder on a RAM disk for what is not yet on disk; default /dev/shm, "-" for none
	Raw      time.Duration // full resolution is kept this long after every sink has it; 48 h
	Minutes  time.Duration // minute means, and inverter reports; 2 years
	Quarters time.Duration // quarter hours; 10 years
	MaxSize  int64         // bytes of everything together; 1 GiB, at least 4 MiB
	Log      *slog.Logger
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&c.Raw, 48*time.Hour)
	set(&c.Minutes, 2*year)
	set(&c.Quarters, 10*year)
	if c.MaxSize <= 0 {
		c.MaxSize = 1 << 30
	}
	c.MaxSize = max(c.MaxSize, 4<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Store keeps readings. It is for concurrent use. Run must run for anything
// to outlive a power cut.
type Store struct {
	cfg Config
	log *slog.Logger

	disk sync.Mutex // held by whoever changes files: flush, fold, retention; taken before mu
	db   *sql.DB    // nil while it cannot be opened; guarded by disk
	lock *Lock      // nil while the folder cannot be written; guarded by disk

	mu      sync.Mutex // everything below
	journal journal
	cursors map[string]uint64
	active  map[string]bool // sinks registered since the start
	newest  map[key]reading.Record
	recent  []reading.Record // the last of them, for readers who keep up
	pending sums
	folded  uint64 // every reading up to here is in the aggregates on disk
	dropped uint64
	arrived chan struct{}    // closed at the next reading
	failure error            // why readings do not reach the disk; nil when they do
	trouble map[string]error // what else fails, by what was being done
	notice  string           // something a person should know, though all works
	loaded  bool             // what the folder held is known
	closed  bool
	zones   map[string]*time.Location
	rezoned bool // a zone is not on disk yet
}

type key struct {
	gateway string
	tier    reading.Tier
	source  reading.Source
}

func keyOf(rec *reading.Record) key { return key{rec.Gateway, rec.Tier, rec.Source} }

// recentMax is how many records are kept decoded, 3 KiB each at most.
const recentMax = 64

// Open opens the store in cfg.Dir, replays what a crash left, and sets aside
// what is damaged. A folder that cannot be written is no error: the store then
// works in memory, Health says so, and Run tries again. Errors are a folder
// that another process holds (ErrLocked) and a file of a newer envoyd
// (ErrNewer); both are fault.Config.
func Open(cfg Config) (*Store, error) {
	s := &Store{
		cfg:     cfg.withDefaults(),
		cursors: map[string]uint64{},
		active:  map[string]bool{},
		newest:  map[key]reading.Record{},
		pending: sums{},
		arrived: make(chan struct{}),
		zones:   map[string]*time.Location{},
		trouble: map[string]error{},
	}
	s.log = s.cfg.Log
	s.journal.begin(1, nil)
	s.disk.Lock()
	defer s.disk.Unlock()
	err := s.load()
	if errors.Is(err, ErrLocked) || errors.Is(err, ErrNewer) {
		return nil, errors.Join(err, s.release())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(err)
	return s, nil
}

// Append keeps a record and returns its sequence number. When it returns
// without an error the operating system has the record; an error means that
// it is kept in memory only (it still reaches readers), or, with sequence 0,
// that it is none: no gateway, no time, or absurdly large. A record with the
// gateway, tier, source and time of the newest kept is the same record, and is
// not kept again. Records of the cloud may be older than what is kept already.
func (s *Store) Append(rec reading.Record) (seq uint64, err error) {
	if rec.Gateway == "" || rec.Tier == "" || rec.Time.IsZero() {
		return 0, errors.New("keeping a reading: it has no gateway, tier or time")
	}
	text, err := toText(rec)
	if err != nil {
		return 0, err
	}
	if len(text) > maxText {
		return 0, fmt.Errorf("keeping a reading: %d bytes are too many", len(text))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.newest[keyOf(&rec)]; ok && last.Time.Equal(rec.Time) {
		return last.Seq, nil
	}
	rec.Seq = s.journal.record(rec, text, s.room(), s.cursors)
	s.took(rec)
	close(s.arrived)
	s.arrived = make(chan struct{})
	return rec.Seq, s.hand()
}

// took notes a record that is in the journal.
func (s *Store) took(rec reading.Record) {
	s.remember(rec)
	if len(s.recent) == recentMax {
		copy(s.recent, s.recent[1:])
		s.recent = s.recent[:recentMax-1]
	}
	s.recent = append(s.recent, rec)
	s.pending.add(rec)
}

// remember keeps the newest record of each source. The gateway's own come in
// their order; others also fill the past.
func (s *Store) remember(rec reading.Record) {
	last, known := s.newest[keyOf(&rec)]
	if known && fills(&rec) && rec.Time.Before(last.Time) {
		return
	}
	s.newest[keyOf(&rec)] = rec
}

// Last returns the newest record of a gateway's tier from any source, also of
// the time before a restart.
func (s *Store) Last(gateway string, tier reading.Tier) (newest reading.Record, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, rec := range s.newest {
		if at.gateway == gateway && at.tier == tier && (!ok || rec.Time.After(newest.Time)) {
			newest, ok = rec, true
		}
	}
	return newest, ok
}

// LastFrom returns the newest record of a gateway's tier from one source.
func (s *Store) LastFrom(gateway string, tier reading.Tier, source reading.Source) (reading.Record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.newest[key{gateway, tier, source}]
	return rec, ok
}

// Close brings everything to disk and gives the folder back. Nothing may be
// called afterwards; a reader in Next must have ended.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	err := errors.Join(s.flush(), s.fold(), s.flush())
	s.disk.Lock()
	defer s.disk.Unlock()
	return errors.Join(err, s.release())
}

// release closes files. The caller holds disk.
func (s *Store) release() (err error) {
	if s.db != nil {
		err = s.db.Close()
		s.db = nil
	}
	s.mu.Lock()
	err = errors.Join(err, s.journal.closeSpools())
	s.mu.Unlock()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}
