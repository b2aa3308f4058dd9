package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"envoyd/internal/atomicfile"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

// seedAgain is how soon the days before our own are asked for again when there
// is no grant yet, or no reading; the cloud's own wishes come on top.
const seedAgain = time.Minute

var errNoReading = errors.New("no reading yet")

// seed gives the history the days since commissioning, once: the page then has
// more to show than the days since envoyd was installed. A mark in the state
// folder says that it was done.
func (s *site) seed(ctx context.Context) {
	mark := filepath.Join(s.app.state.dir, "days-"+s.gateway)
	for {
		if _, err := os.Stat(mark); err == nil {
			return
		}
		n, err := s.seedDays(ctx)
		if err == nil {
			s.app.opt.Log.Info("days before ours taken from the cloud", "gateway", s.gateway, "days", n)
			err = atomicfile.Write(mark, nil, 0o600)
		}
		if err == nil || !sleep(ctx, max(seedAgain, fault.After(err))) {
			return
		}
	}
}

// seedDays asks for the days and keeps what lies before our own.
func (s *site) seedDays(ctx context.Context) (int, error) {
	zone := s.collector.Zone()
	first, begin, ours, err := s.firstDay(ctx, zone)
	if err != nil {
		return 0, err
	}
	if err := s.covered(ctx); err != nil {
		return 0, err
	}
	days, err := s.cloud.Daily(ctx)
	if err != nil {
		return 0, err
	}
	records := fallback.Before(first, begin, days, zone)
	if ours && len(records) > 0 {
		records = records[1:] // the end of our first day is our own
	}
	for _, m := range records {
		if err := s.keepMinute(m); err != nil {
			return 0, err
		}
	}
	return len(records), nil
}

// firstDay returns where the days before begin: at the end of the first day of
// our history, or, when that is today, at its first counters. ours says which.
func (s *site) firstDay(ctx context.Context, zone *time.Location) (first string, begin reading.Energy, ours bool, err error) {
	now := time.Now().In(zone)
	today := now.Format(time.DateOnly)
	days, err := s.app.counters(ctx, s.gateway, now.AddDate(-20, 0, 0), now, 24*time.Hour)
	if err != nil || len(days) == 0 {
		return "", begin, false, errors.Join(err, errNoReading)
	}
	if day := days[0].at.In(zone); day.Format(time.DateOnly) != today {
		return day.AddDate(0, 0, 1).Format(time.DateOnly), days[0].energy, true, nil
	}
	y, m, d := now.Date()
	minutes, err := s.app.counters(ctx, s.gateway, time.Date(y, m, d, 0, 0, 0, 0, zone), now, time.Minute)
	if err != nil || len(minutes) == 0 {
		return "", begin, false, errors.Join(err, errNoReading)
	}
	return today, minutes[0].energy, false, nil
}
