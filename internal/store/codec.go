package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"envoyd/internal/reading"
)

// maxShapes bounds the skeletons one segment remembers. When a segment meets
// more, both sides forget all and begin anew.
const maxShapes = 64

var errPayload = errors.New("the record does not decode")

// A shape is a skeleton with the values of the last record that had it; the
// next one is written as differences to them.
type shape struct {
	skel  []byte
	marks []byte
	last  []int64
	seq   uint64 // of the last record; the reader's only
}

// A dictionary is what the writer and each reader of a segment know of the
// records before. It makes a metered reading of 1,900 bytes JSON one of some
// 160: which values changed, a bit each, and by how much, a varint each. The
// form is that of the JSON, so a field added to the domain needs nothing here.
type dictionary struct {
	shapes []shape
	index  map[string]int // by stream and skeleton; the writer's only
	latest int            // the shape of the record just decoded

	skel, text []byte  // scratch
	nums       []int64 // scratch
}

// encode appends the payload of a record to b. Records of one stream (gateway
// and tier) are compared with one another only.
func (d *dictionary) encode(b []byte, stream string, text []byte) []byte {
	if d.index == nil {
		d.index = map[string]int{}
	}
	d.skel, d.nums = split(text, d.skel[:0], d.nums[:0])
	key := stream + string(d.skel)
	i, known := d.index[key]
	if known {
		b = binary.AppendUvarint(b, uint64(i)+1)
	} else {
		b = append(b, 0)
		b = binary.AppendUvarint(b, uint64(len(d.skel)))
		b = append(b, d.skel...)
		i = d.learn(d.skel)
		d.index[key] = i
	}
	return d.shapes[i].encode(b, d.nums)
}

func (d *dictionary) learn(skel []byte) int {
	if len(d.shapes) == maxShapes {
		d.shapes = d.shapes[:0]
		clear(d.index)
	}
	m := marks(skel)
	d.shapes = append(d.shapes, shape{skel: append([]byte(nil), skel...), marks: m, last: make([]int64, len(m))})
	return len(d.shapes) - 1
}

func (s *shape) encode(b []byte, nums []int64) []byte {
	at := len(b)
	for range (len(nums) + 7) / 8 {
		b = append(b, 0)
	}
	var before predictor
	for i, n := range nums {
		if diff := n - before.of(s, i, n); diff != 0 {
			b[at+i/8] |= 1 << (i % 8)
			b = binary.AppendVarint(b, diff)
		}
	}
	copy(s.last, nums)
	return b
}

// A predictor guesses a value: a time is the time before it in the same
// record (a meter was read when the reading was), anything else what it was
// in the last record.
type predictor struct{ times [markNano + 1]*int64 }

func (p *predictor) of(s *shape, i int, actual int64) int64 {
	guess := s.last[i]
	if m := s.marks[i]; m >= markSecond && m <= markNano {
		if t := p.times[m]; t != nil {
			guess = *t
		}
		p.times[m] = &actual
	}
	return guess
}

// decode returns the JSON text of a payload; it is valid until the next call.
// With skip it only follows, which is much cheaper, and returns nil.
func (d *dictionary) decode(payload []byte, skip bool) ([]byte, error) {
	id, n := binary.Uvarint(payload)
	if n <= 0 || id > uint64(len(d.shapes)) {
		return nil, errPayload
	}
	payload = payload[n:]
	if id == 0 {
		size, n := binary.Uvarint(payload)
		if n <= 0 || size > uint64(len(payload)-n) {
			return nil, errPayload
		}
		id = uint64(d.learn(payload[n:n+int(size)])) + 1
		payload = payload[n+int(size):]
	}
	d.latest = int(id - 1)
	s := &d.shapes[d.latest]
	if err := s.decode(payload); err != nil {
		return nil, err
	}
	if skip {
		return nil, nil
	}
	d.text = join(d.text[:0], s.skel, s.last)
	return d.text, nil
}

func (s *shape) decode(payload []byte) error {
	flags := (len(s.marks) + 7) / 8
	if len(payload) < flags {
		return errPayload
	}
	bits, payload := payload[:flags], payload[flags:]
	var times [markNano + 1]struct {
		n     int64
		known bool
	}
	for i, m := range s.marks {
		isTime := m >= markSecond && m <= markNano
		if isTime && times[m].known {
			s.last[i] = times[m].n
		}
		if bits[i/8]&(1<<(i%8)) != 0 {
			diff, n := binary.Varint(payload)
			if n <= 0 {
				return errPayload
			}
			payload = payload[n:]
			s.last[i] += diff
		}
		if isTime {
			times[m].n, times[m].known = s.last[i], true
		}
	}
	return nil
}

// resume makes a reader's dictionary fit to go on writing.
func (d *dictionary) resume() error {
	d.index = map[string]int{}
	for i, s := range d.shapes {
		rec, err := d.last(i)
		if err != nil {
			return err
		}
		d.index[stream(rec)+string(s.skel)] = i
	}
	return nil
}

// last returns the last record of a shape.
func (d *dictionary) last(i int) (reading.Record, error) {
	s := &d.shapes[i]
	return fromText(join(nil, s.skel, s.last), s.seq)
}

func stream(rec reading.Record) string {
	return rec.Gateway + "/" + string(rec.Tier) + "/" + string(rec.Source)
}

// toText writes a record in its wire form, all times in UTC.
func toText(rec reading.Record) ([]byte, error) {
	text, err := json.Marshal(inUTC(rec))
	if err != nil {
		return nil, fmt.Errorf("encoding a reading: %w", err)
	}
	return text, nil
}

func fromText(text []byte, seq uint64) (reading.Record, error) {
	var rec reading.Record
	if err := json.Unmarshal(text, &rec); err != nil {
		return rec, fmt.Errorf("decoding a reading: %w", err)
	}
	rec.Seq = seq
	return rec, nil
}

// inUTC returns the record with its times in UTC, sharing what already is.
func inUTC(rec reading.Record) reading.Record {
	rec.Time = rec.Time.UTC()
	for i := range rec.Meters {
		if t := rec.Meters[i].Time; t != t.UTC() {
			rec.Meters = append([]reading.Meter(nil), rec.Meters...)
			for j := range rec.Meters {
				rec.Meters[j].Time = rec.Meters[j].Time.UTC()
			}
			break
		}
	}
	for i := range rec.Inverters {
		if t := rec.Inverters[i].Time; t != t.UTC() {
			rec.Inverters = append([]reading.Inverter(nil), rec.Inverters...)
			for j := range rec.Inverters {
				rec.Inverters[j].Time = rec.Inverters[j].Time.UTC()
			}
			break
		}
	}
	for i := range rec.Batteries {
		if t := rec.Batteries[i].Time; t != t.UTC() {
			rec.Batteries = append([]reading.Battery(nil), rec.Batteries...)
			for j := range rec.Batteries {
				rec.Batteries[j].Time = rec.Batteries[j].Time.UTC()
			}
			break
		}
	}
	return rec
}
