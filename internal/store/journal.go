package store

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"envoyd/internal/reading"
)

// journal is the segments in order, and what is needed to write the last one.
// Store.mu guards it.
type journal struct {
	segs  []*segment // never empty; the last is written, the others are sealed
	write dictionary // of the last segment

	spools  [2]*spool // nil: no RAM disk, each record goes to the file's page cache at once
	spool   int       // the one written at present
	payload []byte    // scratch
	framed  []byte    // scratch: the frames since the last hand-over
}

// begin starts a segment whose first reading will be seq. It opens with every
// cursor, so that older segments can go.
func (j *journal) begin(seq uint64, cursors map[string]uint64) {
	j.seal()
	j.segs = append(j.segs, newSegment(seq, rand.Uint32()))
	j.write = dictionary{}
	for _, sink := range slices.Sorted(maps.Keys(cursors)) {
		j.frame(frameCursor, cursorPayload(sink, cursors[sink]))
	}
}

func (j *journal) seal() {
	if n := len(j.segs); n > 0 && !j.segs[n-1].sealed {
		j.segs[n-1].sealed = true
		j.segs[n-1].closed = time.Now()
	}
}

func (j *journal) current() *segment { return j.segs[len(j.segs)-1] }

// last is the sequence of the newest reading, 0 when there is none.
func (j *journal) last() uint64 { return j.current().next() - 1 }

// record adds a reading and returns its sequence. room is how large the
// current segment may become.
func (j *journal) record(rec reading.Record, text []byte, room int64, cursors map[string]uint64) uint64 {
	j.payload = j.write.encode(j.payload[:0], stream(rec), text)
	if !j.fits(room) {
		j.begin(j.current().next(), cursors)
		j.payload = j.write.encode(j.payload[:0], stream(rec), text)
	}
	seg := j.current()
	seq := seg.next()
	seg.count++
	seg.span(rec.Time.UnixMilli())
	j.frame(frameReading, j.payload)
	return seq
}

// cursor adds the move of a cursor.
func (j *journal) cursor(sink string, seq uint64, room int64, cursors map[string]uint64) {
	j.payload = append(j.payload[:0], cursorPayload(sink, seq)...)
	if !j.fits(room) {
		j.begin(j.current().next(), cursors) // begins with it
		return
	}
	j.frame(frameCursor, j.payload)
}

// fits reports whether payload still finds room, with what a header of a
// frame needs.
func (j *journal) fits(room int64) bool {
	seg := j.current()
	return seg.end+int64(len(j.payload))+16 <= room || seg.count == 0
}

func (j *journal) frame(kind byte, payload []byte) {
	seg := j.current()
	at := seg.end
	framed, sum := appendFrame(nil, seg.chain, kind, payload)
	seg.append(framed, sum)
	if j.spools[0] != nil {
		j.framed = appendEntry(j.framed, seg, at, framed)
	}
}

// views returns the segments that may hold readings from seq on.
func (j *journal) views(seq uint64) []view {
	var views []view
	for _, seg := range j.segs {
		if seg.count > 0 && seg.next() > seq {
			views = append(views, seg.view())
		}
	}
	return views
}

func (j *journal) find(first uint64) *segment {
	for _, seg := range j.segs {
		if seg.first == first {
			return seg
		}
	}
	return nil
}

// after counts the readings after seq.
func (j *journal) after(seq uint64) int {
	n := 0
	for _, seg := range j.segs {
		if next := seg.next(); next > seq+1 {
			n += int(next - max(seg.first, seq+1))
		}
	}
	return n
}

func (j *journal) closeSpools() error {
	for i, sp := range j.spools {
		if sp == nil {
			continue
		}
		if err := sp.close(); err != nil {
			return err
		}
		j.spools[i] = nil
	}
	return nil
}
