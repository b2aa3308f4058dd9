package influx

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/influxdata/influxdb-client-go/v2/api/write"

	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

// The measurements. All but ownMeasurement carry the configured prefix.
const (
	powerMeasurement    = "power"
	energyMeasurement   = "energy"
	meterMeasurement    = "meter"
	phaseMeasurement    = "meter_phase"
	inverterMeasurement = "inverter"
	batteryMeasurement  = "battery"
	storageMeasurement  = "storage"
	ownMeasurement      = "envoyd"
)

// The tags, and the one field that is not a quantity.
const (
	tagGateway = "gateway"
	tagSource  = "source"
	tagKind    = "kind"
	tagPhase   = "phase"
	tagSerial  = "serial"

	fieldEstimated = "estimated"
)

// longestTag keeps text from a gateway, which may be anything, from becoming
// an endless tag value.
const longestTag = 64

var errNoTime = errors.New("the measurement has no usable time")

// point is one line of the database and the record it came from.
type point struct {
	point  *write.Point
	record int    // index into the batch
	series string // measurement and tags
}

// id identifies the point as the database does: series and time.
func (p point) id() string {
	return p.series + " " + strconv.FormatInt(p.point.Time().UnixMilli(), 10)
}

// job is what becomes of one batch.
type job struct {
	points []point
	bad    map[int]error // record index: why it can never be stored
}

func (j *job) reject(record int, why error) {
	if _, known := j.bad[record]; !known {
		j.bad[record] = why
	}
}

// rejected returns nil or the *fault.Rejected of the job.
func (j *job) rejected() error {
	if len(j.bad) == 0 {
		return nil
	}
	items := slices.Sorted(maps.Keys(j.bad))
	return &fault.Rejected{Items: items, Err: j.bad[items[0]]}
}

// encode turns a batch into points. Which parts of a record count is decided
// by its tier: the others were not renewed.
func (s *Sink) encode(batch []reading.Record) *job {
	e := &encoder{prefix: s.cfg.Prefix, tags: s.cfg.Tags, job: &job{bad: map[int]error{}}}
	for i := range batch {
		e.record = i
		e.add(&batch[i])
	}
	e.job.points = s.thin.keep(e.job.points)
	return e.job
}

// encoder collects the points of one batch.
type encoder struct {
	prefix string
	tags   map[string]string
	record int
	job    *job
}

func (e *encoder) add(r *reading.Record) {
	switch r.Tier {
	case reading.TierPower:
		e.power(r)
	case reading.TierInverters:
		for i := range r.Inverters {
			e.inverter(r, &r.Inverters[i])
		}
	case reading.TierBatteries:
		for i := range r.Batteries {
			e.battery(r, &r.Batteries[i])
		}
	case reading.TierStorage:
		fields := r.Storage.Fields()
		e.point(e.prefix+storageMeasurement, tags{tagGateway: r.Gateway}, fields[:], r.Time)
	case reading.TierDaemon:
		if r.Daemon != nil {
			fields := r.Daemon.Fields()
			e.point(ownMeasurement, tags{tagGateway: r.Gateway}, fields[:], r.Time)
		}
	}
}

func (e *encoder) power(r *reading.Record) {
	power, energy := r.Power.Fields(), r.Energy.Fields()
	e.point(e.prefix+powerMeasurement, tags{tagGateway: r.Gateway, tagSource: string(r.Source)},
		withEstimated(power[:], r, "power."), r.Time)
	e.point(e.prefix+energyMeasurement, tags{tagGateway: r.Gateway},
		withEstimated(energy[:], r, "energy."), r.Time)
	for i := range r.Meters {
		m := &r.Meters[i]
		fields := m.Fields()
		measurement, t := meterMeasurement, tags{tagGateway: r.Gateway, tagKind: m.Kind}
		if m.Phase != "" {
			measurement, t[tagPhase] = phaseMeasurement, m.Phase
		}
		e.point(e.prefix+measurement, t, fields[:], first(m.Time, r.Time))
	}
}

func (e *encoder) inverter(r *reading.Record, i *reading.Inverter) {
	fields := i.Fields()
	e.point(e.prefix+inverterMeasurement, tags{tagGateway: r.Gateway, tagSerial: i.Serial},
		fields[:], first(i.Time, r.Time))
}

func (e *encoder) battery(r *reading.Record, b *reading.Battery) {
	fields := b.Fields()
	e.point(e.prefix+batteryMeasurement, tags{tagGateway: r.Gateway, tagSerial: b.Serial, tagKind: b.Kind},
		fields[:], first(b.Time, r.Time))
}

// withEstimated adds whether any of the quantities was integrated rather than
// measured; nothing when none of them is known.
func withEstimated(fields []reading.Field, r *reading.Record, path string) []reading.Field {
	if !reading.Any(fields) {
		return nil
	}
	estimated := 0.0
	for _, f := range fields {
		if r.IsEstimated(path + f.Name) {
			estimated = 1
		}
	}
	return append(fields, reading.Field{Name: fieldEstimated, Value: reading.Of(estimated)})
}

type tags map[string]string

// point adds a point, unless nothing in it is known.
func (e *encoder) point(measurement string, own tags, fields []reading.Field, at time.Time) {
	if !reading.Any(fields) {
		return
	}
	if !representable(at) {
		e.job.reject(e.record, errNoTime)
		return
	}
	p := write.NewPointWithMeasurement(measurement)
	for key, value := range e.tags {
		addTag(p, key, value)
	}
	for key, value := range own {
		addTag(p, key, value)
	}
	p.SortTags()
	for _, f := range fields {
		if n, known := f.Value.Get(); known {
			p.AddField(f.Name, rounded(n))
		}
	}
	p.SetTime(at.Truncate(time.Millisecond))
	e.job.points = append(e.job.points, point{point: p, record: e.record, series: series(p)})
}

// addTag adds a tag whose value is clean; an empty one is not allowed by the
// line protocol and is left out.
func addTag(p *write.Point, key, value string) {
	if value = clean(value); value != "" {
		p.AddTag(key, value)
	}
}

// clean makes any text fit for a tag value: printable, without the backslash
// that the encoder would let swallow the next separator, and short.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\\' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, strings.TrimSpace(text))
	if runes := []rune(text); len(runes) > longestTag {
		text = string(runes[:longestTag])
	}
	return text
}

// rounded gives a number the resolution of every other wire form, so that a
// record reads the same whether it comes from memory or from the store.
func rounded(n float64) float64 {
	if r := math.Round(n*1000) / 1000; !math.IsInf(r, 0) {
		return r + 0
	}
	return n
}

// representable reports whether a time fits the database's nanoseconds since
// 1970 in 64 bits; a zero time does not.
func representable(t time.Time) bool { return t.Year() > 1970 && t.Year() < 2262 }

func first(t, fallback time.Time) time.Time {
	if t.IsZero() {
		return fallback
	}
	return t
}

// series names a point's series.
func series(p *write.Point) string {
	var b strings.Builder
	b.WriteString(p.Name())
	for _, t := range p.TagList() {
		b.WriteString("," + t.Key + "=" + t.Value)
	}
	return b.String()
}

// protocol returns the points as the client library wants them.
func protocol(points []point) []*write.Point {
	out := make([]*write.Point, len(points))
	for i, p := range points {
		out[i] = p.point
	}
	return out
}
