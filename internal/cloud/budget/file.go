package budget

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"envoyd/internal/atomicfile"
)

const (
	farAhead = 36 * time.Hour      // a stored time further ahead was written by a wrong clock
	kept     = 34 * 24 * time.Hour // counts older than that belong to no present month
)

// state is what was spent, as it lies on disk.
type state struct {
	Version      int         `json:"version"`
	Plan         string      `json:"plan"`                   // the plan that Limit and MinuteLimit were learnt under
	Limit        int         `json:"limit,omitempty"`        // calls in a month, as a refusal named it
	MinuteLimit  int         `json:"minute_limit,omitempty"` // calls in a minute, likewise
	Hours        []hour      `json:"hours"`                  // ascending
	Recent       []time.Time `json:"recent"`
	LastFallback time.Time   `json:"last_fallback,omitzero"`
	NextFallback time.Time   `json:"next_fallback,omitzero"` // as it was promised when the last one was made
	Blocked      time.Time   `json:"blocked,omitzero"`       // no call before
	Nameless     time.Time   `json:"nameless,omitzero"`      // last refusal that named no period
}

// hour is the calls in one hour by purpose.
type hour struct {
	Hour  int64         `json:"hour"` // Unix time / 3600
	Calls [purposes]int `json:"calls"`
}

// read returns the state; damaged says that the file could not be understood.
func read(path string) (s state, damaged bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return state{Version: 1}, false, nil
	}
	if err != nil {
		return state{}, false, fmt.Errorf("reading the count of cloud calls: %w", err)
	}
	if json.Unmarshal(data, &s) == nil && s.Version == 1 && s.plausible() {
		return s, false, nil
	}
	return state{Version: 1}, true, nil
}

func (s *state) plausible() bool {
	for _, h := range s.Hours {
		for _, n := range h.Calls {
			if n < 0 || n > 1<<24 {
				return false
			}
		}
	}
	return s.Limit >= 0 && s.MinuteLimit >= 0
}

func (s *state) write(path string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the count of cloud calls: %w", err)
	}
	return atomicfile.Write(path, append(data, '\n'), 0o600)
}

// tidy forgets what no longer counts and brings times that a wrong clock
// wrote back to now, where they count in full.
func (s *state) tidy(now time.Time) {
	newest, oldest := now.Add(farAhead).Unix()/3600, now.Add(-kept).Unix()/3600
	var stray [purposes]int
	s.Hours = slices.DeleteFunc(s.Hours, func(h hour) bool {
		if h.Hour > newest {
			for p, n := range h.Calls {
				stray[p] += n
			}
		}
		return h.Hour > newest || h.Hour < oldest
	})
	for p, n := range stray {
		s.add(now, Purpose(p), n)
	}
	if s.LastFallback.After(now.Add(farAhead)) {
		s.LastFallback = now
	}
	if s.NextFallback.After(now.Add(kept)) {
		s.NextFallback = time.Time{}
	}
	if s.Blocked.After(now.Add(kept)) {
		s.Blocked = time.Time{}
	}
	s.Recent = s.recent(now)
}

// add counts n calls. A clock that has gone back does not put them into a
// month that is over: they join the newest hour there is.
func (s *state) add(now time.Time, p Purpose, n int) {
	if n == 0 {
		return
	}
	at := now.Unix() / 3600
	if last := len(s.Hours) - 1; last >= 0 && s.Hours[last].Hour >= at {
		s.Hours[last].Calls[p] += n
		return
	}
	h := hour{Hour: at}
	h.Calls[p] = n
	s.Hours = append(s.Hours, h)
}
