package app

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/status"
	"envoyd/internal/store"
)

// standIns is the condition about who stands in for a silent gateway; with
// several gateways each has its own.
const standIns = "cloud"

// fallback has the cloud stand in while the gateway is silent, until ctx ends.
// Nothing happens where no application is configured.
func (s *site) fallback(ctx context.Context) {
	a := s.app
	if a.cloud == nil {
		return
	}
	var parts sync.WaitGroup
	defer parts.Wait()
	if s.filler != nil {
		parts.Go(func() { s.filler.Run(ctx) })
		parts.Go(func() { s.seed(ctx) })
	}
	fallback.Run(ctx, fallback.Config{
		After:   a.cfg.Cloud.After.Duration,
		Cloud:   s,
		Contact: func() fallback.Contact { return fallback.Contact(s.collector.Contact()) },
		StandIn: s.standIn,
		Board:   a.board,
		Name:    s.standIns(),
		Log:     a.opt.Log,
	})
}

func (s *site) standIns() string {
	if len(s.app.cfg.Gateways) > 1 {
		return standIns + "/" + s.cfg.Serial
	}
	return standIns
}

var errShared = errors.New("the cloud knows this gateway only together with another that is read here")

// Latest asks the cloud for the present power of the gateway's system.
func (s *site) Latest(ctx context.Context, since time.Time) (enlighten.Sample, error) {
	if err := s.covered(ctx); err != nil {
		return enlighten.Sample{}, err
	}
	return s.cloud.Latest(ctx, since)
}

// cloudFor is the way to the cloud for one gateway: of several each has its own
// system, or none.
func (a *App) cloudFor(serial string) *enlighten.Client {
	if a.cloud == nil || len(a.cfg.Gateways) < 2 {
		return a.cloud
	}
	return a.cloud.For(serial)
}

// covered returns an error when the cloud has no values of this gateway alone:
// those of a system with two that are read here would count twice.
func (s *site) covered(ctx context.Context) error {
	all := s.app.cfg.Gateways
	if len(all) < 2 {
		return nil
	}
	h, err := s.cloud.Home(ctx)
	for _, g := range all {
		if err == nil && installation(all, g) != s.gateway && slices.Contains(h.Gateways, g.Serial) {
			err = &fault.Error{Kind: fault.Unsupported, Op: "asking the cloud for gateway " + s.cfg.Serial, Err: errShared}
		}
	}
	return err
}

func (s *site) standIn(sample enlighten.Sample) bool {
	return s.collector.StandIn(reading.Enlighten, sample.Power, sample.Time, sample.Mean > 0)
}

// past is the newest measurement of the gateway's own before the start.
func (s *site) past() (reading.Record, bool) {
	if s.app.state.store == nil {
		return reading.Record{}, false
	}
	rec, ok := s.app.state.store.LastFrom(s.gateway, reading.TierPower, reading.Local)
	published := s.app.state.ledger.Published(s.gateway)
	for _, f := range reading.Flows() { // what was held back the ledger has
		*rec.Energy.At(f) = rec.Energy.At(f).Else(*published.At(f))
	}
	return rec, ok
}

// openFiller prepares to fill gaps of this site's history, where there is a
// cloud to ask.
func (s *site) openFiller() {
	a := s.app
	if a.cloud == nil || a.state.store == nil {
		return
	}
	f, err := fallback.NewFiller(fallback.FillConfig{
		Path:  filepath.Join(a.state.dir, "gaps-"+s.gateway+".json"),
		Past:  s,
		Known: s.known,
		Keep:  s.keepMinute,
		Count: s.missed,
		Board: a.board,
		Name:  "backfill/" + s.gateway,
		Log:   a.opt.Log,
	})
	if err != nil {
		a.board.Set("backfill/"+s.gateway, status.Yellow, err.Error(), "Make the state folder readable; gaps are not filled until then.")
		return
	}
	s.filler = f
}

// gap notes a gap of the local readings.
func (s *site) gap(before, after reading.Record) {
	if s.filler != nil {
		s.filler.Add(fallback.EdgeOf(&before), fallback.EdgeOf(&after))
	}
}

// Intervals asks the cloud for a part of the past.
func (s *site) Intervals(ctx context.Context, w enlighten.Window) (enlighten.Span, error) {
	if err := s.covered(ctx); err != nil {
		return enlighten.Span{}, err
	}
	return s.cloud.Intervals(ctx, w)
}

// known lists the minutes of the history that have power.
func (s *site) known(ctx context.Context, from, to time.Time) (map[int64]bool, error) {
	h, err := s.app.state.store.History(ctx, store.Query{Gateway: s.gateway, From: from, To: to, Step: time.Minute})
	if err != nil {
		return nil, err
	}
	known := map[int64]bool{}
	for _, row := range h.Rows {
		for i, column := range h.Columns[1:] {
			if strings.HasSuffix(column, "_w") && row.Values[i].Known() {
				known[row.Time.Unix()] = true
			}
		}
	}
	return known, nil
}

// foldAfter is how many minutes of the past go to the store before it has to
// write them down.
const foldAfter = 1000

// keepMinute keeps a minute of a gap; the store reports its own failures.
func (s *site) keepMinute(m fallback.Minute) error {
	if s.filled.Add(1)%foldAfter == 0 {
		if err := s.app.state.store.Fold(); err != nil {
			return err
		}
	}
	_, err := s.app.state.store.Append(reading.Record{Tier: reading.TierPower, Reading: reading.Reading{
		Gateway: s.gateway, Serial: s.cfg.Serial, Source: m.Source, Quality: reading.Good, Time: m.Time,
		Power: m.Power, Energy: m.Energy, Estimated: m.Estimated,
	}})
	return err
}
