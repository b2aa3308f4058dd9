package fallback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"envoyd/internal/atomicfile"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

const (
	// resolution is the cloud's interval: a shorter gap it cannot show.
	resolution = 15 * time.Minute
	// settled is how long after a gap's end the cloud should know all of it:
	// two reports of the gateway, and the time they take.
	settled = 20 * time.Minute
	// again is when it is asked again what it did not know yet, at most
	// patience times in all; then what it knows is taken.
	again    = 30 * time.Minute
	patience = 4
	// most is how many gaps are remembered; the newest stay.
	most = 64
)

// Past is the intervals that were missed, as somebody else knows them;
// *enlighten.Client is one.
type Past interface {
	Intervals(ctx context.Context, w enlighten.Window) (enlighten.Span, error)
}

// FillConfig says for which gateway gaps are filled, and where from. All but
// Count and Log are needed.
type FillConfig struct {
	Path string // of the file that remembers open gaps
	Past Past
	// Known lists the minutes (Unix seconds) between two moments that have power.
	Known func(ctx context.Context, from, to time.Time) (map[int64]bool, error)
	Keep  func(Minute) error
	// Count counts the energy of a gap that no hardware counted, once for each
	// From, and returns when that is on disk; nil where nobody does.
	Count func(Missed) (Credit, error)
	Board *status.Board
	Name  string // of the condition: "backfill"
	Log   *slog.Logger
}

// Filler fills gaps. Add may be called at any time, Run once.
type Filler struct {
	cfg   FillConfig
	added chan struct{}

	mu      sync.Mutex
	gaps    []Gap // the newest first
	dirty   bool
	counted []Credit  // since the start
	held    time.Time // the newest measurement of which energies were left out
}

// NewFiller returns a Filler with the gaps of earlier runs. A damaged file is
// an empty one: what was open then stays open.
func NewFiller(cfg FillConfig) (*Filler, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Filler{cfg: cfg, added: make(chan struct{}, 1)}
	text, err := os.ReadFile(cfg.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the open gaps: %w", err)
	}
	if err := json.Unmarshal(text, &f.gaps); err != nil {
		f.gaps = nil
		cfg.Log.Warn("open gaps forgotten, their file is damaged", "file", cfg.Path)
	}
	return f, nil
}

// Add notes a gap. It does not wait.
func (f *Filler) Add(before, after Edge) {
	f.mu.Lock()
	for i := range f.counted {
		f.counted[i].lift(&before)
	}
	f.gaps = slices.Insert(f.gaps, 0, Gap{Before: before, After: after})
	f.gaps = f.gaps[:min(len(f.gaps), most)]
	f.dirty = true
	f.mu.Unlock()
	select {
	case f.added <- struct{}{}:
	default:
	}
}

// Run fills gaps until ctx ends.
func (f *Filler) Run(ctx context.Context) {
	for {
		f.save() // filling may wait long for the budget
		next := f.work(ctx)
		f.report()
		f.save()
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-f.added:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// work fills what is due, the newest first, and returns when more is.
func (f *Filler) work(ctx context.Context) time.Time {
	next := time.Now().Add(time.Hour)
	for _, g := range f.open() {
		if ctx.Err() != nil {
			return next
		}
		now := time.Now()
		if f.waits(&g, now) {
			next = earlier(next, now.Add(time.Minute))
			continue
		}
		if g.Next.IsZero() && g.length() > resolution {
			g.Next = g.After.Time.Add(settled)
		}
		if now.Before(g.Next) {
			next = earlier(next, g.Next)
			f.replace(g)
			continue
		}
		done, err := f.fill(ctx, &g)
		if done {
			f.drop(g)
			continue
		}
		g.Next = now.Add(max(again, fault.After(err)))
		if enlighten.IsBudget(err) {
			g.Next = now.Add(max(time.Minute, fault.After(err)))
		}
		if err != nil && ctx.Err() == nil {
			f.cfg.Log.Debug("gap not filled yet", "from", g.Before.Time, "to", g.After.Time, "error", err)
		}
		next = earlier(next, g.Next)
		f.replace(g)
	}
	return next
}

func (f *Filler) open() []Gap {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.gaps)
}

func (f *Filler) at(g Gap) int {
	return slices.IndexFunc(f.gaps, func(o Gap) bool { return o.Before.Time.Equal(g.Before.Time) })
}

func (f *Filler) replace(g Gap) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.at(g); i >= 0 {
		f.gaps[i], f.dirty = g, true
	}
}

func (f *Filler) drop(g Gap) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.at(g); i >= 0 {
		f.gaps, f.dirty = slices.Delete(f.gaps, i, i+1), true
	}
}

// report says how many gaps are open; with none there is nothing to say.
func (f *Filler) report() {
	switch gaps := f.open(); len(gaps) {
	case 0:
		f.cfg.Board.Forget(f.cfg.Name)
	default:
		f.cfg.Board.Set(f.cfg.Name, status.Green, fmt.Sprintf("%d gaps of the history are yet to be filled from the cloud, the newest from %s to %s",
			len(gaps), gaps[0].Before.Time.Local().Format("2 Jan 15:04"), gaps[0].After.Time.Local().Format("2 Jan 15:04")), "")
	}
}

func (f *Filler) save() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirty {
		return
	}
	text, err := json.Marshal(f.gaps)
	if err == nil {
		err = atomicfile.Write(f.cfg.Path, text, 0o600)
	}
	if err != nil {
		f.cfg.Log.Warn("open gaps not written", "error", err)
		return
	}
	f.dirty = false
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// EdgeOf is what of a record matters beside a gap.
func EdgeOf(r *reading.Record) Edge {
	return Edge{Time: r.Time, Power: r.Power, Energy: r.Energy, Estimated: r.Estimated}
}
