package collect

import (
	"slices"
	"time"

	"envoyd/internal/reading"
)

// storageEvery is how often an unchanged storage state is kept all the same,
// so that a chart has points.
const storageEvery = 5 * time.Minute

// merge settles what a new reading may say against the one before: time never
// goes backwards within a series, so where the new one is older, the old part
// stays. So does that of an inverter whose report was of no use this time: it
// carries the time that it was measured at.
func merge(prev *reading.Reading, next reading.Reading) reading.Reading {
	if prev == nil {
		return next
	}
	next.Counted = later(prev.Counted, next.Counted)
	if next.Time.Before(prev.Time) {
		next.Time, next.Power, next.Meters, next.Source = prev.Time, prev.Power, prev.Meters, prev.Source
	}
	next.Meters = slices.Clone(next.Meters)
	for i := range next.Meters {
		m := &next.Meters[i]
		if old := byMeter(prev.Meters, m.Kind, m.Phase); old != nil && m.Time.Before(old.Time) {
			*m = *old
		}
	}
	next.Inverters = slices.Clone(next.Inverters)
	for i := range next.Inverters {
		i := &next.Inverters[i]
		if old := byInverter(prev.Inverters, i.Serial); old != nil && (i.Time.Before(old.Time) || old.PowerW.Known() && !i.PowerW.Known()) {
			*i = *old
		}
	}
	next.Batteries = slices.Clone(next.Batteries)
	for i := range next.Batteries {
		if old := byBattery(prev.Batteries, next.Batteries[i].Serial); old != nil && next.Batteries[i].Time.Before(old.Time) {
			next.Batteries[i] = *old
		}
	}
	return next
}

// renewed returns a record for each tier of next that has a newer measurement
// than prev; a value that was already given makes none.
func renewed(prev, next *reading.Reading, storageKept, now time.Time) []reading.Record {
	if prev == nil {
		prev = &reading.Reading{}
	}
	var records []reading.Record
	if rec, ok := powerRecord(prev, next); ok {
		records = append(records, rec)
	}
	if rec, ok := inverterRecord(prev, next); ok {
		records = append(records, rec)
	}
	if rec, ok := batteryRecord(prev, next); ok {
		records = append(records, rec)
	}
	if rec, ok := storageRecord(prev, next, storageKept, now); ok {
		records = append(records, rec)
	}
	return records
}

// head is a record with who and where from, and nothing measured yet. Only
// power ever comes from elsewhere than the gateway.
func head(r *reading.Reading, tier reading.Tier, at time.Time) reading.Record {
	return reading.Record{Tier: tier, Reading: reading.Reading{
		Gateway: r.Gateway, Serial: r.Serial, Source: reading.Local, Quality: r.Quality, Time: at,
	}}
}

func powerRecord(prev, next *reading.Reading) (reading.Record, bool) {
	power, energy := next.Power.Fields(), next.Energy.Fields()
	if !next.Time.After(prev.Time) || !reading.Any(power[:]) && !reading.Any(energy[:]) {
		return reading.Record{}, false
	}
	rec := head(next, reading.TierPower, next.Time)
	rec.Source = next.Source
	rec.Power, rec.Energy, rec.Estimated, rec.GridState = next.Power, next.Energy, next.Estimated, next.GridState
	for _, m := range next.Meters {
		if old := byMeter(prev.Meters, m.Kind, m.Phase); old == nil || m.Time.After(old.Time) {
			rec.Meters = append(rec.Meters, m)
		}
	}
	return rec, true
}

func inverterRecord(prev, next *reading.Reading) (reading.Record, bool) {
	rec := head(next, reading.TierInverters, time.Time{})
	for _, inv := range next.Inverters {
		if old := byInverter(prev.Inverters, inv.Serial); old == nil || inv.Time.After(old.Time) {
			rec.Inverters = append(rec.Inverters, inv)
			rec.Time = later(rec.Time, inv.Time)
		}
	}
	return rec, !rec.Time.IsZero()
}

func batteryRecord(prev, next *reading.Reading) (reading.Record, bool) {
	rec := head(next, reading.TierBatteries, time.Time{})
	for _, b := range next.Batteries {
		if old := byBattery(prev.Batteries, b.Serial); old == nil || b.Time.After(old.Time) {
			rec.Batteries = append(rec.Batteries, b)
			rec.Time = later(rec.Time, b.Time)
		}
	}
	return rec, !rec.Time.IsZero()
}

// storageRecord keeps the storage when it changed, and now and then when not:
// the gateway gives no time with it.
func storageRecord(prev, next *reading.Reading, kept, now time.Time) (reading.Record, bool) {
	if next.Storage == (reading.Storage{}) || next.Storage == prev.Storage && now.Sub(kept) < storageEvery {
		return reading.Record{}, false
	}
	rec := head(next, reading.TierStorage, now.Truncate(time.Second))
	rec.Storage, rec.Controllers = next.Storage, next.Controllers
	return rec, true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func byMeter(all []reading.Meter, kind, phase string) *reading.Meter {
	return find(all, func(m *reading.Meter) bool { return m.Kind == kind && m.Phase == phase })
}

func byInverter(all []reading.Inverter, serial string) *reading.Inverter {
	return find(all, func(i *reading.Inverter) bool { return i.Serial == serial })
}

func byBattery(all []reading.Battery, serial string) *reading.Battery {
	return find(all, func(b *reading.Battery) bool { return b.Serial == serial })
}

func find[T any](all []T, is func(*T) bool) *T {
	for i := range all {
		if is(&all[i]) {
			return &all[i]
		}
	}
	return nil
}
