package trust

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Book holds an Entry for each gateway ever spoken to. It is safe for
// concurrent use.
type Book struct {
	path    string // "" = kept in memory only
	damaged string // what was set aside at Open

	mu       sync.Mutex
	entries  map[string]Entry
	recalled map[string]bool // pins whose LastSeen was read from the file and may be a little behind
	saved    time.Time       // last write
	failed   error           // why the last write failed
}

// Open reads the book in the folder dir; a missing one is begun. A damaged one
// is set aside beside it with the ending .damaged, which Damaged reports: the
// next key seen counts as the first then. A file of a newer program is an error.
func Open(dir string) (*Book, error) {
	b := Memory()
	if err := b.load(dir); err != nil {
		return nil, fmt.Errorf("reading what is known of the gateways: %w", err)
	}
	return b, nil
}

// Memory returns an empty book that is never written down.
func Memory() *Book {
	return &Book{entries: map[string]Entry{}, recalled: map[string]bool{}}
}

// Damaged names the file that was set aside at Open, or "".
func (b *Book) Damaged() string { return b.damaged }

// Err says why the last write failed, nil once one has succeeded. The book
// goes on from memory meanwhile.
func (b *Book) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// Get returns what is known of the gateway with that serial.
func (b *Book) Get(serial string) (Entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[serial]
	return e.clone(), ok
}

// All returns every entry, ordered by serial.
func (b *Book) All() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sorted()
}

func (b *Book) sorted() []Entry {
	all := slices.Collect(maps.Values(b.entries))
	slices.SortFunc(all, func(x, y Entry) int { return cmp.Compare(x.Serial, y.Serial) })
	for i := range all {
		all[i] = all[i].clone()
	}
	return all
}

// Update changes the entry of serial, which is begun if there is none, and
// writes the book if anything changed. When writing fails the change still
// holds in memory.
func (b *Book) Update(serial string, change func(*Entry)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.update(serial, time.Now(), change)
}

// update is Update for those who hold the lock.
func (b *Book) update(serial string, now time.Time, change func(*Entry)) error {
	if err := checkSerial(serial); err != nil {
		return err
	}
	old, known := b.entries[serial]
	e := old.clone()
	e.Serial = serial
	change(&e)
	e.Serial = serial
	if known && e.equal(old) {
		return nil
	}
	e.Updated = now
	b.entries[serial] = e
	return b.save(now)
}

// Save writes the book now. Call it at the end, so that the newest LastSeen is
// on disk.
func (b *Book) Save() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.save(time.Now())
}
