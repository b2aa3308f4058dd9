package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	sectorSize  = 512 // the unit an SD card is written in; the header is one
	headerSize  = sectorSize
	pageSize    = 4096
	segmentSize = 1 << 20
	magic       = "envoydS1"
	suffix      = ".seg"
	spareName   = "spare" + suffix
)

var errHeader = errors.New("no segment of this store")

// A segment is a run of frames with consecutive readings: a preallocated file
// of segmentSize, of which [headerSize, base) is written and [base, end) is
// in tail only. The fields are guarded by the journal's lock; tail is never
// changed in place, only appended to or replaced, so a reader may keep it.
type segment struct {
	path  string // "" while it has no file yet
	salt  uint32
	first uint64 // sequence of its first reading
	count int    // readings
	end   int64
	chain uint32 // checksum of the last frame

	sealed     bool
	closed     time.Time // when it was sealed, by the host's clock
	oldest     int64     // measurement times of its power records, Unix ms; 0 = none
	newest     int64
	headerDone bool // the header on disk says all of the above that is final

	base   int64
	tail   []byte // from the sector of base on
	damage bool   // has been reported
	dirty  bool   // written to its file, but not yet for sure to the card
}

func newSegment(first uint64, salt uint32) *segment {
	s := &segment{salt: salt, first: first, end: headerSize, base: headerSize}
	s.chain = s.seed()
	return s
}

func (s *segment) seed() uint32 {
	var b [12]byte
	binary.LittleEndian.PutUint32(b[:], s.salt)
	binary.LittleEndian.PutUint64(b[4:], s.first)
	return crc32.Checksum(b[:], castagnoli)
}

// next is the sequence that follows the segment's last reading.
func (s *segment) next() uint64 { return s.first + uint64(s.count) }

func (s *segment) tailStart() int64 { return s.base &^ (sectorSize - 1) }

// unwritten returns the bytes from base on.
func (s *segment) unwritten() []byte {
	if s.base == s.end {
		return nil
	}
	return s.tail[s.base-s.tailStart():]
}

func (s *segment) append(framed []byte, sum uint32) {
	s.tail = append(s.tail, framed...)
	s.end += int64(len(framed))
	s.chain = sum
}

// span widens the times of the segment by that of a power record.
func (s *segment) span(ms int64) {
	if s.oldest == 0 || ms < s.oldest {
		s.oldest = ms
	}
	s.newest = max(s.newest, ms)
}

func segmentName(first uint64) string { return fmt.Sprintf("raw-%016x%s", first, suffix) }

func segmentFirst(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(strings.TrimSuffix(name, suffix), "raw-")
	if !ok || filepath.Ext(name) != suffix {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 16, 64)
	return first, err == nil
}

// header: magic, salt, first, sealed, count, end, closed, oldest, newest,
// chain, checksum; the rest of the sector is zero.
func (s *segment) header() []byte {
	b := make([]byte, 0, headerSize)
	le := binary.LittleEndian
	b = append(b, magic...)
	b = le.AppendUint32(b, s.salt)
	b = le.AppendUint64(b, s.first)
	if s.sealed {
		b = append(b, 1)
		b = le.AppendUint32(b, uint32(s.count))
		b = le.AppendUint64(b, uint64(s.end))
		b = le.AppendUint64(b, uint64(s.closed.UnixMilli()))
		b = le.AppendUint64(b, uint64(s.oldest))
		b = le.AppendUint64(b, uint64(s.newest))
		b = le.AppendUint32(b, s.chain)
	} else {
		b = append(b, make([]byte, 1+4+8+8+8+8+4)...)
	}
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, make([]byte, headerSize-len(b))...)
}

func parseHeader(b []byte) (*segment, error) {
	const body = 8 + 4 + 8 + 1 + 4 + 8 + 8 + 8 + 8 + 4
	le := binary.LittleEndian
	if len(b) < headerSize || string(b[:8]) != magic ||
		le.Uint32(b[body:]) != crc32.Checksum(b[:body], castagnoli) {
		return nil, errHeader
	}
	s := newSegment(le.Uint64(b[12:]), le.Uint32(b[8:]))
	s.headerDone = true
	if b[20] != 1 {
		return s, nil
	}
	s.sealed = true
	s.count = int(le.Uint32(b[21:]))
	s.end = int64(le.Uint64(b[25:]))
	s.closed = time.UnixMilli(int64(le.Uint64(b[33:])))
	s.oldest = int64(le.Uint64(b[41:]))
	s.newest = int64(le.Uint64(b[49:]))
	s.chain = le.Uint32(b[57:])
	if s.end < headerSize || s.end > segmentSize {
		return nil, errHeader
	}
	s.base = s.end
	return s, nil
}

// readSegment reads the header of the file at path.
func readSegment(path string) (*segment, error) {
	first, ok := segmentFirst(filepath.Base(path))
	if !ok {
		return nil, errHeader
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, headerSize)
	_, err = f.ReadAt(head, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(errHeader, err)
	}
	s, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	if s.first != first { // a recycled file that never got its new header
		return nil, errHeader
	}
	s.path = path
	return s, nil
}
