// Package ledger turns the gateway's lifetime counters into energy that can be
// trusted, and counts "today" from it.
//
// The gateway's counters fall to zero after a restart, wrap at 2^32 J, change
// hands with a firmware update, start over when a CT is commissioned anew and
// lose what a removed microinverter had contributed. What this package
// publishes never steps down and never rises by more than the hardware behind
// a counter could have done in the time passed. The rules, each a function:
//
//   - counter.go: what one counter gained since it was last believed; wraps
//     are added back, everything else that does not fit is put on trial.
//
//   - trial.go: a level that was not believed is believed after five
//     measurements over half a minute, and then counts nothing: the counter
//     goes on from there (a new epoch). Should the old level come back, the
//     false epoch is undone.
//
//   - flow.go: a flow goes on by the signed differences of its terms, and
//     holds rather than fall. integrate.go: a flow without counters.
//
//   - marks.go: what a flow stood at on each quarter hour; "today" is the
//     difference to the mark of local midnight. Every civil time zone has its
//     midnight on a quarter hour, so changes of daylight saving time, of the
//     zone and of the clock need no rule of their own.
//
//   - hole.go: a balance over a gap in which its integrated part is unknown.
//
//   - missed.go: what a flow without counters missed in a gap is counted once
//     somebody else (the cloud) has told it.
//
// After a gap (the daemon was down) the difference counts if the hardware
// could have done it. A gap of at most 12 hours over midnight is shared
// linearly between the days and the day is marked as estimated; after a longer
// one "today" is absent until the next midnight.
//
// The package reads no clock: all time comes with the input. It asks no
// gateway and knows no endpoint; which counter serves which flow is decided
// above it.
package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"envoyd/internal/atomicfile"
	"envoyd/internal/reading"
)

// Config says where a Ledger keeps its state.
type Config struct {
	// Path is the state file, beside the store but not in it, so that either
	// survives the loss of the other. Its folder must exist. Empty keeps
	// nothing.
	Path string
	Log  *slog.Logger // nil logs nothing
}

// Ledger is the trusted account of all installations. It is safe for
// concurrent use.
type Ledger struct {
	path    string
	log     *slog.Logger
	damaged error

	saving  sync.Mutex // so that an older state never replaces a newer one
	mu      sync.Mutex
	houses  map[string]*house
	refused refusals
}

// Input is what one measurement of one installation says.
type Input struct {
	Gateway  string         // the installation: first serial of the replaces chain
	Serial   string         // the hardware in use; another one starts every counter anew
	Firmware string         // of the hardware in use
	Zone     *time.Location // where midnight is; nil leaves today absent
	Time     time.Time      // of the measurement, in our clock
	Counters []reading.Counter
	Accounts []reading.Account
	// Awaited says that somebody will tell by Missed what a gap held. A balance
	// then stands still at its end until the part that was integrated is known.
	Awaited bool
}

// Outcome is what may be published of an Input.
type Outcome struct {
	// Energy has every flow that the input has an account for and that was
	// ever counted; Today those of them whose midnight is known.
	Energy, Today reading.Energy
	// Estimated are the paths ("energy.charge_wh") that were integrated from
	// power or, for today, interpolated over a gap. Not to be changed.
	Estimated []string
	// Refused are the values of this input that were not believed.
	Refused []Refusal
	// Hold says that a lifetime counter fell to zero: nothing of this answer,
	// power included, may be published.
	Hold bool
	// Event says that the state changed in a way worth saving at once.
	Event bool
}

// Open reads the state file. A missing file is an empty ledger; a damaged one
// is set aside as Path.damaged, reported by Damaged, and an empty one begun.
// The error is an *fs.PathError when the file cannot be read or set aside.
func Open(c Config) (*Ledger, error) {
	l := &Ledger{path: c.Path, log: c.Log, houses: map[string]*house{}}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if c.Path == "" {
		return l, nil
	}
	data, err := os.ReadFile(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening ledger: %w", err)
	}
	houses, err := decode(data)
	if err == nil {
		l.houses = houses
		return l, nil
	}
	aside := c.Path + ".damaged"
	l.damaged = fmt.Errorf("the ledger %s was damaged and set aside as %s; lifetime energy goes on from the store: %w", c.Path, aside, err)
	if err := os.Rename(c.Path, aside); err != nil {
		return nil, fmt.Errorf("setting the damaged ledger aside: %w", err)
	}
	return l, nil
}

// Damaged reports that Open set a damaged state file aside, nil otherwise. The
// text says where it is.
func (l *Ledger) Damaged() error { return l.damaged }

// Apply counts one measurement. Inputs of one installation come in the order
// of their time; one that is older than the last by up to two minutes changes
// nothing, an older one says that the clock was set back.
func (l *Ledger) Apply(in Input) Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.house(in.Gateway).apply(in, l)
}

// Resume tells what was last published for a gateway, as found in the store:
// published energy will not fall below it. The difference between a stale
// state file and last is not counted twice: flows with counters go on from
// their own raw state and catch up; only integrated flows are lifted. Call it
// before the first Apply.
func (l *Ledger) Resume(gateway string, last reading.Energy, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.house(gateway)
	for i, f := range reading.Flows() {
		if wh, ok := last.At(f).Get(); ok && sane(wh) && at.UnixMilli() > earliest && at.UnixMilli() < latest {
			h.flows[i].resume(wh, at.UnixMilli())
		}
	}
	h.at = max(h.at, h.lastAt())
}

// Recall tells what was published at an earlier moment, usually the last local
// midnight as found in the store, so that today is known although the ledger
// was lost. What the ledger has seen itself it believes more.
func (l *Ledger) Recall(gateway string, past reading.Energy, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.house(gateway)
	for i, f := range reading.Flows() {
		if wh, ok := past.At(f).Get(); ok && sane(wh) && at.UnixMilli() > earliest && at.UnixMilli() < latest {
			h.flows[i].recall(wh, at.UnixMilli())
		}
	}
}

// Save writes the state file.
func (l *Ledger) Save() error {
	if l.path == "" {
		return nil
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	data, err := encode(l.houses)
	l.mu.Unlock()
	return l.write(data, err)
}

// write replaces the state file with what was encoded.
func (l *Ledger) write(data []byte, err error) error {
	if err == nil {
		err = atomicfile.Write(l.path, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("saving ledger: %w", err)
	}
	return nil
}

func (l *Ledger) house(gateway string) *house {
	h, ok := l.houses[gateway]
	if !ok {
		h = newHouse()
		l.houses[gateway] = h
	}
	return h
}
