// Package fault holds the switches that make a simulated gateway misbehave.
//
// A switch is thrown for a time, for a number of answers, for one path, or
// until it is cleared, over POST /_sim/<fault> or by a test. This package only
// remembers which are on; package gateway plays those of the connection and
// package page those of the numbers.
package fault

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind names a fault; it is the last part of /_sim/<fault>.
type Kind string

// Faults of the connection. All of them take for, count and path.
const (
	Refuse       Kind = "refuse"       // connections are reset as soon as they are made, open ones at once; /_sim stays reachable over plain HTTP
	Stall        Kind = "stall"        // the request is taken and never answered
	Cut          Kind = "cut"          // the headers and half of the body, then the connection is closed
	HTML         Kind = "html"         // 200 with a page instead of data
	Empty        Kind = "empty"        // 200 with no body
	Unauthorized Kind = "unauthorized" // 401 with the gateway's page, check_jwt too (also as /_sim/401); never for /info unless path says so
	BadGateway   Kind = "bad-gateway"  // 502 with the web server's page (also as /_sim/502)
	Unavailable  Kind = "unavailable"  // 503, as in the first minutes after a boot (also as /_sim/503)
	Freeze       Kind = "freeze"       // each path repeats the answer it first gives; /info and logins go on unless path says so
)

// Faults of the numbers. They take for, count and path too; those marked once
// happen to one answer when neither for nor count is given.
const (
	Zeros    Kind = "zeros"    // counters and powers are 0 with status 200, as after a restart
	NoMeters Kind = "nometers" // /ivp/meters and /ivp/meters/readings answer [], as before the meter daemon is up
	Flicker  Kind = "flicker"  // once: healthy CTs have activeCount 0 in production.json
	Spike    Kind = "spike"    // once: powers are fifty times too high and counters 5 MWh ahead
)

// Kinds lists the faults that can be thrown with Set.
func Kinds() []Kind {
	return []Kind{
		Refuse, Stall, Cut, HTML, Empty, Unauthorized, BadGateway, Unavailable, Freeze,
		Zeros, NoMeters, Flicker, Spike,
	}
}

// Parse finds a fault by its name or its status code.
func Parse(name string) (Kind, error) {
	switch name {
	case "401":
		return Unauthorized, nil
	case "502":
		return BadGateway, nil
	case "503":
		return Unavailable, nil
	}
	if k := Kind(name); slices.Contains(Kinds(), k) {
		return k, nil
	}
	return "", fmt.Errorf("there is no fault %q", name)
}

// Options says how long a fault stays. The zero value is until Clear.
type Options struct {
	For   time.Duration // from now on; 0 = no end
	Count int           // so many answers; 0 = no end
	Path  string        // only this path, or every path under it when it ends in /; "" = all
}

// Fault is a thrown switch.
type Fault struct {
	Kind  Kind      `json:"fault"`
	Path  string    `json:"path,omitempty"`
	Until time.Time `json:"until,omitzero"`
	Left  int       `json:"left,omitempty"` // answers to go; 0 = not counted
}

// Switches are the faults of one gateway. The zero value is a healthy one.
type Switches struct {
	mu sync.Mutex
	on []Fault
}

// Set throws a switch; one of the same kind and path is replaced.
func (s *Switches) Set(kind Kind, o Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Fault{Kind: kind, Path: o.Path, Left: o.Count}
	if o.For > 0 {
		f.Until = time.Now().Add(o.For)
	}
	if (kind == Flicker || kind == Spike) && o.For == 0 && o.Count == 0 {
		f.Left = 1
	}
	s.remove(func(old Fault) bool { return old.Kind == kind && old.Path == o.Path })
	s.on = append(s.on, f)
}

// Clear ends all faults of the given kinds; all there are when none is given.
func (s *Switches) Clear(kinds ...Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(func(f Fault) bool { return len(kinds) == 0 || slices.Contains(kinds, f.Kind) })
}

// Active lists the faults that are on.
func (s *Switches) Active() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return append([]Fault{}, s.on...)
}

// On reports whether a fault is on for a path, without using it up.
func (s *Switches) On(kind Kind, path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(kind, path, "") >= 0
}

// Take reports whether a fault is on for a path and counts one answer.
func (s *Switches) Take(kind Kind, path string) bool { return s.take(kind, path, "") }

// TakeNot is Take that does not count or hit the spared path (or what is under
// it, when it ends in /), unless the switch was thrown for that very path.
func (s *Switches) TakeNot(kind Kind, path string, spared ...string) bool {
	for _, sp := range spared {
		if matches(sp, path) {
			return s.take(kind, path, path)
		}
	}
	return s.take(kind, path, "")
}

func (s *Switches) take(kind Kind, path, only string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(kind, path, only)
	if i < 0 {
		return false
	}
	if s.on[i].Left > 0 {
		if s.on[i].Left--; s.on[i].Left == 0 {
			s.on = slices.Delete(s.on, i, i+1)
		}
	}
	return true
}

// find returns the index of a switch that hits path; only limits it to
// switches thrown for exactly that path.
func (s *Switches) find(kind Kind, path, only string) int {
	s.expire()
	return slices.IndexFunc(s.on, func(f Fault) bool {
		return f.Kind == kind && matches(f.Path, path) && (only == "" || f.Path == only)
	})
}

func (s *Switches) expire() {
	now := time.Now()
	s.remove(func(f Fault) bool { return !f.Until.IsZero() && !now.Before(f.Until) })
}

func (s *Switches) remove(gone func(Fault) bool) { s.on = slices.DeleteFunc(s.on, gone) }

// matches says whether a path is the pattern, or under it when it ends in /.
func matches(pattern, path string) bool {
	if pattern == "" || pattern == path {
		return true
	}
	return strings.HasSuffix(pattern, "/") && strings.HasPrefix(path, pattern)
}
