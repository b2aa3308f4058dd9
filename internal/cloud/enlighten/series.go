package enlighten

import (
	"slices"
	"time"

	"envoyd/internal/reading"
)

// seriesRow is an interval of any of the series; each fills the fields it has.
type seriesRow struct {
	End       epoch `json:"end_at"`
	Reporting num   `json:"devices_reporting"`
	Powr      num   `json:"powr"`        // production_micro: mean W
	Enwh      num   `json:"enwh"`        // production_micro, consumption_meter
	Delivered num   `json:"wh_del"`      // production_meter
	Imported  num   `json:"wh_imported"` // energy_import_telemetry
	Exported  num   `json:"wh_exported"` // energy_export_telemetry
	Charge    part  `json:"charge"`      // battery
	Discharge part  `json:"discharge"`   // battery
}

type part struct{ Enwh num }

// UnmarshalJSON never fails.
func (p *part) UnmarshalJSON(b []byte) error {
	var v lenient[struct {
		Enwh num `json:"enwh"`
	}]
	_ = v.UnmarshalJSON(b)
	p.Enwh = v.V.Enwh
	return nil
}

type seriesDoc struct {
	End       epoch           `json:"end_at"`
	Devices   num             `json:"total_devices"`
	Intervals many[seriesRow] `json:"intervals"`
}

// source is one series of the API.
type source struct {
	step  time.Duration // of its intervals, where the data does not show it
	week  bool          // a window of a week is documented
	flows []flow
}

// flow is one energy in a series.
type flow struct {
	name reading.Flow
	wh   func(seriesRow) reading.Value
}

// sources are the series by endpoint. Microinverters report every 5 minutes,
// current transformers and batteries every 15.
var sources = map[string]source{
	"telemetry/production_micro": {5 * time.Minute, false, []flow{
		{reading.Production, func(r seriesRow) reading.Value { return r.Enwh.Value }}}},
	"telemetry/production_meter": {15 * time.Minute, true, []flow{
		{reading.Production, func(r seriesRow) reading.Value { return r.Delivered.Else(r.Enwh.Value) }}}},
	"telemetry/consumption_meter": {15 * time.Minute, true, []flow{
		{reading.Consumption, func(r seriesRow) reading.Value { return r.Enwh.Value }}}},
	"energy_import_telemetry": {15 * time.Minute, false, []flow{
		{reading.Import, func(r seriesRow) reading.Value { return r.Imported.Value }}}},
	"energy_export_telemetry": {15 * time.Minute, false, []flow{
		{reading.Export, func(r seriesRow) reading.Value { return r.Exported.Value }}}},
	"telemetry/battery": {15 * time.Minute, true, []flow{
		{reading.Charge, func(r seriesRow) reading.Value { return r.Charge.Enwh.Value }},
		{reading.Discharge, func(r seriesRow) reading.Value { return r.Discharge.Enwh.Value }}}},
}

// sourcesOf lists the series that a home can have.
func sourcesOf(h Home) []string {
	all := []string{"telemetry/production_micro"}
	if h.ProductionMeter {
		all[0] = "telemetry/production_meter"
	}
	if h.Meters {
		all = append(all, "telemetry/consumption_meter", "energy_import_telemetry", "energy_export_telemetry")
	}
	if h.Battery {
		all = append(all, "telemetry/battery")
	}
	return all
}

const (
	shortestStep = time.Minute
	longestStep  = time.Hour
)

// step is the spacing of the intervals: the smallest distance between two
// ends, because the samples of the documentation contradict its text.
func (doc *seriesDoc) step(src source) time.Duration {
	ends := make([]time.Time, 0, len(doc.Intervals))
	for _, r := range doc.Intervals {
		if !r.End.IsZero() {
			ends = append(ends, r.End.Time)
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	step := time.Duration(0)
	for i := 1; i < len(ends); i++ {
		if d := ends[i].Sub(ends[i-1]); d >= shortestStep && (step == 0 || d < step) {
			step = d
		}
	}
	// Missing intervals make the distance a multiple, never a fraction.
	if step == 0 || step > longestStep || step > src.step && step%src.step == 0 {
		return src.step
	}
	return step
}

// last returns the newest interval, passing over one in which not all devices
// have reported yet if there is a complete one within the last few.
func (doc *seriesDoc) last(src source) (row seriesRow, step time.Duration, ok bool) {
	rows := slices.DeleteFunc(slices.Clone(doc.Intervals), func(r seriesRow) bool {
		return r.End.IsZero() || !r.Powr.Known() && !src.flows[0].wh(r).Known()
	})
	if len(rows) == 0 {
		return seriesRow{}, 0, false
	}
	slices.SortFunc(rows, func(a, b seriesRow) int { return a.End.Compare(b.End.Time) })
	row = rows[len(rows)-1]
	for i := len(rows) - 1; i >= max(len(rows)-3, 0); i-- {
		if rows[i].Reporting.Or(0) >= doc.Devices.Or(0) {
			row = rows[i]
			break
		}
	}
	return row, doc.step(src), true
}
