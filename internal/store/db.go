package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"envoyd/internal/fault"
)

// ErrNewer means that the history was written by a newer envoyd.
var ErrNewer = errors.New("the history is of a newer envoyd")

// migrations bring the database from the version that is their index to the
// next. A released one never changes.
var migrations = []string{
	`CREATE TABLE state (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
	 CREATE TABLE cursors (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
	 CREATE TABLE gateways (id INTEGER PRIMARY KEY, gateway TEXT NOT NULL UNIQUE, zone TEXT NOT NULL DEFAULT '');
	 CREATE TABLE minutes (gateway INTEGER, time INTEGER, data BLOB NOT NULL, PRIMARY KEY (gateway, time)) WITHOUT ROWID;
	 CREATE TABLE quarters (gateway INTEGER, time INTEGER, data BLOB NOT NULL, PRIMARY KEY (gateway, time)) WITHOUT ROWID;
	 CREATE TABLE days (gateway INTEGER, time INTEGER, data BLOB NOT NULL, PRIMARY KEY (gateway, time)) WITHOUT ROWID;
	 CREATE TABLE inverters (gateway INTEGER, first INTEGER, last INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (gateway, first)) WITHOUT ROWID;`,
}

// kept is what the database knows apart from the history.
type kept struct {
	folded  uint64
	cursors map[string]uint64
	zones   map[string]*time.Location
}

// openDB opens the database, checks and migrates it. One that is damaged is
// set aside and begun anew; the raw segments fill it again as far as they go.
func (s *Store) openDB() (kept, error) {
	if s.db != nil { // an earlier attempt got this far
		return readKept(s.db)
	}
	db, err := openChecked(s.dbPath())
	if isDamaged(err) {
		aside, errAside := setAside(s.dbPath())
		if errAside != nil {
			return kept{}, errors.Join(err, errAside)
		}
		if err := ignoreMissing(os.Remove(s.dbPath() + "-journal")); err != nil {
			return kept{}, fmt.Errorf("setting a damaged file aside: %w", err)
		}
		s.log.Warn("history damaged, set aside and begun anew", "file", aside, "error", err)
		s.mu.Lock()
		s.notice = "The history was damaged; it was set aside as " + aside + " and a new one begun."
		s.mu.Unlock()
		db, err = openChecked(s.dbPath())
	}
	if err != nil {
		return kept{}, err
	}
	s.db = db
	return readKept(db)
}

// openChecked opens a database, made 0600 if it is missing.
func openChecked(path string) (*sql.DB, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	// Readers and the writer take turns on one connection. A rollback journal
	// writes new pages once, where a write-ahead log writes them twice.
	pragmas := url.Values{"_pragma": {"page_size(4096)", "auto_vacuum(incremental)", "journal_mode(persist)",
		"synchronous(full)", "cache_size(-512)", "journal_size_limit(65536)", "temp_store(memory)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	db.SetMaxOpenConns(1)
	if err := check(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := migrate(db, migrations); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

var errCheck = errors.New("quick_check found damage")

func check(db *sql.DB) error {
	var verdict string
	if err := db.QueryRow("PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("checking the history: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("checking the history: %w: %s", errCheck, verdict)
	}
	return nil
}

func isDamaged(err error) bool {
	if errors.Is(err, errCheck) {
		return true
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// migrate brings the schema forward, each step in a transaction of its own.
func migrate(db *sql.DB, steps []string) error {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("reading the history's version: %w", err)
	}
	if version > len(steps) {
		return &fault.Error{
			Kind: fault.Config, Err: ErrNewer,
			Op:   fmt.Sprintf("opening the history of version %d (this envoyd knows %d)", version, len(steps)),
			Mend: "Install the newer envoyd again, or set another store.path.",
		}
	}
	for ; version < len(steps); version++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT", steps[version], version+1)
		if _, err := db.Exec(step); err != nil {
			_, errBack := db.Exec("ROLLBACK")
			return errors.Join(fmt.Errorf("bringing the history to version %d: %w", version+1, err), errBack)
		}
	}
	return nil
}

func readKept(db *sql.DB) (kept, error) {
	k := kept{cursors: map[string]uint64{}, zones: map[string]*time.Location{}}
	err := db.QueryRow("SELECT value FROM state WHERE key = 'folded'").Scan(&k.folded)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return k, fmt.Errorf("reading the history: %w", err)
	}
	err = eachRow(db, "SELECT sink, seq FROM cursors", func(scan scanner) error {
		var sink string
		var seq uint64
		err := scan(&sink, &seq)
		k.cursors[sink] = seq
		return err
	})
	if err != nil {
		return k, err
	}
	return k, eachRow(db, "SELECT gateway, zone FROM gateways WHERE zone <> ''", func(scan scanner) error {
		var gateway, name string
		if err := scan(&gateway, &name); err != nil {
			return err
		}
		if zone, err := time.LoadLocation(name); err == nil {
			k.zones[gateway] = zone
		}
		return nil
	})
}

type scanner func(...any) error

type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

func eachRow(db querier, query string, each func(scanner) error, args ...any) (err error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return fmt.Errorf("reading the history: %w", err)
		}
	}
	return rows.Err()
}
