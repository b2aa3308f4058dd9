package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
	"envoyd/internal/status"
	"envoyd/internal/store"
)

// resume tells the ledger and the clock what the store knows of the past.
func (a *App) resume(installation string) {
	if a.state.store == nil {
		return // a command beside the store reads once and keeps nothing
	}
	if last, ok := a.state.store.Last(installation, reading.TierPower); ok {
		a.clock.NotBefore(last.Time)
	}
	if last, ok := a.state.store.LastFrom(installation, reading.TierPower, reading.Local); ok {
		a.state.ledger.Resume(installation, last.Energy, last.Time)
	}
}

// established reports whether the history has counters of the installation.
func (a *App) established(installation string) bool {
	if a.state.store == nil {
		return true // a command beside the store reads once and keeps nothing
	}
	last, ok := a.state.store.Last(installation, reading.TierPower)
	energy := last.Energy.Fields()
	return ok && reading.Any(energy[:])
}

// zoneKnown tells the store when the days of an installation begin, and the
// ledger what the counters stood at when this one began: a ledger that was
// lost knows today's figures again.
func (a *App) zoneKnown(installation string) func(*time.Location) {
	return func(zone *time.Location) {
		if a.state.store == nil {
			return
		}
		a.state.store.SetZone(installation, zone)
		energy, at, err := a.midnight(installation, zone)
		if err != nil {
			a.opt.Log.Warn("today's beginning not read from the history", "gateway", installation, "error", err)
			return
		}
		if !at.IsZero() {
			a.state.ledger.Recall(installation, energy, at)
		}
	}
}

// midnight returns the counters at the last local midnight, as the first
// minutes of the day have them; a zero time when the history has none.
func (a *App) midnight(installation string, zone *time.Location) (reading.Energy, time.Time, error) {
	y, m, d := time.Now().In(zone).Date()
	from := time.Date(y, m, d, 0, 0, 0, 0, zone)
	minutes, err := a.counters(context.Background(), installation, from, from.Add(15*time.Minute), time.Minute)
	if err != nil || len(minutes) == 0 {
		return reading.Energy{}, time.Time{}, err
	}
	return minutes[0].energy, minutes[0].at.Add(time.Minute), nil // a step has the last of its minute
}

// counted is what the counters stood at in a step of the history.
type counted struct {
	at     time.Time // the step's beginning
	energy reading.Energy
}

// counters lists the steps of the history that have counters.
func (a *App) counters(ctx context.Context, installation string, from, to time.Time, step time.Duration) ([]counted, error) {
	h, err := a.state.store.History(ctx, store.Query{Gateway: installation, From: from, To: to, Step: step})
	if errors.Is(err, store.ErrQuery) {
		return nil, nil // no history of this installation yet
	}
	if err != nil {
		return nil, err
	}
	var all []counted
	for _, row := range h.Rows {
		energy := energyOf(h.Columns[1:], row.Values)
		if fields := energy.Fields(); reading.Any(fields[:]) {
			all = append(all, counted{row.Time, energy})
		}
	}
	return all, nil
}

// energyOf takes the counters out of a row of the history.
func energyOf(columns []string, values []reading.Value) reading.Energy {
	var e reading.Energy
	for i, column := range columns {
		if flow, isEnergy := strings.CutSuffix(column, "_wh"); isEnergy {
			*e.At(reading.Flow(flow)) = values[i]
		}
	}
	return e
}

// reportState says what of the state folder was damaged and set aside, or
// cannot be written.
func (a *App) reportState() {
	var worries []string
	if name := a.state.book.Damaged(); name != "" {
		worries = append(worries, "what was known of the gateways was damaged and set aside as "+name+"; their keys count as new")
	}
	if err := a.state.ledger.Damaged(); err != nil {
		worries = append(worries, err.Error())
	}
	if err := a.state.book.Err(); err != nil {
		a.board.Set("state", status.Red, fmt.Sprintf("what is known of the gateways cannot be written: %v", err),
			"Make room on the disk, or make the state folder writable.")
		return
	}
	if len(worries) > 0 {
		a.board.Set("state", status.Yellow, strings.Join(worries, "; "), "Nothing need be done; delete the files set aside when you do not need them.")
		return
	}
	a.board.Set("state", status.Green, "tokens, keys and counters are kept in "+a.state.dir, "")
}

// reportRefused lists the newest values that were not believed, for `envoyd
// check` and the page. That there are some is no fault of anybody here.
func (a *App) reportRefused() {
	counts := map[string]int{}
	newest := map[string]ledger.Refusal{}
	for _, r := range a.state.ledger.Refused() {
		counts[r.Gateway]++
		newest[r.Gateway] = r
	}
	for gateway, r := range newest {
		a.board.Set("refused/"+gateway, status.Green, fmt.Sprintf("%d values not believed and kept from you; the newest at %s: %s %s (%.6g)",
			counts[gateway], r.Time.Local().Format("15:04:05"), r.Counter, r.Reason, r.Value), "")
	}
}
