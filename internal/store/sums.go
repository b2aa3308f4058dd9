package store

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"envoyd/internal/reading"
)

const (
	powers   = 5 // len(reading.Power.Fields())
	energies = 6 // len(reading.Energy.Fields())
)

// A bucket sums up the power records of a stretch of time: of each power how
// many samples and their sum in mW, of each counter the last in mWh.
type bucket struct {
	count [powers]int64
	sum   [powers]int64
	last  [energies]reading.Value
	// filled says that last comes from a record that fills the past after what
	// followed it is there already.
	filled bool
}

// cloudWeight is how many samples a record counts as that was not measured but
// stands for its minute, as the readings of each second do.
const cloudWeight = 60

// fills reports whether a record fills the past, or may: it comes from the
// cloud, or its power is the mean of a time in which nothing was measured.
func fills(rec *reading.Record) bool {
	return rec.Source != "" && rec.Source != reading.Local ||
		slices.ContainsFunc(rec.Estimated, func(path string) bool { return strings.HasPrefix(path, "power.") })
}

func (b *bucket) add(rec *reading.Record) {
	weight := int64(1)
	b.filled = fills(rec)
	if b.filled {
		weight = cloudWeight
	}
	for i, f := range rec.Power.Fields() {
		if w, ok := f.Value.Get(); ok {
			b.count[i] += weight
			b.sum[i] += weight * milli(w)
		}
	}
	for i, f := range rec.Energy.Fields() {
		b.last[i] = b.newer(f.Value, b.last[i])
	}
}

// newer is the later of a count of b and what there was before: the count, if
// it is known. One that fills the past may be the earlier of the two, and
// lifetime counters never step down.
func (b *bucket) newer(count, before reading.Value) reading.Value {
	if wh, known := count.Get(); b.filled && known && wh < before.Or(wh) {
		return before
	}
	return count.Else(before)
}

// merge adds a later bucket, or one that fills the past.
func (b *bucket) merge(other *bucket) {
	for i := range b.count {
		b.count[i] += other.count[i]
		b.sum[i] += other.sum[i]
	}
	b.filled = other.filled
	for i := range b.last {
		b.last[i] = other.newer(other.last[i], b.last[i])
	}
}

// row returns the means and the last counters.
func (b *bucket) row(at time.Time) Row {
	r := Row{Time: at, Values: make([]reading.Value, powers+energies)}
	for i, n := range b.count {
		if n > 0 {
			r.Values[i] = reading.Of(math.Round(float64(b.sum[i])/float64(n)) / 1000)
		}
	}
	copy(r.Values[powers:], b.last[:])
	return r
}

// milli counts in thousandths, within what an int64 can sum up.
func milli(n float64) int64 {
	const most = 1 << 52
	return int64(math.Round(max(-most, min(most, n*1000))))
}

// A bucket on disk is a bit for each quantity that is known, then for each
// power count and sum, for each counter its value: varints all.
func (b *bucket) encode() []byte {
	known := uint64(0)
	for i, n := range b.count {
		if n > 0 {
			known |= 1 << i
		}
	}
	for i, v := range b.last {
		if v.Known() {
			known |= 1 << (powers + i)
		}
	}
	out := binary.AppendUvarint(nil, known)
	for i, n := range b.count {
		if n > 0 {
			out = binary.AppendVarint(binary.AppendUvarint(out, uint64(n)), b.sum[i])
		}
	}
	for _, v := range b.last {
		if wh, ok := v.Get(); ok {
			out = binary.AppendVarint(out, milli(wh))
		}
	}
	return out
}

var errBucket = errors.New("a history row does not decode")

func decodeBucket(data []byte) (b bucket, err error) {
	unsigned := func() uint64 {
		n, size := binary.Uvarint(data)
		if size <= 0 {
			err, size = errBucket, 0
		}
		data = data[size:]
		return n
	}
	signed := func() int64 {
		n, size := binary.Varint(data)
		if size <= 0 {
			err, size = errBucket, 0
		}
		data = data[size:]
		return n
	}
	known := unsigned()
	for i := range b.count {
		if known&(1<<i) != 0 {
			b.count[i] = int64(unsigned())
			b.sum[i] = signed()
		}
	}
	for i := range b.last {
		if known&(1<<(powers+i)) != 0 {
			b.last[i] = reading.Of(float64(signed()) / 1000)
		}
	}
	return b, err
}

// sums are the aggregates that are not on disk yet, by gateway.
type sums map[string]*gatewaySums

type gatewaySums struct {
	minutes map[int64]*bucket // by the minute's start, Unix seconds
	reports reports
}

// pendingMinutes bounds the minutes in memory while the disk cannot be
// written: two days.
const pendingMinutes = 2 * 24 * 60

func (s sums) add(rec reading.Record) {
	g := s.gateway(rec.Gateway)
	switch rec.Tier {
	case reading.TierPower:
		minute := rec.Time.Unix() - floorMod(rec.Time.Unix(), 60)
		b := g.minutes[minute]
		if b == nil {
			b = &bucket{}
			g.minutes[minute] = b
		}
		b.add(&rec)
		g.bound()
	case reading.TierInverters:
		g.reports.add(rec)
	}
}

func (s sums) gateway(name string) *gatewaySums {
	if s[name] == nil {
		s[name] = &gatewaySums{minutes: map[int64]*bucket{}}
	}
	return s[name]
}

func (g *gatewaySums) bound() {
	if len(g.minutes) <= pendingMinutes {
		return
	}
	oldest := int64(math.MaxInt64)
	for at := range g.minutes {
		oldest = min(oldest, at)
	}
	delete(g.minutes, oldest)
}

// putBack adds what came meanwhile to sums that could not be written.
func (s sums) putBack(later sums) {
	for name, g := range later {
		mine := s.gateway(name)
		for at, b := range g.minutes {
			if mine.minutes[at] == nil {
				mine.minutes[at] = &bucket{}
			}
			mine.minutes[at].merge(b)
			mine.bound()
		}
		mine.reports.putBack(g.reports)
	}
}

func floorMod(n, by int64) int64 {
	m := n % by
	if m < 0 {
		m += by
	}
	return m
}
