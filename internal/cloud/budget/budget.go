// Package budget counts the calls to a web API that allows only so many in a
// minute and in a month, and divides what is left.
//
// A call is counted on disk before it is made, so that no crash and no restart
// loop can spend more than there is; a call that cannot be written down is not
// made. Several processes may share one ledger. The vendor's own word (a 429
// with its period) stands above our count.
//
// The month of the free plan has 1,000 calls: about 32 a day. Of these 15 %
// are kept to fill holes afterwards, one a day to keep the grant alive, and 1 %
// is never touched. The rest goes to the present power while the gateway is
// silent: at the start of an outage every 15 minutes by day and every 40 by
// night, slower the longer it lasts, and never so fast that a later day of the
// month would have to go without.
//
// It knows neither the API nor the network; it sleeps never and has no
// goroutine.
package budget

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"envoyd/internal/cloud/filelock"
	"envoyd/internal/fault"
)

// ErrSpent means that no call may be made now; fault.After says for how long.
var ErrSpent = errors.New("no cloud call may be made now")

// lockLimit bounds the wait for another process that is counting.
const lockLimit = 10 * time.Second

// Config says where the count is kept.
type Config struct {
	Dir  string         // the state folder; enlighten-calls.json in it
	Plan Plan           // zero = the free plan, watt
	Zone *time.Location // where day and night are; nil = local time
	Log  *slog.Logger
}

// Ledger is the count. It is safe for concurrent use.
type Ledger struct {
	path string
	plan Plan
	log  *slog.Logger

	mu   sync.Mutex
	zone *time.Location
	own  []time.Time // our last calls with the monotonic clock, which nobody sets back
}

// Open returns the ledger of a state folder. The file is made with the first
// call.
func Open(cfg Config) *Ledger {
	l := &Ledger{path: filepath.Join(cfg.Dir, "enlighten-calls.json"), plan: cfg.Plan, zone: cfg.Zone, log: cfg.Log}
	if l.plan.Month == 0 {
		l.plan = plans["watt"]
	}
	if l.zone == nil {
		l.zone = time.Local
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l
}

// SetZone says where day and night are, once the system's zone is known.
func (l *Ledger) SetZone(zone *time.Location) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.zone = zone
}

// Allow says whether a need may be met now and otherwise when; nothing is
// counted. A ledger that cannot be read allows nothing.
func (l *Ledger) Allow(n Need) Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	s, _, err := l.load(now)
	if err != nil {
		return Decision{At: now.Add(lockLimit), Reason: err.Error()}
	}
	return s.decide(l.limits(&s), l.zone, now, n)
}

// Check returns what Take would, for all calls of the need, and counts
// nothing.
func (l *Ledger) Check(n Need) error {
	if d := l.Allow(n); !d.OK {
		return spent(d, time.Now())
	}
	return nil
}

// Take counts one call, which must then be made at once. The error is
// ErrSpent in a fault.Transient with the time to wait, or that the count
// cannot be kept.
func (l *Ledger) Take(ctx context.Context, n Need) error {
	n.Calls = 1
	return l.change(ctx, func(s *state, now time.Time) error {
		if d := s.decide(l.limits(s), l.zone, now, n); !d.OK {
			return spent(d, now)
		}
		s.counted(l.limits(s), l.zone, now, n)
		l.own = append(l.own, now)
		return nil
	})
}

func spent(d Decision, now time.Time) error {
	return &fault.Error{Op: "asking the Enlighten cloud", Err: &spentError{d.Reason}, After: d.At.Sub(now),
		Mend: "Nothing need be done; the next call is due at " + d.At.Local().Format("2006-01-02 15:04") +
			". cloud.enlighten.plan says how many there are."}
}

// spentError is ErrSpent with its reason.
type spentError struct{ reason string }

// Error says why no call may be made.
func (e *spentError) Error() string { return ErrSpent.Error() + ": " + e.reason }

// Unwrap makes it an ErrSpent.
func (e *spentError) Unwrap() error { return ErrSpent }

// change reads the state, lets f change it and writes it, all under the lock
// between processes. If f fails nothing is written.
func (l *Ledger) change(ctx context.Context, f func(*state, time.Time) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	release, err := filelock.Take(ctx, l.path+".lock")
	if err != nil {
		return uncounted(err)
	}
	defer release()
	now := time.Now()
	s, damaged, err := l.load(now)
	if err != nil {
		return uncounted(err)
	}
	if damaged {
		if err := errors.Join(os.Rename(l.path, l.path+".damaged"), s.write(l.path)); err != nil {
			return uncounted(err)
		}
		l.log.Warn("count of cloud calls was damaged and set aside, so this month counts as spent in proportion", "file", l.path+".damaged")
	}
	if err := f(&s, now); err != nil {
		return err
	}
	if err := s.write(l.path); err != nil {
		return uncounted(err)
	}
	return nil
}

func uncounted(err error) error {
	return &fault.Error{Op: "counting a call to the Enlighten cloud", Err: err,
		Mend: "Make room on the disk, or make the state folder writable: a call that cannot be counted is not made."}
}

// load reads the state as it counts at now. A count that was lost is replaced
// by the share of the month that is over: nobody knows what was spent.
func (l *Ledger) load(now time.Time) (s state, damaged bool, err error) {
	s, damaged, err = read(l.path)
	if err != nil {
		return state{}, false, err
	}
	s.tidy(now)
	if s.Plan != l.plan.Name {
		s.Plan, s.Limit, s.MinuteLimit = l.plan.Name, 0, 0
		s.NextFallback = time.Time{}
	}
	if damaged {
		m := s.months(now)[0]
		gone := float64(now.Sub(m.start)) / float64(m.end.Sub(m.start))
		s.add(now, Fallback, int(float64(l.plan.Month)*gone))
	}
	own := state{Recent: l.own}
	l.own = own.recent(now)
	if len(l.own) > len(s.Recent) {
		s.Recent = append([]time.Time(nil), l.own...)
	}
	return s, damaged, nil
}

// limits returns the plan with what the vendor has said about it.
func (l *Ledger) limits(s *state) Plan {
	p := l.plan
	if s.Limit > 0 {
		p.Month = s.Limit
	}
	if s.MinuteLimit > 0 {
		p.Minute = s.MinuteLimit
	}
	return p
}
