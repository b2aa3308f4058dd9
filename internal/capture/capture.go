// Package capture records what a gateway answers so that its owner can send it
// with a report: each page it may be asked for, one after the other and gently,
// with everything taken out that tells whose gateway it is.
//
// What gets through is on a list: numbers, truth values, names of fields made of
// this trade's own words, and texts known from the firmware (states, types,
// versions, part numbers, dates). Every other text becomes a placeholder, the
// same one for the same text, so that serial numbers still join the pages. A
// page nobody has seen is therefore as safe as a known one: what is unknown in
// it does not pass. XML and HTML are written anew from what was understood.
//
// A recording replays (envoysim -capture) and reads the same. The package never
// writes to a gateway, and only asks pages that a reader may ask.
package capture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"envoyd/internal/fault"
)

// Raw is an answer as the gateway gave it.
type Raw struct {
	Status int
	Header http.Header
	Body   []byte
}

// Asker asks the gateway for one page and returns the answer whatever its
// status. Faults of kind Auth and Security end the recording.
type Asker interface {
	Record(ctx context.Context, path string, slow bool) (Raw, error)
}

// Config says whom to record.
type Config struct {
	Asker    Asker
	Firmware string // as /info has it; decides which pages there are
	// Pause before each page of the native handlers, 1 s by default. Before a page
	// of the user interface, which works for seconds, it is five times as long.
	Pause time.Duration
}

// Recording is what may be written and sent.
type Recording struct {
	Files []File `json:"files"`
	// Silent are the pages that gave no answer. Their reasons are for the person
	// at the terminal and are not written: they may name an address.
	Silent []Silence `json:"silent"`
	Names  []string  `json:"names"` // of fields, kept somewhere
}

// File is one answer, anonymised.
type File struct {
	Path     string            `json:"path"`
	Name     string            `json:"name"`
	Status   int               `json:"status"`
	Headers  map[string]string `json:"headers"`
	Body     []byte            `json:"body"`     // nil when a missing file says it all
	Kept     []string          `json:"kept"`     // texts that passed
	Replaced int               `json:"replaced"` // texts, names and numbers that did not
}

// Silence is a page without an answer.
type Silence struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

const (
	defaultPause = time.Second
	slowFactor   = 5
	// givenUp is how many pages in a row may stay silent before the gateway is
	// left alone.
	givenUp = 3
)

var errSilent = errors.New("the gateway has stopped answering")

// Record asks for every page. It fails when the gateway lets nobody in, when it
// stops answering, and when ctx ends.
func Record(ctx context.Context, cfg Config) (Recording, error) {
	if cfg.Pause <= 0 {
		cfg.Pause = defaultPause
	}
	scrubber := NewScrubber(time.Now())
	var rec Recording
	silent := 0
	for i, p := range pagesOf(cfg.Firmware) {
		if i > 0 {
			if err := rest(ctx, cfg.Pause, p.slow); err != nil {
				return Recording{}, err
			}
		}
		raw, err := cfg.Asker.Record(ctx, p.path, p.slow)
		switch {
		case err == nil:
			silent = 0
			rec.Files = append(rec.Files, scrubber.File(p.path, raw))
			continue
		case ctx.Err() != nil:
			return Recording{}, fmt.Errorf("recording %s: %w", p.path, ctx.Err())
		case fault.Is(err, fault.Auth), fault.Is(err, fault.Security):
			return Recording{}, err
		}
		rec.Silent = append(rec.Silent, Silence{Path: p.path, Why: err.Error()})
		if silent++; silent == givenUp {
			return Recording{}, fmt.Errorf("%w: %w", errSilent, err)
		}
	}
	rec.Names = scrubber.Names()
	return rec, nil
}

// rest leaves the gateway alone for a while, longer before a page that holds up
// its user interface.
func rest(ctx context.Context, pause time.Duration, slow bool) error {
	if slow {
		pause *= slowFactor
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
