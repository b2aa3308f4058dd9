// Package status is the daemon's own health: named conditions, each green,
// yellow or red with what a person can do about it, and the question whether
// our own loops still move (the watchdog's question, which has nothing to do
// with whether the outside works).
//
// Parts say how they are with Set; they never read it. The page, /healthz,
// /readyz, MQTT and `envoyd check` read it with Conditions.
package status

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// State is a condition's colour.
type State string

// The states: works, works with a worry, does not work.
const (
	Green  State = "green"
	Yellow State = "yellow"
	Red    State = "red"
)

// Condition is the health of one part. Names are stable: "config", "store",
// "clock", "mqtt", "influx", "discovery", "gateway/<serial>",
// "token/<serial>", "trust/<serial>", "readings/<gateway>", "cloud/enlighten".
type Condition struct {
	Name    string    `json:"name"`
	State   State     `json:"state"`
	Since   time.Time `json:"since"` // when State last changed
	Message string    `json:"message"`
	Mend    string    `json:"mend"` // what a person can do, "" when nothing need be done
}

// Board holds the conditions and the heartbeats of our loops.
type Board struct {
	log *slog.Logger

	mu         sync.Mutex
	conditions map[string]Condition
	beats      map[string]beat
}

type beat struct {
	last   time.Time
	within time.Duration
}

// NewBoard returns an empty board. A change of a condition's state is logged
// once, here, so that no part has to.
func NewBoard(log *slog.Logger) *Board {
	return &Board{log: log, conditions: map[string]Condition{}, beats: map[string]beat{}}
}

// Set says how the part called name is.
func (b *Board) Set(name string, state State, message, mend string) {
	b.mu.Lock()
	old, known := b.conditions[name]
	c := Condition{Name: name, State: state, Since: old.Since, Message: message, Mend: mend}
	if !known || old.State != state {
		c.Since = time.Now()
	}
	b.conditions[name] = c
	b.mu.Unlock()
	if known && old.State == state || !known && state == Green {
		return
	}
	level := slog.LevelInfo
	if state != Green {
		level = slog.LevelWarn
	}
	b.log.Log(context.Background(), level, "health changed",
		"part", name, "state", string(state), "message", message, "mend", mend)
}

// Forget removes a condition whose part is no more.
func (b *Board) Forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conditions, name)
}

// Get returns one condition; its zero value when nobody set it.
func (b *Board) Get(name string) Condition {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conditions[name]
}

// Conditions lists all, worst first, then by name.
func (b *Board) Conditions() []Condition {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Condition, 0, len(b.conditions))
	for _, c := range b.conditions {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y Condition) int {
		if d := severity(y.State) - severity(x.State); d != 0 {
			return d
		}
		return strings.Compare(x.Name, y.Name)
	})
	return all
}

func severity(s State) int {
	switch s {
	case Red:
		return 2
	case Yellow:
		return 1
	default:
		return 0
	}
}

// Beat says that the loop called name has just gone round and will again
// within the given time at the latest, whatever the outside does.
func (b *Board) Beat(name string, within time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beats[name] = beat{last: time.Now(), within: within}
}

// Done says that the loop called name has ended as it should.
func (b *Board) Done(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.beats, name)
}

// Stuck names the loops that are overdue, in order; none is healthy.
func (b *Board) Stuck() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var stuck []string
	for name, bt := range b.beats {
		if time.Since(bt.last) > bt.within {
			stuck = append(stuck, name)
		}
	}
	slices.Sort(stuck)
	return stuck
}
