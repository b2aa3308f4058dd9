package store

import (
	"errors"
	"fmt"
	"io"
	"os"

	"envoyd/internal/reading"
)

// A view is a segment at one moment: what of it is in the file, and the rest.
type view struct {
	path    string
	first   uint64
	count   int
	base    int64
	end     int64
	seed    uint32
	pending []byte // the bytes of [base, end)
}

func (s *segment) view() view {
	return view{path: s.path, first: s.first, count: s.count, base: s.base, end: s.end, seed: s.seed(), pending: s.unwritten()}
}

// A walker reads the frames of a view in order.
type walker struct {
	view view
	file *os.File
	dict dictionary
	seq  uint64 // of the next reading

	at    int64 // of the next frame
	chain uint32
	buf   []byte // what has been read of the view and not yet been walked
	got   int64  // where the next read from the view begins
}

// walk opens a view. The caller closes the walker.
func (v view) walk() (*walker, error) {
	w := &walker{view: v, seq: v.first, at: headerSize, got: headerSize, chain: v.seed}
	if v.base > headerSize {
		f, err := os.Open(v.path)
		if err != nil {
			return nil, fmt.Errorf("opening a segment: %w", err)
		}
		w.file = f
	}
	return w, nil
}

func (w *walker) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// readAhead is how much of a segment is in memory at a time.
const readAhead = 32 << 10

// fill makes at least need bytes available in buf, or all there are.
func (w *walker) fill(need int) error {
	for len(w.buf) < need && w.got < w.view.end {
		if w.got >= w.view.base {
			w.buf = append(w.buf, w.view.pending[w.got-w.view.base:]...)
			w.got = w.view.end
			return nil
		}
		size := min(int64(max(readAhead, need)), w.view.base-w.got)
		have := len(w.buf)
		w.buf = append(w.buf, make([]byte, size)...)
		n, err := w.file.ReadAt(w.buf[have:], w.got)
		w.buf = w.buf[:have+n]
		w.got += int64(n)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading a segment: %w", err)
		}
		if n == 0 {
			w.got = w.view.end // the file is shorter than it says
		}
	}
	return nil
}

// frame returns the next frame; ok is false at the end.
func (w *walker) frame() (f frame, ok bool, err error) {
	if err := w.fill(10); err != nil {
		return frame{}, false, err
	}
	f, ok = readFrame(w.buf, w.chain)
	if !ok && w.got < w.view.end {
		if err := w.fill(maxFrame + 16); err != nil {
			return frame{}, false, err
		}
		f, ok = readFrame(w.buf, w.chain)
	}
	if !ok {
		return frame{}, false, nil
	}
	w.chain = f.sum
	w.at += int64(f.size)
	w.buf = w.buf[f.size:]
	return f, true, nil
}

// next returns the next reading with a sequence of at least from, its text
// valid until the call after; ok is false at the end. Cursor frames go to
// cursor, if given.
func (w *walker) next(from uint64, cursor func(sink string, seq uint64)) (text []byte, seq uint64, ok bool, err error) {
	for {
		f, ok, err := w.frame()
		if err != nil || !ok {
			return nil, 0, false, err
		}
		if f.kind == frameCursor {
			if sink, seq, ok := parseCursor(f.payload); ok && cursor != nil {
				cursor(sink, seq)
			}
			continue
		}
		seq := w.seq
		text, err := w.dict.decode(f.payload, seq < from)
		if err != nil {
			return nil, 0, false, fmt.Errorf("segment %s, reading %d: %w", w.view.path, seq, err)
		}
		w.dict.shapes[w.dict.latest].seq = seq
		w.seq++
		if seq >= from {
			return text, seq, true, nil
		}
	}
}

// records calls each with the records of a view from a sequence on, until it
// returns false. It reports how far it came: the sequence after the last.
func (v view) records(from uint64, each func(reading.Record) bool) (next uint64, err error) {
	w, err := v.walk()
	if err != nil {
		return from, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for {
		text, seq, ok, err := w.next(from, nil)
		if err != nil || !ok {
			return w.seq, err
		}
		rec, err := fromText(text, seq)
		if err != nil {
			return w.seq, err
		}
		if !each(rec) {
			return w.seq, nil
		}
	}
}
